/**
 * The copy-on-write B+tree: get, put and remove of one cell.
 * Callers must have called {@link prepare} for every key they write, in the same operation, before the first write.
 */

import { assert, ByreError } from '../errors.ts';
import { readU32 } from './bytes.ts';
import * as node from './node.ts';
import { eachExtent, own } from './share.ts';
import type { Root, Store } from './store.ts';

/** A node that uses less than this part of itself looks for a neighbour to merge with. */
const UNDERFULL_PART = 4;
/** Two nodes merge only if the result leaves room to grow. */
const MERGED_PART = 0.8;
const MAX_DEPTH = 32;

/** The path of the last descent, root first. One operation runs at a time, so one is enough for all stores. */
const pathFrames = new Int32Array(MAX_DEPTH);
const pathSlots = new Int32Array(MAX_DEPTH);

/** Where a cell is; valid until the next call into core. `frame` is -1 if the key is absent. */
export interface Place {
  frame: number;
  slot: number;
}

const place: Place = { frame: -1, slot: 0 };

/** Finds a cell without copying anything. The result is one shared object. */
export function locate(store: Store, root: Root, key: Uint8Array): Place {
  place.frame = -1;
  let { page, low, high } = root;
  if (page === 0) return place;
  for (;;) {
    const frame = store.node(page, low, high);
    if (node.level(store, frame) === 0) {
      place.slot = node.searchLeaf(store, frame, key);
      if (node.found) place.frame = frame;
      return place;
    }
    const slot = node.searchInternal(store, frame, key);
    page = node.childPage(store, frame, slot);
    low = node.childLow(store, frame, slot);
    high = node.childHigh(store, frame, slot);
  }
}

/** The inline value of `key` as a view that is valid until the next call into core; undefined if the key is absent. */
export function borrow(store: Store, root: Root, key: Uint8Array): Uint8Array | undefined {
  const { frame, slot } = locate(store, root, key);
  return frame < 0 ? undefined : node.cellValue(store, frame, slot);
}

/** A copy of the inline value of `key`, or undefined. */
export function get(store: Store, root: Root, key: Uint8Array): Uint8Array | undefined {
  return borrow(store, root, key)?.slice();
}

export function has(store: Store, root: Root, key: Uint8Array): boolean {
  return locate(store, root, key).frame >= 0;
}

/** Writes an inline value; the pages that the old cell held are released. */
export function put(store: Store, root: Root, key: Uint8Array, value: Uint8Array): void {
  if (value.length > store.maxInlineBytes) {
    throw new ByreError('VALUE_TOO_LARGE', `an inline value has at most ${store.maxInlineBytes} bytes`, {
      details: { bytes: value.length },
    });
  }
  putCell(store, root, { key, kind: node.INLINE, value });
}

/**
 * Writes a cell. An extents value takes one reference over for each page that does not stand at the same index of the old
 * value; pages of the old value that are not kept so are released.
 */
export function putCell(store: Store, root: Root, cell: node.Cell): void {
  assert(store.writing, 'a tree is written without prepare');
  if (cell.key.length === 0 || cell.key.length > store.maxKeyBytes) {
    throw new ByreError('BAD_KEY', `a key has 1 to ${store.maxKeyBytes} bytes`, {
      details: { bytes: cell.key.length },
    });
  }
  if (root.page === 0) plant(store, root);
  const depth = ownPath(store, root, cell.key);
  const frame = pathFrames[depth];
  const slot = node.searchLeaf(store, frame, cell.key);
  if (node.found) {
    const old = node.cellValue(store, frame, slot);
    const kind = node.kindOf(store, frame, slot);
    if (kind === node.EXTENTS) releaseOld(store, old, cell);
    if (kind === cell.kind && old.length === cell.value.length) {
      old.set(cell.value);
      return;
    }
    node.deleteCell(store, frame, slot);
  }
  if (!node.insertCell(store, frame, slot, cell)) split(store, root, depth, slot, cell);
}

/** Owns the leaf of a key that is there and returns its place: its value may then be read against true counts. */
export function ownLeaf(store: Store, root: Root, key: Uint8Array): Place {
  assert(store.writing, 'a tree is written without prepare');
  place.frame = pathFrames[ownPath(store, root, key)];
  place.slot = node.searchLeaf(store, place.frame, key);
  assert(node.found, 'a cell to own is absent');
  return place;
}

