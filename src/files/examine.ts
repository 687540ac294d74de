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
import { drive, driveSync, either, type Task } from './task.ts';

export type { FileChange } from './ops/compare.ts';
export type { Problem as FilesProblem } from './ops/verify.ts';

/** All that differs from `a` to `b`, two branches of one pool, in order of paths. Time goes with what differs. */
export async function compareFiles(a: Branch, b: Branch): Promise<FileChange[]> {
  return drive(b, held([a, b], compareTrees));
}

export function compareFilesSync(a: Branch, b: Branch): FileChange[] {
  return driveSync(b, held([a, b], compareTrees));
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
export async function checkFiles(branch: Branch): Promise<readonly Problem[]> {
  return drive(branch, held([branch], verify));
}

export function checkFilesSync(branch: Branch): readonly Problem[] {
  return driveSync(branch, held([branch], verify));
}

function* verify(branch: Branch): Job<readonly Problem[]> {
  const verification = new Verification(branch);
  while (!(yield () => verification.step()));
  return verification.problems;
}

/** Looks at forks, which nobody writes; in a pool opened for reading, and for a snapshot, at the branch itself. */
function* held<Held extends Branch[], T>(branches: readonly [...Held], look: (...still: Held) => Job<T>): Task<T> {
  const still: Branch[] = [];
  const forks: Branch[] = [];
  try {
    for (const branch of branches) {
      if (branch.readOnly) {
        still.push(branch);
        continue;
      }
      const fork = yield* either(
        () => branch.pool.forkUnnamed(branch),
        () => branch.pool.forkUnnamedSync(branch),
      );
      forks.push(fork);
      still.push(fork);
    }
    return yield* look(...(still as Held));
  } finally {
    for (const fork of forks) {
      yield* either(
        () => fork.pool.release(fork),
        () => fork.pool.releaseSync(fork),
      );
    }
  }
}
