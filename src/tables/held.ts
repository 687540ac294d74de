/**
 * One state of a branch or transaction as what tables read: nothing changes it, so readers of it need no forks of their own.
 * Callers must release it.
 */
import type { Root, Store } from '../core/store.ts';
import { ByreError } from '../errors.ts';
import { type Job, runJobSync } from './job.ts';
import type { Fork, Target } from './target.ts';

/** Holds the state of a target as it is when the job gets there. */
export function* hold(of: Target): Job<HeldState> {
  return new HeldState(of, yield* of.fork());
}

/** {@link hold} for interfaces that cannot wait. On a device that can only wait it may throw, while a commit is being written. */
export function holdNow(of: Target): HeldState {
  return runJobSync(of, hold(of));
}

export class HeldState implements Target {
  readonly store: Store;
  readonly readOnly = true;
  readonly epoch = 0;
  private readonly of: Target;
  private readonly held: Fork;

  constructor(of: Target, held: Fork) {
    this.of = of;
    this.store = of.store;
    this.held = held;
  }

  get root(): Root {
    return this.held.root;
  }

  run<T>(operation: () => T): Promise<T> {
    return this.of.run(operation);
  }

  runSync<T>(operation: () => T): T {
    return this.of.runSync(operation);
  }

  /** It holds already. */
  *fork(): Job<Fork> {
    return { root: this.root, release: () => {} };
  }

  atomically<T>(_work: (inner: Target) => Job<T>): Job<T> {
    throw new ByreError('READ_ONLY', 'A held state cannot be written');
  }

  nextNumber(): never {
    throw new ByreError('READ_ONLY', 'A held state cannot be written');
  }

  recordChanged(): void {}

  release(): void {
    this.held.release();
  }
}
