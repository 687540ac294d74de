/**
 * What differs between two states of a branch, as people and `apply` want it: paths that were added, removed, changed or renamed.
 * Renames are told by the inode, so that a moved directory is one change, not one for each file in it.
 * Callers must not write either branch meanwhile. Times of change and of access are no differences.
 */
import { ByreError } from '../errors.ts';
import { linksOf } from '../files/ops/directory.ts';
import { findRecord, loadRecord } from '../files/ops/draft.ts';
import { FILES_FACE, parseKey, ROOT_INODE } from '../files/ops/keys.ts';
import { decodeEntry, decodeRecord, type EntryTarget, type FileType, type InodeRecord } from '../files/ops/record.ts';
import type { View } from '../files/ops/view.ts';
import type { KeyDifference } from '../pool/merge.ts';
import type { Pool } from '../pool/pool.ts';
import { viewOf } from './branch.ts';
import { type ByteString, joinPath, nameOfBytes } from './names.ts';

export interface Aspects {
  readonly content: boolean;
  readonly mode: boolean;
  readonly owner: boolean;
  readonly xattrs: boolean;
  readonly time: boolean;
}

export interface FileChange {
  readonly kind: 'added' | 'removed' | 'changed' | 'renamed';
  /** From the branch's root, without a slash at its beginning; of what was removed, as it was. The root's own is empty. */
  readonly path: ByteString;
  /** Where a renamed file was. */
  readonly from: ByteString | undefined;
  /** Where the first state has, or would have, what this is about: differs from `path` below a directory that was renamed. */
  readonly before: ByteString;
  readonly type: FileType;
  /** In the second state; of what was removed, in the first. */
  readonly inode: number;
  /** In the first state, of what stood at this path or moved here. 0 if nothing did. */
  readonly inodeBefore: number;
  readonly sizeBefore: number | undefined;
  readonly size: number | undefined;
  readonly aspects: Aspects;
}

interface Name {
  readonly parent: number;
  readonly name: ByteString;
  readonly target: EntryTarget;
}

interface InodeChange {
  before?: InodeRecord;
  after?: InodeRecord;
  content: boolean;
  xattrs: boolean;
}

/** More directories in each other are a circle. */
const MAX_DEPTH = 1 << 20;

const nothing: Aspects = { content: false, mode: false, owner: false, xattrs: false, time: false };
const everything: Aspects = { content: true, mode: true, owner: true, xattrs: true, time: true };

const sameTime = (a: InodeRecord, b: InodeRecord) =>
  a.modifyTime.seconds === b.modifyTime.seconds && a.modifyTime.nanoseconds === b.modifyTime.nanoseconds;

function aspectsOf(change: InodeChange | undefined): Aspects {
  if (change === undefined) return nothing;
  const { before, after, content, xattrs } = change;
  if (before === undefined || after === undefined) return { ...nothing, content, xattrs };
  return {
    content: content || before.size !== after.size,
    mode: before.mode !== after.mode,
    owner: before.uid !== after.uid || before.gid !== after.gid,
    xattrs,
    time: !sameTime(before, after),
  };
}

const isAny = (aspects: Aspects) => Object.values(aspects).some(Boolean);

/** One state of the branch, which knows where its directories are. */
class State {
  readonly view: View;
  readonly run: <T>(operation: () => T) => T;
  readonly #paths = new Map<number, ByteString | undefined>([[ROOT_INODE, '']]);

  constructor(pool: Pool, name: string) {
    const branch = pool.branchSync(name);
    this.view = viewOf(branch, 0n);
    this.run = branch.runSync.bind(branch);
  }

  /** Undefined if this state has no such directory. */
  findPath({ parent, name }: Pick<Name, 'parent' | 'name'>): ByteString | undefined {
    const directory = this.#pathOfDirectory(parent);
    return directory === undefined ? undefined : joinPath(directory, name);
  }

