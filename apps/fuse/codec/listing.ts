/**
 * Directory listings: records of READDIR and READDIRPLUS packed one after another into a reply.
 * Callers must stop at the first record that does not fit, and count a lookup for every full record of READDIRPLUS.
 */
import { type Attributes, type FileType, typeBits, writeU64 } from './attributes.ts';
import { ENTRY_BYTES, type Reply, type Validity } from './reply.ts';

/** `fuse_dirent` up to its name. */
const RECORD_LEAD_BYTES = 24;

/** Bytes that a record takes; records begin at multiples of 8. */
export function recordBytes(nameBytes: number, withAttributes: boolean): number {
  return ((withAttributes ? ENTRY_BYTES : 0) + RECORD_LEAD_BYTES + nameBytes + 7) & ~7;
}

/** The record proper, at `at`; padding is zeroed so that nothing of earlier replies leaks. */
function recordAt(
  reply: Reply,
  at: number,
  low: number,
  high: number,
  next: number,
  type: FileType,
  name: Uint8Array,
): void {
  const view = reply.view;
  view.setUint32(at, low, true);
  view.setUint32(at + 4, high, true);
  writeU64(view, at + 8, next);
  view.setUint32(at + 16, name.length, true);
  view.setUint32(at + 20, typeBits(type) >>> 12, true);
  const nameAt = at + RECORD_LEAD_BYTES;
  reply.bytes.set(name, nameAt);
  const end = (nameAt + name.length + 7) & ~7;
  for (let pad = nameAt + name.length; pad < end; pad++) reply.bytes[pad] = 0;
}

/** Appends a READDIR record. `next` is the cookie that continues after it. */
export function appendRecord(
  reply: Reply,
  low: number,
  high: number,
  next: number,
  type: FileType,
  name: Uint8Array,
): void {
  recordAt(reply, reply.length, low, high, next, type, name);
  reply.length += recordBytes(name.length, false);
}

/** Appends a READDIRPLUS record with attributes: to the kernel it is a lookup. */
export function appendFullRecord(
  reply: Reply,
  low: number,
  high: number,
  next: number,
  attributes: Attributes,
  name: Uint8Array,
  validity: Validity,
): void {
  const at = reply.length;
  reply.entryAt(at, low, high, attributes, validity);
  recordAt(reply, at + ENTRY_BYTES, low, high, next, attributes.type, name);
  reply.length += recordBytes(name.length, true);
}

/** Appends a READDIRPLUS record without attributes (node 0), which counts no lookup: for `.` and `..`. */
export function appendBareRecord(
  reply: Reply,
  low: number,
  high: number,
  next: number,
  type: FileType,
  name: Uint8Array,
): void {
  const at = reply.length;
  reply.bytes.fill(0, at, at + ENTRY_BYTES);
  recordAt(reply, at + ENTRY_BYTES, low, high, next, type, name);
  reply.length += recordBytes(name.length, true);
}
