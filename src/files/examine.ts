/**
 * Looking at the files of whole branches: what differs between two, and whether one is sound.
 * Callers may write to the branches meanwhile, which are looked at as they were at the beginning; both must be of one pool.
 */
import type { Branch } from '../pool/branch.ts';
import { compareTrees, type FileChange } from './ops/compare.ts';
import { describe } from './ops/describe.ts';
import type { Job } from './ops/job.ts';
import { type Problem, Verification } from './ops/verify.ts';
import type { Tree } from './ops/view.ts';
import { decodeUtf8 } from './platform.ts';
import { drive, driveSync } from './task.ts';

export type { FileChange } from './ops/compare.ts';
export type { Problem as FilesProblem } from './ops/verify.ts';

/** All that differs from `a` to `b`, two branches of one pool, in order of paths. Time goes with what differs. */
export function compareFiles(a: Branch, b: Branch): Promise<FileChange[]> {
  return held([a, b], ([before, after]) => drive(after!, compareTrees(before!, after!)));
}

export function compareFilesSync(a: Branch, b: Branch): FileChange[] {
  return heldSync([a, b], ([before, after]) => driveSync(after!, compareTrees(before!, after!)));
}

/** The path of the file that a key is about; undefined if it is about something else. One operation. */
export function pathOfKey(tree: Tree, key: Uint8Array): string | undefined {
  const path = describe(tree, key)?.path;
  return path && textOf(path);
}

/** For people: what is not UTF-8 is shown by U+FFFD. */
export function textOf(path: readonly Uint8Array[]): string {
  return `/${path.map(decodeUtf8).join('/')}`;
}

/** What contradicts itself among the files of a branch; nothing, unless byre has a fault or the pool was damaged. */
export function checkFiles(branch: Branch): Promise<readonly Problem[]> {
  return held([branch], ([still]) => drive(still!, verify(still!)));
}

export function checkFilesSync(branch: Branch): readonly Problem[] {
  return heldSync([branch], ([still]) => driveSync(still!, verify(still!)));
}

function* verify(branch: Branch): Job<readonly Problem[]> {
  const verification = new Verification(branch);
  while (!(yield () => verification.step()));
  return verification.problems;
}

/** Forks, which nobody writes; in a pool opened for reading, and for a snapshot, the branch itself. */
async function held<T>(branches: readonly Branch[], look: (still: readonly Branch[]) => Promise<T>): Promise<T> {
  const still: Branch[] = [];
  const forks: Branch[] = [];
  try {
    for (const branch of branches) {
      if (!branch.readOnly) forks.push(await branch.pool.forkUnnamed(branch));
      still.push(branch.readOnly ? branch : forks.at(-1)!);
    }
    return await look(still);
  } finally {
    for (const fork of forks) await fork.pool.release(fork);
  }
}

function heldSync<T>(branches: readonly Branch[], look: (still: readonly Branch[]) => T): T {
  const still: Branch[] = [];
  const forks: Branch[] = [];
  try {
    for (const branch of branches) {
      if (!branch.readOnly) forks.push(branch.pool.forkUnnamedSync(branch));
      still.push(branch.readOnly ? branch : forks.at(-1)!);
    }
    return look(still);
  } finally {
    for (const fork of forks) fork.pool.releaseSync(fork);
  }
}
