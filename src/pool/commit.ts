/**
 * The commit: seal what has changed, write it, flush, write the other superblock, flush.
 * Callers share commits: those that arrive while one is in flight share the next. Format in docs/format.md, promises in
 * docs/durability.md.
 */

import { PAGE_BYTES, pageOffset, pagesFor } from '../core/bytes.ts';
import { mergeRuns, type PageRuns } from '../core/counts.ts';
import { encodeLogRecord, encodeRuns, LOG_HEADER_BYTES } from '../core/counts-log.ts';
import { encodeRecord, nameKey, unnamedKey } from '../core/directory.ts';
import { prepare } from '../core/prepare.ts';
import { NO_RECORD, type RecordRef } from '../core/record-ref.ts';
import { seal } from '../core/seal.ts';
import { reclaimStep } from '../core/share.ts';
import { encodeSuperblock, SUPERBLOCK_TAIL_BYTES } from '../core/superblock.ts';
import { put } from '../core/tree.ts';
import { assert, ByreError, isByreError } from '../errors.ts';
import { operate } from './attempt.ts';
import { Flight, type Sealed } from './flight.ts';
import { growDevice, writeFrames } from './load.ts';
import type { OpenBranch, PoolState, StoredCounts } from './state.ts';
import type { Steps } from './steps.ts';

/** The counts log is folded into a new base when it is longer than this part of the base, and than this many pages. */
const LOG_PART = 0.5;
const LOG_PAGES = 64;
const LOG_RECORDS = 64;

/** Makes everything done so far durable. */
export function* commit(state: PoolState): Steps<void> {
  const target = state.dirty ? state.store.building : state.store.building - 1;
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
  const flight = new Flight(state, sealed);
  state.flight = flight;
  yield* flight.steps();
  state.checkUsable();
  yield* cutDevice(state);
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
    finishSync: () => {
      throw new Error('a device that performs at once never leaves a gate closed');
    },
  };
  try {
    return yield* steps;
  } finally {
    state.gate = undefined;
    open();
  }
}

