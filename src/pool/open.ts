/**
 * Opening a pool: the newest superblock whose commit is whole, else the one before; or a new pool on an empty device.
 * Callers must hold the pool's lock before they open it for writing.
 */

import { PAGE_BYTES, pageOffset } from '../core/bytes.ts';
import { decodeLogRecord, decodeRuns } from '../core/counts-log.ts';
import { isNoRecord, type RecordRef } from '../core/record-ref.ts';
import { Store } from '../core/store.ts';
import {
  decodeSuperblock,
  hasMagic,
  SUPERBLOCK_SLOTS,
  type Superblock,
  type SuperblockProblem,
  settledSuperblock,
  superblockSlot,
} from '../core/superblock.ts';
import { ByreError, isByreError } from '../errors.ts';
import { operate } from './attempt.ts';
import { createBranch, dropUnnamed } from './branches.ts';
import { commit } from './commit.ts';
import { type ReadCompanion, readCompanions } from './companions.ts';
import type { Device } from './device.ts';
import { hash64 } from './hash.ts';
import type { PoolOptions } from './options.ts';
import { PoolState } from './state.ts';
import type { Steps } from './steps.ts';

/** The longest chain of count records that a pool may have; more is damage. */
const MAX_RECORDS = 100_000;

/** Opens the pool on a device, or makes one if the device is empty and `create` is set. */
export function* openState(device: Device, options: PoolOptions): Steps<PoolState> {
  if (device.bytes === 0 || (options.create && (yield* isUnborn(device)))) {
    if (!options.create || options.readOnly) {
      throw new ByreError('NO_SUCH_POOL', `there is no pool in ${device.name}: it is empty`);
    }
    return yield* format(device, options);
  }
  const { found, problems, unfinished, companions } = yield* wholeSuperblocks(device);
  let lost = unfinished && { commit: unfinished.commit, error: cutOff(device, unfinished) };
  for (const { superblock, page } of found) {
    try {
      if (!options.readOnly) yield* makeDurable(superblock, page, superblock === found[0].superblock ? companions : []);
      if (!options.readOnly && unfinished) yield* wipe(unfinished);
      const state = yield* openCommit(device, options, superblock);
      state.lost = lost;
      return state;
    } catch (error) {
      if (!isByreError(error) || (error.code !== 'DAMAGED' && error.code !== 'STALE')) throw error;
      lost ??= { commit: superblock.commit, error };
    }
  }
  if (lost) throw lost.error;
  throw unusable(device, problems);
}

/** How often a reader looks again whether a commit is whole that its writer may have gone on from. */
const LOOKS = 10;

function cutOff(device: Device, { commit }: Superblock): ByreError {
  const message = `commit ${commit} of ${device.name} is not whole: it was cut off, or a page of it is damaged`;
  return new ByreError('DAMAGED', message);
}

interface WholeSuperblocks extends FoundSuperblocks {
  /** The newest one, if it is not among those found: its commit was cut off, and has not happened. */
  readonly unfinished: Superblock | undefined;
  /** What belongs to the newest one that was found. */
  readonly companions: readonly ReadCompanion[];
}

/** The superblocks, without one whose companions are not all there. */
function* wholeSuperblocks(device: Device): Steps<WholeSuperblocks> {
  let looked: Superblock | undefined;
  for (let looks = 1; ; looks++) {
    const { found, problems } = yield* readSuperblocks(device);
    const newest = found[0]?.superblock;
    const companions = newest === undefined ? [] : yield* readCompanions(device, newest);
    if (companions !== undefined) return { found, problems, unfinished: undefined, companions };
    // A writer may have gone on, and have used these pages again.
    if (newest.commit === looked?.commit || looks === LOOKS) {
      return { found: found.slice(1), problems, unfinished: newest, companions: [] };
    }
    looked = newest;
  }
}

export interface FoundSuperblocks {
  /** Newest first, each with the page as it was read. */
  readonly found: ReadonlyArray<{ readonly superblock: Superblock; readonly page: Uint8Array }>;
  readonly problems: readonly SuperblockProblem[];
}

