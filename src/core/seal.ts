/**
 * Sealing: giving every dirty node that a root reaches its hash, children first, so that the parent's references are whole
 * before the parent is hashed itself.
 * Callers must seal a root before its reference is stored anywhere, and must write all dirty frames before it counts.
 */

import { assert } from '../errors.ts';
import * as node from './node.ts';
import type { Root, Store } from './store.ts';

/** Seals everything below a root and the root's own reference. */
export function seal(store: Store, root: Root): void {
  if (root.page === 0 || root.low !== 0 || root.high !== 0) return;
  sealNode(store, root.page);
  root.low = store.hashWords[0];
  root.high = store.hashWords[1];
}

/** Leaves the node's hash in `hashWords`. */
function sealNode(store: Store, page: number): void {
  const frame = store.nodes.find(page);
  assert(frame >= 0 && store.nodes.isDirty(frame), 'an unsealed node is not dirty and resident');
  if (node.level(store, frame) !== 0) {
    const count = node.cellCount(store, frame);
    for (let slot = 0; slot < count; slot++) {
      if (node.childLow(store, frame, slot) !== 0 || node.childHigh(store, frame, slot) !== 0) continue;
      const child = node.childPage(store, frame, slot);
      sealNode(store, child);
      node.setChild(store, frame, slot, child, store.hashWords[0], store.hashWords[1]);
    }
  }
  store.hash(store.nodes.bytes(frame), store.hashWords);
}
