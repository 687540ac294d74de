/**
 * What differs between the files of two trees: names added, removed and renamed, files changed, each with what it was and is.
 * Callers must run it as a job while nobody writes to either tree: on snapshots, or on forks of their own.
 *
 * Time goes with what differs: whole subtrees of keys that are shared are passed over. Inodes tell a rename from a removal and
 * an addition; where another inode has taken a path, it counts as a change of what is there.
 */
import { compareBytes, equalBytes } from '../../core/bytes.ts';
import { diff } from '../../core/diff.ts';
import { type Attributes, attributesOf } from './attributes.ts';
import { type Link, linksOf, somePath } from './directory.ts';
import { findRecord } from './draft.ts';
import { type Job, perform } from './job.ts';
import { FILES_FACE, kindStart, parseKey } from './keys.ts';
import { readLink } from './link.ts';
import type { InodeRecord } from './record.ts';
import { sameChunks, sameFile } from './same-content.ts';
import type { Time, Tree } from './view.ts';
import { listXattrs, readXattr } from './xattrs.ts';

export interface FileChange {
  readonly kind: 'added' | 'removed' | 'changed' | 'renamed';
  /** Names from root down, in the new tree; of what was removed, in the old one. */
  readonly path: readonly Uint8Array[];
  /** Where a renamed one was before. */
  readonly fromPath?: readonly Uint8Array[];
  /** Absent if the inode is new. A second name for an old inode is added and has both. */
  readonly before?: Attributes;
  /** Absent if the inode is gone. */
  readonly after?: Attributes;
  /** Of what was changed or renamed: the bytes, the target, the device or the very type differ. */
  readonly content: boolean;
  /** Likewise: mode, owner, extended attributes or, of what is no directory, the time of its last change differ. */
  readonly attributes: boolean;
}

/** What the keys that differ tell of one inode. */
interface Touch {
  xattrs: boolean;
  /** Chunks with differing cells; undefined if they are too many to list. */
  chunks: number[] | undefined;
}

/** An inode on both sides, and one name of it that only one side has. */
interface Named {
  readonly link: Link;
  readonly path: readonly Uint8Array[];
}

/** A name that came or went with its inode, until it is known whether another inode stands at its path. */
interface Loose extends Named {
  readonly attributes: Attributes;
  /** The same inode on the other side, where it lives on under other names. */
  readonly other: Attributes | undefined;
}

const MAX_CHUNKS = 1024;

/** All changes from `a` to `b`, in order of their paths. */
export function* compareTrees(a: Tree, b: Tree): Job<FileChange[]> {
  const touched = yield* touchedInodes(a, b);
  const changes: FileChange[] = [];
  const gone: Loose[] = [];
  const come: Loose[] = [];
  for (const [inode, touch] of touched) {
    const { before, after, lost, won } = yield* perform(() => sides(a, b, inode));
    const then = before && attributesOf(inode, before);
    const now = after && attributesOf(inode, after);
    const renames = Math.min(lost.length, won.length);
    const differs = before && after ? yield* differences(a, b, inode, before, after, touch) : nothing;
    for (let at = 0; at < won.length; at++) {
      const { path } = won[at]!;
      if (at < renames) {
        changes.push({ kind: 'renamed', path, fromPath: lost[at]!.path, before: then!, after: now!, ...differs });
      } else come.push({ ...won[at]!, attributes: now!, other: then });
    }
    for (const each of lost.slice(renames)) gone.push({ ...each, attributes: then!, other: now });
    if (renames === 0 && then && now && (differs.content || differs.attributes)) {
      const path = yield* perform(() => somePath(b, inode));
      if (path !== undefined) changes.push({ kind: 'changed', path, before: then, after: now, ...differs });
    }
  }
  yield* settleLoose(a, b, gone, come, changes);
  return changes.sort(byPath);
}

type Differences = Pick<FileChange, 'content' | 'attributes'>;
const nothing: Differences = { content: false, attributes: false };

/** The inodes with any differing key, and which keys these are. */
function* touchedInodes(a: Tree, b: Tree): Job<Map<number, Touch>> {
  const touched = new Map<number, Touch>();
  const to = new Uint8Array([FILES_FACE + 1]);
  let from: Uint8Array | undefined = kindStart(1, 0);
  while (from !== undefined) {
    const at: Uint8Array = from;
    const { keys, next } = yield* perform(() => differingKeys(a, b, at, to));
    for (const key of keys) note(touched, key);
    from = next;
  }
  return touched;
}

function differingKeys(a: Tree, b: Tree, from: Uint8Array, to: Uint8Array) {
  const keys: Uint8Array[] = [];
  const next = diff(a.store, a.root, b.root, { from, to }, (key) => {
    keys.push(key.slice());
  });
  return { keys, next };
}

function note(touched: Map<number, Touch>, key: Uint8Array): void {
  const parsed = parseKey(key);
  if (parsed === undefined) return;
  const touch = touched.get(parsed.inode) ?? { xattrs: false, chunks: [] };
  touched.set(parsed.inode, touch);
  if (parsed.part === 'xattr') touch.xattrs = true;
  if (parsed.part !== 'content' || touch.chunks === undefined) return;
  if (touch.chunks.length < MAX_CHUNKS) touch.chunks.push(parsed.chunk);
  else touch.chunks = undefined;
}

