/**
 * The copy-on-write B+tree: get, put and remove of one cell.
 * Callers must have called {@link prepare} for every key they write, in the same operation, before the first write.
 */

import { assert, ByreError } from '../errors.ts';
import { commonPrefixLength, compareBytes, readU32 } from './bytes.ts';
import {
  endPath,
  forgetKey,
  forgetNear,
  isOnPath,
  locate,
  near,
  noteKey,
  type Place,
  pathFrames,
  pathSlots,
  searchNear,
  setNear,
} from './locate.ts';
import * as node from './node.ts';
import { bytesOfGathered, evenCut, gather, gathered, gatheredKey, gatherRight, writeGathered } from './node-write.ts';
import { eachExtent, own } from './share.ts';
import type { Root, Store } from './store.ts';

/** A node that uses less than this part of itself looks for a neighbour to merge with. */
const UNDERFULL_PART = 4;
/** Two nodes merge only if the result leaves room to grow. */
const MERGED_PART = 0.8;

/** The inline value of `key` as a view that is valid until the next call into core; undefined if the key is absent. */
export function borrow(store: Store, root: Root, key: Uint8Array): Uint8Array | undefined {
  const { frame, slot } = locate(store, root, key);
  return frame < 0 ? undefined : node.cellValue(store, frame, slot);
}

/** A copy of the inline value of `key`, or undefined. */
export function get(store: Store, root: Root, key: Uint8Array): Uint8Array | undefined {
  const { frame, slot } = locate(store, root, key);
  return frame < 0 ? undefined : node.copyValue(store, frame, slot);
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
  assert(cell.key.length > 0 && cell.key.length <= store.maxKeyBytes, 'a key is put that prepare was not told of');
  if (root.page === 0) plant(store, root);
  const depth = ownPath(store, root, cell.key);
  const frame = pathFrames[depth];
  const slot = pathSlots[depth];
  if (near.found) {
    const kind = node.kindOf(store, frame, slot);
    if (kind === node.EXTENTS) releaseOld(store, node.cellValue(store, frame, slot), cell);
    if (kind === cell.kind && node.valueLength(store, frame, slot) === cell.value.length) {
      node.setValue(store, frame, slot, cell.value);
      return;
    }
    node.deleteCell(store, frame, slot);
  }
  insert(store, root, depth, slot, cell);
}

/** Owns the leaf of a key that is there and returns its place: its value may then be read against true counts. */
export function ownLeaf(store: Store, root: Root, key: Uint8Array): Place {
  assert(store.writing, 'a tree is written without prepare');
  const depth = ownPath(store, root, key);
  assert(near.found, 'a cell to own is absent');
  return { frame: pathFrames[depth], slot: pathSlots[depth], depth };
}

/** Takes a cell out and releases the pages it held; false if the key is absent. */
export function remove(store: Store, root: Root, key: Uint8Array): boolean {
  assert(store.writing, 'a tree is written without prepare');
  if (!has(store, root, key)) return false;
  noteKey(key);
  const depth = ownPath(store, root, key);
  const frame = pathFrames[depth];
  const slot = pathSlots[depth];
  if (node.kindOf(store, frame, slot) === node.EXTENTS) {
    eachExtent(node.cellValue(store, frame, slot), (page) => store.releaseData(page));
  }
  node.deleteCell(store, frame, slot);
  shrink(store, root, depth);
  return true;
}

/**
 * Removes cells of `[from, to)`: those of one leaf, or at once all children of a node that lie within. One bounded step,
 * prepared as the removal of `from`; returns where to go on, or undefined at the end. Nodes are queued for release.
 */
export function removeRangeStep(
  store: Store,
  root: Root,
  from: Uint8Array,
  to: Uint8Array | undefined,
): Uint8Array | undefined {
  assert(store.writing, 'a tree is written without prepare');
  if (root.page === 0) return undefined;
  const leafDepth = ownPath(store, root, from);
  forgetNear();
  let end: Uint8Array | undefined;
  for (let depth = 0; depth < leafDepth; depth++) {
    const frame = pathFrames[depth];
    const slot = pathSlots[depth];
    if (removeChildren(store, frame, slot + 1, end, to)) {
      shrink(store, root, leafDepth);
      return from;
    }
    if (slot + 1 < node.cellCount(store, frame)) end = node.keyOf(store, frame, slot + 1);
  }
  const leaf = pathFrames[leafDepth];
  const first = pathSlots[leafDepth];
  const last = to === undefined ? node.cellCount(store, leaf) : node.searchLeaf(store, leaf, to);
  for (let slot = last - 1; slot >= first; slot--) {
    if (node.kindOf(store, leaf, slot) === node.EXTENTS) {
      eachExtent(node.cellValue(store, leaf, slot), (page) => store.releaseData(page));
    }
    node.deleteCell(store, leaf, slot);
  }
  shrink(store, root, leafDepth);
  return end !== undefined && (to === undefined || compareBytes(end, to) < 0) ? end : undefined;
}

