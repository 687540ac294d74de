/**
 * How the counts of a commit are stored: in the superblock, in new records of the counts log, or in a new base.
 * Callers must have sealed all trees before, since every page that is allocated or released afterwards would be missing.
 */

import { PAGE_BYTES, pagesFor } from '../core/bytes.ts';
import { mergeRuns, type PageRuns } from '../core/counts.ts';
import { type CountRun, encodeLogRecord, encodeRuns, LOG_HEADER_BYTES } from '../core/counts-log.ts';
import { NO_RECORD, type RecordRef } from '../core/record-ref.ts';
import { SUPERBLOCK_TAIL_BYTES } from '../core/superblock.ts';
import { assert } from '../errors.ts';
import type { PoolState, StoredCounts } from './state.ts';

/** The counts log is folded into a new base when it is longer than this part of the base, and than this many pages. */
const LOG_PART = 0.5;
const LOG_PAGES = 64;
const LOG_RECORDS = 64;
/** The most pages whose counts ride in the superblock: all of them are looked at again by every commit. */
const TAIL_PAGES = 256;
/** The most that a run of counts takes when encoded. */
const RUN_BYTES = 15;

export interface NextCounts {
  readonly stored: StoredCounts;
  readonly written: ReadonlyArray<WrittenRecord>;
  /** Takes the records' pages back. */
  abandon(): void;
}

interface WrittenRecord {
  readonly ref: RecordRef;
  readonly bytes: Uint8Array;
}

/** Contiguous pages for a record. */
interface Piece {
  readonly page: number;
  readonly length: number;
}

/** Decides where the counts go, and makes the records. Throws ENOSPC, with nothing changed, if there is no page for them. */
export function nextCounts(state: PoolState): NextCounts {
  const { counts } = state.store;
  const { base, log, baseParts } = state.counts;
  state.store.space.closeWindows();
  counts.shrink();
  const tailPages = mergeRuns([...state.counts.tailPages, ...counts.changedPages()]);
  if (runLength(tailPages) <= TAIL_PAGES && !state.foldCounts) {
    const tail = encodeRuns(counts.runsOf(tailPages));
    if (tail.length <= SUPERBLOCK_TAIL_BYTES) {
      return { stored: { base, log, baseParts, tailPages, tail }, written: [], abandon: () => {} };
    }
  }
  const basePages = base.pages + pagesOf(log.slice(0, baseParts));
  const logPages = pagesOf(log.slice(baseParts));
  const isLong = log.length - baseParts >= LOG_RECORDS || logPages > Math.max(LOG_PAGES, basePages * LOG_PART);
  return isLong || state.foldCounts ? foldCounts(state) : appendCounts(state, tailPages);
}

function runLength(runs: PageRuns): number {
  let pages = 0;
  for (let i = 1; i < runs.length; i += 2) pages += runs[i]!;
  return pages;
}

function pagesOf(log: readonly RecordRef[]): number {
  return log.reduce((sum, ref) => sum + ref.pages, 0);
}

/** New log records of all that changed since the last one, their own pages included. */
function appendCounts(state: PoolState, tailPages: PageRuns): NextCounts {
  const { counts } = state.store;
  const { base, log, baseParts } = state.counts;
  const pieces = allocatePieces(state, encodeRuns(counts.runsOf(tailPages)).length);
  const own = pieces.flatMap(({ page, length }) => [page, length]);
  const runs = counts.runsOf(mergeRuns([...tailPages, ...own]));
  const written = makeRecords(state, pieces, runs, 'log', log[log.length - 1] ?? NO_RECORD);
  const refs = written.map(({ ref }) => ref);
  return {
    stored: { base, log: [...log, ...refs], baseParts, tailPages: [], tail: new Uint8Array(0) },
    written,
    abandon: () => giveBack(state, pieces),
  };
}

