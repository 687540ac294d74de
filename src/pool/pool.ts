/**
 * The pool: opening it, its public handle, and its end.
 * One process writes a pool at a time; within it, one handle. Close it when done: what was not committed is committed then.
 */

import { PAGE_BYTES, pagesFor } from '../core/bytes.ts';
import { ByreError } from '../errors.ts';
import { Branch } from './branch.ts';
import {
  adoptFork,
  type BranchInfo,
  type BranchLimits,
  checkWritable,
  createBranch,
  dropBranch,
  forkBranch,
  forkUnnamed,
  limitBranch,
  listBranches,
  openBranch,
  releaseUnnamed,
  renameBranch,
  rollbackBranch,
} from './branches.ts';
import { type CheckReport, check, scrub } from './check.ts';
import { commit } from './commit.ts';
import { type CompactReport, compact } from './compact.ts';
import { settle } from './companions.ts';
import type { Device } from './device.ts';
import {
  diffBranches,
  type KeyDifference,
  type KeyRange,
  type MergeOptions,
  type MergeReport,
  mergeBranches,
} from './merge.ts';
import { loadCounts, openState } from './open.ts';
import { type OpenOptions, type PoolOptions, resolveOptions } from './options.ts';
import { type BothForms, bothForms } from './procedures.ts';
import { refresh } from './refresh.ts';
import { renewBranch } from './renew.ts';
import { run } from './run.ts';
import type { LostCommit, OpenBranch, PoolState } from './state.ts';
import { drive, driveSync, type Steps } from './steps.ts';
import { type BranchUsage, usage } from './usage.ts';

const handles = new WeakMap<OpenBranch, Branch>();
const pools = new WeakMap<PoolState, Pool>();

/** Branches with faces: made once, since giving them to each handle would cost more than a fork. */
const faced = new WeakMap<PropertyDescriptorMap, typeof Branch>();

function branchWith(faces: PropertyDescriptorMap): typeof Branch {
  let kind = faced.get(faces);
  if (kind === undefined) {
    kind = class extends Branch {};
    Object.defineProperty(kind, 'name', { value: Branch.name });
    Object.defineProperties(kind.prototype, faces);
    faced.set(faces, kind);
  }
  return kind;
}

function handleOf(state: PoolState, open: OpenBranch): Branch {
  let handle = handles.get(open);
  if (!handle) {
    const Kind = state.faces ? branchWith(state.faces) : Branch;
    handle = new Kind(pools.get(state) as Pool, state, open);
    handles.set(open, handle);
  }
  return handle;
}

