/**
 * What scrub reads besides the trees: the superblocks and the records of counts.
 * Callers must keep this process's commits out meanwhile, and everything must be durable.
 */

import { PAGE_BYTES, pageOffset } from '../core/bytes.ts';
import type { Problem } from '../core/check.ts';
import { isNoRecord } from '../core/record-ref.ts';
import { decodeSuperblock, SUPERBLOCK_SLOTS, superblockSlot } from '../core/superblock.ts';
import { hash64 } from './hash.ts';
import type { PoolState } from './state.ts';
import type { Steps } from './steps.ts';

/** Adds what is wrong to `problems`, and gives the number of pages read. */
export function* readOutsideTrees(state: PoolState, problems: Problem[]): Steps<number> {
  for (let slot = 0; slot < SUPERBLOCK_SLOTS; slot++) {
    const flaw = flawOfSlot(state, slot, yield* readPages(slot, PAGE_BYTES));
    if (flaw !== undefined) problems.push({ kind: 'damaged', message: `superblock ${slot}: ${flaw}`, page: slot });
  }
  let pages = SUPERBLOCK_SLOTS;
  const { store } = state;
  for (const { firstPage, bytes, hashLow, hashHigh, pages: length } of recordsOf(state)) {
    store.hash(yield* readPages(firstPage, bytes), store.hashWords);
    if (store.hashWords[0] !== hashLow || store.hashWords[1] !== hashHigh) {
      const message = `a record of counts, pages ${firstPage} to ${firstPage + length - 1}, is damaged`;
      problems.push({ kind: 'damaged', message, page: firstPage });
    }
    pages += length;
  }
  return pages;
}

function recordsOf({ counts }: PoolState) {
  return [counts.base, ...counts.log].filter((ref) => !isNoRecord(ref));
}

function* readPages(page: number, bytes: number): Steps<Uint8Array> {
  const target = new Uint8Array(bytes);
  yield { kind: 'read', offset: pageOffset(page), target };
  return target;
}

/** One slot holds the last commit, the other one the commit before it, or nothing. */
function flawOfSlot({ durable, poolId, readOnly }: PoolState, slot: number, page: Uint8Array): string | undefined {
  const isLast = superblockSlot(durable) === slot;
  if (!isLast && page.every((byte) => byte === 0)) return undefined;
  const found = decodeSuperblock(page, hash64);
  if ('problem' in found) return isLast ? found.problem : `${found.problem}; it was that of the commit before the last`;
  if (superblockSlot(found.commit) !== slot) return `commit ${found.commit} stands in the other one's place`;
  if (found.poolId.some((byte, at) => byte !== poolId[at])) return 'it is of another pool';
  // A reader's writer goes on.
  if ((isLast ? found.commit === durable : found.commit < durable) || (readOnly && found.commit > durable))
    return undefined;
  return `it is of commit ${found.commit}, and ${durable} is the last`;
}
