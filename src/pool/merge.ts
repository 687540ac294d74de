/**
 * diff and merge of branches, by key; faces add what their keys mean.
 * A merge works on an unnamed fork and changes the branch at once at its end, so that nobody sees half of one.
 * Callers' resolvers must not call into the pool.
 */

import { diff, type Side } from '../core/diff.ts';
import { type Ancestor, MAX_ANCESTORS } from '../core/directory.ts';
import { applyChange, changesFrom, type KeyChange, type KeyConflict, takeCell } from '../core/merge.ts';
import { releaseRoot, shareRoot } from '../core/share.ts';
import type { Root, Store } from '../core/store.ts';
import { ByreError } from '../errors.ts';
import {
  checkQuota,
  checkThere,
  checkWritable,
  forkUnnamed,
  openBranch,
  reclaim,
  releaseUnnamed,
  replaceRoot,
} from './branches.ts';
import { run } from './run.ts';
import type { OpenBranch, PoolState } from './state.ts';
import type { Steps } from './steps.ts';

/** A changed key. Absent in `a`: added; absent in `b`: removed. */
export interface KeyDifference {
  readonly key: Uint8Array;
  readonly a: { readonly kind: 'inline' | 'extents'; readonly value: Uint8Array } | undefined;
  readonly b: { readonly kind: 'inline' | 'extents'; readonly value: Uint8Array } | undefined;
}

/** Which keys: `from` inclusive, `to` exclusive. */
export interface KeyRange {
  readonly from?: Uint8Array | undefined;
  readonly to?: Uint8Array | undefined;
}

/** What to do with a conflict: keep ours, take theirs, or leave it in the report (and fail, if any is left). */
export type Resolution = 'ours' | 'theirs' | 'conflict';

/** What a merge has made so far, for the faces to put right what keys alone do not tell. */
export interface MergedState {
  readonly store: Store;
  readonly base: Root;
  /** The branch that receives, as it was, and the one that gives. Read only. */
  readonly ours: Root;
  readonly theirs: Root;
  /** The merged tree: to be written. A key in conflict is in it as in `ours`, or as it was resolved. */
  readonly work: Root;
  /** All keys that both changed, differently. */
  readonly conflicts: readonly ResolvedConflict[];
  /** A number that nothing in the pool has had. Inside an operation. */
  nextNumber(): number;
}

export interface ResolvedConflict extends KeyConflict {
  readonly resolution: Resolution;
}

/** A face's part in a merge: yields operations, gets their results, and returns the conflicts that are left. */
export type Settle = (merged: MergedState) => Generator<() => unknown, readonly ResolvedConflict[], unknown>;

/** The result of a merge; when there are conflicts, nothing was changed. */
export interface MergeReport {
  readonly merged: boolean;
  readonly changes: number;
  readonly conflicts: readonly KeyConflict[];
}

/** Every key that differs between two branches, as they are when it begins. */
export function* diffBranches(state: PoolState, a: string, b: string, range: KeyRange = {}): Steps<KeyDifference[]> {
  const openA = yield* openBranch(state, a);
  const openB = yield* openBranch(state, b);
  if (state.readOnly) return yield* diffRoots(state, openA.record.root, openB.record.root, range);
  const [left, right] = yield* run(state, () => [forkUnnamed(state, openA), forkUnnamed(state, openB)]);
  try {
    return yield* diffRoots(state, left.record.root, right.record.root, range);
  } finally {
    yield* releaseUnnamed(state, left);
    yield* releaseUnnamed(state, right);
  }
}

/** Every key that differs between two roots, in order; time goes with the differences. */
export function* diffRoots(state: PoolState, a: Root, b: Root, range: KeyRange): Steps<KeyDifference[]> {
  const differences: KeyDifference[] = [];
  let from: Uint8Array | undefined = range.from ?? new Uint8Array(0);
  while (from) {
    const at: Uint8Array = from;
    const { found, next } = yield* run(state, () => {
      const found: KeyDifference[] = [];
      const next = diff(state.store, a, b, { from: at, to: range.to }, (key, sideA, sideB) => {
        found.push({ key: key.slice(), a: kept(sideA), b: kept(sideB) });
      });
      return { found, next };
    });
    for (const difference of found) differences.push(difference);
    from = next;
  }
  return differences;
}

function kept(side: Side | undefined): KeyDifference['a'] {
  return side && { kind: side.kind, value: side.value.slice() };
}

/**
 * The newest state that both branches contain, from what they remember of each other and of their forebears. Throws
 * NO_COMMON_BASE.
 */
export function commonBase(a: OpenBranch, b: OpenBranch): Root {
  let best: { moment: number; root: Root } | undefined;
  const consider = (ancestor: { moment: number; root: Root }) => {
    if (best === undefined || ancestor.moment > best.moment) best = ancestor;
  };
  const idA = a.record.id;
  const idB = b.record.id;
  if (idA === idB) return a.record.root;
  for (const ancestor of a.record.ancestry) {
    if (ancestor.branchId === idB) consider(ancestor);
    for (const other of b.record.ancestry) {
      if (other.branchId === ancestor.branchId) consider(other.moment < ancestor.moment ? other : ancestor);
    }
  }
  for (const ancestor of b.record.ancestry) if (ancestor.branchId === idA) consider(ancestor);
  if (best) return best.root;
  throw new ByreError(
    'NO_COMMON_BASE',
    `'${a.name}' and '${b.name}' have no common state to merge from: give one as base`,
  );
}

