/**
 * The one rule: shared until written. Taking and giving back references to nodes, and owning a node before it is written.
 * Callers must have reserved frames and pages, and must write the page that {@link own} returns into the parent at once.
 */

import { assert } from '../errors.ts';
import { readU32 } from './bytes.ts';
import {
  cellCount,
  cellValue,
  childHigh,
  childLow,
  childPage,
  EXTENT_REF_BYTES,
  EXTENTS,
  extentsCount,
  kindOf,
  level,
  stamp,
  valueEnd,
  valueLength,
} from './node.ts';
import { emptyRoot, type Root, type Store } from './store.ts';

/**
 * Makes a resident node writable and returns its frame: as it is if its count is 1 and it was born in this commit; moved to
 * a new page if its count is 1; otherwise a private copy that shares its children.
 */
export function own(store: Store, page: number): number {
  const { nodes, counts } = store;
  const frame = nodes.find(page);
  assert(frame >= 0, 'a node to own is not resident');
  if (counts.isOwned(page)) {
    nodes.markDirty(frame);
    return frame;
  }
  const copy = store.allocateNode();
  if (counts.count(page) === 1) {
    nodes.rename(frame, copy);
    nodes.markDirty(frame);
    stamp(store, frame, copy);
    store.freeNode(page);
    return frame;
  }
  const target = nodes.take(copy);
  nodes.markDirty(target);
  const from = frame * store.nodeBytes;
  nodes.u8.copyWithin(target * store.nodeBytes, from, from + store.nodeBytes);
  stamp(store, target, copy);
  shareChildren(store, target);
  counts.unshare(page);
  return target;
}

/** Takes one more reference to everything that a node refers to, and returns how many pages of data that is. */
export function shareChildren(store: Store, frame: number): number {
  if (level(store, frame) === 0) return shareData(store, frame);
  const count = cellCount(store, frame);
  for (let slot = 0; slot < count; slot++) store.counts.share(childPage(store, frame, slot));
  return 0;
}

/** Pages of one file are neighbours as a rule: they are counted a run at a time. */
function shareData(store: Store, frame: number): number {
  const { counts, nodes } = store;
  const count = cellCount(store, frame);
  let pages = 0;
  let first = 0;
  let length = 0;
  for (let slot = 0; slot < count; slot++) {
    if (kindOf(store, frame, slot) !== EXTENTS) continue;
    const end = frame * store.nodeBytes + valueEnd(store, frame, slot);
    for (let at = end - valueLength(store, frame, slot); at < end; at += EXTENT_REF_BYTES) {
      const page = readU32(nodes.u8, at);
      if (page === 0) continue;
      pages++;
      if (page !== first + length) {
        if (length > 0) counts.shareRun(first, length);
        first = page;
        length = 0;
      }
      length++;
    }
  }
  if (length > 0) counts.shareRun(first, length);
  return pages;
}

/** Visits what a node refers to: its child nodes, or the data pages of its cells. */
export function eachChild(
  store: Store,
  frame: number,
  node: (page: number, low: number, high: number) => void,
  data: (page: number, checksum: number) => void,
): void {
  const count = cellCount(store, frame);
  if (level(store, frame) !== 0) {
    for (let slot = 0; slot < count; slot++) {
      node(childPage(store, frame, slot), childLow(store, frame, slot), childHigh(store, frame, slot));
    }
    return;
  }
  let left = extentsCount(store, frame);
  for (let slot = 0; slot < count && left > 0; slot++) {
    if (kindOf(store, frame, slot) !== EXTENTS) continue;
    left--;
    eachExtent(cellValue(store, frame, slot), data);
  }
}

/** Visits the pages of an extents value; holes are left out. */
export function eachExtent(value: Uint8Array, data: (page: number, checksum: number) => void): void {
  for (let at = 0; at < value.length; at += EXTENT_REF_BYTES) {
    const page = readU32(value, at);
    if (page !== 0) data(page, readU32(value, at + 4));
  }
}

/** A second root over the same tree: a fork. */
export function shareRoot(store: Store, root: Root, readOnly = false): Root {
  const copy = emptyRoot(readOnly);
  if (root.page !== 0) store.counts.share(root.page);
  copy.page = root.page;
  copy.low = root.low;
  copy.high = root.high;
  if (root.page !== 0 && root.low === 0 && root.high === 0) store.dirtyRoots.add(copy);
  return copy;
}

/** Gives a root's reference back; what only it referred to is queued for release. */
export function releaseRoot(store: Store, root: Root): void {
  store.releases++;
  store.releaseNode(root.page, root.low, root.high);
  store.dirtyRoots.delete(root);
  root.page = 0;
  root.low = 0;
  root.high = 0;
}

/** Releases the children of one queued node and frees it. One bounded step; may fault; true while more are queued. */
export function reclaimStep(store: Store): boolean {
  const { reclaim, counts } = store;
  if (reclaim.length === 0) return false;
  const at = reclaim.length - 3;
  const page = reclaim[at];
  assert(counts.count(page) === 1, 'a node queued for release is shared');
  const frame = store.node(page, reclaim[at + 1], reclaim[at + 2]);
  reclaim.length = at;
  eachChild(
    store,
    frame,
    (child, low, high) => store.releaseNode(child, low, high),
    (child) => store.releaseData(child),
  );
  store.freeNode(page);
  return reclaim.length > 0;
}
