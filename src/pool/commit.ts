/**
 * The commit: seal what has changed, write it, flush, write the other superblock, flush. Small ones leave the first flush out.
 * Callers must not seal anything themselves, and share commits: those that arrive while one is in flight share the next. Format in docs/format.md, promises in
 * docs/durability.md.
 */

import { pageOffset } from '../core/bytes.ts';
import { encodeRecord, nameKey, unnamedKey } from '../core/directory.ts';
import { prepare } from '../core/prepare.ts';
import { NO_RECORD } from '../core/record-ref.ts';
import { seal } from '../core/seal.ts';
import { reclaimStep } from '../core/share.ts';
import { type Companions, NO_COMPANIONS } from '../core/superblock.ts';
import { put } from '../core/tree.ts';
import { ByreError, isByreError } from '../errors.ts';
import { operate } from './attempt.ts';
import { dirtyCompanions } from './companions.ts';
import { type NextCounts, nextCounts } from './counts-storage.ts';
import { Flight, type Sealed } from './flight.ts';
import { growDevice, writeFrames, writePages } from './load.ts';
import type { OpenBranch, PoolState, StoredCounts } from './state.ts';
import type { Steps } from './steps.ts';

/** Makes everything done so far durable. */
export function* commit(state: PoolState): Steps<void> {
  // What is being sealed is no longer dirty, and not yet durable.
  const target = state.dirty || state.sealing ? state.store.building : state.store.building - 1;
  while (state.durable < target) {
    state.checkUsable();
    if (state.flight) yield state.flight.landing;
    else if (state.gate) yield state.gate;
    else yield* takeOff(state);
  }
}

/** Seals and writes one commit, and sees it to its landing. */
function* takeOff(state: PoolState): Steps<void> {
  if (state.mayWrite?.() === false) {
    state.poisonBy(new ByreError('LOCKED', 'its lock was removed or taken over while the pool was open'));
    state.checkUsable();
  }
  const sealed = yield* gated(state, sealAndWrite(state));
  yield* fly(state, sealed);
  yield* cutDevice(state);
}

function* fly(state: PoolState, sealed: Sealed): Steps<void> {
  const flight = new Flight(state, sealed);
  state.flight = flight;
  yield* flight.steps();
  // Closing the pool has finished the flight.
  if (state.closed && !state.poison) return;
  state.checkUsable();
}

/**
 * Ends what is pending while the caller keeps the gate closed: afterwards nothing is dirty, nothing is in flight, and no node
 * waits for its release.
 */
export function* settleInGate(state: PoolState): Steps<void> {
  while (state.flight) yield state.flight.landing;
  state.checkUsable();
  yield* reclaimInGate(state);
  if (state.dirty) yield* fly(state, yield* sealAndWrite(state));
}

function* reclaimInGate(state: PoolState): Steps<void> {
  const { store } = state;
  while (store.reclaim.length > 0) {
    try {
      yield* operate(state, () => reclaimStep(store));
    } catch (error) {
      forsake(state, error);
    }
  }
}

/** A damaged node that is to be released stays counted, for check to tell of: what it refers to is not known. */
export function forsake(state: PoolState, error: unknown): void {
  const { reclaim } = state.store;
  const page = isByreError(error) && error.code === 'DAMAGED' ? error.details.page : undefined;
  for (let at = 0; at < reclaim.length; at += 3) {
    if (reclaim[at] !== page) continue;
    reclaim.splice(at, 3);
    return;
  }
  throw error;
}

/** Keeps operations out while a procedure writes what they would change. */
export function* gated<T>(state: PoolState, steps: Steps<T>): Steps<T> {
  while (state.gate) yield state.gate;
  let open: () => void = () => {};
  const until = new Promise<void>((resolve) => {
    open = resolve;
  });
  state.gate = {
    kind: 'wait',
    until,
    // A device that performs at once never leaves a gate closed.
    finishSync: () => state.checkGate(),
  };
  try {
    return yield* steps;
  } finally {
    state.gate = undefined;
    open();
  }
}

function* sealAndWrite(state: PoolState): Steps<Sealed> {
  state.sealing = true;
  try {
    return yield* sealAndWriteOnce(state);
  } finally {
    state.sealing = false;
  }
}

