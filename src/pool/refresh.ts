/**
 * Moving a reader on to the newest commit that a writing process has made.
 * Open branch handles then show that commit; what was read before stays as it was read. It is not for pools opened for writing.
 */

import { decodeRecord, nameKey } from '../core/directory.ts';
import { get } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import { adoptSuperblock, readSuperblocks } from './open.ts';
import { run } from './run.ts';
import type { PoolState } from './state.ts';
import type { Steps } from './steps.ts';

/** True if there was a newer commit. Only for pools opened for reading. */
export function* refresh(state: PoolState): Steps<boolean> {
  if (!state.readOnly) throw new ByreError('BAD_ARGUMENT', 'only a pool opened for reading is refreshed');
  const [newest] = (yield* readSuperblocks(state.device)).found;
  if (newest === undefined || newest.superblock.commit <= state.durable) return false;
  // Pages of the old commit may hold something else by now.
  state.store.nodes.forgetClean();
  state.store.data.forgetClean();
  adoptSuperblock(state, newest.superblock);
  for (const [name, branch] of state.open) {
    const key = nameKey(name);
    const bytes = yield* run(state, () => get(state.store, state.directory, key));
    const record = bytes && decodeRecord(bytes, true);
    if (!record || record.id !== branch.record.id) {
      branch.gone = true;
      state.open.delete(name);
      continue;
    }
    const { root } = branch.record;
    const changed = root.page !== record.root.page || root.low !== record.root.low || root.high !== record.root.high;
    // Faces hold on to the root object: it stays, and takes the new state over.
    Object.assign(root, { page: record.root.page, low: record.root.low, high: record.root.high });
    branch.record = { ...record, root };
    if (changed) {
      root.changes++;
      branch.version++;
      state.tell(root);
    }
  }
  return true;
}
