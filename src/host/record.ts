/**
 * What byre remembers of a host directory after an import or export: for each name, the branch's inode and what the host's `stat`
 * said, so that the next import of an unchanged tree has nothing to read. This file is the form of that; `memory.ts` is the place.
 * Callers must not believe a remembered stat that is `suspect`: the file may have changed within the same tick of the host's clock.
 *
 * Value of one part, little-endian: u8 version = 1; u8 1 in the first part, else 0; in the first part the directory's own 40 bytes
 * (u64 host inode, i64 modification, change and branch change time, u8 suspect, 7 zero); then entries until the end, each:
 *   u8 type   u8 flags (1 suspect)   u8 name length   name   u64 branch inode   u64 host inode   f64 size
 *   i64 modification, change, birth and branch change time
 * A name's times are nanoseconds since 1970.
 */
import { ByreError } from '../errors.ts';
import { type FileType, typeNumber, typeOfNumber } from '../files/ops/record.ts';
import type { ByteString } from './names.ts';

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
const OWN_BYTES = 40;
const FIXED_BYTES = 3 + 7 * 8;
const SUSPECT = 1;

const entryBytes = (entry: KnownEntry) => FIXED_BYTES + entry.name.length;

function writeOwn(view: DataView, directory: KnownDirectory): void {
  view.setBigUint64(HEAD_BYTES, directory.hostInode, true);
  view.setBigInt64(HEAD_BYTES + 8, directory.modifyTime, true);
  view.setBigInt64(HEAD_BYTES + 16, directory.changeTime, true);
  view.setBigInt64(HEAD_BYTES + 24, directory.branchTime, true);
  view.setUint8(HEAD_BYTES + 32, directory.suspect ? 1 : 0);
}

function writeEntry(bytes: Uint8Array, view: DataView, start: number, entry: KnownEntry): void {
  const { name, seen } = entry;
  bytes[start] = typeNumber(entry.type);
  bytes[start + 1] = entry.suspect || seen === undefined ? SUSPECT : 0;
  bytes[start + 2] = name.length;
  for (let at = 0; at < name.length; at++) bytes[start + 3 + at] = name.charCodeAt(at);
  const at = start + 3 + name.length;
  view.setBigUint64(at, BigInt(entry.inode), true);
  view.setBigUint64(at + 8, seen?.hostInode ?? 0n, true);
  view.setFloat64(at + 16, seen?.size ?? -1, true);
  view.setBigInt64(at + 24, seen?.modifyTime ?? 0n, true);
  view.setBigInt64(at + 32, seen?.changeTime ?? 0n, true);
  view.setBigInt64(at + 40, seen?.birthTime ?? 0n, true);
  view.setBigInt64(at + 48, entry.branchTime, true);
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
  const size = view.getFloat64(at + 16, true);
  return {
    name,
    type: typeOfNumber(bytes[start]!),
    inode: Number(view.getBigUint64(at, true)),
    seen:
      size < 0
        ? undefined
        : {
            hostInode: view.getBigUint64(at + 8, true),
            size,
            modifyTime: view.getBigInt64(at + 24, true),
            changeTime: view.getBigInt64(at + 32, true),
            birthTime: view.getBigInt64(at + 40, true),
          },
    branchTime: view.getBigInt64(at + 48, true),
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
    modifyTime: own.getBigInt64(HEAD_BYTES + 8, true),
    changeTime: own.getBigInt64(HEAD_BYTES + 16, true),
    branchTime: own.getBigInt64(HEAD_BYTES + 24, true),
    suspect: own.getUint8(HEAD_BYTES + 32) !== 0,
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
}

export function encodeOrigin(origin: Origin): Uint8Array {
  const text = JSON.stringify({
    version: VERSION,
    directory: origin.directory,
    device: origin.device.toString(),
    snapshot: origin.snapshot,
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
    };
  } catch {
    return undefined;
  }
}
