/**
 * Moving pages to low addresses: rewrites a node with other references, outside of any frame.
 * Callers must keep a reference to every moved page until all its parents refer to the new one, so that sharing survives the move.
 */

import { readU16, readU32, writeU32, writeU64 } from './bytes.ts';
import * as node from './node.ts';
import type { Store } from './store.ts';

/** Where something is now. */
export interface Moved {
  readonly page: number;
  /** The hash of a node; of a data page the checksum and 0. */
  readonly low: number;
  readonly high: number;
}

/**
 * A copy of a resident node as it is to stand at `page`, its references renewed by `moved`, with one more reference taken to
 * everything that it refers to. The node itself stays as it is.
 */
export function rewrite(
  store: Store,
  frame: number,
  page: number,
  moved: { node(page: number): Moved | undefined; data(page: number): Moved | undefined },
): Uint8Array {
  const bytes = store.nodes.bytes(frame).slice();
  writeU32(bytes, 4, page);
  writeU64(bytes, 8, store.building);
  const base = frame * store.nodeBytes;
  const count = node.cellCount(store, frame);
  const leaf = node.level(store, frame) === 0;
  for (let slot = 0; slot < count; slot++) {
    const at = node.cellAt(store, frame, slot) - base;
    if (!leaf) renew(store, bytes, at, moved.node, true);
    else if (node.kindOf(store, frame, slot) === node.EXTENTS) {
      const from = at + 2 + node.suffixLength(store, frame, slot);
      const length = readU16(bytes, at) & node.LENGTH_MASK;
      for (let ref = from; ref < from + length; ref += node.EXTENT_REF_BYTES)
        renew(store, bytes, ref, moved.data, false);
    }
  }
  return bytes;
}

function renew(
  store: Store,
  bytes: Uint8Array,
  at: number,
  moved: (page: number) => Moved | undefined,
  isNode: boolean,
): void {
  const old = readU32(bytes, at);
  if (old === 0) return;
  const now = moved(old);
  if (now) {
    writeU32(bytes, at, now.page);
    writeU32(bytes, at + 4, now.low);
    if (isNode) writeU32(bytes, at + 8, now.high);
  }
  store.counts.share(now ? now.page : old);
}