/** Takes a cell out and releases the pages it held; false if the key is absent. */
export function remove(store: Store, root: Root, key: Uint8Array): boolean {
  assert(store.writing, 'a tree is written without prepare');
  if (!has(store, root, key)) return false;
  const depth = ownPath(store, root, key);
  const frame = pathFrames[depth];
  const slot = node.searchLeaf(store, frame, key);
  if (node.kindOf(store, frame, slot) === node.EXTENTS) {
    eachExtent(node.cellValue(store, frame, slot), (page) => store.releaseData(page));
  }
  node.deleteCell(store, frame, slot);
  shrink(store, root, depth);
  return true;
}

function plant(store: Store, root: Root): void {
  const page = store.allocateNode();
  const frame = store.nodes.take(page);
  store.nodes.markDirty(frame);
  node.initialise(store, frame, page, 0);
  root.page = page;
  store.touchRoot(root);
}

/** Owns every node from the root to the leaf of `key`, leaves the way in the path and returns the leaf's depth. */
function ownPath(store: Store, root: Root, key: Uint8Array): number {
  let frame = own(store, root.page);
  root.page = store.nodes.pageOf[frame];
  store.touchRoot(root);
  let depth = 0;
  for (;;) {
    assert(depth < MAX_DEPTH, 'a tree is deeper than it can be');
    pathFrames[depth] = frame;
    if (node.level(store, frame) === 0) return depth;
    const slot = node.searchInternal(store, frame, key);
    pathSlots[depth] = slot;
    const child = own(store, node.childPage(store, frame, slot));
    node.setChild(store, frame, slot, store.nodes.pageOf[child], 0, 0);
    frame = child;
    depth++;
  }
}

function releaseOld(store: Store, old: Uint8Array, cell: node.Cell): void {
  for (let at = 0; at < old.length; at += node.EXTENT_REF_BYTES) {
    const page = readU32(old, at);
    if (page === 0) continue;
    const kept = cell.kind === node.EXTENTS && at < cell.value.length && readU32(cell.value, at) === page;
    if (!kept) store.releaseData(page);
  }
}

/** Splits the full node at `depth` of the path around a new cell that belongs at `slot`, and its parents as needed. */
function split(store: Store, root: Root, depth: number, slot: number, cell: node.Cell): void {
  const frame = pathFrames[depth];
  const nodeLevel = node.level(store, frame);
  const cells = node.readCells(store, frame);
  cells.splice(slot, 0, cell);
  const at = splitPoint(store, cells, slot, nodeLevel);
  const page = store.allocateNode();
  const right = store.nodes.take(page);
  store.nodes.markDirty(right);
  node.initialise(store, right, page, nodeLevel);
  const separator = separatorOf(cells, at, nodeLevel);
  const moved = cells.slice(at);
  if (nodeLevel !== 0) moved[0] = { ...moved[0], key: new Uint8Array(0) };
  assert(node.writeCells(store, right, moved), 'the right half of a split does not fit');
  if (at !== slot || at !== cells.length - 1) {
    assert(node.writeCells(store, frame, cells.slice(0, at)), 'the left half of a split does not fit');
  }
  const reference: node.Cell = { key: separator, kind: node.INLINE, value: node.childValue(page, 0, 0) };
  if (depth === 0) {
    growRoot(store, root, frame, reference, nodeLevel + 1);
    return;
  }
  const parentSlot = pathSlots[depth - 1] + 1;
  if (!node.insertCell(store, pathFrames[depth - 1], parentSlot, reference)) {
    split(store, root, depth - 1, parentSlot, reference);
  }
}

/**
 * Where to cut: before a cell appended at the end, so that sorted loads leave full nodes; else where the halves differ
 * least. A cell that breaks a long common prefix may leave no even cut that fits; then it stands alone.
 */
function splitPoint(store: Store, cells: readonly node.Cell[], slot: number, nodeLevel: number): number {
  const last = cells.length - 1;
  if (slot === last) return last;
  const prefix = node.prefixOf(cells, nodeLevel);
  const sizes = cells.map((cell) => node.cellBytes(cell, prefix, nodeLevel));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let best = 1;
  let bestDifference = Number.POSITIVE_INFINITY;
  let left = 0;
  for (let at = 1; at <= last; at++) {
    left += sizes[at - 1];
    const difference = Math.abs(total - 2 * left);
    if (difference < bestDifference) {
      best = at;
      bestDifference = difference;
    }
  }
  return cutFits(store, cells, best, nodeLevel) ? best : slot === 0 ? 1 : slot;
}