/** Removes the children from `slot` on that end at or before `to`; `end` is where the node itself ends. */
function removeChildren(
  store: Store,
  frame: number,
  slot: number,
  end: Uint8Array | undefined,
  to: Uint8Array | undefined,
): boolean {
  let last = slot;
  for (; last < node.cellCount(store, frame); last++) {
    const childEnd = last + 1 < node.cellCount(store, frame) ? node.keyOf(store, frame, last + 1) : end;
    const inside = to === undefined || (childEnd !== undefined && compareBytes(childEnd, to) <= 0);
    if (!inside) break;
  }
  for (let at = last - 1; at >= slot; at--) {
    const [page, low, high] = [
      node.childPage(store, frame, at),
      node.childLow(store, frame, at),
      node.childHigh(store, frame, at),
    ];
    node.deleteCell(store, frame, at);
    store.releaseNode(page, low, high);
  }
  return last > slot;
}

function plant(store: Store, root: Root): void {
  root.page = store.nodes.pageOf[newNode(store, 0)];
  store.touchRoot(root);
}

/**
 * Owns every node from the root to the leaf of `key`, whose cells the caller may then change. Leaves the way in the path, with the
 * key's slot at its end and in `near.found` whether it is there, and returns the leaf's depth.
 */
export function ownPath(store: Store, root: Root, key: Uint8Array): number {
  const isKnown = isOnPath(store, root, key) || (near.owned && searchNear(store, root, key));
  if (isKnown && near.owned && isPathOwned(store, root)) near.changes = ++root.changes;
  else ownDescent(store, root, key, isKnown);
  forgetKey();
  return near.depth;
}

/** `isKnown`: the path leads to the key already. */
function ownDescent(store: Store, root: Root, key: Uint8Array, isKnown: boolean): void {
  let frame = own(store, root.page);
  root.page = store.nodes.pageOf[frame];
  store.touchRoot(root);
  let endFrame = -1;
  let endSlot = 0;
  for (let depth = 0; ; depth++) {
    assert(depth < pathFrames.length, 'a tree is deeper than it can be');
    pathFrames[depth] = frame;
    if (node.level(store, frame) === 0) {
      if (!isKnown) endPath(depth, node.searchLeaf(store, frame, key), node.found);
      setNear(store, root, depth, true, endFrame, endSlot);
      return;
    }
    const slot = isKnown ? pathSlots[depth] : node.searchInternal(store, frame, key);
    pathSlots[depth] = slot;
    if (slot + 1 < node.cellCount(store, frame)) {
      endFrame = frame;
      endSlot = slot + 1;
    }
    const child = own(store, node.childPage(store, frame, slot));
    node.setChild(store, frame, slot, store.nodes.pageOf[child], 0, 0);
    frame = child;
  }
}

/** Whether the path to the near leaf is still as {@link ownPath} left it: neither shared nor sealed since. */
function isPathOwned(store: Store, root: Root): boolean {
  if ((root.low | root.high) !== 0) return false;
  for (let depth = 0; depth <= near.depth; depth++) {
    if (!store.counts.isOwned(store.nodes.pageOf[pathFrames[depth]])) return false;
  }
  return true;
}

function releaseOld(store: Store, old: Uint8Array, cell: node.Cell): void {
  for (let at = 0; at < old.length; at += node.EXTENT_REF_BYTES) {
    const page = readU32(old, at);
    if (page === 0) continue;
    const kept = cell.kind === node.EXTENTS && at < cell.value.length && readU32(cell.value, at) === page;
    if (!kept) store.releaseData(page);
  }
}

/** Puts a cell into the node at `depth` of the path: as the node is, or written anew, or split. */
function insert(store: Store, root: Root, depth: number, slot: number, cell: node.Cell): void {
  const frame = pathFrames[depth];
  if (node.insertCell(store, frame, slot, cell)) return;
  forgetNear();
  const count = node.cellCount(store, frame);
  const fits = node.HEADER_BYTES + node.usedBytes(store, frame) + node.SLOT_BYTES + cell.key.length + cell.value.length;
  if (slot === count && count > 0 && fits > store.nodeBytes) {
    append(store, root, depth, cell);
    return;
  }
  gather(store, frame, cell, slot);
  // Written anew, the node has no dead bytes, and as a rule no longer prefix: what does not fit then need not be tried.
  if (fits - node.prefixLength(store, frame) <= store.nodeBytes && writeGathered(store, frame, 0, gathered())) return;
  // Content that grows has the file's back-reference behind it: a cut before the new cell leaves full nodes, as at the end.
  const cut = cell.kind === node.EXTENTS && slot > 0 && slot === count - 1 ? slot : evenCut(store);
  split(store, root, depth, slot, cut);
}

