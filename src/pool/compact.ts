/**
 * Compaction: moves what lies at the end of the pool to free pages at its beginning, so that the device can be cut.
 * It works in passes, each of which moves a bounded number of pages and keeps operations out; between passes they go on.
 * Callers must not count on any page number across it.
 */

import { PAGE_BYTES, pageOffset } from '../core/bytes.ts';
import { rootsOf } from '../core/directory.ts';
import { type Moved, rewrite } from '../core/relocate.ts';
import { eachChild } from '../core/share.ts';
import type { Root } from '../core/store.ts';
import { ByreError } from '../errors.ts';
import { operate } from './attempt.ts';
import { checkWritable, listBranches, openBranch, reclaim } from './branches.ts';
import { commit, cutDevice, gated, settleInGate } from './commit.ts';
import { writePages } from './load.ts';
import type { PoolState } from './state.ts';
import type { Steps } from './steps.ts';

export interface CompactReport {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly movedPages: number;
}

const PASS_PAGES = 4096;
/** A pass moves at least this part of what is used, so that large pools need few walks. */
const PASS_PART = 1 / 16;
const MAX_PASSES = 64;
/** Pages are freed one commit after they were given up, the end is cut off the next, and then no superblock may want it. */
const SETTLE_COMMITS = 4;
/** Room that a pass needs besides what it moves: for paths and records. */
const ROOM_PAGES = 16;

/** Gives space back to the device's owner. */
export function* compact(state: PoolState): Steps<CompactReport> {
  checkWritable(state);
  yield* settle(state);
  const { counts } = state.store;
  const bytesBefore = pageOffset(counts.pageCount);
  let movedPages = 0;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const before = counts.pageCount;
    if (counts.freeCount < ROOM_PAGES) break;
    if (state.store.space.available < ROOM_PAGES) {
      throw new ByreError('ENOSPC', 'the pool is too full to move anything: drop branches or remove files first');
    }
    const names = (yield* listBranches(state)).map(({ name }) => name);
    for (const name of names) yield* openBranch(state, name);
    movedPages += yield* gated(state, movePass(state, boundary(state)));
    yield* settle(state);
    if (counts.pageCount >= before) break;
  }
  yield* cutDevice(state, 1);
  return { bytesBefore, bytesAfter: pageOffset(counts.pageCount), movedPages };
}

/** Commits until nothing is held any more, and the end of the pool is cut. */
function* settle(state: PoolState): Steps<void> {
  yield* reclaim(state);
  for (let round = 0; round < SETTLE_COMMITS; round++) {
    state.changed = true;
    yield* commit(state);
  }
}

/** The page from which on this pass moves everything: what is used above it fits below, and is not more than a pass moves. */
function boundary(state: PoolState): number {
  const { counts } = state.store;
  const used = counts.pageCount - counts.freeCount;
  const most = Math.max(PASS_PAGES, Math.floor(used * PASS_PART));
  let page = counts.pageCount;
  let moves = 0;
  while (page > used && moves < most) {
    page--;
    if (!counts.isFree(page)) moves++;
  }
  return page;
}

/** What a pass knows: where moved pages are now, and which nodes it has seen and left alone. */
interface Pass {
  readonly from: number;
  readonly nodes: Map<number, Moved>;
  readonly data: Map<number, Moved>;
  readonly seen: Set<number>;
}

function* movePass(state: PoolState, from: number): Steps<number> {
  // Other operations may have come before the gate was closed. Only what is sealed and written can be moved.
  yield* settleInGate(state);
  const pass: Pass = { from, nodes: new Map(), data: new Map(), seen: new Set() };
  const { store } = state;
  store.space.closeWindows();
  store.space.packs = true;
  try {
    for (const branch of [...state.open.values(), ...state.unnamed]) {
      for (const root of rootsOf(branch.record)) {
        if (yield* moveRoot(state, pass, root)) state.stale.add(branch);
      }
    }
    yield* moveRoot(state, pass, state.directory);
    const { base, log } = state.counts;
    if ([base, ...log].some((ref) => ref.firstPage + ref.pages > from)) state.foldCounts = true;
  } finally {
    store.space.packs = false;
    // The pass's own references to what it made; every parent that was moved has taken its own.
    for (const { page, low, high } of pass.nodes.values()) store.releaseNode(page, low, high);
    for (const { page } of pass.data.values()) store.releaseData(page);
  }
  return pass.nodes.size * store.nodePages + pass.data.size;
}