  /** Goes up only as far as nobody has gone before: in a deep tree each way from the root would be long. */
  #pathOfDirectory(directory: number): ByteString | undefined {
    const below: Array<{ readonly inode: number; readonly name: ByteString }> = [];
    let at = directory;
    while (!this.#paths.has(at)) {
      const inode = at;
      const record = this.run(() => findRecord(this.view, inode));
      const [link] = record?.type === 'directory' ? this.run(() => linksOf(this.view, inode, 1)) : [];
      if (below.length > MAX_DEPTH) throw new ByreError('DAMAGED', 'directories form a circle', { details: { inode } });
      if (link === undefined) {
        this.#paths.set(at, undefined);
        break;
      }
      below.push({ inode, name: nameOfBytes(link.name) });
      at = link.parent;
    }
    for (const { inode, name } of below.reverse()) {
      const above = this.#paths.get(at);
      this.#paths.set(inode, above === undefined ? undefined : joinPath(above, name));
      at = inode;
    }
    return this.#paths.get(directory);
  }

  pathOf(name: Pick<Name, 'parent' | 'name'>): ByteString {
    return this.findPath(name) ?? `?/${name.name}`;
  }

  namesOf(inode: number): Array<Pick<Name, 'parent' | 'name'>> {
    const links = this.run(() => linksOf(this.view, inode, Number.POSITIVE_INFINITY));
    return links.map(({ parent, name }) => ({ parent, name: nameOfBytes(name) }));
  }

  record(inode: number): InodeRecord {
    return this.run(() => loadRecord(this.view, inode));
  }
}

class Comparison {
  readonly #before: State;
  readonly #after: State;
  readonly #inodes = new Map<number, InodeChange>();
  readonly #lost: Name[] = [];
  readonly #gained: Name[] = [];
  readonly #changes: FileChange[] = [];
  /** The paths of each inode whose change has been told. */
  readonly #told = new Map<number, Set<ByteString>>();

  constructor(before: State, after: State) {
    this.#before = before;
    this.#after = after;
  }

