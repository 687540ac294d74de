/**
 * The way from a root to the leaf of a key, and a short cut to the leaf that the last descent came to.
 * Callers must not keep a place beyond their next call into core, and who changes the shape of a tree must say so here.
 */

import * as node from './node.ts';
import type { Root, Store } from './store.ts';

/**
 * The leaf that the last descent came to: keys that lie beyond its first and before the leaf's end need no descent of their own. It
 * is true for the one attempt at an operation, while the tree stands at `changes`.
 */
export const near = {
  root: undefined as Root | undefined,
  changes: 0,
  attempt: 0,
  frame: 0,
  depth: 0,
  owned: false,
  /** The node above, and the slot in it, of the separator that ends the leaf's keys; no frame if nothing does. */
  endFrame: -1,
  endSlot: 0,
};

/** `endFrame` and `endSlot` say what ends the leaf: see {@link near}. */
export function setNear(
  store: Store,
  root: Root,
  frame: number,
  depth: number,
  owned: boolean,
  endFrame: number,
  endSlot: number,
): void {
  near.endFrame = endFrame;
  near.endSlot = endSlot;
  near.root = root;
  near.changes = root.changes;
  near.attempt = store.attempts;
  near.frame = frame;
  near.depth = depth;
  near.owned = owned;
}

/** The slot of `key` in the near leaf, or where it belongs there; -1 if only a descent can tell. `node.found` says which. */
export function searchNear(store: Store, root: Root, key: Uint8Array): number {
  if (near.root !== root || near.changes !== root.changes || near.attempt !== store.attempts) return -1;
  const slot = node.searchLeaf(store, near.frame, key);
  if (node.found || (slot > 0 && slot < node.cellCount(store, near.frame))) return slot;
  return slot > 0 && isBeforeEnd(store, key) ? slot : -1;
}

/** Whether a key that is beyond all of the near leaf's belongs there. */
function isBeforeEnd(store: Store, key: Uint8Array): boolean {
  if (near.endFrame < 0) return true;
  return node.searchInternal(store, near.endFrame, key) < near.endSlot;
}

/** To be called when the shape of a tree changes: what was near may not be so any more. */
export function forgetNear(): void {
  near.root = undefined;
}

/** Where a cell is; valid until the next call into core. `frame` is -1 if the key is absent. */
export interface Place {
  frame: number;
  slot: number;
  /** Nodes above the leaf. */
  depth: number;
}

const place: Place = { frame: -1, slot: 0, depth: 0 };

/** Finds a cell without copying anything. The result is one shared object. */
export function locate(store: Store, root: Root, key: Uint8Array): Place {
  place.frame = -1;
  place.depth = 0;
  let { page, low, high } = root;
  if (page === 0) return place;
  place.slot = searchNear(store, root, key);
  if (place.slot >= 0) {
    if (node.found) place.frame = near.frame;
    place.depth = near.depth;
    return place;
  }
  let endFrame = -1;
  let endSlot = 0;
  for (let depth = 0; ; depth++) {
    const frame = store.node(page, low, high);
    if (node.level(store, frame) === 0) {
      place.slot = node.searchLeaf(store, frame, key);
      if (node.found) place.frame = frame;
      place.depth = depth;
      setNear(store, root, frame, depth, false, endFrame, endSlot);
      return place;
    }
    const slot = node.searchInternal(store, frame, key);
    if (slot + 1 < node.cellCount(store, frame)) {
      endFrame = frame;
      endSlot = slot + 1;
    }
    page = node.childPage(store, frame, slot);
    low = node.childLow(store, frame, slot);
    high = node.childHigh(store, frame, slot);
  }
}
