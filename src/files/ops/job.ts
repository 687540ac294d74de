/**
 * A job is what takes many operations: a generator that yields each of them and receives what it came to.
 * Callers must run every operation that a job yields in the runner of one pool, and hand its result or its error back.
 */

// biome-ignore lint/suspicious/noExplicitAny: what a yield gives back depends on the operation
export type Job<T> = Generator<() => unknown, T, any>;

/** One operation as a part of a job. */
export function* perform<T>(operation: () => T): Job<T> {
  return (yield operation) as T;
}

/** Runs a job to its end. `run` is a synchronous runner. */
export function finishJob<T>(run: <R>(operation: () => R) => R, job: Job<T>): T {
  let result = job.next();
  while (!result.done) {
    let given: unknown;
    try {
      given = run(result.value);
    } catch (error) {
      result = job.throw(error);
      continue;
    }
    result = job.next(given);
  }
  return result.value;
}
