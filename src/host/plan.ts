/**
 * What has to be done to a real directory so that it gets a fork's changes, and what forbids it: whatever has changed there since the
 * state that the fork began with.
 * Callers must carry out a plan at once, and must not carry out one that has conflicts they were not told to pass over.
 */
import { readdirSync } from 'node:fs';
import { getAttributes } from '../files/ops/attributes.ts';
import { lookupEntry, pathsOf } from '../files/ops/directory.ts';
import { findRecord } from '../files/ops/draft.ts';
import type { FileType } from '../files/ops/record.ts';
import { type HostBranch, resolve, viewOf } from './branch.ts';
import { type FileChange, isQuiet } from './changes.ts';
import { isSameContent } from './content-equal.ts';
import type { Expectation, Step } from './journal.ts';
import { HostMemory } from './memory.ts';
import { type ByteString, bytesOfName, hostPath, nameOfBytes } from './names.ts';
import { type Reach, splitPath } from './reach.ts';
import type { KnownEntry } from './record.ts';
import { type HostStat, nanosecondsOf } from './stat.ts';

export interface Conflict {
  readonly path: ByteString;
  readonly reason: string;
}

export interface Plan {
  readonly steps: Step[];
  readonly conflicts: Conflict[];
  /** The changes that the steps make. */
  readonly changes: FileChange[];
}

const expectationOf = (stat: HostStat): Expectation => ({
  hostInode: stat.inode.toString(),
  birthTime: stat.birthTime.toString(),
  modifyTime: stat.modifyTime.toString(),
  size: stat.size,
});

const BEYOND = 'it lies on a file system mounted inside, and cannot be moved from or to there';

const depthOf = (path: ByteString) => path.split('/').length;

const typeNames: Partial<Record<FileType, string>> = {
  file: 'a file',
  directory: 'a directory',
  symlink: 'a symbolic link',
};
const typeName = (type: FileType) => typeNames[type] ?? `a ${type}`;

/** The real directory beside the state that was imported from it. */
class Real {
  readonly reach: Reach;
  readonly #base: HostBranch;
  readonly #memory: HostMemory;
  readonly #directories = new Map<number, ReadonlyMap<ByteString, KnownEntry>>();

  constructor(base: HostBranch, reach: Reach) {
    this.reach = reach;
    this.#base = base;
    this.#memory = new HostMemory(viewOf(base, 0n), base.runSync.bind(base));
  }

