/**
 * A branch as what tables work on.
 * Callers must use one per branch (`targetOf`); jobs that are to be atomic must go through `atomically`.
 */

import type { Root } from '../core/store.ts';
import { isByreError } from '../errors.ts';
import type { Branch } from '../pool/branch.ts';
import { type Job, proceed, runJobSync } from './job.ts';
import type { AccessSet } from './ops/access.ts';
import type { Fork, Target } from './target.ts';

/** An unnamed fork, and how to end it. */
export interface OwnFork {
  readonly branch: Branch;
  release(): void;
}

/** An unnamed fork that ends when it is released. */
export function* forkOf(branch: Branch): Job<OwnFork> {
  const { pool } = branch;
  return ownFork(yield* proceed({ wait: () => pool.forkUnnamed(branch), now: () => pool.forkUnnamedSync(branch) }));
}

/** What goes wrong when it is released concerns nobody any more: the pool is closed or poisoned. */
function ownFork(fork: Branch): OwnFork {
  return { branch: fork, release: () => void fork.pool.release(fork).catch(() => {}) };
}

/** Gives a branch the content of a fork of it; false if the branch has changed since the fork began. */
export function adopt(into: Branch, fork: Branch): Job<boolean> {
  const { pool } = into;
  return proceed({ wait: () => pool.adopt(into, fork), now: () => pool.adoptSync(into, fork) });
}

export class BranchTarget implements Target {
  private at: Branch;
  private recordWrites = 0;
  readonly store: Branch['store'];
  readonly reads: AccessSet | undefined;
  readonly writes: AccessSet | undefined;

  /** The sets are given for a transaction's fork. */
  constructor(branch: Branch, reads?: AccessSet, writes?: AccessSet) {
    this.at = branch;
    this.store = branch.store;
    this.reads = reads;
    this.writes = writes;
  }

  get branch(): Branch {
    return this.at;
  }

  /** A transaction's target moves to another fork at each savepoint. */
  moveTo(branch: Branch): void {
    this.recordWrites = this.epoch + 1;
    this.at = branch;
  }

  /** Both parts only grow: a branch's version with every replacement of its content, the other with records written in place. */
  get epoch(): number {
    return this.at.version + this.recordWrites;
  }

  recordChanged(): void {
    this.recordWrites++;
  }

  get root(): Root {
    return this.branch.root;
  }

  get readOnly(): boolean {
    return this.branch.readOnly;
  }

  run<T>(operation: () => T): Promise<T> {
    return this.branch.run(operation);
  }

  runSync<T>(operation: () => T): T {
    return this.branch.runSync(operation);
  }

  *fork(): Job<Fork> {
    if (this.readOnly) return { root: this.root, release: () => {} };
    const { branch, release } = yield* forkOf(this.branch);
    return { root: branch.root, release };
  }

  nextNumber(): number {
    return this.branch.nextInode();
  }

  *atomically<T>(work: Work<T>): Job<T> {
    const tries: Tries = { last: undefined };
    try {
      for (let failures = 0; ; failures++) {
        const outcome = yield* failures < PATIENCE ? this.attempt(work, tries) : this.atOnce(work, tries);
        if (outcome !== undefined) return outcome.result;
      }
    } finally {
      tries.last?.release();
    }
  }

  /** Undefined: the branch has changed meanwhile, and nothing was done. */
  private *attempt<T>(work: Work<T>, tries: Tries): Job<{ result: T } | undefined> {
    const fork = yield* forkOf(this.branch);
    try {
      const result = yield* work(new BranchTarget(fork.branch, this.reads, this.writes), tries.last?.branch.root);
      return (yield* adopt(this.branch, fork.branch)) ? { result } : undefined;
    } finally {
      tries.last?.release();
      tries.last = fork;
    }
  }

  /** An attempt that nobody comes in between, where the device lets it: who writes all the time must not starve others. */
  private *atOnce<T>(work: Work<T>, tries: Tries): Job<{ result: T } | undefined> {
    const now = () => runJobSync(this, this.attempt(work, tries));
    try {
      return yield* proceed({ wait: async () => now(), now });
    } catch (error) {
      if (!isByreError(error) || error.code !== 'UNSUPPORTED') throw error;
      return yield* this.attempt(work, tries);
    }
  }
}

type Work<T> = (inner: Target, last?: Root) => Job<T>;

/** The fork of the attempt before, if there was one. */
interface Tries {
  last: OwnFork | undefined;
}

/** After so many attempts that others came in between, one that nobody can. */
const PATIENCE = 2;

const target = (branch: Branch) => new BranchTarget(branch);

export function targetOf(branch: Branch): BranchTarget {
  return branch.face(target);
}
