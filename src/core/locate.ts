/**
 * The way from a root to the leaf of a key, and a short cut to the leaf that the last descent came to.
 * Callers must not keep a place beyond their next call into core, nor change a key's bytes between preparing and writing it. Who changes
 * the shape of a tree must say so here.
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
 * The leaf at the path's end, `depth` nodes below the root: keys that lie beyond its first and before the leaf's end need no descent of
 * their own. It is true for the one attempt at an operation, while the tree stands at `changes`.
 */
export const near = {
  root: undefined as Root | undefined,
  changes: 0,
  attempt: 0,
  depth: 0,
  owned: false,
  /** The node above, and the slot in it, of the separator that ends the leaf's keys; no frame if nothing does. */
  endFrame: -1,
  endSlot: 0,
  /** Whether the key is there whose slot the path ends with. */
  found: false,
  /** That key, itself and no copy, if it is about to be written. */
  key: undefined as Uint8Array | undefined,
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
  near.depth = depth;
  near.owned = owned;
}

function isNear(store: Store, root: Root): boolean {
  return near.root === root && near.changes === root.changes && near.attempt === store.attempts;
}

/** Whether the path leads to `key` already, as was noted: then no node of it need be searched again. */
export function isOnPath(store: Store, root: Root, key: Uint8Array): boolean {
  return near.key === key && isNear(store, root);
}

/** Leads the path to `key` if that is in the near leaf, or belongs there. False if only a descent can tell. */
export function searchNear(store: Store, root: Root, key: Uint8Array): boolean {
  if (!isNear(store, root)) return false;
  const frame = pathFrames[near.depth];
  // First, since sorted keys come so.
  if (node.isBehind(store, frame, key)) {
    if (near.endFrame >= 0 && !node.isBefore(store, near.endFrame, near.endSlot, key)) return false;
    endPath(near.depth, node.cellCount(store, frame), false);
    return true;
  }
  const slot = node.searchLeaf(store, frame, key);
  if (slot === 0 && !node.found) return false;
  endPath(near.depth, slot, node.found);
  return true;
}

/** Notes where in the leaf at the path's end a key is, or belongs: no longer the key that was noted. */
export function endPath(depth: number, slot: number, found: boolean): void {
  pathSlots[depth] = slot;
  near.found = found;
  near.key = undefined;
}

/** Notes that `key`, which was just located, will be written: until then its bytes must stay as they are. */
export function noteKey(key: Uint8Array): void {
  near.key = key;
}

/** To be called before a plan names keys, and when the noted one is written: after that the same array may hold another key. */
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
  let { page, low, high } = root;
  if (page === 0) return place;
  if (searchNear(store, root, key)) {
    if (near.found) place.frame = pathFrames[near.depth];
    place.slot = pathSlots[near.depth];
    place.depth = near.depth;
    return place;
  }
  // A node may be missing on the way; then nothing is near.
  forgetNear();
  let endFrame = -1;
  let endSlot = 0;
  for (let depth = 0; ; depth++) {
    const frame = store.node(page, low, high);
    pathFrames[depth] = frame;
    if (node.level(store, frame) === 0) {
      place.slot = node.searchLeaf(store, frame, key);
      if (node.found) place.frame = frame;
      place.depth = depth;
      endPath(depth, place.slot, node.found);
      setNear(store, root, depth, false, endFrame, endSlot);
      return place;
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
