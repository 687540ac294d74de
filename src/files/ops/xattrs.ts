/**
 * Extended attributes: names of 1 to 255 bytes, values of up to 64 KiB, on inodes of every type.
 * Callers must keep to the name spaces that they mean (`user.`, `security.`, ...) and their rules; here a name is bytes.
 *
 * A value is a content cell that starts with its own length (u32, little-endian): cells that moved to pages forget theirs.
 */
import { readU32, writeU32 } from '../../core/bytes.ts';
import { contentLength, readContent, truncateContent, writeContent } from '../../core/content.ts';
import { has } from '../../core/tree.ts';
import { ByreError } from '../../errors.ts';
import { collect } from './collect.ts';
import { Draft, loadRecord } from './draft.ts';
import { failure } from './failure.ts';
import { Kind, kindStart, nameOf, xattrKey } from './keys.ts';
import { requireXattrName } from './names.ts';
import { requireWritable, type Tree, type View } from './view.ts';

export const MAX_XATTR_BYTES = 65_536;

const LENGTH_BYTES = 4;

export interface SetXattrOptions {
  /** EEXIST if it is there. */
  readonly create?: boolean | undefined;
  /** ENODATA if it is not. */
  readonly replace?: boolean | undefined;
}

/** The value, or undefined if the inode has no such attribute. */
export function getXattr(view: Tree, inode: number, name: Uint8Array): Uint8Array | undefined {
  requireXattrName(name);
  if (!has(view.store, view.root, xattrKey(inode, name))) {
    loadRecord(view, inode);
    return undefined;
  }
  const value = readXattr(view, inode, name);
  if (value === undefined) {
    throw new ByreError('DAMAGED', 'an extended attribute is not of a known form', { details: { inode } });
  }
  return value;
}

/** The value, or undefined if nothing that can be one is stored. */
export function readXattr(view: Tree, inode: number, name: Uint8Array): Uint8Array | undefined {
  const { store, root } = view;
  const key = xattrKey(inode, name);
  const stored = contentLength(store, root, key);
  if (stored < LENGTH_BYTES) return undefined;
  const head = new Uint8Array(LENGTH_BYTES);
  readContent(store, root, key, 0, head);
  const length = readU32(head, 0);
  if (length > MAX_XATTR_BYTES || LENGTH_BYTES + length > stored) return undefined;
  const value = new Uint8Array(length);
  readContent(store, root, key, LENGTH_BYTES, value);
  return value;
}

/** E2BIG for a value above 64 KiB; ENOSPC if the pool has no room. */
export function setXattr(
  view: View,
  inode: number,
  name: Uint8Array,
  value: Uint8Array,
  options: SetXattrOptions = {},
): void {
  requireWritable(view);
  requireXattrName(name);
  if (value.length > MAX_XATTR_BYTES) throw failure('E2BIG');
  const { store, root } = view;
  const draft = new Draft(view);
  const record = draft.change(inode);
  const key = xattrKey(inode, name);
  const before = contentLength(store, root, key);
  if (options.create === true && before > 0) throw failure('EEXIST');
  if (options.replace === true && before === 0) throw failure('ENODATA');
  const stored = new Uint8Array(LENGTH_BYTES + value.length);
  writeU32(stored, 0, value.length);
  stored.set(value, LENGTH_BYTES);
  draft.prepare({ content: [{ key, from: 0, to: Math.max(before, stored.length) }] });
  if (before > stored.length) truncateContent(store, root, key, 0);
  writeContent(store, root, key, 0, stored);
  record.changeTime = draft.now;
  draft.write();
}

/** ENODATA if it is not there. */
export function removeXattr(view: View, inode: number, name: Uint8Array): void {
  requireWritable(view);
  requireXattrName(name);
  const draft = new Draft(view);
  const record = draft.change(inode);
  const key = xattrKey(inode, name);
  if (!has(view.store, view.root, key)) throw failure('ENODATA');
  draft.remove(key);
  record.changeTime = draft.now;
  draft.apply('free');
}

/** All names, in byte order. */
export function listXattrs(view: Tree, inode: number): Uint8Array[] {
  loadRecord(view, inode);
  const range = { from: kindStart(inode, Kind.xattr), to: kindStart(inode, Kind.xattr + 1) };
  return collect(view, range, Number.POSITIVE_INFINITY, (entry) => nameOf(entry.key()));
}
