/**
 * The merged tree as what tables work on, and a table of it while its conflicts are settled.
 * Callers must run its jobs as a part of a merge: it runs nothing itself.
 */
import { ByreError } from '../errors.ts';
import type { MergedState } from '../pool/merge.ts';
import type { Claims } from './merge-entries.ts';
import type { RowResolver } from './merge-rows.ts';
import type { Schema } from './schema.ts';
import type { Target } from './target.ts';

export interface MergedTable {
  readonly merged: MergedState;
  readonly schema: Schema<unknown>;
  readonly target: Target;
  readonly resolver: RowResolver | undefined;
  /** Unique entries that more than one row may ask for. */
  readonly claims: Claims;
}

/** The merged tree as a target: nobody else sees it, so it needs no forks. */
export function mergeTarget({ store, work: root, nextNumber }: MergedState): Target {
  const never = () => {
    throw new ByreError('INTERNAL', 'a merge runs its operations itself');
  };
  const target: Target = {
    store,
    root,
    readOnly: true,
    epoch: 0,
    recordChanged: () => {},
    run: never,
    runSync: never,
    // Nobody else sees the tree, so there is nothing to hold.
    *fork() {
      return { root, release: () => {} };
    },
    atomically: (work) => work(target),
    nextNumber,
  };
  return target;
}
