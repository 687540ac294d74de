/**
 * Branches as procedures: open, create, fork, snapshot, roll back, rename, drop, list.
 * Callers must go through a runner for whatever they then do in a branch, and must not keep a record across a procedure.
 */

import { PAGE_BYTES, pagesFor } from '../core/bytes.ts';
import {
  type Ancestor,
  type BranchKind,
  type BranchRecord,
  decodeRecord,
  encodeRecord,
  MAX_ANCESTORS,
  NAMED,
  nameKey,
  nameOf,
  rootsOf,
  UNNAMED,
} from '../core/directory.ts';
import { prepare } from '../core/prepare.ts';
import { scan } from '../core/scan.ts';
import { reclaimStep, releaseRoot, shareRoot } from '../core/share.ts';
import { MAX_PAGES } from '../core/space.ts';
import { emptyRoot, type Root, unclaimed } from '../core/store.ts';
import { get, has, put, remove } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import { branchKey, forsake } from './commit.ts';
import { run } from './run.ts';
import type { OpenBranch, PoolState } from './state.ts';
import type { Steps } from './steps.ts';

export interface BranchInfo {
  readonly name: string;
  readonly id: number;
  readonly kind: 'branch' | 'snapshot';
  readonly createdMs: number;
  /** The branch it was forked from, while that has a name. */
  readonly parent: string | undefined;
  readonly quotaBytes: number | undefined;
  readonly reservationBytes: number | undefined;
}

/** Opens a branch or snapshot; the same name gives the same object. Throws NO_SUCH_BRANCH. */
export function* openBranch(state: PoolState, name: string): Steps<OpenBranch> {
  const known = state.open.get(name);
  if (known) return known;
  const key = nameKey(name);
  const bytes = yield* run(state, () => get(state.store, state.directory, key));
  // Another procedure may have opened it meanwhile.
  const opened = state.open.get(name);
  if (opened) return opened;
  if (!bytes) throw noSuchBranch(state, name);
  return adopt(state, name, decodeRecord(bytes, state.readOnly), true);
}

/** Makes an empty branch. Throws EXISTS. */
export function* createBranch(state: PoolState, name: string): Steps<OpenBranch> {
  const record: BranchRecord = {
    id: 0,
    kind: 'branch',
    createdMs: Date.now(),
    parentId: 0,
    root: emptyRoot(),
    ancestry: [],
  };
  return yield* enter(state, name, () => ({ ...record, id: state.nextBranchId++ }));
}

/** Starts `to` from `from`: O(1), nothing is copied. */
export function* forkBranch(
  state: PoolState,
  from: string,
  to: string,
  kind: 'branch' | 'snapshot',
): Steps<OpenBranch> {
  const source = yield* openBranch(state, from);
  return yield* enter(state, to, () => forkRecord(state, source, kind));
}

/**
 * Starts an unnamed branch that ends with {@link releaseUnnamed} or with the process. With `holding` it keeps another root
 * too, as the last of its ancestry, so that a commit and a crash meanwhile do not forget whose reference that is.
 */
export function forkUnnamed(state: PoolState, source: OpenBranch, holding?: Root): OpenBranch {
  checkWritable(state);
  const record = forkRecord(state, source, 'unnamed');
  const held = holding && { branchId: 0, moment: 0, root: shareRoot(state.store, holding, true) };
  return adopt(state, undefined, held ? { ...record, ancestry: [...record.ancestry, held] } : record, false);
}

export function* releaseUnnamed(state: PoolState, branch: OpenBranch): Steps<void> {
  if (branch.gone) return;
  yield* removeRecord(state, branch);
  yield* reclaim(state);
}

/** Removes a branch or snapshot and gives back what only it used: time proportional to that. */
export function* dropBranch(state: PoolState, name: string): Steps<void> {
  const branch = yield* openBranch(state, name);
  yield* removeRecord(state, branch);
  yield* reclaim(state);
}

/** Sets a branch back to a snapshot's (or another branch's) state. Open handles see that state from then on. */
export function* rollbackBranch(state: PoolState, name: string, to: string): Steps<void> {
  const branch = yield* openBranch(state, name);
  const source = yield* openBranch(state, to);
  if (branch.record.kind === 'snapshot')
    throw new ByreError('READ_ONLY', `'${name}' is a snapshot: only branches roll back`);
  yield* run(state, () => {
    checkWritable(state);
    checkThere(state, branch);
    checkThere(state, source);
    replaceRoot(state, branch, source.record.root);
  });
  yield* reclaim(state);
}

/** Gives an open branch the content of another root, whose reference it shares. */
export function replaceRoot(state: PoolState, branch: OpenBranch, root: Root): void {
  const { store } = state;
  const copy = shareRoot(store, root);
  const own = branch.record.root;
  releaseRoot(store, own);
  store.dirtyRoots.delete(copy);
  own.page = copy.page;
  own.low = copy.low;
  own.high = copy.high;
  if (root !== own) store.charge(own, root.chargedPages);
  store.wrote = true;
  own.changes++;
  store.dirtyRoots.add(own);
  branch.version++;
  state.tell(own);
}

