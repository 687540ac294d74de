/**
 * One attempt at an operation, and operations as parts of procedures that only load.
 * Operations must be synchronous, must not call a runner, and must obey the law of read first, write second.
 */

import { Fault } from '../core/fault.ts';
import { assert } from '../errors.ts';
import { load, type Pins, unpin } from './load.ts';
import type { PoolState } from './state.ts';
import type { Steps } from './steps.ts';

/** More faults than any operation can have: each names pages that stay pinned until it ends. */
export const MAX_ATTEMPTS = 4000;

/**
 * The operation's result, or the fault it threw. `commits` is how many commits were made for its sake so far. An error
 * after the first change poisons the pool: nothing undoes half a write.
 */
export function attempt<T>(state: PoolState, operation: () => T, commits: number): T | Fault {
  assert(!state.running, 'an operation runs inside another');
  const { store } = state;
  state.running = true;
  store.begin(commits);
  try {
    return operation();
  } catch (caught) {
    if (caught instanceof Fault && !store.wrote) return caught;
    if (store.wrote) state.poisonBy(caught);
    throw caught;
  } finally {
    store.end();
    state.running = false;
  }
}

/** Runs an operation that needs nothing but pages loaded, as those of a commit, a check or a walk do. */
export function* operate<T>(state: PoolState, operation: () => T): Steps<T> {
  const pins: Pins = { nodes: [], data: [] };
  try {
    for (let count = 0; count < MAX_ATTEMPTS; count++) {
      const result = attempt(state, operation, 0);
      if (!(result instanceof Fault)) return result;
      assert(result.kind === 'load', 'a part of a procedure faults for more than pages');
      yield* load(state, result, pins);
    }
    assert(false, 'an operation faults without end');
  } finally {
    unpin(state, pins);
  }
}
