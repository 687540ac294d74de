/**
 * Opening a branch anew: the way to take it from whoever has it open.
 * Callers must take the new handle for all that they do from then on.
 */

import { type BranchRecord, encodeRecord, nameKey } from '../core/directory.ts';
import { prepare } from '../core/prepare.ts';
import { put } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import { adopt, checkThere, checkWritable, openBranch } from './branches.ts';
import { run } from './run.ts';
import type { OpenBranch, PoolState } from './state.ts';
import type { Steps } from './steps.ts';

/** Nothing of the branch changes, but what was open of it is gone, as if it had been dropped. */
export function* renewBranch(state: PoolState, name: string): Steps<OpenBranch> {
  const old = yield* openBranch(state, name);
  if (old.record.kind === 'snapshot')
    throw new ByreError('READ_ONLY', `'${name}' is a snapshot: only branches are renewed`);
  const key = nameKey(name);
  return yield* run(state, () => {
    checkWritable(state);
    checkThere(state, old);
    const { store } = state;
    prepare(store, state.directory, { puts: [key], purpose: 'free' });
    const { root } = old.record;
    // The reference moves: no count changes.
    const record: BranchRecord = { ...old.record, root: { ...root } };
    if (store.dirtyRoots.delete(root)) store.dirtyRoots.add(record.root);
    Object.assign(root, { page: 0, low: 0, high: 0 });
    old.gone = true;
    old.version++;
    state.tell(root);
    state.stale.delete(old);
    const renewed = adopt(state, name, record, true);
    put(store, state.directory, key, encodeRecord(record));
    return renewed;
  });
}
