/**
 * Opening a branch anew: the way to take it from whoever has it open.
 * Callers must take the new handle for all that they do from then on.
 */

import type { BranchRecord } from '../core/directory.ts';
import { ByreError } from '../errors.ts';
import { adopt, checkThere, checkWritable, openBranch } from './branches.ts';
import { run } from './run.ts';
import type { OpenBranch, PoolState } from './state.ts';
import type { Steps } from './steps.ts';

/** Nothing of the branch changes, so that nothing is written; but what was open of it is gone, as if it had been dropped. */
export function* renewBranch(state: PoolState, name: string): Steps<OpenBranch> {
  const old = yield* openBranch(state, name);
  if (old.record.kind === 'snapshot')
    throw new ByreError('READ_ONLY', `'${name}' is a snapshot: only branches are renewed`);
  return yield* run(state, () => {
    checkWritable(state);
    checkThere(state, old);
    const { dirtyRoots } = state.store;
    const { root } = old.record;
    // The reference moves: no count changes.
    const record: BranchRecord = { ...old.record, root: { ...root } };
    if (dirtyRoots.delete(root)) dirtyRoots.add(record.root);
    Object.assign(root, { page: 0, low: 0, high: 0 });
    old.gone = true;
    old.version++;
    state.tell(root);
    const renewed = adopt(state, name, record, old.recorded);
    if (state.stale.delete(old)) state.stale.add(renewed);
    return renewed;
  });
}
