/**
 * The way from a root to the leaf of a key, and a short cut to the leaf that the last descent came to.
 * Callers must not keep a place beyond their next call into core, and who changes the shape of a tree must say so here.
 */

import * as node from './node.ts';
import type { Root, Store } from './store.ts';

/**
 * The leaf that the last descent came to: keys that lie between its first and its last need no descent of their own. It is
 * true for the one attempt at an operation, while the tree stands at `changes`.
 */
export const near = { root: undefined as Root | undefined, changes: 0, attempt: 0, frame: 0, depth: 0, owned: false };

export function setNear(store: Store, root: Root, frame: number, depth: number, owned: boolean): void {
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
  return node.found || (slot > 0 && slot < node.cellCount(store, near.frame)) ? slot : -1;
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
  for (let depth = 0; ; depth++) {
    const frame = store.node(page, low, high);
    if (node.level(store, frame) === 0) {
      place.slot = node.searchLeaf(store, frame, key);
      if (node.found) place.frame = frame;
      place.depth = depth;
      setNear(store, root, frame, depth, false);
      return place;
    }
    const slot = node.searchInternal(store, frame, key);
    page = node.childPage(store, frame, slot);
    low = node.childLow(store, frame, slot);
    high = node.childHigh(store, frame, slot);
  }
}
