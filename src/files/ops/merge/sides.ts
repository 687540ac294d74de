/**
 * The three sides of a merge and the tree it works on, and what can be asked of them without changing any.
 * Callers must hold `base`, `ours` and `theirs` still, and must be alone with `work`, which begins as a fork of `ours`.
 */
import { diff } from '../../../core/diff.ts';
import { has } from '../../../core/tree.ts';
import { attributesOf } from '../attributes.ts';
import { findEntry, type Link, linksOf, somePath } from '../directory.ts';
import { findRecord } from '../draft.ts';
import { type Job, perform } from '../job.ts';
import { type FileKey, kindStart, linkKey, parseKey } from '../keys.ts';
import type { InodeRecord } from '../record.ts';
import type { Tree, View } from '../view.ts';
import type { Choice, ConflictVersion, FileConflict, MergeOptions, Strategy } from './conflict.ts';

export interface Merging {
  readonly base: Tree;
  readonly ours: Tree;
  readonly theirs: Tree;
  readonly work: View;
  readonly options: MergeOptions;
  readonly conflicts: FileConflict[];
  /** What was decided, by kind, inode and name, so that nothing is asked twice. */
  readonly decisions: Map<string, Choice>;
  /** Inodes that stay where ours has them, whatever theirs did. */
  readonly settled: Set<number>;
  /** Inodes put aside until their turn comes, because their place was needed. */
  readonly aside: Set<number>;
  /** What a directory of theirs is in `work`: itself, one of ours of the same name, or 0 if it was declined. */
  readonly directories: Map<number, number>;
  /** Directories that theirs removed, which go if they are empty in the end. */
  readonly doomed: Set<number>;
}

/** The record of an inode that has a name; orphans are nobody's to merge. */
export function alive(tree: Tree, inode: number): InodeRecord | undefined {
  const record = findRecord(tree, inode);
  return record === undefined || record.links === 0 ? undefined : record;
}

/** Whether `inode` has this name. */
export function hasLink(tree: Tree, inode: number, { parent, name }: Link): boolean {
  return has(tree.store, tree.root, linkKey(inode, parent, name));
}

export function allLinks(tree: Tree, inode: number): Link[] {
  return linksOf(tree, inode, Number.POSITIVE_INFINITY);
}

/** Equal for equal links. */
export function linkText({ parent, name }: Link): string {
  return `${parent}/${String.fromCharCode(...name)}`;
}

export function without(links: readonly Link[], others: readonly Link[]): Link[] {
  const texts = new Set(others.map(linkText));
  return links.filter((link) => !texts.has(linkText(link)));
}

/**
 * The keys of one inode that differ between two trees, in pieces. `visit` says false to stop; it is called for each piece after
 * the operation that read it.
 */
export function* eachDifference(
  a: Tree,
  b: Tree,
  inode: number,
  visit: (key: FileKey, inA: boolean, inB: boolean) => boolean | undefined,
): Job<void> {
  const to = kindStart(inode + 1, 0);
  let from: Uint8Array | undefined = kindStart(inode, 0);
  while (from !== undefined) {
    const at: Uint8Array = from;
    const { found, next } = yield* perform(() => {
      const found: { key: FileKey; inA: boolean; inB: boolean }[] = [];
      const next = diff(a.store, a.root, b.root, { from: at, to }, (bytes, sideA, sideB) => {
        const key = parseKey(bytes);
        if (key !== undefined) found.push({ key, inA: sideA !== undefined, inB: sideB !== undefined });
      });
      return { found, next };
    });
    for (const { key, inA, inB } of found) if (visit(key, inA, inB) === false) return;
    from = next;
  }
}

/** Whether anything of an inode differs. */
export function* differs(a: Tree, b: Tree, inode: number): Job<boolean> {
  let any = false;
  yield* eachDifference(a, b, inode, () => {
    any = true;
    return false;
  });
  return any;
}

/**
 * Whether somebody meant to change an inode that the other side removed: its bytes, mode, owner, attributes or names, or what is
 * in a directory by more than removals. Times alone do not count.
 */
export function* meantToChange(before: Tree, after: Tree, inode: number): Job<boolean> {
  let meant = false;
  let record = false;
  yield* eachDifference(before, after, inode, (key, _inBefore, inAfter) => {
    if (key.part === 'inode') record = true;
    else if (key.part === 'content' || key.part === 'xattr' || inAfter) meant = true;
    return meant ? false : undefined;
  });
  if (meant || !record) return meant;
  return yield* perform(() => {
    const was = findRecord(before, inode);
    const is = findRecord(after, inode);
    if (was === undefined || is === undefined) return true;
    return was.mode !== is.mode || was.uid !== is.uid || was.gid !== is.gid || was.size !== is.size;
  });
}

/**
 * The new inode that took a removed one's path: files as programs leave them that save by renaming a new file over the old, and
 * directories that were removed and made anew. To a merge it is the old one, changed. 0 if there is none.
 */
export function successor(base: Tree, tree: Tree, inode: number): number {
  const type = alive(base, inode)?.type;
  if ((type !== 'file' && type !== 'directory') || alive(tree, inode) !== undefined) return 0;
  for (const { parent, name } of allLinks(base, inode)) {
    const found = findEntry(tree, parent, name);
    if (found === undefined || found.type !== type || alive(base, found.inode) !== undefined) continue;
    if (type === 'directory' || alive(tree, found.inode)?.links === 1) return found.inode;
  }
  return 0;
}

/** The inverse of {@link successor}: the inode of the base whose path a new one took, or 0. */
export function predecessor(base: Tree, tree: Tree, inode: number): number {
  if (alive(tree, inode) === undefined || alive(base, inode) !== undefined) return 0;
  const [link] = linksOf(tree, inode, 1);
  const old = link === undefined ? undefined : findEntry(base, link.parent, link.name);
  return old !== undefined && successor(base, tree, old.inode) === inode ? old.inode : 0;
}

function versionOf(tree: Tree, inode: number): ConflictVersion | undefined {
  const record = alive(tree, inode);
  return record && { path: somePath(tree, inode), attributes: attributesOf(inode, record) };
}

/** Which inode a conflict is about on each side; 0 where there is none. */
export interface Contest {
  readonly kind: FileConflict['kind'];
  readonly base: number;
  readonly ours: number;
  readonly theirs: number;
  readonly xattr?: Uint8Array;
}

/** Reports a conflict and says which side to go on with: ours, as long as nobody has decided. */
export function* decide(merging: Merging, contest: Contest): Job<Choice> {
  const { kind, xattr } = contest;
  const key = `${kind} ${contest.base} ${contest.ours} ${contest.theirs} ${xattr ?? ''}`;
  const decided = merging.decisions.get(key);
  if (decided !== undefined) return decided;
  const versions = yield* perform(() => ({
    base: versionOf(merging.base, contest.base),
    ours: versionOf(merging.ours, contest.ours),
    theirs: versionOf(merging.theirs, contest.theirs),
  }));
  const path = versions.ours?.path ?? versions.theirs?.path ?? versions.base?.path ?? [];
  const conflict: FileConflict = { kind, path, ...versions, ...(xattr && { xattr }), taken: undefined };
  const { resolve, strategy = 'fail' } = merging.options;
  const answer: Strategy = resolve === undefined ? strategy : resolve(conflict);
  merging.conflicts.push(answer === 'fail' ? conflict : { ...conflict, taken: answer });
  const choice = answer === 'theirs' ? 'theirs' : 'ours';
  merging.decisions.set(key, choice);
  return choice;
}
