/**
 * Methods are written once, as single operations or as tasks: generators of operations, which a synchronous or a waiting driver
 * runs. A task must keep nothing across a yield that another task could have made untrue, but inodes that it holds.
 */
import { ByreError } from '../errors.ts';
import { pause } from './platform.ts';

/** What a task cannot do inside an operation: a commit, or something only the caller's own code knows. */
export interface Wait {
  readonly wait: () => unknown;
  /** Absent where there is nothing to do but to wait. */
  readonly waitSync?: () => unknown;
}

export type Step = (() => unknown) | Wait;

/** Receives what each step came to. */
// biome-ignore lint/suspicious/noExplicitAny: what a yield gives back depends on the step
export type Task<T> = Generator<Step, T, any>;

/** What a method's body comes to: one operation, or a task. */
export type Work<T = unknown> = (() => T) | Task<T>;

/** Runs operations of one branch. */
export interface Runner {
  run<T>(operation: () => T): Promise<T>;
  runSync<T>(operation: () => T): T;
}

/** A long task lets others have their turn after so many steps. */
const STEPS_BETWEEN_PAUSES = 256;

export function isTask<T>(work: Work<T>): work is Task<T> {
  return typeof work !== 'function';
}

function performSync(runner: Runner, step: Step): unknown {
  if (typeof step === 'function') return runner.runSync(step);
  if (step.waitSync === undefined) {
    throw new ByreError('UNSUPPORTED', 'this can only be waited for: use the method without Sync');
  }
  return step.waitSync();
}

export function driveSync<T>(runner: Runner, work: Work<T>): T {
  if (!isTask(work)) return runner.runSync(work);
  let result = work.next();
  while (!result.done) {
    let given: unknown;
    try {
      given = performSync(runner, result.value);
    } catch (error) {
      result = work.throw(error);
      continue;
    }
    result = work.next(given);
  }
  return result.value;
}

/** Goes on with a task whose first step is given: callers run a task's checks of its arguments before they wait. */
export async function driveFrom<T>(runner: Runner, task: Task<T>, first: IteratorResult<Step, T>): Promise<T> {
  let result = first;
  for (let steps = 1; !result.done; steps++) {
    let given: unknown;
    try {
      const step = result.value;
      given = await (typeof step === 'function' ? runner.run(step) : step.wait());
      if (steps % STEPS_BETWEEN_PAUSES === 0) await pause();
    } catch (error) {
      result = task.throw(error);
      continue;
    }
    result = task.next(given);
  }
  return result.value;
}

/** Throws at once what a task throws before its first step; everything later rejects. */
export function drive<T>(runner: Runner, work: Work<T>): Promise<T> {
  if (!isTask(work)) return runner.run(work);
  return driveFrom(runner, work, work.next());
}

/** Asks what is there in both forms already. */
export function* either<T>(wait: () => Promise<T>, waitSync: () => T): Task<T> {
  return (yield { wait, waitSync }) as T;
}

/** Waits for what the caller gave: an iterator's next item, a filter's answer. In the synchronous form it must be there already. */
export function given<T>(value: () => T | PromiseLike<T>): Wait {
  return {
    wait: value,
    waitSync: () => {
      const result = value();
      if (typeof result === 'object' && result !== null && 'then' in result) {
        throw new ByreError('UNSUPPORTED', 'a promise can only be waited for: use the method without Sync');
      }
      return result;
    },
  };
}
