/**
 * Taking names away, and what is left when the last one goes: an orphan, which lives until nobody has it open.
 * Callers must call `releaseOrphan` until it is true once an orphan's last user is gone; what they forget is released when the
 * branch is next opened for writing (`orphans` lists it).
 */
import { has } from '../../core/tree.ts';
import { chunkPages, chunksFrom, STEP_CHUNKS } from './cells.ts';
import { collect } from './collect.ts';
import { findEntry, isEmptyDirectory } from './directory.ts';
import { Draft } from './draft.ts';
import { failure } from './failure.ts';
import { contentKey, entryKey, Kind, kindStart, linkKey, orphanKey, orphanOf } from './keys.ts';
import { requireName } from './names.ts';
import type { EntryTarget } from './record.ts';
import { requireWritable, type Tree, type View } from './view.ts';

const NOTHING = new Uint8Array(0);

/** An inode of no more chunks and extended attributes than this can go with its last name. */
const SMALL = 4;

export interface UnlinkOptions {
  /** The caller knows that nobody has the inode open: if it is small, all of it goes in the same operation. */
  readonly release?: boolean | undefined;
}

export interface Unlinked {
  readonly inode: number;
  /** 0 means an orphan, unless `released`. */
  readonly links: number;
  /** Nothing of the inode is left. */
  readonly released: boolean;
}

/** What one operation can take away of an orphan, before its record. */
interface Remains {
  readonly keys: readonly Uint8Array[];
  readonly pages: number;
  /** Whether nothing but the record would be left. */
  readonly all: boolean;
}

function findRemains(view: Tree, inode: number, limit: number): Remains {
  const xattrs = { from: kindStart(inode, Kind.xattr), to: kindStart(inode, Kind.xattr + 1) };
  const keys = collect(view, xattrs, limit + 1, (entry) => entry.key());
  const wanted = limit + 1 - keys.length;
  if (wanted > 0) {
    const chunks = chunksFrom(view, inode, 0, Number.POSITIVE_INFINITY, wanted);
    for (const chunk of chunks) keys.push(contentKey(inode, chunk));
  }
  const all = keys.length <= limit;
  if (!all) keys.length = limit;
  let pages = 0;
  for (const key of keys) if (key[9] === Kind.content) pages += chunkPages(view, key);
  return { keys, pages, all };
}

/**
 * Stages the loss of one name of `inode`; the entry's own keys are the caller's. A directory has lost all with the one.
 * True if the inode goes altogether.
 */
export function stageLoss(draft: Draft, inode: number, release: boolean): boolean {
  const record = draft.change(inode);
  record.links = record.type === 'directory' ? 0 : record.links - 1;
  record.changeTime = draft.now;
  if (record.links > 0) return false;
  const remains = release ? findRemains(draft.view, inode, SMALL) : undefined;
  if (remains === undefined || !remains.all) {
    draft.put(orphanKey(inode), NOTHING);
    return false;
  }
  for (const key of remains.keys) draft.remove(key);
  draft.drop(inode);
  return true;
}

function requireEntry(view: Tree, parent: number, name: Uint8Array): EntryTarget {
  const found = findEntry(view, parent, name);
  if (found === undefined) throw failure('ENOENT');
  return found;
}

function takeName(draft: Draft, parent: number, name: Uint8Array, inode: number, options: UnlinkOptions): Unlinked {
  const record = draft.read(inode);
  draft.remove(entryKey(parent, name));
  draft.remove(linkKey(inode, parent, name));
  draft.touchEntries(parent);
  const released = stageLoss(draft, inode, options.release === true);
  draft.apply('free');
  return { inode, links: record.links, released };
}

/** Takes one name of anything but a directory (EISDIR). */
export function unlink(view: View, parent: number, name: Uint8Array, options: UnlinkOptions = {}): Unlinked {
  requireWritable(view);
  requireName(name);
  const draft = new Draft(view);
  draft.directory(parent);
  const { inode, type } = requireEntry(view, parent, name);
  if (type === 'directory') throw failure('EISDIR');
  return takeName(draft, parent, name, inode, options);
}

/** Takes an empty directory's name. ENOTDIR, ENOTEMPTY. */
export function removeDirectory(view: View, parent: number, name: Uint8Array, options: UnlinkOptions = {}): Unlinked {
  requireWritable(view);
  requireName(name);
  const draft = new Draft(view);
  draft.directory(parent);
  const { inode, type } = requireEntry(view, parent, name);
  if (type !== 'directory') throw failure('ENOTDIR');
  if (!isEmptyDirectory(view, inode)) throw failure('ENOTEMPTY');
  draft.change(parent).links--;
  return takeName(draft, parent, name, inode, options);
}

/** One step of an orphan's end; true when nothing is left, or nothing was there. Does nothing to an inode that has a name. */
export function releaseOrphan(view: View, inode: number): boolean {
  requireWritable(view);
  const key = orphanKey(inode);
  if (!has(view.store, view.root, key)) return true;
  const draft = new Draft(view);
  const remains = findRemains(view, inode, STEP_CHUNKS);
  for (const remaining of remains.keys) draft.remove(remaining);
  if (remains.all) {
    draft.remove(key);
    draft.drop(inode);
  } else {
    draft.change(inode).pages -= remains.pages;
  }
  draft.apply('free');
  return remains.all;
}

/** Up to `limit` orphans with numbers above `after`, ascending. Fewer than `limit` means that no more follow. */
export function orphans(view: Tree, after: number, limit: number): number[] {
  const range = { from: orphanKey(after + 1), to: kindStart(0, Kind.orphan + 1) };
  return collect(view, range, limit, (entry) => orphanOf(entry.key()));
}
