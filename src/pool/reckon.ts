/**
 * What is charged to a branch, reckoned by walking: the running count errs upwards when others give up what they shared.
 * Runners must call it before a write is refused for a quota; it keeps operations out while it walks.
 */

import type { Root } from '../core/store.ts';
import { countCommon, reachWalk } from '../core/usage.ts';
import { operate } from './attempt.ts';
import { gated } from './commit.ts';
import type { PoolState } from './state.ts';
import type { Steps } from './steps.ts';

/** Charges a branch with the pages that it refers to and that no state which it started from, or merged, refers to. */
export function* reckon(state: PoolState, root: Root): Steps<void> {
  yield* gated(state, reckonRoot(state, root));
}

function* reckonRoot(state: PoolState, root: Root): Steps<void> {
  const { store } = state;
  const ancestry = state.branchOf.get(root)?.record.ancestry ?? [];
  const own = reachWalk(store, [root]);
  while (yield* operate(state, () => own.step()));
  const others = reachWalk(
    store,
    ancestry.map((ancestor) => ancestor.root),
  );
  while (yield* operate(state, () => others.step()));
  store.charge(root, own.pages - countCommon(own.bits, others.bits) - root.chargedPages);
  root.reckonedAt = store.releases + root.changes;
}