/**
 * Gives a branch the content of an unnamed fork of it, if nothing has changed the branch since the fork; false if something
 * has. The fork goes on.
 */
export function* adoptFork(state: PoolState, into: OpenBranch, fork: OpenBranch): Steps<boolean> {
  return yield* run(state, () => {
    checkWritable(state);
    checkThere(state, into);
    checkThere(state, fork);
    // The fork's own reference keeps the page from being used for anything else, so the number tells.
    if (fork.record.ancestry[0]?.root.page !== into.record.root.page) return false;
    if (into.record.kind === 'snapshot') throw new ByreError('READ_ONLY', `'${into.name}' is a snapshot`);
    checkQuota(into.record.root, fork.record.root.chargedPages);
    replaceRoot(state, into, fork.record.root);
    return true;
  });
}

/** Throws EDQUOT if so many more pages would exceed a branch's quota. */
export function checkQuota(root: Root, morePages: number): void {
  if (root.quotaPages === 0 || morePages <= 0 || root.chargedPages + morePages <= root.quotaPages) return;
  throw new ByreError('EDQUOT', 'the branch would exceed its quota: free something in it or raise the quota', {
    details: { quotaPages: root.quotaPages, chargedPages: root.chargedPages, morePages },
  });
}

export function* renameBranch(state: PoolState, from: string, to: string): Steps<void> {
  const branch = yield* openBranch(state, from);
  const oldKey = nameKey(from);
  const newKey = nameKey(to);
  yield* run(state, () => {
    checkWritable(state);
    if (state.open.get(from) !== branch) throw noSuchBranch(state, from);
    checkAbsent(state, to, newKey);
    prepare(state.store, state.directory, { puts: [newKey], removes: [oldKey], purpose: 'free' });
    put(state.store, state.directory, newKey, encodeRecord(branch.record));
    remove(state.store, state.directory, oldKey);
    state.open.delete(from);
    state.open.set(to, branch);
    branch.name = to;
  });
}

/** All named branches and snapshots, by name. */
export function* listBranches(state: PoolState): Steps<BranchInfo[]> {
  const found: Array<{ name: string; record: BranchRecord }> = [];
  let from: Uint8Array | undefined = Uint8Array.of(NAMED);
  const to = Uint8Array.of(NAMED + 1);
  while (from) {
    const at: Uint8Array = from;
    // A run may be repeated, so each adds what it found only at its end.
    const { cells, next } = yield* run(state, () => {
      const cells: Array<{ name: string; record: BranchRecord }> = [];
      const next = scan(state.store, state.directory, { from: at, to }, (entry) => {
        const name = nameOf(entry.key());
        cells.push({ name, record: state.open.get(name)?.record ?? decodeRecord(entry.borrowValue(), true) });
      });
      return { cells, next };
    });
    found.push(...cells);
    from = next;
  }
  const names = new Map(found.map(({ name, record }) => [record.id, name]));
  return found.map(({ name, record }) => ({
    name,
    id: record.id,
    kind: record.kind as 'branch' | 'snapshot',
    createdMs: record.createdMs,
    parent: names.get(record.parentId),
    quotaBytes: record.root.quotaPages === 0 ? undefined : record.root.quotaPages * PAGE_BYTES,
    reservationBytes: record.root.reservedPages === 0 ? undefined : record.root.reservedPages * PAGE_BYTES,
  }));
}

export interface BranchLimits {
  /** What the branch may write beyond what it shares; 0 lifts the quota. */
  readonly quotaBytes?: number;
  /** Space that other branches leave to it; 0 gives it up. */
  readonly reservationBytes?: number;
}

export function* limitBranch(state: PoolState, name: string, limits: BranchLimits): Steps<void> {
  const reservation = limitPages('reservationBytes', limits.reservationBytes);
  const quota = limitPages('quotaBytes', limits.quotaBytes);
  const branch = yield* openBranch(state, name);
  yield* run(state, () => {
    checkWritable(state);
    checkThere(state, branch);
    const { root } = branch.record;
    const { store } = state;
    const reservedPages = reservation ?? root.reservedPages;
    const more = unclaimed({ ...root, reservedPages }) - unclaimed(root);
    if (more > 0 && store.space.available - store.reservedPages - store.reservePages < more) {
      throw new ByreError('ENOSPC', 'the pool has not so much free space to reserve: drop branches or raise its limit');
    }
    store.reservedPages += more;
    root.reservedPages = reservedPages;
    if (quota !== undefined) root.quotaPages = quota;
    state.stale.add(branch);
    state.changed = true;
  });
}

function limitPages(option: keyof BranchLimits, bytes: number | undefined): number | undefined {
  if (bytes === undefined) return undefined;
  const pages = pagesFor(bytes);
  if (bytes >= 0 && pages <= MAX_PAGES) return pages;
  throw new ByreError(
    'BAD_ARGUMENT',
    `${option} is a number of bytes from 0 to ${MAX_PAGES * PAGE_BYTES}, not ${bytes}`,
  );
}

