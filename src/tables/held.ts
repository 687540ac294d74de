/**
 * One state of a branch as what tables read: nothing changes it, so readers of it need no forks of their own.
 * Callers must release it.
 */
import type { Root, Store } from '../core/store.ts';
import { ByreError } from '../errors.ts';
import type { Branch } from '../pool/branch.ts';
import { forkOf } from './branch-target.ts';
import type { Job } from './job.ts';
import type { Fork, Target } from './target.ts';

export class HeldState implements Target {
  readonly store: Store;
  readonly readOnly = true;
  private readonly held: { readonly branch: Branch; release(): void } | undefined;
  private readonly branch: Branch;

  constructor(branch: Branch) {
    this.store = branch.store;
    this.held = branch.readOnly ? undefined : forkOf(branch);
    this.branch = this.held?.branch ?? branch;
  }

  get root(): Root {
    return this.branch.root;
  }

  run<T>(operation: () => T): Promise<T> {
    return this.branch.run(operation);
  }

  runSync<T>(operation: () => T): T {
    return this.branch.runSync(operation);
  }

  fork(): Fork {
    return { root: this.root, release: () => {} };
  }

  atomically<T>(_work: (inner: Target) => Job<T>): Job<T> {
    throw new ByreError('READ_ONLY', 'A held state cannot be written');
  }

  release(): void {
    this.held?.release();
  }
}
