/**
 * Writing a node anew from cells of other nodes and one new cell: the slow path of inserting, splitting and merging.
 * Callers must gather the cells while their nodes are as they were: gathering copies a node aside, so that it may be overwritten.
 */

import { assert } from '../errors.ts';
import { commonPrefixLength, readU16, writeU16 } from './bytes.ts';
import * as node from './node.ts';
import type { Store } from './store.ts';

/** Stands for the new cell in a sequence. */
const NEW = -1;
const MAX_CELLS = 2 * 8192;

/**
 * Cells in key order: each a frame and slot, or the new cell. One sequence is in use at a time; a node's frame number may be
 * that of a copy set aside.
 */
const frames = new Int32Array(MAX_CELLS);
const slots = new Int32Array(MAX_CELLS);
let length = 0;
let fresh: node.Cell | undefined;
/** The key that the first cell of a right-hand internal node has in its parent. */
let lifted: { index: number; key: Uint8Array } | undefined;
let leaf = true;

/** How many cells are gathered. */
export function gathered(): number {
  return length;
}

/** Gathers a node's cells, with a new one at `at` if one is given. */
export function gather(store: Store, frame: number, cell?: node.Cell, at = -1): void {
  length = 0;
  fresh = cell;
  lifted = undefined;
  leaf = node.level(store, frame) === 0;
  append(store, frame, 0, at);
}

/** Gathers the cells of a right neighbour too; `key` is what its parent calls it. */
export function gatherRight(store: Store, frame: number, key: Uint8Array): void {
  if (!leaf) lifted = { index: length, key };
  append(store, frame, 1, -1);
}

function append(store: Store, frame: number, aside: number, at: number): void {
  const count = node.cellCount(store, frame);
  assert(length + count + 1 <= MAX_CELLS, 'more cells are gathered than nodes can hold');
  const copy = store.nodes.setAside(frame, aside);
  for (let slot = 0; slot <= count; slot++) {
    if (slot === at) {
      frames[length] = NEW;
      slots[length++] = NEW;
    }
    if (slot === count) break;
    frames[length] = copy;
    slots[length++] = slot;
  }
}

/** A copy of the key of a gathered cell; in an internal node the first cell's is empty. */
export function gatheredKey(store: Store, index: number): Uint8Array {
  if (frames[index] === NEW) return (fresh as node.Cell).key;
  if (lifted?.index === index) return lifted.key;
  if (!leaf && slots[index] === 0) return new Uint8Array(0);
  return node.keyOf(store, frames[index], slots[index]);
}

/** Full length of a gathered cell's key. */
function keyLength(store: Store, index: number): number {
  if (frames[index] === NEW) return (fresh as node.Cell).key.length;
  if (lifted?.index === index) return lifted.key.length;
  if (!leaf && slots[index] === 0) return 0;
  return node.prefixLength(store, frames[index]) + node.suffixLength(store, frames[index], slots[index]);
}

/** Bytes that a gathered cell takes in a node with a prefix, its slot included; `bare`: without its key. */
function bytesOf(store: Store, index: number, prefix: number, bare: boolean): number {
  const full = bare ? 0 : keyLength(store, index);
  const suffix = full === 0 ? 0 : full - prefix;
  if (!leaf) return node.SLOT_BYTES + ((node.REF_BYTES + suffix + 3) & ~3);
  const value =
    frames[index] === NEW ? (fresh as node.Cell).value.length : node.valueLength(store, frames[index], slots[index]);
  return node.SLOT_BYTES + 2 + suffix + value;
}

/** The longest prefix that the keys of `[from, to)` share; the first key of an internal node does not count. */
function prefixOf(store: Store, from: number, to: number): number {
  const first = leaf ? from : from + 1;
  if (to <= first) return 0;
  return commonPrefixLength(gatheredKey(store, first), gatheredKey(store, to - 1));
}

/** Bytes of a node that holds the cells `[from, to)`, header left out. */
export function bytesOfGathered(store: Store, from: number, to: number, prefix = prefixOf(store, from, to)): number {
  let bytes = leaf ? prefix : (prefix + 3) & ~3;
  for (let index = from; index < to; index++) bytes += bytesOf(store, index, prefix, !leaf && index === from);
  return bytes;
}

