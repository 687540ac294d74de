/**
 * Grafting: a leaf whose keys all begin alike is copied to another place of its tree as it is, with another beginning, and its pages are
 * shared. A large file is copied so, some hundred pages at a time.
 * Callers must see that nothing lies where it is to stand, and prepare puts of the first and the last of its new keys.
 */

import { assert } from '../errors.ts';
import { compareBytes } from './bytes.ts';
import { forgetNear, locate, near, pathFrames, pathSlots } from './locate.ts';
import * as node from './node.ts';
import { gather, writeGathered } from './node-write.ts';
import { shareChildren } from './share.ts';
import type { Root, Store } from './store.ts';
import { enterRight, newNode, ownPath, shortest } from './tree.ts';

/** Whether a cell is the first of its leaf. */
export function beginsLeaf(store: Store, root: Root, key: Uint8Array): boolean {
  const { frame, slot } = locate(store, root, key);
  return frame >= 0 && slot === 0;
}

/** A leaf that can be grafted elsewhere as a whole: see {@link graftLeaf}. */
export interface Scion {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

/** The leaf that begins with `first`, if all its keys lie before `end` and have a common prefix of `prefixBytes` or more. */
export function wholeLeaf(
  store: Store,
  root: Root,
  first: Uint8Array,
  end: Uint8Array,
  prefixBytes: number,
): Scion | undefined {
  const { frame, slot } = locate(store, root, first);
  if (frame < 0 || slot !== 0 || node.prefixLength(store, frame) < prefixBytes) return undefined;
  const count = node.cellCount(store, frame);
  const last = node.keyOf(store, frame, count - 1);
  return compareBytes(last, end) < 0 ? { first, last } : undefined;
}

/** Whether a leaf with keys from `key` on can be grafted: it will stand behind a cell of the leaf where `key` belongs. */
export function canGraft(store: Store, root: Root, key: Uint8Array): boolean {
  const { frame, slot } = locate(store, root, key);
  return root.page !== 0 && frame < 0 && slot > 0;
}

/**
 * Puts a copy of a whole leaf, its keys begun with `prefix` in place of as many bytes, where nothing lies from the first of them to
 * the last: the copy shares its pages and becomes a leaf of the tree as it is. Prepared as a put of the first key and of the
 * last. Returns the `contentPages` of all its cells.
 */
export function graftLeaf(store: Store, root: Root, scion: Scion, prefix: Uint8Array): number {
  assert(store.writing, 'a tree is written without prepare');
  const { frame: source } = locate(store, root, scion.first);
  assert(source >= 0, 'a leaf to graft is gone');
  const [first, last] = [scion.first.slice(), scion.last.slice()];
  first.set(prefix);
  last.set(prefix);
  const depth = makeWay(store, root, first, last);
  const page = store.allocateNode();
  const target = store.nodes.take(page);
  store.nodes.markDirty(target);
  const { u8 } = store.nodes;
  u8.copyWithin(target * store.nodeBytes, source * store.nodeBytes, (source + 1) * store.nodeBytes);
  node.stamp(store, target, page);
  u8.set(prefix, (target + 1) * store.nodeBytes - node.prefixLength(store, target));
  const pages = shareChildren(store, target) + node.cellCount(store, target) - node.extentsCount(store, target);
  const left = pathFrames[depth];
  const separator = shortest(node.keyOf(store, left, node.cellCount(store, left) - 1), first);
  forgetNear();
  enterRight(store, root, depth, separator, target);
  return pages;
}

/** Owns the way to a leaf whose last cell comes before `first`; what lies behind `last` in it goes to a node of its own. */
function makeWay(store: Store, root: Root, first: Uint8Array, last: Uint8Array): number {
  const depth = ownPath(store, root, first);
  const frame = pathFrames[depth];
  const slot = pathSlots[depth];
  const count = node.cellCount(store, frame);
  assert(!near.found && slot > 0, 'a leaf is grafted where it cannot be');
  if (slot === count) return depth;
  const behind = node.keyOf(store, frame, slot);
  assert(compareBytes(last, behind) < 0, 'a leaf is grafted over other cells');
  gather(store, frame);
  const right = newNode(store, 0);
  assert(writeGathered(store, right, slot, count), 'the right half of a split does not fit');
  assert(writeGathered(store, frame, 0, slot), 'the left half of a split does not fit');
  forgetNear();
  enterRight(store, root, depth, shortest(last, behind), right);
  return ownPath(store, root, first);
}