/** A cell that does not fit at the end of its node gets a node of its own, so that sorted loads leave full nodes. */
function append(store: Store, root: Root, depth: number, cell: node.Cell): void {
  const frame = pathFrames[depth];
  const nodeLevel = node.level(store, frame);
  const isLeaf = nodeLevel === 0;
  const separator = isLeaf ? shortest(node.keyOf(store, frame, node.cellCount(store, frame) - 1), cell.key) : cell.key;
  // What comes next in a sorted load shares about as much with this key as all of the full leaf do.
  const prefix = isLeaf ? commonPrefixLength(node.keyOf(store, frame, 0), cell.key) : 0;
  const right = newNode(store, nodeLevel);
  gather(store, right, isLeaf ? cell : { ...cell, key: new Uint8Array(0) }, 0);
  assert(writeGathered(store, right, 0, 1, prefix), 'a cell does not fit a node of its own');
  enterRight(store, root, depth, separator, right);
}

/** Cuts the gathered cells of the node at `depth` of the path in two, at `cut` if that fits; the new cell stands at `slot`. */
function split(store: Store, root: Root, depth: number, slot: number, cut: number): void {
  const frame = pathFrames[depth];
  const nodeLevel = node.level(store, frame);
  const count = gathered();
  const right = newNode(store, nodeLevel);
  let at = cut;
  if (!writeGathered(store, right, at, count) || !writeGathered(store, frame, 0, at)) {
    // A cell that breaks a long common prefix may leave no even cut that fits; then it stands at one end, and alone.
    at = slot <= 1 ? slot + 1 : slot;
    assert(writeGathered(store, right, at, count), 'the right half of a split does not fit');
    assert(writeGathered(store, frame, 0, at), 'the left half of a split does not fit');
  }
  const key = gatheredKey(store, at);
  const separator = nodeLevel !== 0 ? key : shortest(gatheredKey(store, at - 1), key);
  enterRight(store, root, depth, separator, right);
}

/** The shortest key that divides two. */
export function shortest(left: Uint8Array, right: Uint8Array): Uint8Array {
  return right.slice(0, commonPrefixLength(left, right) + 1);
}

export function newNode(store: Store, nodeLevel: number): number {
  const page = store.allocateNode();
  const frame = store.nodes.take(page);
  store.nodes.markDirty(frame);
  node.initialise(store, frame, page, nodeLevel);
  return frame;
}

/** Makes a new node known to the parent of its left neighbour, which stands at `depth` of the path. */
export function enterRight(store: Store, root: Root, depth: number, separator: Uint8Array, right: number): void {
  const value = node.childValue(store.nodes.pageOf[right], 0, 0);
  const reference: node.Cell = { key: separator, kind: node.INLINE, value };
  if (depth === 0) growRoot(store, root, pathFrames[0], reference);
  else insert(store, root, depth - 1, pathSlots[depth - 1] + 1, reference);
}

function growRoot(store: Store, root: Root, left: number, reference: node.Cell): void {
  const frame = newNode(store, node.level(store, left) + 1);
  const value = node.childValue(store.nodes.pageOf[left], 0, 0);
  gather(store, frame, { key: new Uint8Array(0), kind: node.INLINE, value }, 0);
  assert(writeGathered(store, frame, 0, 1), 'a reference does not fit a new root');
  gather(store, frame, reference, 1);
  assert(writeGathered(store, frame, 0, 2), 'two references do not fit a new root');
  root.page = store.nodes.pageOf[frame];
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
    forgetNear();
  }
  for (;;) {
    const frame = store.nodes.find(root.page);
    const count = node.cellCount(store, frame);
    const leaf = node.level(store, frame) === 0;
    if (count > 1 || (leaf && count === 1)) return;
    forgetNear();
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
  gather(store, left);
  gatherRight(store, right, node.keyOf(store, parent, leftSlot + 1));
  if (bytesOfGathered(store, 0, gathered()) > store.nodeBytes * MERGED_PART) return;
  const target = own(store, leftPage);
  const spare = own(store, rightPage);
  assert(writeGathered(store, target, 0, gathered()), 'merged nodes do not fit');
  store.freeNode(store.nodes.pageOf[spare]);
  node.setChild(store, parent, leftSlot, store.nodes.pageOf[target], 0, 0);
  node.deleteCell(store, parent, leftSlot + 1);
}
