/**
 * What this layer needs of a branch, and the view of it that one import or export works through.
 * Callers must not write the branch's files by other means while such work is under way.
 */
import type { Root, Store } from '../core/store.ts';
import { ByreError } from '../errors.ts';
import { create } from '../files/ops/create.ts';
import { lookupEntry } from '../files/ops/directory.ts';
import { ROOT_INODE } from '../files/ops/keys.ts';
import type { FileType } from '../files/ops/record.ts';
import type { View } from '../files/ops/view.ts';
import { type ByteString, bytesOfName, showName } from './names.ts';
import { timeOf } from './stat.ts';

/** A branch as the pool gives it. */
export interface HostBranch {
  readonly store: Store;
  readonly root: Root;
  readonly readOnly: boolean;
  nextInode(): number;
  runSync<T>(operation: () => T): T;
}

/** Everything that is written through it bears this one time, nanoseconds since 1970. */
export function viewOf(branch: HostBranch, time: bigint): View {
  const now = timeOf(time);
  return {
    store: branch.store,
    root: branch.root,
    readOnly: branch.readOnly,
    now: () => now,
    nextInode: () => branch.nextInode(),
  };
}

export const presentTime = () => BigInt(Date.now()) * 1_000_000n;

export interface Target {
  readonly inode: number;
  readonly type: FileType;
  /** The directory that holds it; root's is root. */
  readonly parent: number;
  readonly name: ByteString;
}

/** The steps of a path within a branch. `..` goes up, but not above root. */
export function stepsOf(path: ByteString): ByteString[] {
  const steps: ByteString[] = [];
  for (const step of path.split('/')) {
    if (step === '..') steps.pop();
    else if (step !== '' && step !== '.') steps.push(step);
  }
  return steps;
}

/** Where a path leads, without following symbolic links; undefined if nothing is there. */
export function resolve(branch: HostBranch, view: View, path: ByteString): Target | undefined {
  let at: Target = { inode: ROOT_INODE, type: 'directory', parent: ROOT_INODE, name: '' };
  for (const step of stepsOf(path)) {
    if (at.type !== 'directory') return undefined;
    const { inode } = at;
    const found = branch.runSync(() => lookupEntry(view, inode, bytesOfName(step)));
    if (found === undefined) return undefined;
    at = { inode: found.inode, type: found.type, parent: inode, name: step };
  }
  return at;
}

/** The directory at a path, made with all that lead there if need be. */
export function resolveDirectory(branch: HostBranch, view: View, path: ByteString): number {
  let inode = ROOT_INODE;
  for (const step of stepsOf(path)) {
    const parent = inode;
    const name = bytesOfName(step);
    const found = branch.runSync(() => lookupEntry(view, parent, name));
    if (found !== undefined && found.type !== 'directory') {
      throw new ByreError('ENOTDIR', `${showName(step)} in ${showName(path)} is no directory`, { path });
    }
    const options = {
      type: 'directory',
      mode: 0o755,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
    } as const;
    inode = found?.inode ?? branch.runSync(() => create(view, parent, name, options));
  }
  return inode;
}