/** Where to cut the gathered cells so that the halves differ least. */
export function evenCut(store: Store): number {
  const prefix = prefixOf(store, 0, length);
  let total = 0;
  for (let index = 0; index < length; index++) total += bytesOf(store, index, prefix, false);
  let best = 1;
  let bestDifference = Number.POSITIVE_INFINITY;
  let left = 0;
  for (let at = 1; at < length; at++) {
    left += bytesOf(store, at - 1, prefix, false);
    const difference = Math.abs(total - 2 * left);
    if (difference < bestDifference) {
      best = at;
      bestDifference = difference;
    }
  }
  return best;
}

/**
 * Writes the gathered cells `[from, to)` as a whole node. Returns false, with nothing changed, if they do not fit. The prefix is no
 * longer than `longestPrefix`: keys to come that share only so much need not have the node written anew.
 */
export function writeGathered(
  store: Store,
  frame: number,
  from: number,
  to: number,
  longestPrefix = Number.POSITIVE_INFINITY,
): boolean {
  const prefix = Math.min(prefixOf(store, from, to), longestPrefix);
  if (node.HEADER_BYTES + bytesOfGathered(store, from, to, prefix) > store.nodeBytes) return false;
  const base = frame * store.nodeBytes;
  const { u8 } = store.nodes;
  const prefixKey = prefix === 0 ? undefined : gatheredKey(store, to - 1);
  u8.fill(0, base + 16, base + store.nodeBytes);
  writeU16(u8, base + 16, leaf ? prefix : (prefix + 3) & ~3);
  writeU16(u8, base + 20, prefix);
  const prefixAt = base + store.nodeBytes - prefix;
  for (let i = 0; prefixKey && i < prefix; i++) u8[prefixAt + i] = prefixKey[i];
  for (let index = from; index < to; index++) place(store, frame, index - from, index, prefix, !leaf && index === from);
  writeU16(u8, base + 2, to - from);
  return true;
}

/** Copies one gathered cell into a node, its key after the node's prefix. */
function place(store: Store, frame: number, slot: number, index: number, prefix: number, bare: boolean): void {
  const { u8 } = store.nodes;
  const source = frames[index];
  if (source === NEW) {
    const cell = fresh as node.Cell;
    node.placeCell(store, frame, slot, bare ? { ...cell, key: new Uint8Array(0) } : cell, prefix);
    return;
  }
  const from = node.cellAt(store, source, slots[index]);
  if (!leaf && (bare || lifted?.index === index)) {
    const key = bare ? new Uint8Array(0) : (lifted as { key: Uint8Array }).key;
    node.placeCell(
      store,
      frame,
      slot,
      { key, kind: node.INLINE, value: u8.subarray(from, from + node.REF_BYTES) },
      prefix,
    );
    return;
  }
  const oldPrefix = node.prefixLength(store, source);
  const oldSuffix = node.suffixLength(store, source, slots[index]);
  const suffix = oldPrefix + oldSuffix - prefix;
  const body = leaf ? 2 : node.REF_BYTES;
  const value = leaf ? node.valueLength(store, source, slots[index]) : 0;
  const at = node.claimCell(store, frame, slot, leaf ? body + suffix + value : (body + suffix + 3) & ~3, suffix);
  u8.copyWithin(at, from, from + body);
  const keyAt = at + body;
  if (suffix <= oldSuffix) {
    const skipped = oldSuffix - suffix;
    u8.copyWithin(keyAt, from + body + skipped, from + body + oldSuffix + value);
  } else {
    const tail = suffix - oldSuffix;
    const prefixEnd = (source + 1) * store.nodeBytes;
    u8.copyWithin(keyAt, prefixEnd - tail, prefixEnd);
    u8.copyWithin(keyAt + tail, from + body, from + body + oldSuffix + value);
  }
  node.setHead(store, frame, slot, keyAt, suffix);
  if (leaf && readU16(u8, at) >>> 14 === node.EXTENTS) node.countExtents(store, frame, 1);
}
