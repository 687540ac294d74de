/**
 * Looking into directories: one name, all names in order, and the way back up from an inode to its names.
 * Callers must not expect `.` and `..` here; they are steps of a path, and `parentOf` is what `..` means.
 */
import { borrow } from '../../core/tree.ts';
import { ByreError } from '../../errors.ts';
import { collect } from './collect.ts';
import { loadDirectory, loadRecord } from './draft.ts';
import { afterEntryKey, entryKey, Kind, kindStart, linkOf, nameOf, ROOT_INODE } from './keys.ts';
import { requireName } from './names.ts';
import { decodeEntry, type EntryTarget, type FileType } from './record.ts';
import type { Tree } from './view.ts';

export interface DirectoryEntry {
  readonly name: Uint8Array;
  readonly inode: number;
  readonly type: FileType;
}

export interface Link {
  readonly parent: number;
  readonly name: Uint8Array;
}

/** A chain of directories longer than this goes round in circles; no path is as long. */
const MAX_DEPTH = 1 << 20;
const MAX_REPORTED_DEPTH = 4096;

/** The entry of that name, without a look at the directory itself: undefined says nothing about why. */
export function findEntry(tree: Tree, parent: number, name: Uint8Array): EntryTarget | undefined {
  const bytes = borrow(tree.store, tree.root, entryKey(parent, name));
  return bytes === undefined ? undefined : decodeEntry(bytes);
}

/** What the name stands for, or undefined. ENOENT or ENOTDIR about the directory itself. */
export function lookupEntry(tree: Tree, parent: number, name: Uint8Array): EntryTarget | undefined {
  requireName(name);
  const found = findEntry(tree, parent, name);
  if (found === undefined) loadDirectory(tree, parent);
  return found;
}

/** The inode of that name, or 0. ENOENT or ENOTDIR about the directory itself. */
export function lookup(tree: Tree, parent: number, name: Uint8Array): number {
  return lookupEntry(tree, parent, name)?.inode ?? 0;
}

/** Up to `limit` entries in byte order of their names, strictly after `after`. Fewer than `limit` means that none follow. */
export function readDirectory(
  tree: Tree,
  inode: number,
  after: Uint8Array | undefined,
  limit: number,
): DirectoryEntry[] {
  loadDirectory(tree, inode);
  const from = after === undefined ? kindStart(inode, Kind.entry) : afterEntryKey(inode, after);
  return collect(tree, { from, to: kindStart(inode, Kind.entry + 1) }, limit, (entry) => {
    const { inode: child, type } = decodeEntry(entry.borrowValue());
    return { name: nameOf(entry.key()), inode: child, type };
  });
}

export function isEmptyDirectory(tree: Tree, inode: number): boolean {
  const range = { from: kindStart(inode, Kind.entry), to: kindStart(inode, Kind.entry + 1) };
  return collect(tree, range, 1, () => true).length === 0;
}

/** Up to `limit` of the names that an inode has, as its back-references say. None for root and orphans. */
export function linksOf(tree: Tree, inode: number, limit: number): Link[] {
  const range = { from: kindStart(inode, Kind.link), to: kindStart(inode, Kind.link + 1) };
  return collect(tree, range, limit, (entry) => linkOf(entry.key()));
}

/** The directory that holds the inode's (first) name: `..` of a directory. Root's is root; 0 for what has no name. */
export function parentOf(tree: Tree, inode: number): number {
  if (inode === ROOT_INODE) return ROOT_INODE;
  const [first] = linksOf(tree, inode, 1);
  if (first !== undefined) return first.parent;
  loadRecord(tree, inode);
  return 0;
}

/** The names from root down to a directory; undefined if the chain ends elsewhere than at root. */
export function chainOf(tree: Tree, directory: number): Uint8Array[] | undefined {
  const chain: Uint8Array[] = [];
  for (let at = directory; at !== ROOT_INODE; ) {
    const [link] = linksOf(tree, at, 1);
    if (link === undefined) return undefined;
    chain.push(link.name);
    if (chain.length > MAX_DEPTH)
      throw new ByreError('DAMAGED', 'directories form a circle', { details: { inode: at } });
    at = link.parent;
  }
  return chain.reverse();
}

/** Every path of an inode (up to `limit`) as the names from root down; root's own is the empty chain, an orphan has none. */
export function pathsOf(tree: Tree, inode: number, limit: number = Number.POSITIVE_INFINITY): Uint8Array[][] {
  if (inode === ROOT_INODE) return [[]];
  loadRecord(tree, inode);
  const paths: Uint8Array[][] = [];
  for (const link of linksOf(tree, inode, limit)) {
    const chain = chainOf(tree, link.parent);
    if (chain !== undefined) paths.push([...chain, link.name]);
  }
  return paths;
}

/**
 * Some path of an inode for a report: undefined where there is none to be found. Unlike {@link pathsOf} it never throws for
 * what is damaged or absent, and never goes round in circles for long.
 */
export function somePath(tree: Tree, inode: number): Uint8Array[] | undefined {
  const names: Uint8Array[] = [];
  for (let at = inode; at !== ROOT_INODE; ) {
    const [link] = linksOf(tree, at, 1);
    if (link === undefined || names.length === MAX_REPORTED_DEPTH) return undefined;
    names.push(link.name);
    at = link.parent;
  }
  return names.reverse();
}

/** Whether `inode` is `ancestor` or lies below it. Both are directories. */
export function isWithin(tree: Tree, inode: number, ancestor: number): boolean {
  let at = inode;
  for (let depth = 0; at !== ROOT_INODE && at !== 0; depth++) {
    if (at === ancestor) return true;
    if (depth > MAX_DEPTH) throw new ByreError('DAMAGED', 'directories form a circle', { details: { inode: at } });
    at = linksOf(tree, at, 1)[0]?.parent ?? 0;
  }
  return at === ancestor;
}