  #known(path: ByteString): KnownEntry | undefined {
    const { directory, name } = splitPath(path);
    const target = resolve(this.#base, viewOf(this.#base, 0n), directory);
    if (target === undefined) return undefined;
    let entries = this.#directories.get(target.inode);
    if (entries === undefined) {
      entries = new Map(this.#memory.load(target.inode)?.entries.map((entry) => [entry.name, entry]));
      this.#directories.set(target.inode, entries);
    }
    return entries.get(name);
  }

  /** Why what lies at a path is not what was imported from there; undefined if it is. */
  whyChanged(path: ByteString, stat: HostStat | undefined, inodeBefore: number, type: FileType): string | undefined {
    if (stat === undefined) return 'it was removed there meanwhile';
    if (stat.type !== type) return `it is ${typeName(stat.type)} there now`;
    if (type === 'directory') return this.#whyDirectoryChanged(stat, inodeBefore);
    const seen = this.#known(path)?.seen;
    if (
      seen !== undefined &&
      seen.hostInode === stat.inode &&
      seen.size === stat.size &&
      seen.modifyTime === stat.modifyTime &&
      seen.changeTime === stat.changeTime
    ) {
      return undefined;
    }
    // Its times have changed; what counts is whether it has.
    const view = viewOf(this.#base, 0n);
    const attributes = this.#base.runSync(() => getAttributes(view, inodeBefore));
    if (attributes.mode !== stat.mode && type !== 'symlink') return 'its mode was changed there meanwhile';
    if (isSameContent(this.#base, inodeBefore, this.reach.to(path), stat)) return undefined;
    return 'it was changed there meanwhile';
  }

  #whyDirectoryChanged(stat: HostStat, inodeBefore: number): string | undefined {
    const view = viewOf(this.#base, 0n);
    const { mode } = this.#base.runSync(() => getAttributes(view, inodeBefore));
    return mode === stat.mode ? undefined : 'its mode was changed there meanwhile';
  }

  /** Another real name of an inode, as it was imported, if it is still that file. */
  nameOf(inode: number, except: ByteString): ByteString | undefined {
    const view = viewOf(this.#base, 0n);
    const record = this.#base.runSync(() => findRecord(view, inode));
    if (record === undefined) return undefined;
    for (const chain of this.#base.runSync(() => pathsOf(view, inode))) {
      const path = chain.map(nameOfBytes).join('/');
      const stat = path === except ? undefined : this.reach.stat(path);
      if (stat !== undefined && this.whyChanged(path, stat, inode, record.type) === undefined) return path;
    }
    return undefined;
  }

  /** Whether a real directory has the times that were imported: then it may get the fork's. */
  hasTimesOf(inode: number, stat: HostStat): boolean {
    const view = viewOf(this.#base, 0n);
    const record = this.#base.runSync(() => findRecord(view, inode));
    return record === undefined || nanosecondsOf(record.modifyTime) === stat.modifyTime;
  }

  /** An entry of a real directory that the imported state did not have. */
  strangerIn(path: ByteString): ByteString | undefined {
    const view = viewOf(this.#base, 0n);
    const target = resolve(this.#base, view, path);
    if (target === undefined) return undefined;
    for (const name of readdirSync(hostPath(this.reach.directory(path).inside), 'latin1')) {
      if (this.#base.runSync(() => lookupEntry(view, target.inode, bytesOfName(name))) === undefined) return name;
    }
    return undefined;
  }
}

export class Planner {
  readonly #real: Real;
  readonly #fork: HostBranch;
  readonly #conflicts: Conflict[] = [];
  readonly #accepted: FileChange[] = [];
  /** Paths that are free when what leaves has left. */
  readonly #vacated = new Set<ByteString>();
  /** Directories that come. */
  readonly #arriving = new Set<ByteString>();
  /** Paths at or below which something stays that was to go. */
  readonly #kept = new Set<ByteString>();
  readonly #staging: Step[] = [];
  readonly #leaving: Array<Step & { path: ByteString }> = [];
  readonly #coming: Array<Step & { path: ByteString }> = [];
  readonly #attributes = new Map<ByteString, Step & { path: ByteString }>();
  /** Where the new content of an inode is staged, for its other names. */
  readonly #stagedAt = new Map<number, number>();
  #places = 0;

  constructor(base: HostBranch, fork: HostBranch, reach: Reach) {
    this.#real = new Real(base, reach);
    this.#fork = fork;
  }

  plan(changes: readonly FileChange[]): Plan {
    const rewritten = new Set<number>();
    for (const { kind, aspects, inode } of changes) if (kind !== 'added' && aspects.content) rewritten.add(inode);
    // What leaves is judged first, the deepest first: a directory can go only if all in it can.
    const leaving = changes.filter(({ kind }) => kind === 'removed' || kind === 'renamed');
    for (const change of leaving.sort((a, b) => depthOf(b.before) - depthOf(a.before))) {
      this.#checkLeaving(change);
    }
    for (const change of changes) if (change.kind !== 'removed') this.#checkComing(change);
    for (const change of this.#accepted) this.#add(change, rewritten);
    this.#leaving.sort((a, b) => depthOf(b.path) - depthOf(a.path));
    this.#coming.sort((a, b) => depthOf(a.path) - depthOf(b.path));
    const attributes = [...this.#attributes.values()].sort((a, b) => depthOf(b.path) - depthOf(a.path));
    return {
      steps: [...this.#staging, ...this.#leaving, ...this.#coming, ...attributes],
      conflicts: this.#conflicts.sort((a, b) => (a.path < b.path ? -1 : 1)),
      changes: this.#accepted,
    };
  }

  #refuse(change: FileChange, reason: string): void {
    this.#conflicts.push({ path: change.path, reason });
    for (let at = change.path; at !== ''; at = splitPath(at).directory) this.#kept.add(at);
  }

  #checkLeaving(change: FileChange): void {
    const { reach } = this.#real;
    const { kind, type, inodeBefore, before: from } = change;
    const stat = reach.stat(from);
    if (kind === 'removed' && stat === undefined) return;
    const isFar = kind === 'renamed' && stat !== undefined && !this.#isNear(stat);
    const reason = isFar ? BEYOND : this.#real.whyChanged(from, stat, inodeBefore, type);
    if (reason !== undefined) this.#refuse(change, reason);
    else if (kind === 'removed' && type === 'directory' && this.#kept.has(from)) {
      this.#refuse(change, 'something in it has to stay');
    } else if (kind === 'removed' && type === 'directory' && this.#real.strangerIn(from) !== undefined) {
      this.#refuse(change, 'something new appeared in it meanwhile');
    } else {
      this.#vacated.add(from);
      if (kind === 'removed') this.#accepted.push(change);
    }
  }

  /** Accepts a change that puts something at a path, or notes why not; one that is there already is neither. */
  #checkComing(change: FileChange): void {
    const { reach } = this.#real;
    const { kind, path, before, type, inodeBefore } = change;
    if (kind === 'renamed' && !this.#vacated.has(before)) return;
    const there = kind === 'renamed' ? path : before;
    const stat = this.#vacated.has(there) ? undefined : reach.stat(there);
    if (kind === 'changed') {
      const reason = this.#real.whyChanged(before, stat, inodeBefore, type);
      if (reason === undefined) this.#accepted.push(change);
      else if (!isQuiet(change)) this.#refuse(change, reason);
      return;
    }
    const parent = this.#parentProblem(path, kind === 'renamed' ? path : before, kind === 'renamed');
    if (parent !== undefined) this.#refuse(change, parent);
    else if (stat === undefined || (kind === 'added' && type === 'directory' && stat.type === type)) {
      this.#accepted.push(change);
      if (type === 'directory') this.#arriving.add(path);
    } else if (
      kind === 'renamed' ||
      stat.type !== type ||
      !isSameContent(this.#fork, change.inode, reach.to(there), stat)
    ) {
      this.#refuse(change, `${typeName(stat.type)} of that name appeared there meanwhile`);
    }
  }

  /** Whether it lies on the file system of the real directory itself: only there can names be moved. */
  #isNear(stat: HostStat): boolean {
    return stat.device === this.#real.reach.stat('')?.device;
  }

  #parentProblem(path: ByteString, before: ByteString, moves: boolean): string | undefined {
    if (this.#arriving.has(splitPath(path).directory)) return undefined;
    const { directory } = splitPath(before);
    if (directory === '') return undefined;
    const parent = this.#real.reach.stat(directory);
    if (parent?.type === 'directory') return moves && !this.#isNear(parent) ? BEYOND : undefined;
    // Below a directory that moves, the real one is still elsewhere.
    if (moves && this.#isBelowArriving(directory)) return undefined;
    return parent === undefined ? 'its directory was removed there meanwhile' : 'its directory is none there any more';
  }

  #isBelowArriving(path: ByteString): boolean {
    for (let at = path; at !== ''; at = splitPath(at).directory) if (this.#arriving.has(at)) return true;
    return false;
  }

  #add(change: FileChange, rewritten: ReadonlySet<number>): void {
    const { kind, path, before: from, type, inode, aspects } = change;
    if (kind === 'removed') this.#leave(from, type);
    else if (kind === 'added' && type === 'directory') {
      this.#coming.push({ do: 'mkdir', path });
      this.#attributesOf(path, inode);
    } else if (kind === 'added') this.#come(path, this.#stage(inode, path, rewritten), inode, null);
    else if (kind === 'renamed' && aspects.content) {
      this.#leave(from, type);
      this.#come(path, this.#stage(inode, path, rewritten), inode, null);
    } else if (kind === 'renamed') {
      const n = this.#places++;
      this.#leaving.push({ do: 'out', n, path: from, expect: expectationOf(this.#real.reach.stat(from)!) });
      this.#come(path, n, inode, null);
      if (type === 'directory' || aspects.mode || aspects.owner || aspects.xattrs || aspects.time) {
        this.#attributesOf(path, inode);
      }
    } else if (aspects.content || type === 'symlink') {
      this.#come(path, this.#stage(inode, path, rewritten), inode, expectationOf(this.#real.reach.stat(from)!), from);
    } else if (isQuiet(change)) this.#touch(path);
    else this.#attributesOf(path, inode);
    if (kind === 'changed') return;
    if (kind !== 'added') this.#touch(splitPath(from).directory);
    this.#touch(splitPath(path).directory);
  }

  #leave(path: ByteString, type: FileType): void {
    const expect = expectationOf(this.#real.reach.stat(path)!);
    this.#leaving.push({ do: type === 'directory' ? 'rmdir' : 'unlink', path, expect });
  }

  #come(path: ByteString, n: number, inode: number, expect: Expectation | null, before = path): void {
    this.#coming.push({ do: 'in', n, path, before, inode, expect });
    this.#touch(splitPath(path).directory);
  }

  /** Collects an inode's new content, or makes one more name of what is there. */
  #stage(inode: number, path: ByteString, rewritten: ReadonlySet<number>): number {
    const n = this.#places++;
    const m = this.#stagedAt.get(inode);
    const existing = m === undefined && !rewritten.has(inode) ? this.#real.nameOf(inode, path) : undefined;
    if (m !== undefined) this.#staging.push({ do: 'stageTwin', n, m, path });
    else if (existing !== undefined) this.#staging.push({ do: 'stageLink', n, path: existing });
    else this.#staging.push({ do: 'stage', n, inode, path });
    this.#stagedAt.set(inode, m ?? n);
    return n;
  }

  #attributesOf(path: ByteString, inode: number): void {
    this.#attributes.set(path, { do: 'attributes', path, inode });
  }

  /** A directory in which names come and go gets the fork's times at the end, unless it has changed by other hands, too. */
  #touch(directory: ByteString): void {
    if (this.#attributes.has(directory)) return;
    const target = resolve(this.#fork, viewOf(this.#fork, 0n), directory);
    if (target?.type !== 'directory') return;
    const stat = this.#real.reach.stat(directory);
    if (stat !== undefined && !this.#real.hasTimesOf(target.inode, stat)) return;
    this.#attributes.set(directory, { do: 'times', path: directory, inode: target.inode });
  }
}
