/**
 * The inode record: what is stored of one file beside its names, its content and its extended attributes.
 * Callers must treat a decoded record as a draft of their own, and its times as values that are replaced, never changed.
 *
 * Layout, little-endian, 96 bytes (`docs/format.md` says it too):
 *   0 u8 version = 1   1 u8 type   2 u16 mode bits   4 u32 uid   8 u32 gid   12 u32 links
 *   16 u64 size   24 u64 device   32 u64 pages   40 u32 flags   44 u32 zero
 *   48 access, modify, change and birth time: each i64 seconds and then u32 nanoseconds
 */
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from '../../core/bytes.ts';
import { ByreError } from '../../errors.ts';
import type { Time } from './view.ts';

export type FileType = 'file' | 'directory' | 'symlink' | 'fifo' | 'character' | 'block' | 'socket';

export interface InodeRecord {
  type: FileType;
  /** Permission bits with suid, sgid and sticky: 12 bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Names; for a directory 2 and one for each subdirectory. 0 once it is an orphan. */
  links: number;
  /** Bytes of a file's content or of a symbolic link's target; 0 for all others. */
  size: number;
  /** Of a device node. */
  device: number;
  /** Data pages of the content; a chunk kept inline counts as one. */
  pages: number;
  /** Made without a name, and may still get its first one. */
  linkable: boolean;
  accessTime: Time;
  modifyTime: Time;
  changeTime: Time;
  birthTime: Time;
}

export const RECORD_BYTES = 96;
export const MODE_BITS = 0o7777;

const VERSION = 1;
const FLAG_LINKABLE = 1;
const TIMES_AT = 48;
const TWO_32 = 0x1_0000_0000;

/** Position is the stored number; 0 is none, so that a lost byte is seen. */
const types: readonly (FileType | undefined)[] = [
  undefined,
  'file',
  'directory',
  'symlink',
  'fifo',
  'character',
  'block',
  'socket',
];

export function typeNumber(type: FileType): number {
  return types.indexOf(type);
}

export function typeOfNumber(number: number): FileType {
  const type = types[number];
  if (type === undefined) throw new ByreError('DAMAGED', 'an unknown file type is stored', { details: { number } });
  return type;
}

function readTime(bytes: Uint8Array, at: number): Time {
  const high = readU32(bytes, at + 4) | 0;
  return { seconds: high * TWO_32 + readU32(bytes, at), nanoseconds: readU32(bytes, at + 8) };
}

function writeTime(bytes: Uint8Array, at: number, time: Time): void {
  const high = Math.floor(time.seconds / TWO_32);
  writeU32(bytes, at, time.seconds - high * TWO_32);
  writeU32(bytes, at + 4, high);
  writeU32(bytes, at + 8, time.nanoseconds);
}

/** `bytes` are written over and returned: whoever gives them must have had them from here, or all zero. */
export function encodeRecord(record: Readonly<InodeRecord>, bytes = new Uint8Array(RECORD_BYTES)): Uint8Array {
  bytes[0] = VERSION;
  bytes[1] = typeNumber(record.type);
  writeU16(bytes, 2, record.mode);
  writeU32(bytes, 4, record.uid);
  writeU32(bytes, 8, record.gid);
  writeU32(bytes, 12, record.links);
  writeU64(bytes, 16, record.size);
  writeU64(bytes, 24, record.device);
  writeU64(bytes, 32, record.pages);
  writeU32(bytes, 40, record.linkable ? FLAG_LINKABLE : 0);
  writeTime(bytes, TIMES_AT, record.accessTime);
  writeTime(bytes, TIMES_AT + 12, record.modifyTime);
  writeTime(bytes, TIMES_AT + 24, record.changeTime);
  writeTime(bytes, TIMES_AT + 36, record.birthTime);
  return bytes;
}

/** A draft of a record. Each member by its name: faster than a spread, and of the shape that {@link decodeRecord} gives. */
export function copyRecord(record: Readonly<InodeRecord>): InodeRecord {
  return {
    type: record.type,
    mode: record.mode,
    uid: record.uid,
    gid: record.gid,
    links: record.links,
    size: record.size,
    device: record.device,
    pages: record.pages,
    linkable: record.linkable,
    accessTime: record.accessTime,
    modifyTime: record.modifyTime,
    changeTime: record.changeTime,
    birthTime: record.birthTime,
  };
}

/** `bytes` may be a borrowed view: nothing of it is kept. */
export function decodeRecord(bytes: Uint8Array): InodeRecord {
  if (bytes.length !== RECORD_BYTES || bytes[0] !== VERSION) {
    throw new ByreError('DAMAGED', 'an inode record is not of a known form', { details: { bytes: bytes.length } });
  }
  return {
    type: typeOfNumber(bytes[1]!),
    mode: readU16(bytes, 2),
    uid: readU32(bytes, 4),
    gid: readU32(bytes, 8),
    links: readU32(bytes, 12),
    size: readU64(bytes, 16),
    device: readU64(bytes, 24),
    pages: readU64(bytes, 32),
    linkable: (readU32(bytes, 40) & FLAG_LINKABLE) !== 0,
    accessTime: readTime(bytes, TIMES_AT),
    modifyTime: readTime(bytes, TIMES_AT + 12),
    changeTime: readTime(bytes, TIMES_AT + 24),
    birthTime: readTime(bytes, TIMES_AT + 36),
  };
}

/** What an entry holds: the inode it names, and its type, so that a listing needs no further look. */
export interface EntryTarget {
  readonly inode: number;
  readonly type: FileType;
}

export const ENTRY_BYTES = 9;

export function encodeEntry(inode: number, type: FileType): Uint8Array {
  const bytes = new Uint8Array(ENTRY_BYTES);
  writeU64(bytes, 0, inode);
  bytes[8] = typeNumber(type);
  return bytes;
}

export function decodeEntry(bytes: Uint8Array): EntryTarget {
  if (bytes.length !== ENTRY_BYTES) {
    throw new ByreError('DAMAGED', 'a directory entry is not of a known form', { details: { bytes: bytes.length } });
  }
  return { inode: readU64(bytes, 0), type: typeOfNumber(bytes[8]!) };
}