function cutFits(store: Store, cells: readonly node.Cell[], at: number, nodeLevel: number): boolean {
  const room = store.nodeBytes - node.HEADER_BYTES;
  return (
    node.bytesOfCells(cells.slice(0, at), nodeLevel) <= room && node.bytesOfCells(cells.slice(at), nodeLevel) <= room
  );
}

/** The key that divides two halves: in a leaf the shortest one, in an internal node the key that moves up. */
function separatorOf(cells: readonly node.Cell[], at: number, nodeLevel: number): Uint8Array {
  const right = cells[at].key;
  if (nodeLevel !== 0) return right;
  const left = cells[at - 1].key;
  let length = 0;
  while (length < left.length && left[length] === right[length]) length++;
  return right.slice(0, length + 1);
}

function growRoot(store: Store, root: Root, left: number, reference: node.Cell, nodeLevel: number): void {
  const page = store.allocateNode();
  const frame = store.nodes.take(page);
  store.nodes.markDirty(frame);
  node.initialise(store, frame, page, nodeLevel);
  const first: node.Cell = {
    key: new Uint8Array(0),
    kind: node.INLINE,
    value: node.childValue(store.nodes.pageOf[left], 0, 0),
  };
  assert(node.writeCells(store, frame, [first, reference]), 'two references do not fit a new root');
  root.page = page;
  store.touchRoot(root);
}

/** After a cell went: empty nodes go, underfull ones merge with a resident neighbour, a root with one child gives way. */
function shrink(store: Store, root: Root, leafDepth: number): void {
  for (let depth = leafDepth; depth > 0; depth--) {
    const frame = pathFrames[depth];
    const parent = pathFrames[depth - 1];
    const slot = pathSlots[depth - 1];
    if (node.cellCount(store, frame) === 0) {
      store.freeNode(store.nodes.pageOf[frame]);
      node.deleteCell(store, parent, slot);
    } else if (node.usedBytes(store, frame) < store.nodeBytes / UNDERFULL_PART) {
      mergeNeighbours(store, parent, slot);
    } else break;
  }
  for (;;) {
    const frame = store.nodes.find(root.page);
    const count = node.cellCount(store, frame);
    const leaf = node.level(store, frame) === 0;
    if (count > 1 || (leaf && count === 1)) return;
    const old = root.page;
    if (count === 0) root.page = 0;
    else {
      root.page = node.childPage(store, frame, 0);
      root.low = node.childLow(store, frame, 0);
      root.high = node.childHigh(store, frame, 0);
    }
    store.freeNode(old);
    if (root.page === 0) return;
    store.dirtyRoots.add(root);
    if (store.nodes.find(root.page) < 0) return;
    if (!store.counts.isOwned(root.page)) return;
  }
}

/** Merges the child at `slot` of an owned node with the one beside it, if that is resident and the result fits well. */
function mergeNeighbours(store: Store, parent: number, slot: number): void {
  const count = node.cellCount(store, parent);
  if (count < 2) return;
  const leftSlot = slot + 1 < count ? slot : slot - 1;
  const leftPage = node.childPage(store, parent, leftSlot);
  const rightPage = node.childPage(store, parent, leftSlot + 1);
  const left = store.nodes.find(leftPage);
  const right = store.nodes.find(rightPage);
  if (left < 0 || right < 0) return;
  const nodeLevel = node.level(store, left);
  const cells = node.readCells(store, left);
  const moved = node.readCells(store, right);
  if (nodeLevel !== 0) moved[0] = { ...moved[0], key: node.keyOf(store, parent, leftSlot + 1) };
  cells.push(...moved);
  if (node.bytesOfCells(cells, nodeLevel) > store.nodeBytes * MERGED_PART) return;
  const target = own(store, leftPage);
  const spare = own(store, rightPage);
  assert(node.writeCells(store, target, cells), 'merged nodes do not fit');
  store.freeNode(store.nodes.pageOf[spare]);
  node.setChild(store, parent, leftSlot, store.nodes.pageOf[target], 0, 0);
  node.deleteCell(store, parent, leftSlot + 1);
}