function* sealAndWriteOnce(state: PoolState): Steps<Sealed> {
  const { store } = state;
  yield* reclaimInGate(state);
  yield* recordBranches(state);
  seal(store, state.directory);
  store.dirtyRoots.delete(state.directory);
  let counts: NextCounts | undefined;
  let companions: Companions | undefined;
  try {
    counts = nextCounts(state);
    const isListed = state.writes === state.flushedWrites && counts.written.length === 0;
    companions = isListed ? dirtyCompanions(state, counts.stored.tail.length) : undefined;
    yield* growDevice(state);
    yield* writeFrames(state, store.data);
    yield* writeFrames(state, store.nodes);
    for (const { ref, bytes } of counts.written) yield* writePages(state, ref.firstPage, [bytes]);
  } catch (error) {
    // A full device refused new pages: nothing that is in use was touched, and the pool goes on. Anything else is not known.
    if (isByreError(error) && error.code === 'ENOSPC') counts?.abandon();
    else state.poisonBy(error);
    state.changed = true;
    throw error;
  }
  return finishSeal(state, counts.stored, companions);
}

/** Brings the directory records of changed branches up to date. */
function* recordBranches(state: PoolState): Steps<void> {
  const { store } = state;
  for (const root of store.dirtyRoots) {
    if (root === state.directory) continue;
    seal(store, root);
    const branch = state.branchOf.get(root);
    if (branch) state.stale.add(branch);
  }
  for (const branch of state.stale) {
    const key = branchKey(branch);
    const record = encodeRecord(branch.record);
    yield* operate(state, () => {
      prepare(store, state.directory, { puts: [key], purpose: 'commit' });
      put(store, state.directory, key, record);
    });
    branch.recorded = true;
    state.stale.delete(branch);
  }
  for (const root of store.dirtyRoots) if (root !== state.directory) store.dirtyRoots.delete(root);
}

export function branchKey(branch: OpenBranch): Uint8Array {
  return branch.name === undefined ? unnamedKey(branch.record.id) : nameKey(branch.name);
}

/** Everything but the superblock is written: from here on the commit is sealed and the next one is being built. */
function finishSeal(state: PoolState, stored: StoredCounts, companions: Companions | undefined): Sealed {
  const { store } = state;
  store.space.closeWindows();
  const pageCount = store.counts.shrink();
  Object.assign(state.counts, stored);
  state.foldCounts = false;
  const held = store.counts.seal();
  const { directory } = state;
  const superblock = {
    nodeBytes: store.nodeBytes,
    commit: store.building,
    poolId: state.poolId,
    pageCount,
    limitPages: state.limitPages,
    directory: { page: directory.page, hashLow: directory.low, hashHigh: directory.high },
    nextInode: state.nextInode,
    nextBranchId: state.nextBranchId,
    moment: state.moment,
    countsBase: stored.base,
    logHead: stored.log[stored.log.length - 1] ?? NO_RECORD,
    logPages: stored.log.reduce((sum, ref) => sum + ref.pages, 0),
    reservedPages: store.reservedPages,
    tail: stored.tail,
    companions: companions ?? NO_COMPANIONS,
  };
  store.building++;
  state.changed = false;
  return { superblock, flushesOnce: companions !== undefined, held };
}

/** Gives the device's end back that neither of the last two commits uses; nothing may grow it meanwhile. */
export function* cutDevice(state: PoolState, atLeastBytes = CUT_BYTES): Steps<void> {
  if (state.flight || state.gate || state.device.bytes < cutBytes(state) + atLeastBytes) return;
  try {
    yield* gated(state, cut(state));
  } catch (error) {
    // The commit is durable all the same, but nobody knows how long the device is.
    state.poisonBy(error);
  }
}

function* cut(state: PoolState): Steps<void> {
  yield { kind: 'resize', bytes: cutBytes(state) };
}

function cutBytes(state: PoolState): number {
  return pageOffset(Math.max(state.durablePages, state.previousPages, state.store.counts.pageCount));
}

/** After a commit the device is cut only when that gives back at least so much. */
const CUT_BYTES = 2 << 20;
