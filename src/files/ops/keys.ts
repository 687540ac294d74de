/**
 * Where the files face keeps things: how the keys of inodes, entries, contents and the rest are laid out, and taken apart.
 * Callers must build every key here, never by hand: the layout is part of the format (`docs/format.md`).
 *
 * All keys of one inode lie together, its record first and its content last but for the back-references, so that a small file
 * is one run of neighbours. Names come last in a key, so entries sort as their names do.
 */
import { readU32BE, readU64BE, writeU32BE, writeU64BE } from '../../core/bytes.ts';
import { CONTENT_BYTES } from '../../core/content.ts';

export { CONTENT_BYTES };

/** The first byte of every key of this face. */
export const FILES_FACE = 0x01;

/** The directory that every branch has. */
export const ROOT_INODE = 1;

/** Chunks are numbered by 32 bits, so no file is longer than this: 2 PiB. */
export const MAX_FILE_BYTES = 0x1_0000_0000 * CONTENT_BYTES;

/** The kind byte, after the inode. `orphan` is found under inode 0 only. */
export const Kind = { record: 0, xattr: 1, entry: 2, content: 3, link: 4, orphan: 5 } as const;

const PREFIX_BYTES = 10;

export type FileKey =
  | { readonly part: 'inode'; readonly inode: number }
  | { readonly part: 'xattr'; readonly inode: number; readonly name: Uint8Array }
  | { readonly part: 'entry'; readonly inode: number; readonly name: Uint8Array }
  | { readonly part: 'content'; readonly inode: number; readonly chunk: number }
  | { readonly part: 'link'; readonly inode: number; readonly parent: number; readonly name: Uint8Array }
  | { readonly part: 'orphan'; readonly inode: number };

function start(inode: number, kind: number, more: number): Uint8Array {
  const key = new Uint8Array(PREFIX_BYTES + more);
  key[0] = FILES_FACE;
  writeU64BE(key, 1, inode);
  key[9] = kind;
  return key;
}

export function recordKey(inode: number): Uint8Array {
  return start(inode, Kind.record, 0);
}

export function xattrKey(inode: number, name: Uint8Array): Uint8Array {
  const key = start(inode, Kind.xattr, name.length);
  key.set(name, PREFIX_BYTES);
  return key;
}

export function entryKey(directory: number, name: Uint8Array): Uint8Array {
  const key = start(directory, Kind.entry, name.length);
  key.set(name, PREFIX_BYTES);
  return key;
}

export function contentKey(inode: number, chunk: number): Uint8Array {
  const key = start(inode, Kind.content, 4);
  writeU32BE(key, PREFIX_BYTES, chunk);
  return key;
}

/** Says that `parent` has an entry `name` for `inode`. */
export function linkKey(inode: number, parent: number, name: Uint8Array): Uint8Array {
  const key = start(inode, Kind.link, 8 + name.length);
  writeU64BE(key, PREFIX_BYTES, parent);
  key.set(name, PREFIX_BYTES + 8);
  return key;
}

/** Says that `inode` has no name and waits for its last user. */
export function orphanKey(inode: number): Uint8Array {
  const key = start(0, Kind.orphan, 8);
  writeU64BE(key, PREFIX_BYTES, inode);
  return key;
}

/** Not above any key of this kind of this inode; with `kind + 1`, above all of them. */
export function kindStart(inode: number, kind: number): Uint8Array {
  return start(inode, kind, 0);
}

/** The first key that sorts after an entry of this name: no name holds a zero byte. */
export function afterEntryKey(directory: number, name: Uint8Array): Uint8Array {
  const key = start(directory, Kind.entry, name.length + 1);
  key.set(name, PREFIX_BYTES);
  return key;
}

/** The chunk of a content key; the caller knows that it is one. */
export function chunkOf(key: Uint8Array): number {
  return readU32BE(key, PREFIX_BYTES);
}

/** The name at the end of an entry or xattr key, as a view. */
export function nameOf(key: Uint8Array): Uint8Array {
  return key.subarray(PREFIX_BYTES);
}

/** Of any key of this face. */
export function isEntryKey(key: Uint8Array): boolean {
  return key[9] === Kind.entry;
}

/** The two parts of a back-reference after the inode; `name` is a view. */
export function linkOf(key: Uint8Array): { readonly parent: number; readonly name: Uint8Array } {
  return { parent: readU64BE(key, PREFIX_BYTES), name: key.subarray(PREFIX_BYTES + 8) };
}

/** The inode that an orphan key names. */
export function orphanOf(key: Uint8Array): number {
  return readU64BE(key, PREFIX_BYTES);
}

/** What a key says, or undefined if it is none of this face's. Names are copies. */
export function parseKey(key: Uint8Array): FileKey | undefined {
  if (key.length < PREFIX_BYTES || key[0] !== FILES_FACE) return undefined;
  const inode = readU64BE(key, 1);
  const rest = key.length - PREFIX_BYTES;
  switch (key[9]) {
    case Kind.record:
      return rest === 0 ? { part: 'inode', inode } : undefined;
    case Kind.xattr:
      return rest > 0 ? { part: 'xattr', inode, name: key.slice(PREFIX_BYTES) } : undefined;
    case Kind.entry:
      return rest > 0 ? { part: 'entry', inode, name: key.slice(PREFIX_BYTES) } : undefined;
    case Kind.content:
      return rest === 4 ? { part: 'content', inode, chunk: chunkOf(key) } : undefined;
    case Kind.link:
      return rest > 8
        ? { part: 'link', inode, parent: readU64BE(key, PREFIX_BYTES), name: key.slice(PREFIX_BYTES + 8) }
        : undefined;
    case Kind.orphan:
      return inode === 0 && rest === 8 ? { part: 'orphan', inode: orphanOf(key) } : undefined;
    default:
      return undefined;
  }
}