/** What an inode is on either side (undefined where it has no name), and the names that only one side has. */
function sides(a: Tree, b: Tree, inode: number) {
  const before = named(a, inode);
  const after = named(b, inode);
  const linksA = before === undefined ? [] : linksOf(a, inode, Number.POSITIVE_INFINITY);
  const linksB = after === undefined ? [] : linksOf(b, inode, Number.POSITIVE_INFINITY);
  return { before, after, lost: withPaths(a, without(linksA, linksB)), won: withPaths(b, without(linksB, linksA)) };
}

function named(tree: Tree, inode: number): InodeRecord | undefined {
  const record = findRecord(tree, inode);
  return record === undefined || record.links === 0 ? undefined : record;
}

function without(links: readonly Link[], others: readonly Link[]): Link[] {
  const keys = new Set(others.map(keyOf));
  return links.filter((link) => !keys.has(keyOf(link)));
}

/** Equal for equal links. No name holds a slash, so what stands before it is another's. */
function keyOf({ parent, name }: Link): string {
  return `${parent}/${latin(name)}`;
}

/** Equal for equal paths, and unequal to every link's. */
function pathKey(path: readonly Uint8Array[]): string {
  return `/${path.map(latin).join('/')}`;
}

/** One character for each byte. */
function latin(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function byPath(one: FileChange, other: FileChange): number {
  for (let at = 0; at < Math.min(one.path.length, other.path.length); at++) {
    const order = compareBytes(one.path[at]!, other.path[at]!);
    if (order !== 0) return order;
  }
  return one.path.length - other.path.length;
}

function withPaths(tree: Tree, links: readonly Link[]): Named[] {
  return links.flatMap((link) => {
    const chain = somePath(tree, link.parent);
    return chain === undefined ? [] : [{ link, path: [...chain, link.name] }];
  });
}

function sameTime(a: Time, b: Time): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds;
}

function ownDifferences(before: InodeRecord, after: InodeRecord): boolean {
  if (before.mode !== after.mode || before.uid !== after.uid || before.gid !== after.gid) return true;
  return after.type !== 'directory' && !sameTime(before.modifyTime, after.modifyTime);
}

function* differences(
  a: Tree,
  b: Tree,
  inode: number,
  before: InodeRecord,
  after: InodeRecord,
  touch: Touch,
): Job<Differences> {
  const attributes = touch.xattrs || ownDifferences(before, after);
  if (before.type !== 'file') return { content: before.device !== after.device, attributes };
  if (before.size !== after.size || touch.chunks === undefined) return { content: true, attributes };
  const fileA = { tree: a, inode, size: before.size };
  const fileB = { tree: b, inode, size: after.size };
  return { content: !(yield* sameChunks(fileA, fileB, touch.chunks)), attributes };
}

/** Pairs what went with what came at the same path; what is left was removed or added. */
function* settleLoose(a: Tree, b: Tree, gone: Loose[], come: Loose[], changes: FileChange[]): Job<void> {
  const byPlace = new Map<string, Loose>();
  for (const each of come) {
    byPlace.set(pathKey(each.path), each);
    byPlace.set(keyOf(each.link), each);
  }
  const paired = new Set<Loose>();
  for (const each of gone) {
    const { path, attributes: before, other } = each;
    const successor = byPlace.get(pathKey(path)) ?? byPlace.get(keyOf(each.link));
    if (successor === undefined || paired.has(successor)) {
      const after = other === undefined ? {} : { after: other };
      changes.push({ kind: 'removed', path, before, ...after, content: false, attributes: false });
      continue;
    }
    paired.add(successor);
    const differs = yield* replaced(a, before, b, successor.attributes);
    if (!differs.content && !differs.attributes) continue;
    changes.push({ kind: 'changed', path: successor.path, before, after: successor.attributes, ...differs });
  }
  for (const each of come) {
    if (paired.has(each)) continue;
    const before = each.other === undefined ? {} : { before: each.other };
    changes.push({
      kind: 'added',
      path: each.path,
      ...before,
      after: each.attributes,
      content: false,
      attributes: false,
    });
  }
}

/** How one inode differs from another that took its place. */
function* replaced(a: Tree, before: Attributes, b: Tree, after: Attributes): Job<Differences> {
  if (before.type !== after.type) return { content: true, attributes: true };
  const times = after.type !== 'directory' && !sameTime(before.modifyTime, after.modifyTime);
  const owner = before.mode !== after.mode || before.uid !== after.uid || before.gid !== after.gid;
  const attributes = times || owner || !(yield* perform(() => sameXattrs(a, before.inode, b, after.inode)));
  if (after.type === 'file') {
    const fileA = { tree: a, inode: before.inode, size: before.size };
    const fileB = { tree: b, inode: after.inode, size: after.size };
    return { content: !(yield* sameFile(fileA, fileB)), attributes };
  }
  if (after.type !== 'symlink') return { content: before.device !== after.device, attributes };
  const targets = yield* perform(() => [readLink(a, before.inode), readLink(b, after.inode)]);
  return { content: String(targets[0]) !== String(targets[1]), attributes };
}

function sameXattrs(a: Tree, inodeA: number, b: Tree, inodeB: number): boolean {
  const names = listXattrs(a, inodeA);
  const others = listXattrs(b, inodeB);
  if (names.length !== others.length) return false;
  return names.every((name, at) => {
    if (!equalBytes(name, others[at]!)) return false;
    const value = readXattr(a, inodeA, name);
    const other = readXattr(b, inodeB, name);
    return value === undefined || other === undefined ? value === other : equalBytes(value, other);
  });
}
