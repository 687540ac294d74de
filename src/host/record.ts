/**
 * What byre remembers of a host directory after an import or export: for each name, the branch's inode and what the host's `stat`
 * said, so that the next import of an unchanged tree has nothing to read. This file is the form of that; `memory.ts` is the place.
 * Callers must not believe a remembered stat that is `suspect`: the file may have changed within the same tick of the host's clock.
 *
 * Value of one part, little-endian: u8 version = 1; u8 1 in the first part, else 0; in the first part the directory's own 48 bytes
 * (u64 host inode; modification, change and branch change time; u8 suspect, 3 zero); then entries until the end, each:
 *   u8 type   u8 flags (1 suspect)   u8 name length   name   u64 branch inode   u64 host inode   u64 size
 *   modification, change, birth and branch change time
 * A time is i64 seconds since 1970 and u32 nanoseconds, as inode records and `statx` have it. A size of all ones: nothing is known.
 */
import { ByreError } from '../errors.ts';
import { type FileType, typeNumber, typeOfNumber } from '../files/ops/record.ts';
import type { ByteString } from './names.ts';
import { timeOf } from './stat.ts';

/** What of a host's stat tells whether a file is still the same, and unchanged. */
export interface Seen {
  readonly hostInode: bigint;
  readonly size: number;
  readonly modifyTime: bigint;
  readonly changeTime: bigint;
  readonly birthTime: bigint;
}

export interface KnownEntry {
  readonly name: ByteString;
  readonly type: FileType;
  readonly inode: number;
  /** Undefined if the host's side is not known. */
  readonly seen: Seen | undefined;
  /** The change time that the branch's inode had then. */
  readonly branchTime: bigint;
  readonly suspect: boolean;
}

export interface KnownDirectory {
  readonly hostInode: bigint;
  readonly modifyTime: bigint;
  readonly changeTime: bigint;
  readonly branchTime: bigint;
  readonly suspect: boolean;
  readonly entries: readonly KnownEntry[];
}

const VERSION = 1;
const HEAD_BYTES = 2;
const OWN_BYTES = 48;
const FIXED_BYTES = 3 + 72;
const SUSPECT = 1;
const UNKNOWN = 0xffff_ffff_ffff_ffffn;

const entryBytes = (entry: KnownEntry) => FIXED_BYTES + entry.name.length;

function writeTime(view: DataView, at: number, nanoseconds: bigint): void {
  const time = timeOf(nanoseconds);
  view.setBigInt64(at, BigInt(time.seconds), true);
  view.setUint32(at + 8, time.nanoseconds, true);
}

function readTime(view: DataView, at: number): bigint {
  return view.getBigInt64(at, true) * 1_000_000_000n + BigInt(view.getUint32(at + 8, true));
}

function writeOwn(view: DataView, directory: KnownDirectory): void {
  view.setBigUint64(HEAD_BYTES, directory.hostInode, true);
  writeTime(view, HEAD_BYTES + 8, directory.modifyTime);
  writeTime(view, HEAD_BYTES + 20, directory.changeTime);
  writeTime(view, HEAD_BYTES + 32, directory.branchTime);
  view.setUint8(HEAD_BYTES + 44, directory.suspect ? 1 : 0);
}

function writeEntry(bytes: Uint8Array, view: DataView, start: number, entry: KnownEntry): void {
  const { name, seen } = entry;
  bytes[start] = typeNumber(entry.type);
  bytes[start + 1] = entry.suspect || seen === undefined ? SUSPECT : 0;
  bytes[start + 2] = name.length;
  for (let at = 0; at < name.length; at++) bytes[start + 3 + at] = name.charCodeAt(at);
  const at = start + 3 + name.length;
  view.setBigUint64(at, BigInt(entry.inode), true);
  view.setBigUint64(at + 16, seen === undefined ? UNKNOWN : BigInt(seen.size), true);
  if (seen !== undefined) {
    view.setBigUint64(at + 8, seen.hostInode, true);
    writeTime(view, at + 24, seen.modifyTime);
    writeTime(view, at + 36, seen.changeTime);
    writeTime(view, at + 48, seen.birthTime);
  }
  writeTime(view, at + 60, entry.branchTime);
}

/** The parts, none longer than `maxBytes`, which must hold one entry of the longest name. */
export function encodeParts(directory: KnownDirectory, maxBytes: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const { entries } = directory;
  for (let first = 0; first === 0 || first < entries.length; ) {
    const start = first === 0 ? HEAD_BYTES + OWN_BYTES : HEAD_BYTES;
    let length = start;
    let last = first;
    while (last < entries.length && length + entryBytes(entries[last]!) <= maxBytes)
      length += entryBytes(entries[last++]!);
    const bytes = new Uint8Array(length);
    const view = new DataView(bytes.buffer);
    bytes[0] = VERSION;
    bytes[1] = first === 0 ? 1 : 0;
    if (first === 0) writeOwn(view, directory);
    let at = start;
    for (; first < last; first++) {
      writeEntry(bytes, view, at, entries[first]!);
      at += entryBytes(entries[first]!);
    }
    parts.push(bytes);
    if (entries.length === 0) break;
  }
  return parts;
}