function* sealAndWrite(state: PoolState): Steps<Sealed> {
  const { store } = state;
  while (store.reclaim.length > 0) yield* operate(state, () => reclaimStep(store));
  yield* recordBranches(state);
  seal(store, state.directory);
  store.dirtyRoots.delete(state.directory);
  const counts = nextCounts(state);
  try {
    yield* growDevice(state);
    yield* writeFrames(state, store.data);
    yield* writeFrames(state, store.nodes);
    for (const { ref, bytes } of counts.written)
      yield { kind: 'write', offset: pageOffset(ref.firstPage), pieces: [bytes] };
  } catch (error) {
    // A full device refused new pages: nothing that is in use was touched, and the pool goes on. Anything else is not known.
    if (isByreError(error) && error.code === 'ENOSPC') counts.abandon();
    else state.poisonBy(error);
    state.changed = true;
    throw error;
  }
  return finishSeal(state, counts.stored);
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

interface NextCounts {
  readonly stored: StoredCounts;
  readonly written: Array<{ ref: RecordRef; bytes: Uint8Array }>;
  /** Takes the records' pages back. */
  abandon(): void;
}

/** Decides how the counts of this commit are stored: in the superblock, in a new log record, or in a new base. */
function nextCounts(state: PoolState): NextCounts {
  const { counts } = state.store;
  const { base, log } = state.counts;
  state.store.space.closeWindows();
  counts.shrink();
  const tailPages = mergeRuns([...state.counts.tailPages, ...counts.changedPages()]);
  const tail = encodeRuns(counts.runsOf(tailPages));
  if (tail.length <= SUPERBLOCK_TAIL_BYTES && !state.foldCounts) {
    return { stored: { base, log, tailPages, tail }, written: [], abandon: () => {} };
  }
  const logPages = log.reduce((sum, ref) => sum + ref.pages, 0);
  const folds = state.foldCounts || log.length >= LOG_RECORDS || logPages > Math.max(LOG_PAGES, base.pages * LOG_PART);
  return folds ? foldCounts(state) : appendCounts(state, tailPages);
}

/** A new log record of all that changed since the last one, its own pages included. */
function appendCounts(state: PoolState, tailPages: PageRuns): NextCounts {
  const { store } = state;
  const { base, log } = state.counts;
  const previous = log[log.length - 1] ?? NO_RECORD;
  const size = encodeRuns(store.counts.runsOf(tailPages)).length;
  const { first, length } = allocateRecord(state, size);
  const pages = mergeRuns([...tailPages, first, length]);
  const record = encodeLogRecord({ kind: 'log', previous, runs: encodeRuns(store.counts.runsOf(pages)) });
  const written = recordAt(state, first, length, record);
  return {
    stored: { base, log: [...log, written.ref], tailPages: [], tail: new Uint8Array(0) },
    written: [written],
    abandon: () => store.counts.release(first, length),
  };
}

/** A new base of all counts; the old one and its log are held. */
function foldCounts(state: PoolState): NextCounts {
  const { store } = state;
  for (const ref of [state.counts.base, ...state.counts.log]) {
    if (ref.pages > 0) store.counts.release(ref.firstPage, ref.pages);
  }
  const { first, length } = allocateRecord(state, encodeRuns(store.counts.allRuns()).length);
  const record = encodeLogRecord({ kind: 'base', previous: NO_RECORD, runs: encodeRuns(store.counts.allRuns()) });
  const written = recordAt(state, first, length, record);
  return {
    stored: { base: written.ref, log: [], tailPages: [], tail: new Uint8Array(0) },
    written: [written],
    abandon: () => {
      // The old records are held by now, so the next commit must store every count anew.
      store.counts.release(first, length);
      Object.assign(state.counts, { base: NO_RECORD, log: [], tailPages: [0, store.counts.pageCount] });
    },
  };
}

/** Pages for a record of about `runsBytes`: naming them may split a run of counts into three. */
function allocateRecord(state: PoolState, runsBytes: number): { first: number; length: number } {
  const length = pagesFor(LOG_HEADER_BYTES + runsBytes + 64);
  return { first: state.store.space.allocateNode(length), length };
}

/** A record is padded to whole pages, since its own size is among what it tells. */
function recordAt(
  state: PoolState,
  firstPage: number,
  pages: number,
  record: Uint8Array,
): { ref: RecordRef; bytes: Uint8Array } {
  const { store } = state;
  const bytes = new Uint8Array(pages * PAGE_BYTES);
  assert(record.length <= bytes.length, 'a record of counts outgrows its pages');
  bytes.set(record);
  store.hash(bytes, store.hashWords);
  const ref = { firstPage, pages, bytes: bytes.length, hashLow: store.hashWords[0], hashHigh: store.hashWords[1] };
  return { ref, bytes };
}

/** Everything but the superblock is written: from here on the commit is sealed and the next one is being built. */
function finishSeal(state: PoolState, stored: StoredCounts): Sealed {
  const { store } = state;
  store.space.closeWindows();
  const pageCount = store.counts.shrink();
  Object.assign(state.counts, stored);
  state.foldCounts = false;
  const held = store.counts.seal();
  const { directory } = state;
  const superblock = encodeSuperblock(
    {
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
    },
    store.hash,
  );
  const sealed = { commit: store.building, superblock, pageCount, held };
  store.building++;
  state.changed = false;
  return sealed;
}

/** Gives the device's end back that neither of the last two commits uses. */
function* cutDevice(state: PoolState): Steps<void> {
  const pages = Math.max(state.durablePages, state.previousPages, state.store.counts.pageCount);
  const bytes = pageOffset(pages);
  if (state.device.bytes >= bytes + CUT_BYTES && !state.flight && !state.gate) yield { kind: 'resize', bytes };
}

/** The device is cut only when that gives back at least so much. */
const CUT_BYTES = 2 << 20;
