/**
 * Serving faults: reading and verifying pages, and writing dirty data early.
 * Callers must pin what was loaded for an operation until that operation ends.
 */

import { PAGE_BYTES, pageOffset, pagesFor } from '../core/bytes.ts';
import type { Fault } from '../core/fault.ts';
import type { Frames } from '../core/frames.ts';
import { headerPage, NODE_MAGIC } from '../core/node.ts';
import { ByreError } from '../errors.ts';
import type { PoolState } from './state.ts';
import { driveSync, performSync, type Steps } from './steps.ts';

/** How much one read or write request moves at most. */
const RUN_PAGES = 256;
/** The device grows by an eighth, within these bounds. */
const GROW_PART = 1 / 8;
const SMALL_GROW_BYTES = 1 << 16;
const GROW_BYTES = 1 << 20;

/** Frames pinned for one operation. */
export interface Pins {
  readonly nodes: number[];
  readonly data: number[];
}

export function unpin(state: PoolState, pins: Pins): void {
  for (const frame of pins.nodes) state.store.nodes.unpin(frame);
  for (const frame of pins.data) state.store.data.unpin(frame);
  pins.nodes.length = 0;
  pins.data.length = 0;
}

/**
 * Brings the pages that a fault names into memory, verified, and pins them. A page that somebody writes meanwhile is left out:
 * the operation that wanted it runs again, and finds what it wants now.
 */
export function* load(state: PoolState, fault: Fault, pins: Pins): Steps<void> {
  for (let i = 0; i < fault.nodes.length; i += 3) {
    yield* loadNode(state, fault.nodes[i], fault.nodes[i + 1], fault.nodes[i + 2], pins);
  }
  for (let i = 0; i < fault.data.length; ) {
    let end = i + 2;
    while (end < fault.data.length && fault.data[end] === fault.data[end - 2] + 1 && (end - i) / 2 < RUN_PAGES)
      end += 2;
    yield* loadData(state, fault.data.slice(i, end), pins);
    i = end;
  }
}

function* loadNode(state: PoolState, page: number, low: number, high: number, pins: Pins): Steps<void> {
  const { store } = state;
  const { nodes } = store;
  const bytes = new Uint8Array(store.nodeBytes);
  const since = nodes.beginLoad();
  try {
    if (nodes.find(page) < 0) yield { kind: 'read', offset: pageOffset(page), target: bytes };
    let frame = nodes.find(page);
    if (frame < 0) {
      if (nodes.isWritten(page, since)) return;
      store.hash(bytes, store.hashWords);
      const isSame = store.hashWords[0] === low && store.hashWords[1] === high;
      if (!isSame || bytes[0] !== NODE_MAGIC || headerPage(bytes) !== page) throw damaged(state, 'node', page);
      frame = nodes.take(page);
      nodes.bytes(frame).set(bytes);
    }
    nodes.pin(frame);
    pins.nodes.push(frame);
  } finally {
    nodes.endLoad();
  }
}

/** Loads a run of data pages with one read. */
function* loadData(state: PoolState, pages: readonly number[], pins: Pins): Steps<void> {
  const { store } = state;
  const frames = store.data;
  const bytes = new Uint8Array((pages.length / 2) * PAGE_BYTES);
  const since = frames.beginLoad();
  try {
    yield { kind: 'read', offset: pageOffset(pages[0]), target: bytes };
    for (let i = 0; i < pages.length; i += 2) {
      const page = pages[i];
      let frame = frames.find(page);
      if (frame < 0) {
        if (frames.isWritten(page, since)) continue;
        const part = bytes.subarray((i / 2) * PAGE_BYTES, (i / 2 + 1) * PAGE_BYTES);
        store.hash(part, store.hashWords);
        if (store.hashWords[0] !== pages[i + 1]) throw damaged(state, 'data', page);
        frame = frames.take(page);
        frames.bytes(frame).set(part);
      }
      frames.pin(frame);
      pins.data.push(frame);
    }
  } finally {
    frames.endLoad();
  }
}

/**
 * Reads pages straight into `target`, verified, without making them resident. They are given as number, checksum and place in
 * `target`, and must have been named by an operation since which nothing else has run.
 */
export function readAbsent(state: PoolState, absent: readonly number[], target: Uint8Array): void {
  const { store, device } = state;
  for (let i = 0; i < absent.length; ) {
    const first = i;
    const page = absent[i];
    const place = absent[i + 2];
    for (i += 3; i < absent.length; i += 3) {
      const after = (i - first) / 3;
      if (absent[i] !== page + after || absent[i + 2] !== place + after * PAGE_BYTES) break;
    }
    const run = target.subarray(place, place + ((i - first) / 3) * PAGE_BYTES);
    performSync(device, { kind: 'read', offset: pageOffset(page), target: run });
    for (let at = first; at < i; at += 3) {
      store.hash(target.subarray(absent[at + 2], absent[at + 2] + PAGE_BYTES), store.hashWords);
      if (store.hashWords[0] !== absent[at + 1]) throw damaged(state, 'data', absent[at]);
    }
  }
}