function* moveRoot(state: PoolState, pass: Pass, root: Root): Steps<boolean> {
  if (root.page === 0) return false;
  const moved = yield* moveNode(state, pass, root.page, root.low, root.high);
  if (!moved) return false;
  const { store } = state;
  store.counts.share(moved.page);
  store.releaseNode(root.page, root.low, root.high);
  root.page = moved.page;
  root.low = moved.low;
  root.high = moved.high;
  state.changed = true;
  return true;
}

/** Moves what lies too high below a node, children first, and then the node if it or anything below it moved. */
function* moveNode(state: PoolState, pass: Pass, page: number, low: number, high: number): Steps<Moved | undefined> {
  const known = pass.nodes.get(page);
  if (known || pass.seen.has(page)) return known;
  const { store } = state;
  const nodes: number[] = [];
  const data: number[] = [];
  yield* operate(state, () => {
    const frame = store.node(page, low, high);
    eachChild(
      store,
      frame,
      (child, childLow, childHigh) => nodes.push(child, childLow, childHigh),
      (child, checksum) => {
        if (child >= pass.from) data.push(child, checksum);
      },
    );
  });
  let changed = page + store.nodePages > pass.from;
  for (let i = 0; i < nodes.length; i += 3) {
    if (yield* moveNode(state, pass, nodes[i], nodes[i + 1], nodes[i + 2])) changed = true;
  }
  for (let i = 0; i < data.length; i += 2) {
    yield* moveData(state, pass, data[i], data[i + 1]);
    changed = true;
  }
  if (!changed) {
    pass.seen.add(page);
    return undefined;
  }
  return yield* placeNode(state, pass, page, low, high);
}

function* placeNode(state: PoolState, pass: Pass, page: number, low: number, high: number): Steps<Moved> {
  const { store } = state;
  const target = store.space.allocateNode();
  store.nodes.noteWrite(target);
  store.nodes.drop(target);
  const bytes = yield* operate(state, () =>
    rewrite(store, store.node(page, low, high), target, {
      node: (child) => pass.nodes.get(child),
      data: (child) => pass.data.get(child),
    }),
  );
  store.hash(bytes, store.hashWords);
  const moved = { page: target, low: store.hashWords[0], high: store.hashWords[1] };
  pass.nodes.set(page, moved);
  try {
    yield* grow(state);
    yield* writePages(state, target, [bytes]);
  } catch (error) {
    // It can only be released again if it is somewhere: here, since it is not on the device.
    const frame = store.nodes.take(target);
    store.nodes.markDirty(frame);
    store.nodes.bytes(frame).set(bytes);
    throw error;
  }
  return moved;
}

function* moveData(state: PoolState, pass: Pass, page: number, checksum: number): Steps<void> {
  if (pass.data.has(page)) return;
  const { store } = state;
  const bytes = new Uint8Array(PAGE_BYTES);
  yield { kind: 'read', offset: pageOffset(page), target: bytes };
  store.hash(bytes, store.hashWords);
  if (store.hashWords[0] !== checksum) {
    throw new ByreError(
      'DAMAGED',
      `page ${page} of ${state.device.name} (data) is damaged: run scrub to see what it holds`,
      {
        details: { what: 'data', page },
      },
    );
  }
  const target = store.space.allocateData();
  store.data.noteWrite(target);
  store.data.drop(target);
  pass.data.set(page, { page: target, low: checksum, high: 0 });
  yield* grow(state);
  yield* writePages(state, target, [bytes]);
}

/** New pages may lie beyond the device's end where no low ones are free. */
function* grow(state: PoolState): Steps<void> {
  const bytes = pageOffset(state.store.counts.pageCount);
  if (bytes > state.device.bytes) yield { kind: 'resize', bytes };
}
