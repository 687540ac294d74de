/**
 * A reply to the kernel, built in one preallocated buffer: header, fixed structures, names and data.
 * Callers must call `begin` for every request, and hand the first `length` bytes (after `finish`) on before the next `begin`.
 */
import { assert } from '../../../src/errors.ts';
import {
  ATTRIBUTES_BYTES,
  type Attributes,
  encodeAttributes,
  encodeStatx,
  STATX_BYTES,
  STATX_LEAD_BYTES,
  writeU64,
} from './attributes.ts';
import { REPLY_HEADER_BYTES, requestHeader } from './protocol.ts';
import type { Request } from './request.ts';

/** How long the kernel may believe what it was told, in seconds. */
export interface Validity {
  readonly entrySeconds: number;
  readonly attributeSeconds: number;
}

export interface StatfsNumbers {
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly availableBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
  readonly blockBytes: number;
}

export interface InitNumbers {
  readonly minor: number;
  readonly maxReadahead: number;
  readonly flags: number;
  readonly flags2: number;
  readonly maxBackground: number;
  readonly maxWriteBytes: number;
  readonly maxPages: number;
}

/** `fuse_entry_out` up to its attributes. */
const ENTRY_LEAD_BYTES = 40;
export const ENTRY_BYTES = ENTRY_LEAD_BYTES + ATTRIBUTES_BYTES;
const NAME_MAX = 255;

export class Reply {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes of the reply so far, header included. */
  length = REPLY_HEADER_BYTES;
  /** False for requests that get no answer. */
  wanted = true;

  constructor(bytes: Uint8Array) {
    assert(bytes.length >= 4096, 'a reply buffer of at least 4096 bytes');
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  begin(request: Request): void {
    this.length = REPLY_HEADER_BYTES;
    this.wanted = true;
    this.view.setUint32(4, 0, true);
    this.view.setUint32(8, request.view.getUint32(requestHeader.unique, true), true);
    this.view.setUint32(12, request.view.getUint32(requestHeader.unique + 4, true), true);
  }

  /** Drops whatever was built and answers with an errno (positive). */
  fail(errno: number): void {
    this.length = REPLY_HEADER_BYTES;
    this.view.setInt32(4, -errno, true);
  }

  /** Writes the length into the header. */
  finish(): void {
    this.view.setUint32(0, this.length, true);
  }

  /** Room for up to `bytes` bytes of data after what is there; follow with `take`. */
  room(bytes: number): Uint8Array {
    return this.bytes.subarray(this.length, this.length + bytes);
  }

  /** Counts `bytes` bytes of the room as part of the reply. */
  take(bytes: number): void {
    this.length += bytes;
  }

  data(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  private zeros(bytes: number): number {
    const at = this.length;
    this.bytes.fill(0, at, at + bytes);
    this.length = at + bytes;
    return at;
  }

  init(numbers: InitNumbers): void {
    const at = this.zeros(64);
    const view = this.view;
    view.setUint32(at, 7, true);
    view.setUint32(at + 4, numbers.minor, true);
    view.setUint32(at + 8, numbers.maxReadahead, true);
    view.setUint32(at + 12, numbers.flags, true);
    view.setUint16(at + 16, numbers.maxBackground, true);
    view.setUint16(at + 18, Math.floor((numbers.maxBackground * 3) / 4), true);
    view.setUint32(at + 20, numbers.maxWriteBytes, true);
    view.setUint32(at + 24, 1, true);
    view.setUint16(at + 28, numbers.maxPages, true);
    view.setUint32(at + 32, numbers.flags2, true);
  }

  entry(nodeLow: number, nodeHigh: number, attributes: Attributes, validity: Validity): void {
    const at = this.length;
    this.length = at + ENTRY_BYTES;
    this.entryAt(at, nodeLow, nodeHigh, attributes, validity);
  }

  /** The same at a given place, for directory listings that carry attributes. */
  entryAt(at: number, nodeLow: number, nodeHigh: number, attributes: Attributes, validity: Validity): void {
    this.entryLead(at, nodeLow, nodeHigh, validity);
    encodeAttributes(this.view, at + ENTRY_LEAD_BYTES, nodeLow, nodeHigh, attributes);
  }

  /** «There is no such name», which the kernel may remember for the entry's validity. */
  absentEntry(validity: Validity): void {
    this.entryLead(this.zeros(ENTRY_BYTES), 0, 0, validity);
  }

  private entryLead(at: number, nodeLow: number, nodeHigh: number, validity: Validity): void {
    const view = this.view;
    view.setUint32(at, nodeLow, true);
    view.setUint32(at + 4, nodeHigh, true);
    writeU64(view, at + 8, 0);
    writeU64(view, at + 16, validity.entrySeconds);
    writeU64(view, at + 24, validity.attributeSeconds);
    view.setUint32(at + 32, 0, true);
    view.setUint32(at + 36, 0, true);
  }

  attributes(nodeLow: number, nodeHigh: number, attributes: Attributes, validity: Validity): void {
    const at = this.length;
    writeU64(this.view, at, validity.attributeSeconds);
    writeU64(this.view, at + 8, 0);
    encodeAttributes(this.view, at + 16, nodeLow, nodeHigh, attributes);
    this.length = at + 16 + ATTRIBUTES_BYTES;
  }

  statx(nodeLow: number, nodeHigh: number, attributes: Attributes, validity: Validity): void {
    const at = this.zeros(STATX_BYTES);
    writeU64(this.view, at, validity.attributeSeconds);
    encodeStatx(this.view, at + STATX_LEAD_BYTES, nodeLow, nodeHigh, attributes);
  }

  open(handle: number, flags: number): void {
    const at = this.zeros(16);
    writeU64(this.view, at, handle);
    this.view.setUint32(at + 8, flags, true);
  }

  /** A count of bytes: of WRITE, or the size that GETXATTR and LISTXATTR need. */
  count(bytes: number): void {
    this.view.setUint32(this.zeros(8), bytes, true);
  }

  /** A 64-bit number: LSEEK's offset, or the bytes of the wide form of COPY_FILE_RANGE. */
  wide(value: number): void {
    writeU64(this.view, this.zeros(8), value);
  }

  statfs(numbers: StatfsNumbers): void {
    const at = this.zeros(80);
    const view = this.view;
    writeU64(view, at, numbers.blocks);
    writeU64(view, at + 8, numbers.freeBlocks);
    writeU64(view, at + 16, numbers.availableBlocks);
    writeU64(view, at + 24, numbers.files);
    writeU64(view, at + 32, numbers.freeFiles);
    view.setUint32(at + 40, numbers.blockBytes, true);
    view.setUint32(at + 44, NAME_MAX, true);
    view.setUint32(at + 48, numbers.blockBytes, true);
  }
}