/** What a pool can be asked, each also as `…Sync`. */
const procedures = {
  /** The branch or snapshot of that name. Throws NO_SUCH_BRANCH. */
  *branch(state: PoolState, name: string): Steps<Branch> {
    return handleOf(state, yield* openBranch(state, name));
  },
  /** A new, empty branch. Throws EXISTS. */
  *createBranch(state: PoolState, name: string): Steps<Branch> {
    return handleOf(state, yield* createBranch(state, name));
  },
  /** Starts branch `to` from branch or snapshot `from`: O(1), nothing is copied. Throws NO_SUCH_BRANCH, EXISTS. */
  *fork(state: PoolState, from: string, to: string): Steps<Branch> {
    return handleOf(state, yield* forkBranch(state, from, to, 'branch'));
  },
  /** Names the present state of `from`; nobody can write it. */
  *snapshot(state: PoolState, from: string, to: string): Steps<Branch> {
    return handleOf(state, yield* forkBranch(state, from, to, 'snapshot'));
  },
  /** Starts a branch without a name, which ends with `release` or with the process. */
  *forkUnnamed(state: PoolState, from: Branch): Steps<Branch> {
    const source = opened(state, from);
    return handleOf(state, yield* run(state, () => forkUnnamed(state, source)));
  },
  *release(state: PoolState, branch: Branch): Steps<void> {
    yield* releaseUnnamed(state, opened(state, branch));
  },
  /**
   * Gives a branch the content of an unnamed fork of it, unless the branch has changed since the fork: then false, and
   * nothing is done.
   */
  *adopt(state: PoolState, into: Branch, fork: Branch): Steps<boolean> {
    return yield* adoptFork(state, opened(state, into), opened(state, fork));
  },
  /** Sets a branch to the state of a snapshot or of another branch. */
  *rollback(state: PoolState, branch: string, to: string): Steps<void> {
    yield* rollbackBranch(state, branch, to);
  },
  *rename(state: PoolState, from: string, to: string): Steps<void> {
    yield* renameBranch(state, from, to);
  },
  /** Removes a branch or snapshot; the time it takes goes with the pages that only it used. */
  *drop(state: PoolState, name: string): Steps<void> {
    yield* dropBranch(state, name);
  },
  /** Takes a branch from whoever has it open: other handles, and mounts of it alone, lose it as if it had been dropped. */
  *renew(state: PoolState, name: string): Steps<Branch> {
    return handleOf(state, yield* renewBranch(state, name));
  },
  *branches(state: PoolState): Steps<BranchInfo[]> {
    return yield* listBranches(state);
  },
  /** Sets a branch's quota and reservation. */
  *limit(state: PoolState, name: string, limits: BranchLimits): Steps<void> {
    yield* limitBranch(state, name, limits);
  },
  /** Every key that differs between two branches or snapshots; faces say what keys mean. */
  *diff(state: PoolState, a: string, b: string, range: KeyRange = {}): Steps<KeyDifference[]> {
    return yield* diffBranches(state, a, b, range);
  },
  /** Brings the changes of one branch since the common base into another, key by key; all of them or, on conflicts, none. */
  *merge(state: PoolState, options: MergeOptions): Steps<MergeReport> {
    return yield* mergeBranches(state, options);
  },
  /** What one branch or snapshot, or each, uses and shares. Walks them. */
  *usage(state: PoolState, name?: string): Steps<BranchUsage[]> {
    return yield* usage(state, name);
  },
  /** Proves the structure of the pool: every node, every count. */
  *check(state: PoolState): Steps<CheckReport> {
    return yield* check(state);
  },
  /** `check`, and reads every page from the device to compare it with its hash. */
  *scrub(state: PoolState): Steps<CheckReport> {
    return yield* scrub(state);
  },
  /** Moves pages from the end of the pool to free ones at its beginning, and gives the end back. */
  *compact(state: PoolState): Steps<CompactReport> {
    return yield* compact(state);
  },
  /** Loads the counts of pages, which a pool opened for reading does without until something needs them. */
  *loadCounts(state: PoolState): Steps<void> {
    yield* loadCounts(state);
  },
  /** Moves a pool opened for reading on to the newest commit; false if it has that already. */
  *refresh(state: PoolState): Steps<boolean> {
    return yield* refresh(state);
  },
  /** Makes everything done so far durable. Calls that come while one is in flight share the next. */
  *commit(state: PoolState): Steps<void> {
    if (!state.readOnly) yield* commit(state);
  },
};

export interface SpaceReport {
  /**
   * Bytes of the pool in use or held for the last commit. A pool opened for reading knows only that it is not more than this, until
   * `loadCounts`, `usage`, `check` or `scrub` has loaded its counts.
   */
  readonly usedBytes: number;
  /** Bytes that can be written: inside the pool, and up to its limit if it has one. */
  readonly freeBytes: number;
  /** Bytes freed that a later commit gives back. */
  readonly heldBytes: number;
  /** Undefined: the pool may grow as its device allows. */
  readonly limitBytes: number | undefined;
  /** Length of the pool's device. */
  readonly deviceBytes: number;
}

export interface PoolBase {
  readonly name: string;
  readonly readOnly: boolean;
  /** 16 bytes that tell pools apart. */
  readonly poolId: Uint8Array;
  /** The number of the last durable commit. */
  readonly commitNumber: number;
  /** Set if the newest commit is not whole (cut off, or damaged), and the one before it was opened in its place. */
  readonly lostCommit: LostCommit | undefined;
  /** True while something is not durable. */
  readonly dirty: boolean;
  space(): SpaceReport;
  /** Changes the pool's size limit; 0 lifts it. */
  setLimit(limitBytes: number): void;
  close(): Promise<void>;
  closeSync(): void;
  [Symbol.asyncDispose](): Promise<void>;
  [Symbol.dispose](): void;
}

export type Pool = PoolBase & BothForms<typeof procedures>;