/** Releases what was queued, step by step. */
export function* reclaim(state: PoolState): Steps<void> {
  while (state.store.reclaim.length > 0) {
    try {
      yield* run(state, () => {
        reclaimStep(state.store);
      });
    } catch (error) {
      forsake(state, error);
    }
  }
}

/** Ends every unnamed fork that an earlier process left. For opening a pool only. */
export function* dropUnnamed(state: PoolState): Steps<void> {
  const keys: Uint8Array[] = [];
  let from: Uint8Array | undefined = Uint8Array.of(UNNAMED);
  while (from) {
    const at: Uint8Array = from;
    const found: { keys: Uint8Array[]; next: Uint8Array | undefined } = yield* run(state, () => {
      const keys: Uint8Array[] = [];
      const next = scan(state.store, state.directory, { from: at }, (entry) => {
        keys.push(entry.key());
      });
      return { keys, next };
    });
    keys.push(...found.keys);
    from = found.next;
  }
  for (const key of keys) {
    const bytes = yield* run(state, () => get(state.store, state.directory, key));
    const record = decodeRecord(bytes as Uint8Array, false);
    const branch: OpenBranch = { name: undefined, record, recorded: true, gone: false, version: 0 };
    yield* removeRecord(state, branch);
  }
  if (keys.length > 0) yield* reclaim(state);
}

function* enter(state: PoolState, name: string, make: () => BranchRecord): Steps<OpenBranch> {
  const key = nameKey(name);
  return yield* run(state, () => {
    checkWritable(state);
    checkAbsent(state, name, key);
    prepare(state.store, state.directory, { puts: [key] });
    const branch = adopt(state, name, make(), true);
    put(state.store, state.directory, key, encodeRecord(branch.record));
    return branch;
  });
}

function forkRecord(state: PoolState, source: OpenBranch, kind: BranchKind): BranchRecord {
  checkThere(state, source);
  const { store } = state;
  const { record } = source;
  const moment = state.moment++;
  const ancestry: Ancestor[] = [{ branchId: record.id, moment, root: shareRoot(store, record.root, true) }];
  // An unnamed fork is merged into what it was forked from, if into anything.
  const further = kind === 'unnamed' ? 0 : MAX_ANCESTORS - 1;
  for (const ancestor of record.ancestry.slice(0, further)) {
    ancestry.push({ ...ancestor, root: shareRoot(store, ancestor.root, true) });
  }
  const root = shareRoot(store, record.root, kind === 'snapshot');
  // So that a rollback to a snapshot charges for what the branch then has.
  if (kind === 'snapshot') root.chargedPages = record.root.chargedPages;
  return { id: state.nextBranchId++, kind, createdMs: Date.now(), parentId: record.id, root, ancestry };
}

/** Makes a record known as an open branch. */
export function adopt(state: PoolState, name: string | undefined, record: BranchRecord, recorded: boolean): OpenBranch {
  const branch: OpenBranch = { name, record, recorded, gone: false, version: 0 };
  if (name === undefined) {
    // It gets a record only if a commit comes while it lives.
    state.unnamed.add(branch);
    state.stale.add(branch);
  } else state.open.set(name, branch);
  for (const root of rootsOf(record)) state.branchOf.set(root, branch);
  return branch;
}

function* removeRecord(state: PoolState, branch: OpenBranch): Steps<void> {
  yield* run(state, () => {
    checkWritable(state);
    checkThere(state, branch);
    const { store } = state;
    const { record } = branch;
    const key = branchKey(branch);
    if (branch.recorded) {
      prepare(store, state.directory, { removes: [key], purpose: 'commit' });
      remove(store, state.directory, key);
      state.changed = true;
    }
    for (const root of rootsOf(record)) releaseRoot(store, root);
    store.reservedPages -= unclaimed(record.root);
    branch.gone = true;
    branch.version++;
    state.tell(record.root);
    state.stale.delete(branch);
    state.unnamed.delete(branch);
    if (branch.name !== undefined) state.open.delete(branch.name);
  });
}

function checkAbsent(state: PoolState, name: string, key: Uint8Array): void {
  if (!has(state.store, state.directory, key)) return;
  throw new ByreError(
    'EXISTS',
    `a branch or snapshot '${name}' is there already: choose another name or drop it first`,
    {
      details: { name },
    },
  );
}

/** Throws if a branch was dropped or released, perhaps while the caller waited. */
export function checkThere(state: PoolState, branch: OpenBranch): void {
  if (branch.gone) throw noSuchBranch(state, branch.name ?? 'unnamed fork');
}

export function checkWritable(state: PoolState): void {
  if (state.readOnly) throw new ByreError('READ_ONLY', `the pool ${state.device.name} is opened for reading only`);
}

export function noSuchBranch(state: PoolState, name: string): ByreError {
  return new ByreError('NO_SUCH_BRANCH', `there is no branch or snapshot '${name}' in ${state.device.name}`, {
    details: { name },
  });
}
