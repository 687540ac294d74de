/**
 * The way from a root to the leaf of a key, and a short cut to the leaf that the last descent came to.
 * Callers must not keep a place beyond their next call into core, nor change a key between preparing and writing it; and who changes the shape of a tree must say so here.
 */

import * as node from './node.ts';
import type { Root, Store } from './store.ts';

const MAX_DEPTH = 32;

/**
 * The way of the last descent, root first: nodes, the slot taken in each, and in the leaf the slot of the key or where it belongs.
 * One operation runs at a time, so one is enough for all stores.
 */
export const pathFrames = new Int32Array(MAX_DEPTH);
export const pathSlots = new Int32Array(MAX_DEPTH);

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
  /** The key whose slot the path ends with, itself and no copy, and whether it is there; undefined once the leaf may have changed. */
  key: undefined as Uint8Array | undefined,
  found: false,
};

/** `endFrame` and `endSlot` say what ends the leaf: see {@link near}. */
export function setNear(
  store: Store,
  root: Root,
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
  near.frame = pathFrames[depth];
  near.depth = depth;
  near.owned = owned;
}

function isNear(store: Store, root: Root): boolean {
  return near.root === root && near.changes === root.changes && near.attempt === store.attempts;
}

/** Whether the path leads to `key` already: then no node of it need be searched again. For keys named in this operation's plan only. */
export function isOnPath(store: Store, root: Root, key: Uint8Array): boolean {
  return near.key === key && isNear(store, root);
}

/** Leads the path to `key` if that is in the near leaf, or belongs there. False if only a descent can tell. */
export function searchNear(store: Store, root: Root, key: Uint8Array): boolean {
  if (!isNear(store, root)) return false;
  const slot = node.searchLeaf(store, near.frame, key);
  const isWithin = node.found || (slot > 0 && slot < node.cellCount(store, near.frame));
  if (!isWithin && (slot === 0 || !isBeforeEnd(store, key))) return false;
  endPath(near.depth, slot, key);
  return true;
}

/** Notes what {@link node.searchLeaf} said of the leaf at the path's end. */
export function endPath(depth: number, slot: number, key: Uint8Array): void {
  pathSlots[depth] = slot;
  near.key = key;
  near.found = node.found;
}

/** Whether a key that is beyond all of the near leaf's belongs there. */
function isBeforeEnd(store: Store, key: Uint8Array): boolean {
  if (near.endFrame < 0) return true;
  return node.searchInternal(store, near.endFrame, key) < near.endSlot;
}

/** To be called before an operation names the keys that it writes: until then, the same array may have held other keys. */
export function forgetKey(): void {
  near.key = undefined;
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
  if (root.page === 0) return place;
  if (!searchNear(store, root, key)) descend(store, root, key);
  if (near.found) place.frame = near.frame;
  place.slot = pathSlots[near.depth];
  place.depth = near.depth;
  return place;
}

function descend(store: Store, root: Root, key: Uint8Array): void {
  // A node may be missing on the way; then nothing is near.
  forgetNear();
  let { page, low, high } = root;
  let endFrame = -1;
  let endSlot = 0;
  for (let depth = 0; ; depth++) {
    const frame = store.node(page, low, high);
    pathFrames[depth] = frame;
    if (node.level(store, frame) === 0) {
      endPath(depth, node.searchLeaf(store, frame, key), key);
      setNear(store, root, depth, false, endFrame, endSlot);
      return;
    }
    const slot = node.searchInternal(store, frame, key);
    pathSlots[depth] = slot;
    if (slot + 1 < node.cellCount(store, frame)) {
      endFrame = frame;
      endSlot = slot + 1;
    }
    page = node.childPage(store, frame, slot);
    low = node.childLow(store, frame, slot);
    high = node.childHigh(store, frame, slot);
  }
}
