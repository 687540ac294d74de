/**
 * Work of several operations, written once for callers that wait and callers that do not: a generator that yields operations.
 * A job must not hold anything borrowed from the core across a yield, and must expect the branch to have changed there.
 */
import type { Root, Store } from '../core/store.ts';

/** What runs operations: a branch, or a transaction in it. */
export interface Runner {
  readonly store: Store;
  readonly root: Root;
  readonly readOnly: boolean;
  run<T>(operation: () => T): Promise<T>;
  runSync<T>(operation: () => T): T;
}

type Operation = () => unknown;

/** What a pool does in two forms, as a part of a job. */
export interface Procedure {
  wait(): Promise<unknown>;
  now(): unknown;
}

export type Job<T> = Generator<Operation | Procedure, T, unknown>;

/** One operation of a job. */
export function* step<T>(operation: () => T): Job<T> {
  return (yield operation) as T;
}

/** One procedure of a pool, as a step of a job. */
export function* proceed<T>(procedure: { wait(): Promise<T>; now(): T }): Job<T> {
  return (yield procedure) as T;
}

export function runJobSync<T>(runner: Pick<Runner, 'runSync'>, job: Job<T>): T {
  let turn = job.next();
  while (!turn.done) {
    let outcome: unknown;
    try {
      outcome = typeof turn.value === 'function' ? runner.runSync(turn.value) : turn.value.now();
    } catch (error) {
      turn = job.throw(error);
      continue;
    }
    turn = job.next(outcome);
  }
  return turn.value;
}

export async function runJob<T>(runner: Pick<Runner, 'run'>, job: Job<T>): Promise<T> {
  let turn = job.next();
  while (!turn.done) {
    let outcome: unknown;
    try {
      outcome = await (typeof turn.value === 'function' ? runner.run(turn.value) : turn.value.wait());
    } catch (error) {
      turn = job.throw(error);
      continue;
    }
    turn = job.next(outcome);
  }
  return turn.value;
}