export function* readSuperblocks(device: Device): Steps<FoundSuperblocks> {
  const found: Array<{ superblock: Superblock; page: Uint8Array }> = [];
  const problems: SuperblockProblem[] = [];
  for (let slot = 0; slot < SUPERBLOCK_SLOTS; slot++) {
    const page = new Uint8Array(PAGE_BYTES);
    yield { kind: 'read', offset: pageOffset(slot), target: page };
    const decoded = decodeSuperblock(page, hash64);
    if ('problem' in decoded) problems.push(decoded);
    // What lies beyond the end is read as zero, which may be what was there.
    else if (device.bytes < pageOffset(slot + 1))
      problems.push({ code: 'DAMAGED', problem: 'it ends within a superblock' });
    else found.push({ superblock: decoded, page });
  }
  found.sort((a, b) => b.superblock.commit - a.superblock.commit);
  return { found, problems };
}

/**
 * A device on which the first superblock never became durable: nothing but that was ever written to it. Larger devices are
 * left alone, whatever they begin with.
 */
function* isUnborn(device: Device): Steps<boolean> {
  if (device.readOnly || device.bytes > SUPERBLOCK_SLOTS * PAGE_BYTES) return false;
  const pages = new Uint8Array(SUPERBLOCK_SLOTS * PAGE_BYTES);
  yield { kind: 'read', offset: 0, target: pages };
  // The first commit is number 1, whose slot is the second page; a torn write may have left any part of it.
  const second = pages.subarray(PAGE_BYTES);
  const begun = hasMagic(second) || second.subarray(0, 8).every((byte) => byte === 0);
  return begun && pages.subarray(0, PAGE_BYTES).every((byte) => byte === 0);
}

function unusable(device: Device, problems: readonly SuperblockProblem[]): ByreError {
  const problem =
    problems.find(({ code }) => code === 'UNSUPPORTED') ??
    problems.find(({ code }) => code === 'DAMAGED') ??
    problems[0];
  return new ByreError(problem.code, `cannot open ${device.name}: ${problem.problem}`, { details: { problems } });
}

/** Writes the first superblock, of an empty pool, before the device grows beyond it; then the branch main. */
function* format(device: Device, options: PoolOptions): Steps<PoolState> {
  const poolId = globalThis.crypto.getRandomValues(new Uint8Array(16));
  const state = new PoolState(device, makeStore(options, options.nodeBytes, options.limitPages), poolId, false);
  state.limitPages = options.limitPages;
  state.store.counts.grow(SUPERBLOCK_SLOTS);
  state.store.counts.allocate(0, SUPERBLOCK_SLOTS);
  state.changed = true;
  const first = SUPERBLOCK_SLOTS * PAGE_BYTES;
  if (device.bytes !== first) yield { kind: 'resize', bytes: first };
  yield* commit(state);
  yield* plantMain(state);
  return state;
}

/** Every pool has a branch main, unless it was dropped; a crash may have come between the first two commits. */
function* plantMain(state: PoolState): Steps<void> {
  if (state.durable !== 1 || state.directory.page !== 0) return;
  yield* createBranch(state, 'main');
  yield* commit(state);
}

function makeStore(options: PoolOptions, nodeBytes: number, limitPages: number): Store {
  return new Store({ nodeBytes, cacheBytes: options.cacheBytes, limitPages, hash: hash64 });
}

function* openCommit(device: Device, options: PoolOptions, superblock: Superblock): Steps<PoolState> {
  const store = makeStore(options, superblock.nodeBytes, superblock.limitPages);
  const state = new PoolState(device, store, superblock.poolId, options.readOnly);
  adoptSuperblock(state, superblock);
  if (!options.readOnly) yield* readCounts(state, superblock);
  const { directory } = state;
  if (directory.page !== 0) yield* operate(state, () => store.node(directory.page, directory.low, directory.high));
  if (!options.readOnly) {
    yield* dropUnnamed(state);
    yield* plantMain(state);
  }
  return state;
}

/**
 * Writes the superblock that was read once more, with its companions, and flushes: an earlier process may have ended, or its flush
 * failed, between write and flush, and what the next commit overwrites must not be what the device still goes by.
 */