  changes(differences: readonly KeyDifference[]): FileChange[] {
    for (const difference of differences) this.#sort(difference);
    const lost = new Set(this.#lost);
    const gained = new Set(this.#gained);
    this.#findRenames(lost, gained);
    this.#findReplacements(lost, gained);
    for (const name of lost) this.#tellRemoved(name);
    for (const name of gained) this.#tellAdded(name);
    for (const [inode, change] of this.#inodes) this.#tellChanged(inode, change);
    return this.#changes.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.kind === 'removed' ? -1 : 1));
  }

  #sort({ key, a, b }: KeyDifference): void {
    const parsed = parseKey(key);
    if (parsed === undefined || parsed.part === 'link' || parsed.part === 'orphan') return;
    if (parsed.part === 'entry') {
      const name = { parent: parsed.inode, name: nameOfBytes(parsed.name) };
      const before = a && decodeEntry(a.value);
      const after = b && decodeEntry(b.value);
      if (before !== undefined) this.#lost.push({ ...name, target: before });
      if (after !== undefined) this.#gained.push({ ...name, target: after });
      return;
    }
    let change = this.#inodes.get(parsed.inode);
    if (change === undefined) {
      change = { content: false, xattrs: false };
      this.#inodes.set(parsed.inode, change);
    }
    if (parsed.part === 'content') change.content = true;
    else if (parsed.part === 'xattr') change.xattrs = true;
    else {
      if (a !== undefined) change.before = decodeRecord(a.value);
      if (b !== undefined) change.after = decodeRecord(b.value);
    }
  }

  #tell(change: FileChange): void {
    this.#changes.push(change);
    if (change.kind === 'removed') return;
    const told = this.#told.get(change.inode);
    if (told === undefined) this.#told.set(change.inode, new Set([change.path]));
    else told.add(change.path);
  }

  #findRenames(lost: Set<Name>, gained: Set<Name>): void {
    const byInode = new Map<number, Name[]>();
    for (const name of lost) {
      const names = byInode.get(name.target.inode);
      if (names === undefined) byInode.set(name.target.inode, [name]);
      else names.push(name);
    }
    for (const name of gained) {
      const from = byInode.get(name.target.inode)?.pop();
      if (from === undefined) continue;
      lost.delete(from);
      gained.delete(name);
      const { inode, type } = name.target;
      const change = this.#inodes.get(inode);
      const after = change?.after ?? this.#after.record(inode);
      this.#tell({
        kind: 'renamed',
        path: this.#after.pathOf(name),
        from: this.#before.pathOf(from),
        before: this.#before.pathOf(from),
        type,
        inode,
        inodeBefore: inode,
        sizeBefore: change?.before?.size ?? after.size,
        size: after.size,
        aspects: aspectsOf(change),
      });
    }
  }

  /** A file that took another's name is a change of what stands there, as programs save. */
  #findReplacements(lost: Set<Name>, gained: Set<Name>): void {
    const byName = new Map<string, Name>();
    for (const name of lost) byName.set(`${name.parent}/${name.name}`, name);
    for (const name of gained) {
      const from = byName.get(`${name.parent}/${name.name}`);
      if (from === undefined || from.target.type !== name.target.type || name.target.type === 'directory') continue;
      lost.delete(from);
      gained.delete(name);
      const before = this.#before.record(from.target.inode);
      const after = this.#after.record(name.target.inode);
      // All that either of them has is among the differences, unless it has other names.
      const xattrs = [from, name].some(({ target }) => this.#inodes.get(target.inode)?.xattrs === true);
      this.#tell({
        kind: 'changed',
        path: this.#after.pathOf(name),
        from: undefined,
        before: this.#before.pathOf(name),
        type: name.target.type,
        inode: name.target.inode,
        inodeBefore: from.target.inode,
        sizeBefore: before.size,
        size: after.size,
        aspects: aspectsOf({ before, after, content: true, xattrs }),
      });
    }
  }

  #tellRemoved(name: Name): void {
    const { inode, type } = name.target;
    const { size } = this.#inodes.get(inode)?.before ?? this.#before.record(inode);
    this.#tell({
      kind: 'removed',
      path: this.#before.pathOf(name),
      from: undefined,
      before: this.#before.pathOf(name),
      type,
      inode,
      inodeBefore: inode,
      sizeBefore: size,
      size: undefined,
      aspects: nothing,
    });
  }

  #tellAdded(name: Name): void {
    const { inode, type } = name.target;
    const { size } = this.#inodes.get(inode)?.after ?? this.#after.record(inode);
    const path = this.#after.pathOf(name);
    this.#tell({
      kind: 'added',
      path,
      from: undefined,
      before: this.#before.findPath(name) ?? path,
      type,
      inode,
      inodeBefore: 0,
      sizeBefore: undefined,
      size,
      aspects: everything,
    });
  }

  /** Changes of an inode under names that it had and has. */
  #tellChanged(inode: number, change: InodeChange): void {
    const aspects = aspectsOf(change);
    const isThere = (change.before === undefined) === (change.after === undefined);
    if (!isThere || !isAny(aspects)) return;
    const after = change.after ?? this.#after.record(inode);
    const already = new Set(this.#told.get(inode));
    const root = { path: '', before: '' };
    const names = this.#after.namesOf(inode).map((name) => ({
      path: this.#after.pathOf(name),
      before: this.#before.pathOf(name),
    }));
    for (const { path, before } of inode === ROOT_INODE ? [root] : names) {
      if (already.has(path)) continue;
      this.#tell({
        kind: 'changed',
        path,
        from: undefined,
        before,
        type: after.type,
        inode,
        inodeBefore: inode,
        sizeBefore: change.before?.size ?? after.size,
        size: after.size,
        aspects,
      });
    }
  }
}

/** Every difference of the files of two branches or snapshots, in the order of paths. */
export function compareBranches(pool: Pool, before: string, after: string): FileChange[] {
  const range = { from: Uint8Array.of(FILES_FACE), to: Uint8Array.of(FILES_FACE + 1) };
  const differences = pool.diffSync(before, after, range);
  return new Comparison(new State(pool, before), new State(pool, after)).changes(differences);
}

/** A directory of which only the time differs: what changed in it is told by itself. */
export function isQuiet(change: FileChange): boolean {
  const { content, mode, owner, xattrs } = change.aspects;
  return change.kind === 'changed' && change.type === 'directory' && !content && !mode && !owner && !xattrs;
}