function readEntry(bytes: Uint8Array, view: DataView, start: number): KnownEntry {
  const length = bytes[start + 2]!;
  let name = '';
  for (let at = 0; at < length; at++) name += String.fromCharCode(bytes[start + 3 + at]!);
  const at = start + 3 + length;
  const size = view.getBigUint64(at + 16, true);
  return {
    name,
    type: typeOfNumber(bytes[start]!),
    inode: Number(view.getBigUint64(at, true)),
    seen:
      size === UNKNOWN
        ? undefined
        : {
            hostInode: view.getBigUint64(at + 8, true),
            size: Number(size),
            modifyTime: readTime(view, at + 24),
            changeTime: readTime(view, at + 36),
            birthTime: readTime(view, at + 48),
          },
    branchTime: readTime(view, at + 60),
    suspect: (bytes[start + 1]! & SUSPECT) !== 0,
  };
}

/** The parts of one directory in order; an unknown form is remembered as nothing. */
export function decodeParts(parts: readonly Uint8Array[]): KnownDirectory | undefined {
  const [head] = parts;
  if (head === undefined || head[0] !== VERSION || head[1] !== 1) return undefined;
  const own = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const entries: KnownEntry[] = [];
  for (const bytes of parts) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = bytes === head ? HEAD_BYTES + OWN_BYTES : HEAD_BYTES; at < bytes.length; ) {
      if (at + FIXED_BYTES + bytes[at + 2]! > bytes.length) {
        throw new ByreError('DAMAGED', 'what is remembered of an imported directory is cut off');
      }
      entries.push(readEntry(bytes, view, at));
      at += FIXED_BYTES + bytes[at + 2]!;
    }
  }
  return {
    hostInode: own.getBigUint64(HEAD_BYTES, true),
    modifyTime: readTime(own, HEAD_BYTES + 8),
    changeTime: readTime(own, HEAD_BYTES + 20),
    branchTime: readTime(own, HEAD_BYTES + 32),
    suspect: own.getUint8(HEAD_BYTES + 44) !== 0,
    entries,
  };
}

/** Where an import began: which host directory it was, and what the caller noted beside it. */
export interface Origin {
  /** Absolute path of the host directory, as a byte string. */
  readonly directory: ByteString;
  readonly device: bigint;
  /** The snapshot that an importer keeps of this state, if any. */
  readonly snapshot?: string | undefined;
  /** The commit in which the branch's root was last written when this was: if it is that still, nobody has written since. */
  readonly commit?: number | undefined;
}

export function encodeOrigin(origin: Origin): Uint8Array {
  const text = JSON.stringify({
    version: VERSION,
    directory: origin.directory,
    device: origin.device.toString(),
    snapshot: origin.snapshot,
    commit: origin.commit,
  });
  return new TextEncoder().encode(text);
}

export function decodeOrigin(bytes: Uint8Array): Origin | undefined {
  try {
    const stored = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    if (stored.version !== VERSION) return undefined;
    return {
      directory: String(stored.directory),
      device: BigInt(String(stored.device)),
      snapshot: typeof stored.snapshot === 'string' ? stored.snapshot : undefined,
      commit: typeof stored.commit === 'number' ? stored.commit : undefined,
    };
  } catch {
    return undefined;
  }
}

/**
 * The stored form, for those who compare it in place: thousands of entries, of which mostly none has changed.
 * Offsets within an entry count from the end of its name.
 */
export const stored = {
  isFirst: (bytes: Uint8Array) => bytes[0] === VERSION && bytes[1] === 1,
  isSuspectDirectory: (bytes: Uint8Array) => bytes[HEAD_BYTES + 44] !== 0,
  /** Host inode, then modification and change time, then the branch's: in the first part. */
  own: HEAD_BYTES,
  firstEntry: (bytes: Uint8Array) => (bytes[1] === 1 ? HEAD_BYTES + OWN_BYTES : HEAD_BYTES),
  isSuspect: (bytes: Uint8Array, start: number) => (bytes[start + 1]! & SUSPECT) !== 0,
  afterName: (bytes: Uint8Array, start: number) => start + 3 + bytes[start + 2]!,
  next: (bytes: Uint8Array, start: number) => start + FIXED_BYTES + bytes[start + 2]!,
  inode: 0,
  hostInode: 8,
  size: 16,
  modifyTime: 24,
  changeTime: 36,
  birthTime: 48,
  branchTime: 60,
} as const;
