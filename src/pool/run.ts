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

/** What one operation may pin: beyond so many at a time, operations wait their turn to have pages loaded. */
const PINNED_NODES = 64;
const PINNED_DATA = 160;

function* serve<T>(state: PoolState, operation: () => T, first: Fault): Steps<T> {
  const isLate = state.served > 0 && (yield* takeTurn(state));
  state.served++;
  try {
    // After a wait the fault may be out of date.
    return yield* serveInTurn(state, operation, isLate ? undefined : first);
  } finally {
    state.served--;
    state.turns.shift()?.();
  }
}

/** Waits until few enough operations are being served; true if it had to. */
function* takeTurn(state: PoolState): Steps<boolean> {
  const { nodes, data } = state.store;
  const most = Math.floor(Math.min(nodes.capacity / PINNED_NODES, data.capacity / PINNED_DATA));
  let isSync = false;
  let waited = false;
  while (state.served >= most && !isSync) {
    const until = new Promise<void>((resolve) => {
      state.turns.push(resolve);
    });
    // Who cannot wait goes first: nothing else runs until it is through.
    const finishSync = () => {
      isSync = true;
    };
    yield { kind: 'wait', until, finishSync };
    waited = true;
  }
  return waited;
}

function* serveInTurn<T>(state: PoolState, operation: () => T, first: Fault | undefined): Steps<T> {
  const pins: Pins = { nodes: [], data: [] };
  let fault = first;
  let commits = 0;
  try {
    for (let count = 0; ; count++) {
      assert(count < MAX_ATTEMPTS, 'an operation faults without end');
      if (fault?.kind === 'load') yield* load(state, fault, pins);
      else if (fault?.kind === 'flush') yield* gated(state, writeData(state));
      else if (fault?.kind === 'reckon') yield* reckon(state, fault.root as Root);
      else if (fault?.kind === 'commit') {
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
