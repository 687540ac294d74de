/**
 * check and scrub: prove the structure of a pool, and that every stored byte is what was written.
 * The pool must not change meanwhile: the procedure keeps operations out until it ends. A reader proves the commit that it sees, and
 * gets STALE if its writer has used pages of that again. Nothing is ever mended.
 */

import { PAGE_BYTES, pageOffset } from '../core/bytes.ts';
import { CheckWalk, type DataVisit, type Problem } from '../core/check.ts';
import { type BranchRecord, decodeRecord, nameOf, rootsOf, UNNAMED } from '../core/directory.ts';
import { scan } from '../core/scan.ts';
import { unclaimed } from '../core/store.ts';
import { SUPERBLOCK_SLOTS } from '../core/superblock.ts';
import { isByreError } from '../errors.ts';
import { operate } from './attempt.ts';
import { gated, settleInGate } from './commit.ts';
import { loadCounts } from './open.ts';
import { readOutsideTrees } from './scrub-records.ts';
import type { PoolState } from './state.ts';
import type { Steps } from './steps.ts';

export type { Problem } from '../core/check.ts';

export interface CheckReport {
  readonly ok: boolean;
  readonly problems: readonly Problem[];
  readonly branches: number;
  readonly nodes: number;
  /** References to data pages. */
  readonly dataReferences: number;
  /** Pages read and compared with their hashes on the device; 0 if only the structure was checked. */
  readonly pagesRead: number;
}

/** Walks every tree and recounts every reference. */
export function* check(state: PoolState): Steps<CheckReport> {
  yield* loadCounts(state);
  return yield* gated(state, walkAll(state, false));
}

/** {@link check}, and reads every page from the device, past the cache. */
export function* scrub(state: PoolState): Steps<CheckReport> {
  yield* loadCounts(state);
  return yield* gated(state, walkAll(state, true));
}

function* walkAll(state: PoolState, thorough: boolean): Steps<CheckReport> {
  const { store } = state;
  // Nothing but the trees refers to pages then, and all of it is on the device.
  yield* settleInGate(state);
  if (thorough) {
    store.nodes.forgetClean();
    store.data.forgetClean();
  }
  const data: DataVisit[] = [];
  let pagesRead = 0;
  const walk = new CheckWalk(store, thorough ? (visit) => data.push(visit) : undefined);
  walk.addRun(0, SUPERBLOCK_SLOTS);
  for (const ref of [state.counts.base, ...state.counts.log]) walk.addRun(ref.firstPage, ref.pages);
  walk.addRoot(state.directory, '');
  let branches = 0;
  let reserved = 0;
  while (yield* walkStep(state, walk));
  for (const { name, record } of yield* recordsOf(state, walk)) {
    branches++;
    reserved += unclaimed(record.root);
    for (const root of rootsOf(record)) walk.addRoot(root, name);
    while (yield* walkStep(state, walk)) {
      if (data.length >= 256) pagesRead += yield* readData(state, data, walk.problems);
    }
  }
  pagesRead += yield* readData(state, data, walk.problems);
  // Damage outside the trees says nothing about the counts that the trees ask for.
  const outside: Problem[] = [];
  if (thorough) pagesRead += yield* readOutsideTrees(state, outside);
  if (!walk.problems.some(({ kind }) => kind === 'damaged' || kind === 'node')) {
    walk.finish();
    if (reserved !== store.reservedPages) {
      const message = `${store.reservedPages} pages are kept for reservations, but the branches have claims to ${reserved}`;
      walk.problems.push({ kind: 'count', message });
    }
  }
  const problems = [...walk.problems, ...outside];
  return {
    ok: problems.length === 0,
    problems,
    branches,
    nodes: walk.nodes,
    dataReferences: walk.dataPages,
    pagesRead: thorough ? pagesRead + walk.nodes * store.nodePages : 0,
  };
}

/** One step; a node that cannot be loaded is reported and passed over. */
function* walkStep(state: PoolState, walk: CheckWalk): Steps<boolean> {
  try {
    return yield* operate(state, () => walk.step());
  } catch (error) {
    if (!isByreError(error) || error.code !== 'DAMAGED') throw error;
    walk.skip({ kind: 'damaged', message: error.message, page: walk.next?.page ?? 0 });
    return true;
  }
}

const UNNAMED_FORK = 'unnamed fork';

/** Every record of the directory, open branches as they are in memory. */
function* recordsOf(state: PoolState, walk: CheckWalk): Steps<Array<{ name: string; record: BranchRecord }>> {
  const records: Array<{ name: string; record: BranchRecord }> = [];
  for (const branch of state.unnamed) records.push({ name: UNNAMED_FORK, record: branch.record });
  let from: Uint8Array | undefined = new Uint8Array(0);
  // A reader does not hold the unnamed forks of the process that writes.
  const to = state.readOnly ? undefined : Uint8Array.of(UNNAMED);
  while (from) {
    const at: Uint8Array = from;
    try {
      const { found, next } = yield* operate(state, () => {
        const found: Array<{ name: string; record: BranchRecord }> = [];
        const next = scan(state.store, state.directory, { from: at, to }, (entry) => {
          const key = entry.key();
          const name = key[0] === UNNAMED ? UNNAMED_FORK : nameOf(key);
          found.push({ name, record: state.open.get(name)?.record ?? decodeRecord(entry.borrowValue(), true) });
        });
        return { found, next };
      });
      records.push(...found);
      from = next;
    } catch (error) {
      if (!isByreError(error) || error.code !== 'DAMAGED') throw error;
      walk.problems.push({ kind: 'damaged', message: `the branch directory cannot be read further: ${error.message}` });
      return records;
    }
  }
  return records;
}

/** Reads data pages from the device and compares them with their checksums; empties the list. */
function* readData(state: PoolState, data: DataVisit[], problems: Problem[]): Steps<number> {
  const { store } = state;
  data.sort((a, b) => a.page - b.page);
  for (let i = 0; i < data.length; ) {
    let end = i + 1;
    while (end < data.length && data[end].page === data[i].page + (end - i)) end++;
    const target = new Uint8Array((end - i) * PAGE_BYTES);
    yield { kind: 'read', offset: pageOffset(data[i].page), target };
    for (let at = 0; i < end; i++, at += PAGE_BYTES) {
      store.hash(target.subarray(at, at + PAGE_BYTES), store.hashWords);
      if (store.hashWords[0] === data[i].checksum) continue;
      const { page, branch, key } = data[i];
      problems.push({ kind: 'damaged', message: `page ${page} (data) is damaged`, page, branch, key });
    }
  }
  const read = data.length;
  data.length = 0;
  return read;
}
