/**
 * What the tables' operations work on: a branch, or a transaction in it, which keeps account of what it reads and writes.
 * Callers must go through one target for all operations that belong together; the root of a target may be another one after any
 * yield of a job.
 */
import type { Root } from '../core/store.ts';
import type { Job, Runner } from './job.ts';
import type { AccessSet } from './ops/access.ts';

/** A state of the target that stays as it is. */
export interface Fork {
  readonly root: Root;
  release(): void;
}

export interface Target extends Runner {
  /** Holds the root as it is when the job gets there. */
  fork(): Job<Fork>;
  /**
   * Work of many operations that happens as a whole or not at all. The work may be done more than once, on a target of its own
   * each time, if the branch changes meanwhile: then `last` is what the attempt before came to.
   */
  atomically<T>(work: (inner: Target, last?: Root) => Job<T>): Job<T>;
  /** A number that nothing in the pool has had. One operation. */
  nextNumber(): number;
  /** Changes whenever a table's record may have changed. */
  readonly epoch: number;
  /** To be called by whoever writes or removes a record. */
  recordChanged(): void;
  /** Of a serializable transaction. */
  readonly reads?: AccessSet | undefined;
  /** Of a transaction: what it wrote, and what must be as it was for its writes to be right. */
  readonly writes?: AccessSet | undefined;
}