/**
 * Writes pages straight from `bytes`, as an operation has just asked: given as number and place in `bytes`. What the device
 * refuses becomes resident and dirty, as if it had been written there, and the next flush or commit meets the refusal.
 */
export function writeDirect(state: PoolState, direct: readonly number[], bytes: Uint8Array): void {
  const { device, store } = state;
  try {
    driveSync(device, growDevice(state, false));
    for (let i = 0; i < direct.length; ) {
      const page = direct[i];
      const place = direct[i + 1];
      let length = PAGE_BYTES;
      for (i += 2; i < direct.length; i += 2, length += PAGE_BYTES) {
        if (direct[i] !== page + length / PAGE_BYTES || direct[i + 1] !== place + length) break;
      }
      driveSync(device, writePages(state, page, [bytes.subarray(place, place + length)]));
    }
  } catch {
    store.data.begin();
    for (let i = 0; i < direct.length; i += 2) {
      const frame = store.data.take(direct[i]);
      store.data.bytes(frame).set(bytes.subarray(direct[i + 1], direct[i + 1] + PAGE_BYTES));
      store.data.markDirty(frame);
    }
  }
}

function damaged(state: PoolState, what: 'node' | 'data', page: number): ByreError {
  if (state.readOnly) {
    return new ByreError(
      'STALE',
      `page ${page} of ${state.device.name} is not what this reader's commit wrote: if another process writes the pool, refresh and read again; otherwise the pool is damaged: run check`,
      { details: { what, page } },
    );
  }
  return new ByreError(
    'DAMAGED',
    `page ${page} of ${state.device.name} (${what}) is damaged: run check to see what it holds`,
    {
      details: { what, page },
    },
  );
}

/** Writes all dirty data pages, which stay resident; their durability waits for the next commit. */
export function* writeData(state: PoolState): Steps<void> {
  yield* growDevice(state);
  yield* writeFrames(state, state.store.data);
}

/**
 * Makes the device as long as the pool's page count says, and somewhat longer: growing is dear. What is added is filled for the small
 * commits to come, unless a long write is at work.
 */
export function* growDevice(state: PoolState, fills = true): Steps<void> {
  const { device, store, limitPages } = state;
  const needed = pageOffset(store.counts.pageCount);
  const { bytes } = device;
  if (needed <= bytes) return;
  const step = Math.min(GROW_BYTES, Math.max(SMALL_GROW_BYTES, pageOffset(pagesFor(bytes * GROW_PART))));
  const wanted = Math.ceil(needed / step) * step;
  const grown = limitPages === 0 ? wanted : Math.max(needed, Math.min(wanted, pageOffset(limitPages)));
  yield { kind: 'resize', bytes: grown };
  // A file system finds blocks for a hole when it is written, and a flush then waits for its journal. Small commits, of which
  // there may be many, write to blocks that are there.
  const dirtyBytes = store.nodes.dirtyCount * store.nodes.frameBytes + store.data.dirtyCount * PAGE_BYTES;
  const growth = grown - bytes;
  if (fills && growth <= GROW_BYTES && dirtyBytes < growth) {
    yield { kind: 'write', offset: bytes, pieces: [new Uint8Array(growth)] };
  }
}

/** Writes pages from `first` on. A commit that comes later knows by the count that they are to be flushed. */
export function* writePages(state: PoolState, first: number, pieces: readonly Uint8Array[]): Steps<void> {
  state.writes++;
  yield { kind: 'write', offset: pageOffset(first), pieces };
}

/** Writes the dirty frames, neighbours on the device in one request, and marks them clean once written. */
export function* writeFrames(state: PoolState, frames: Frames): Steps<void> {
  const dirty = frames.dirtyFrames();
  const framePages = frames.frameBytes / PAGE_BYTES;
  for (let i = 0; i < dirty.length; ) {
    const first = frames.pageOf[dirty[i]];
    const pieces: Uint8Array[] = [];
    let end = i;
    while (
      end < dirty.length &&
      frames.pageOf[dirty[end]] === first + (end - i) * framePages &&
      (end - i) * framePages < RUN_PAGES
    ) {
      const bytes = frames.bytes(dirty[end]);
      // A device that only waits must be given bytes that nobody changes meanwhile.
      pieces.push(state.device.performSync ? bytes : bytes.slice());
      end++;
    }
    yield* writePages(state, first, pieces);
    for (; i < end; i++) frames.clean(dirty[i]);
  }
}