function* makeDurable(superblock: Superblock, page: Uint8Array, companions: readonly ReadCompanion[]): Steps<void> {
  for (const { offset, bytes } of companions) yield { kind: 'write', offset, pieces: [bytes] };
  const offset = pageOffset(superblockSlot(superblock.commit));
  yield { kind: 'write', offset, pieces: [page] };
  yield { kind: 'flush' };
  if (companions.length > 0) yield { kind: 'write', offset, pieces: [settledSuperblock(page)] };
}

/** Takes a superblock away that was cut off: what is written from now on must not make it whole. */
function* wipe({ commit }: Superblock): Steps<void> {
  yield { kind: 'write', offset: pageOffset(superblockSlot(commit)), pieces: [new Uint8Array(PAGE_BYTES)] };
  yield { kind: 'flush' };
}

/** Takes over what a superblock says besides the counts, which a reader loads when it needs them. */
export function adoptSuperblock(state: PoolState, superblock: Superblock): void {
  state.uncounted = superblock;
  state.limitPages = superblock.limitPages;
  state.nextInode = superblock.nextInode;
  state.nextBranchId = superblock.nextBranchId;
  state.moment = superblock.moment;
  state.durable = superblock.commit;
  state.durablePages = superblock.pageCount;
  state.previousPages = superblock.pageCount;
  state.store.building = superblock.commit + 1;
  state.store.reservedPages = superblock.reservedPages;
  state.directory.page = superblock.directory.page;
  state.directory.low = superblock.directory.hashLow;
  state.directory.high = superblock.directory.hashHigh;
}

/** Sees to it that the counts are known. */
export function* loadCounts(state: PoolState): Steps<void> {
  if (state.uncounted) yield* readCounts(state, state.uncounted);
}

/** Brings the counts back: the base, then the log from its oldest record on, then the superblock's tail. */
function* readCounts(state: PoolState, superblock: Superblock): Steps<void> {
  const { counts } = state.store;
  counts.clear();
  const restore = (page: number, length: number, count: number) => counts.restore(page, length, count);
  const log: Array<{ ref: RecordRef; runs: Uint8Array }> = [];
  let ref = superblock.logHead;
  while (!isNoRecord(ref)) {
    const record = decodeLogRecord(yield* readRecord(state, ref));
    if (record.kind !== 'log' || log.length > MAX_RECORDS)
      throw new ByreError('DAMAGED', 'the log of counts is not a log');
    log.push({ ref, runs: record.runs });
    ref = record.previous;
  }
  if (!isNoRecord(superblock.countsBase)) {
    const base = decodeLogRecord(yield* readRecord(state, superblock.countsBase));
    if (base.kind !== 'base') throw new ByreError('DAMAGED', 'the base of counts is not a base');
    decodeRuns(base.runs, restore);
  }
  log.reverse();
  for (const { runs } of log) decodeRuns(runs, restore);
  const tailPages: number[] = [];
  decodeRuns(superblock.tail, (page, length, count) => {
    restore(page, length, count);
    tailPages.push(page, length);
  });
  counts.restored(superblock.pageCount);
  Object.assign(state.counts, {
    base: superblock.countsBase,
    log: log.map((record) => record.ref),
    tailPages,
    tail: superblock.tail,
  });
  state.uncounted = undefined;
}

function* readRecord(state: PoolState, ref: RecordRef): Steps<Uint8Array> {
  const bytes = new Uint8Array(ref.bytes);
  yield { kind: 'read', offset: pageOffset(ref.firstPage), target: bytes };
  const { store } = state;
  store.hash(bytes, store.hashWords);
  if (store.hashWords[0] !== ref.hashLow || store.hashWords[1] !== ref.hashHigh) {
    const message = `a record of counts at page ${ref.firstPage} of ${state.device.name} is damaged`;
    if (!state.readOnly) throw new ByreError('DAMAGED', message);
    throw new ByreError('STALE', `${message}, or another process has written there: refresh, and try again`);
  }
  return bytes;
}
