/**
 * A branch as what tables work on.
 * Callers must use one per branch (`targetOf`); jobs that are to be atomic must go through `atomically`.
 */

import type { Root } from '../core/store.ts';
import type { Branch } from '../pool/branch.ts';
import { adoptRoot } from './adopt.ts';
import { type Job, step } from './job.ts';
import type { KeySet, ReadSet } from './ops/access.ts';
import type { Fork, Target } from './target.ts';

/** An unnamed fork that ends when it is released. What goes wrong then concerns nobody any more: the pool is closed or poisoned. */
export function forkOf(branch: Branch): { readonly branch: Branch; release(): void } {
  const fork = branch.pool.forkUnnamedSync(branch);
  return { branch: fork, release: () => void branch.pool.release(fork).catch(() => {}) };
}

export class BranchTarget implements Target {
  readonly branch: Branch;
  readonly store: Branch['store'];
  readonly reads: ReadSet | undefined;
  readonly writes: KeySet | undefined;

  /** The sets are given for a transaction's fork. */
  constructor(branch: Branch, reads?: ReadSet, writes?: KeySet) {
    this.branch = branch;
    this.store = branch.store;
    this.reads = reads;
    this.writes = writes;
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

  fork(): Fork {
    const { branch, release } = forkOf(this.branch);
    return { root: branch.root, release };
  }

  *atomically<T>(work: (inner: Target) => Job<T>): Job<T> {
    const { branch, store } = this;
    for (;;) {
      const basePage = branch.root.page;
      const fork = forkOf(branch);
      try {
        const result = yield* work(new BranchTarget(fork.branch, this.reads, this.writes));
        if (yield* step(() => adoptRoot(store, branch.root, fork.branch.root, basePage))) return result;
      } finally {
        fork.release();
      }
    }
  }
}

const target = (branch: Branch) => new BranchTarget(branch);

export function targetOf(branch: Branch): BranchTarget {
  return branch.face(target);
}
