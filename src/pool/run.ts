/**
 * The runners: run an operation, serve what it faults for, and run it again until it is through.
 * Callers' operations obey the law of attempt.ts; a runner must not be called inside an operation.
 */

import { Fault } from '../core/fault.ts';
import type { Root } from '../core/store.ts';
import { assert } from '../errors.ts';
import { attempt, MAX_ATTEMPTS } from './attempt.ts';
import { commit, gated } from './commit.ts';
import { load, type Pins, unpin, writeData } from './load.ts';
import { reckon } from './reckon.ts';
import type { PoolState } from './state.ts';
import { drive, driveSync, type Steps } from './steps.ts';

export function runSync<T>(state: PoolState, operation: () => T): T {
  state.checkGate();
  state.checkUsable();
  const result = attempt(state, operation, 0);
  return result instanceof Fault ? driveSync(state.device, serve(state, operation, result)) : result;
}

export async function runAsync<T>(state: PoolState, operation: () => T): Promise<T> {
  while (state.gate) await state.gate.until;
  state.checkUsable();
  const result = attempt(state, operation, 0);
  return result instanceof Fault ? drive(state.device, serve(state, operation, result)) : result;
}

/** An operation as a part of a procedure. */
export function* run<T>(state: PoolState, operation: () => T): Steps<T> {
  while (state.gate) yield state.gate;
  state.checkUsable();
  const result = attempt(state, operation, 0);
  return result instanceof Fault ? yield* serve(state, operation, result) : result;
}

function* serve<T>(state: PoolState, operation: () => T, first: Fault): Steps<T> {
  const pins: Pins = { nodes: [], data: [] };
  let fault = first;
  let commits = 0;
  try {
    for (let count = 0; ; count++) {
      assert(count < MAX_ATTEMPTS, 'an operation faults without end');
      if (fault.kind === 'load') yield* load(state, fault, pins);
      else if (fault.kind === 'flush') yield* gated(state, writeData(state));
      else if (fault.kind === 'reckon') yield* reckon(state, fault.root as Root);
      else {
        commits++;
        state.changed = true;
        yield* commit(state);
      }
      while (state.gate) yield state.gate;
      state.checkUsable();
      const result = attempt(state, operation, commits);
      if (!(result instanceof Fault)) return result;
      fault = result;
    }
  } finally {
    unpin(state, pins);
  }
}
