/**
 * How much of a pool each branch uses, computed when asked for by walking.
 * The procedure keeps operations out while it walks; its figures are of that moment only.
 */

import { PAGE_BYTES } from '../core/bytes.ts';
import { rootsOf } from '../core/directory.ts';
import { countCommon, reachWalk, releaseWalk } from '../core/usage.ts';
import { operate } from './attempt.ts';
import { listBranches, openBranch, reclaim } from './branches.ts';
import { gated } from './commit.ts';
import { loadCounts } from './open.ts';
import type { OpenBranch, PoolState } from './state.ts';
import type { Steps } from './steps.ts';

export interface BranchUsage {
  readonly name: string;
  /** Everything that the branch's tree refers to. */
  readonly referencedBytes: number;
  /** Of these, what would stay if the branch were dropped. */
  readonly sharedBytes: number;
  /** What dropping the branch gives back; old states that only it remembers as merge bases are among it. */
  readonly exclusiveBytes: number;
}

/** The usage of one branch or snapshot, or of all. */
export function* usage(state: PoolState, name?: string): Steps<BranchUsage[]> {
  yield* loadCounts(state);
  yield* reclaim(state);
  const names = name === undefined ? (yield* listBranches(state)).map((branch) => branch.name) : [name];
  const found: BranchUsage[] = [];
  for (const each of names) {
    const branch = yield* openBranch(state, each);
    found.push(yield* gated(state, usageOf(state, each, branch)));
  }
  return found;
}

function* usageOf(state: PoolState, name: string, branch: OpenBranch): Steps<BranchUsage> {
  const { store } = state;
  const reach = reachWalk(store, [branch.record.root]);
  const release = releaseWalk(store, rootsOf(branch.record));
  while (yield* operate(state, () => reach.step()));
  while (yield* operate(state, () => release.step()));
  return {
    name,
    referencedBytes: reach.pages * PAGE_BYTES,
    sharedBytes: (reach.pages - countCommon(reach.bits, release.bits)) * PAGE_BYTES,
    exclusiveBytes: release.pages * PAGE_BYTES,
  };
}