/** A new base of all counts; the old one and its log are held. */
function foldCounts(state: PoolState): NextCounts {
  const { counts } = state.store;
  const pieces = allocatePieces(state, encodeRuns(counts.allRuns()).length);
  for (const ref of [state.counts.base, ...state.counts.log]) {
    if (ref.pages > 0) counts.release(ref.firstPage, ref.pages);
  }
  const written = makeRecords(state, pieces, counts.allRuns(), 'base', NO_RECORD);
  const [base, ...log] = written.map(({ ref }) => ref);
  return {
    stored: { base, log, baseParts: log.length, tailPages: [], tail: new Uint8Array(0) },
    written,
    abandon: () => {
      giveBack(state, pieces);
      // The old records are held by now, so the next commit must store every count anew.
      const all = { base: NO_RECORD, log: [], baseParts: 0, tailPages: [0, counts.pageCount] };
      Object.assign(state.counts, all);
    },
  };
}

/** Pages for records of about `runsBytes`, in one run if there is one so long. */
function allocatePieces(state: PoolState, runsBytes: number): Piece[] {
  const pieces: Piece[] = [];
  // To name a piece may split a run of counts into three; a piece may be left with room for less than a run.
  let left = runsBytes + 3 * RUN_BYTES;
  while (left > 0) {
    try {
      const piece = state.store.space.allocateRun(pagesFor(LOG_HEADER_BYTES + left));
      pieces.push(piece);
      left -= capacityOf(piece);
      if (left > 0) left += 4 * RUN_BYTES;
    } catch (error) {
      giveBack(state, pieces);
      throw error;
    }
  }
  return pieces;
}

function capacityOf({ length }: Piece): number {
  return length * PAGE_BYTES - LOG_HEADER_BYTES;
}

function giveBack(state: PoolState, pieces: readonly Piece[]): void {
  for (const { page, length } of pieces) state.store.counts.release(page, length);
}

/** Fills the pieces with runs, each piece a record: the first of the kind given, the others of the log. */
function makeRecords(
  state: PoolState,
  pieces: readonly Piece[],
  runs: readonly CountRun[],
  kind: 'log' | 'base',
  before: RecordRef,
): WrittenRecord[] {
  const written: WrittenRecord[] = [];
  let previous = before;
  let from = 0;
  for (const piece of pieces) {
    const to = endWithin(runs, from, capacityOf(piece));
    const encoded = encodeRuns(runs.slice(from, to));
    from = to;
    const isBase = kind === 'base' && written.length === 0;
    const record = encodeLogRecord({
      kind: isBase ? 'base' : 'log',
      previous: isBase ? NO_RECORD : previous,
      runs: encoded,
    });
    const made = recordAt(state, piece, record);
    written.push(made);
    // A base is named by the superblock, and no log record refers to it.
    previous = isBase ? NO_RECORD : made.ref;
  }
  assert(from === runs.length, 'records of counts outgrow their pages');
  return written;
}

/** How far runs from `from` on fit so many bytes when encoded. */
function endWithin(runs: readonly CountRun[], from: number, capacity: number): number {
  let left = capacity;
  let end = 0;
  for (let to = from; to < runs.length; to++) {
    const { page, length, count } = runs[to];
    left -= encodedBytes(page - end) + encodedBytes(length - 1) + encodedBytes(count);
    if (left < 0) return to;
    end = page + length;
  }
  return runs.length;
}

function encodedBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest /= 0x80) bytes++;
  return bytes;
}

/** A record is padded to whole pages, since its own size is among what it tells. */
function recordAt(state: PoolState, piece: Piece, record: Uint8Array): WrittenRecord {
  const { store } = state;
  const bytes = new Uint8Array(piece.length * PAGE_BYTES);
  bytes.set(record);
  store.hash(bytes, store.hashWords);
  const [hashLow, hashHigh] = store.hashWords;
  return { ref: { firstPage: piece.page, pages: piece.length, bytes: bytes.length, hashLow, hashHigh }, bytes };
}
