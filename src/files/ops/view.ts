/**
 * What every operation of the files face gets: one branch as core sees it, and the clock and counter that core must not know.
 * Callers must make one view per branch handle, and must run an operation inside the branch's runner.
 */
import type { Root, Store } from '../../core/store.ts';
import { failure } from './failure.ts';
import type { Known } from './known.ts';

/** Since 1970, UTC. Seconds may be negative; nanoseconds are 0 to 999,999,999 and always count forward. */
export interface Time {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** One state of a branch, to be read. */
export interface Tree {
  readonly store: Store;
  readonly root: Root;
  /** What need not be looked up again, of a tree that is looked at often. */
  readonly known?: Known | undefined;
}

export interface View extends Tree {
  readonly readOnly: boolean;
  /** The present time. Asked once by each operation that stamps. */
  now(): Time;
  /** A number that no inode of this pool ever had. One asked for by an operation that is then run again may stay unused. */
  nextInode(): number;
}

export function requireWritable(view: View): void {
  if (view.readOnly) throw failure('EROFS');
}

export function requireTime(time: Time): void {
  const { seconds, nanoseconds } = time;
  if (
    !Number.isSafeInteger(seconds) ||
    !Number.isInteger(nanoseconds) ||
    nanoseconds < 0 ||
    nanoseconds > 999_999_999
  ) {
    throw failure('EINVAL');
  }
}