export interface MergeOptions {
  /** The branch to take changes from. */
  readonly from: string;
  /** The branch that receives them. */
  readonly into: string;
  /** A snapshot or branch to take as the common base, in place of the one that their history gives. */
  readonly base?: string;
  /** Asked for every key that both changed, differently; without it each is a conflict. It must not call into the pool. */
  readonly resolve?: (conflict: KeyConflict) => Resolution;
  /** The faces' parts, one after another; each gets the conflicts that the one before left. */
  readonly settle?: readonly Settle[];
}

/** Brings the changes of `from` since the common base into `into`, all or none. */
export function* mergeBranches(state: PoolState, options: MergeOptions): Steps<MergeReport> {
  const from = yield* openBranch(state, options.from);
  const into = yield* openBranch(state, options.into);
  const base = options.base === undefined ? undefined : yield* openBranch(state, options.base);
  return yield* mergeInto(state, from, into, base, options);
}

/** {@link mergeBranches} of open branches; without a base their history gives one. A merge holds on to it until it ends. */
export function* mergeInto(
  state: PoolState,
  from: OpenBranch,
  into: OpenBranch,
  base: OpenBranch | undefined,
  options: Pick<MergeOptions, 'resolve' | 'settle'>,
): Steps<MergeReport> {
  checkWritable(state);
  if (into.record.kind === 'snapshot')
    throw new ByreError('READ_ONLY', `'${into.name}' is a snapshot: merge into a branch`);
  const source = yield* run(state, () => {
    if (base) checkThere(state, base);
    return forkUnnamed(state, from, base ? base.record.root : commonBase(from, into));
  });
  const heldBase = (source.record.ancestry.at(-1) as Ancestor).root;
  try {
    for (;;) {
      const work = yield* run(state, () => forkUnnamed(state, into));
      try {
        const start = into.record.root.page;
        const report = yield* mergeOnce(state, heldBase, source, work, options);
        if (report.conflicts.length > 0) return report;
        const done = yield* run(state, () => {
          checkThere(state, into);
          if (into.record.root.page !== start) return false;
          checkQuota(into.record.root, work.record.root.chargedPages);
          replaceRoot(state, into, work.record.root);
          remember(state, into, from, source.record.root);
          state.changed = true;
          return true;
        });
        if (done) return report;
      } finally {
        yield* releaseUnnamed(state, work);
      }
    }
  } finally {
    yield* releaseUnnamed(state, source);
    yield* reclaim(state);
  }
}

/** One try: merges into a fresh fork of the receiving branch, and lets the faces put it right. */
function* mergeOnce(
  state: PoolState,
  base: Root,
  source: OpenBranch,
  work: OpenBranch,
  { resolve = () => 'conflict', settle = [] }: Pick<MergeOptions, 'resolve' | 'settle'>,
): Steps<MergeReport> {
  const nextNumber = () => state.nextInode++;
  const merged = { store: state.store, base, theirs: source.record.root, work: work.record.root, nextNumber };
  const { changes, conflicts } = yield* mergeRoots(state, base, merged.theirs, merged.work, resolve);
  let left: readonly ResolvedConflict[] = conflicts;
  // A fork remembers what it was forked from: the receiving branch as it was.
  const ours = work.record.ancestry[0].root;
  for (const face of settle) left = yield* perform(state, face({ ...merged, ours, conflicts: left }));
  const open = left.filter(({ resolution }) => resolution === 'conflict');
  return { merged: open.length === 0, changes, conflicts: open };
}

/** Runs the operations that a face yields. */
function* perform<T>(state: PoolState, work: Generator<() => unknown, T, unknown>): Steps<T> {
  let turn = work.next();
  while (!turn.done) turn = work.next(yield* run(state, turn.value));
  return turn.value;
}

/** Merges the changes from `base` to `from` into `work`, a tree that nobody else writes. */
export function* mergeRoots(
  state: PoolState,
  base: Root,
  from: Root,
  work: Root,
  resolve: (conflict: KeyConflict) => Resolution,
): Steps<{ changes: number; conflicts: ResolvedConflict[] }> {
  const { store } = state;
  const conflicts: ResolvedConflict[] = [];
  let changes = 0;
  let at: Uint8Array | undefined = new Uint8Array(0);
  while (at) {
    const start: Uint8Array = at;
    const stretch: { changes: KeyChange[]; next: Uint8Array | undefined } = yield* run(state, () =>
      changesFrom(store, base, from, { from: start }),
    );
    for (const change of stretch.changes) {
      changes++;
      const conflict = yield* run(state, () => applyChange(store, work, from, change));
      if (!conflict) continue;
      const resolution = resolve(conflict);
      conflicts.push({ ...conflict, resolution });
      if (resolution !== 'theirs') continue;
      yield* run(state, () => takeCell(store, work, from, conflict.key, conflict.theirs !== undefined));
    }
    at = stretch.next;
  }
  return { changes, conflicts };
}

/** Notes that `into` now contains everything of `from` up to `root`: the base of their next merge. */
function remember(state: PoolState, into: OpenBranch, from: OpenBranch, root: Root): void {
  const ancestor: Ancestor = {
    branchId: from.record.id,
    moment: state.moment++,
    root: shareRoot(state.store, root, true),
  };
  state.branchOf.set(ancestor.root, into);
  const kept: Ancestor[] = [ancestor];
  for (const other of into.record.ancestry) {
    if (other.branchId !== from.record.id && kept.length < MAX_ANCESTORS) kept.push(other);
    else releaseRoot(state.store, other.root);
  }
  into.record = { ...into.record, ancestry: kept };
  state.stale.add(into);
}
