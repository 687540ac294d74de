/**
 * The companions of a small commit: what it wrote, listed in its superblock with hashes, so that one flush makes all of it durable.
 * If that flush is cut off, the list tells whether everything arrived; a commit of which something did not has not happened.
 * Callers must list whatever was written and not flushed since the last commit, or else flush before they write the superblock.
 */

import { PAGE_BYTES, pageOffset } from '../core/bytes.ts';
import type { Frames } from '../core/frames.ts';
import {
  COMPANION_BYTES,
  type Companions,
  type NodeRef,
  SUPERBLOCK_TAIL_BYTES,
  type Superblock,
  settledSuperblock,
  superblockSlot,
} from '../core/superblock.ts';
import type { Device } from './device.ts';
import { hash64 } from './hash.ts';
import type { PoolState } from './state.ts';
import type { Steps } from './steps.ts';

/** Everything dirty, if a superblock with a tail of so many bytes has room for it. All roots must be sealed. */
export function dirtyCompanions({ store }: PoolState, tailBytes: number): Companions | undefined {
  const { nodes, data } = store;
  const room = SUPERBLOCK_TAIL_BYTES - tailBytes;
  if ((nodes.dirtyCount + data.dirtyCount) * COMPANION_BYTES > room) return undefined;
  return { nodes: dirtyRefs(nodes), data: dirtyRefs(data) };
}

function dirtyRefs(frames: Frames): NodeRef[] {
  return frames.dirtyFrames().map((frame) => refOf(frames.pageOf[frame], frames.bytes(frame)));
}

function refOf(page: number, bytes: Uint8Array): NodeRef {
  const words = new Uint32Array(2);
  hash64(bytes, words);
  return { page, hashLow: words[0], hashHigh: words[1] };
}

/** What was read of a companion. */
export interface ReadCompanion {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Reads them all; undefined if one is not on the device as it was listed. */
export function* readCompanions(device: Device, superblock: Superblock): Steps<ReadCompanion[] | undefined> {
  const { companions, nodeBytes } = superblock;
  const found: ReadCompanion[] = [];
  const nodes = companions.nodes.map((ref) => [ref, nodeBytes] as const);
  const data = companions.data.map((ref) => [ref, PAGE_BYTES] as const);
  for (const [ref, length] of [...nodes, ...data]) {
    const offset = pageOffset(ref.page);
    if (offset + length > device.bytes) return undefined;
    const bytes = new Uint8Array(length);
    yield { kind: 'read', offset, target: bytes };
    const { hashLow, hashHigh } = refOf(ref.page, bytes);
    if (hashLow !== ref.hashLow || hashHigh !== ref.hashHigh) return undefined;
    found.push({ offset, bytes });
  }
  return found;
}

/** Marks the companions of the last commit as durable, which they are. The mark itself need not be: nobody waits for it. */
export function* settle(state: PoolState): Steps<void> {
  const page = state.unsettled;
  if (page === undefined) return;
  state.unsettled = undefined;
  yield { kind: 'write', offset: pageOffset(superblockSlot(state.durable)), pieces: [settledSuperblock(page)] };
}