/** What an opener adds to a pool. */
export interface Extras {
  /** Undoes something when the pool closes, such as its lock. */
  readonly release?: () => void;
  /** False once this process may not write the pool any more: asked before each commit. */
  readonly mayWrite?: () => boolean;
  /** Properties for every branch handle: its faces. */
  readonly faces?: PropertyDescriptorMap;
}

/** Opens the pool on a device; see {@link OpenOptions}. */
export async function openOn(device: Device, options: OpenOptions, extras: Extras = {}): Promise<Pool> {
  const resolved = resolveOptions(options);
  return makePool(await drive(device, openState(device, resolved)), resolved, extras);
}

/** {@link openOn} without waiting; the device must be able to. */
export function openOnSync(device: Device, options: OpenOptions, extras: Extras = {}): Pool {
  const resolved = resolveOptions(options);
  return makePool(driveSync(device, openState(device, resolved)), resolved, extras);
}

function makePool(state: PoolState, options: PoolOptions, extras: Extras): Pool {
  state.faces = extras.faces;
  state.mayWrite = extras.mayWrite;
  const timer = commitRegularly(state, options.commitEveryMs);
  const end = function* (): Steps<void> {
    clearInterval(timer);
    if (state.closed) return;
    try {
      if (!state.readOnly && !state.poison) {
        yield* commit(state);
        yield* settle(state);
      }
    } finally {
      state.closed = true;
    }
  };
  const base: PoolBase = {
    name: state.device.name,
    readOnly: state.readOnly,
    lostCommit: state.lost,
    poolId: state.poolId.slice(),
    get commitNumber() {
      return state.durable;
    },
    get dirty() {
      return state.dirty;
    },
    space: () => spaceOf(state),
    setLimit: (limitBytes) => setLimit(state, limitBytes),
    async close() {
      if (state.closed) return;
      try {
        await drive(state.device, end());
      } finally {
        await state.device.close();
        extras.release?.();
      }
    },
    closeSync() {
      if (state.closed) return;
      try {
        driveSync(state.device, end());
      } finally {
        state.device.closeSync?.();
        extras.release?.();
      }
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
    [Symbol.dispose]() {
      this.closeSync();
    },
  };
  // Descriptors, so that the getters stay getters.
  const pool = Object.defineProperties(bothForms(state, procedures), Object.getOwnPropertyDescriptors(base)) as Pool;
  pools.set(state, pool);
  return pool;
}

/** The timer that commits what would otherwise wait for the next call of commit. */
function commitRegularly(state: PoolState, everyMs: number): ReturnType<typeof setInterval> | undefined {
  if (everyMs === 0 || state.readOnly) return undefined;
  const timer = setInterval(() => {
    if (state.dirty && !state.flight && !state.poison && !state.closed) {
      // Nobody waits for this commit. Its failure is met again by the next call: as poison, or by a commit that fails too.
      drive(state.device, commit(state)).catch(() => {
        state.changed = true;
      });
    }
  }, everyMs);
  (timer as { unref?: () => void }).unref?.();
  return timer;
}

function spaceOf(state: PoolState): SpaceReport {
  const { counts, space } = state.store;
  const pages = state.uncounted ? state.uncounted.pageCount : counts.pageCount - counts.freeCount;
  return {
    usedBytes: pages * PAGE_BYTES,
    freeBytes: space.available * PAGE_BYTES,
    heldBytes: counts.heldCount * PAGE_BYTES,
    limitBytes: state.limitPages === 0 ? undefined : state.limitPages * PAGE_BYTES,
    deviceBytes: state.device.bytes,
  };
}

function setLimit(state: PoolState, limitBytes: number): void {
  const { limitPages } = resolveOptions({ limitBytes });
  state.checkUsable();
  checkWritable(state);
  if (limitPages !== 0 && limitPages < pagesFor(state.store.counts.pageCount * PAGE_BYTES)) {
    throw new ByreError('BAD_ARGUMENT', 'the pool is larger than that: drop branches and compact it first');
  }
  state.limitPages = limitPages;
  state.store.space.setLimit(limitPages);
  state.changed = true;
}

function opened(state: PoolState, branch: Branch): OpenBranch {
  const open = branch.openIn(state);
  if (!open) throw new ByreError('BAD_ARGUMENT', 'the branch belongs to another pool');
  return open;
}
