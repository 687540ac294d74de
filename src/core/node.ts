/**
 * The layout of a node: raw bytes, searched in place. Shapes and offsets stand in docs/format.md.
 * Callers must own a node before they change it (see tree.ts), and must not keep slot numbers across a change.
 *
 * Header, 32 bytes: magic u8, level u8 (0: leaf), cells u16, page u32, born u64, heapBytes u16, deadBytes u16,
 * prefixBytes u16, extents u16 (leaf cells that refer to pages), 8 bytes zero. Slots follow, 8 bytes each: the key's head u32
 * (its first 4 bytes after the node's prefix, zero-padded, as a number), cell offset u16, key length after the prefix u16.
 * Cells grow down from the node's end, below the prefix. Leaf cell: value length and kind u16, key, value. Internal cell,
 * at a multiple of 4: child page u32, hash low u32, hash high u32, key. The first key of an internal node is empty.
 */

import { compareRange, copyBytes, readU16, readU32, writeU16, writeU32, writeU64 } from './bytes.ts';
import type { Store } from './store.ts';

export const NODE_MAGIC = 0xb7;
export const HEADER_BYTES = 32;
export const SLOT_BYTES = 8;
export const REF_BYTES = 12;
export const INLINE = 0;
export const EXTENTS = 1;
/** One page reference of an extents value: page u32, checksum u32. */
export const EXTENT_REF_BYTES = 8;
export const LENGTH_MASK = 0x3fff;

/** A cell outside its node: the full key and the value, or a child reference as 12 bytes. */
export interface Cell {
  readonly key: Uint8Array;
  readonly kind: number;
  readonly value: Uint8Array;
}

export function level(store: Store, frame: number): number {
  return store.nodes.u8[frame * store.nodeBytes + 1];
}

export function cellCount(store: Store, frame: number): number {
  return readU16(store.nodes.u8, frame * store.nodeBytes + 2);
}

/** Writes the header of an empty node. */
export function initialise(store: Store, frame: number, page: number, nodeLevel: number): void {
  const base = frame * store.nodeBytes;
  const { u8 } = store.nodes;
  u8.fill(0, base, base + store.nodeBytes);
  u8[base] = NODE_MAGIC;
  u8[base + 1] = nodeLevel;
  stamp(store, frame, page);
}

/** Gives a node its page number and the commit in which it is born. */
export function stamp(store: Store, frame: number, page: number): void {
  const base = frame * store.nodeBytes;
  writeU32(store.nodes.u8, base + 4, page);
  writeU64(store.nodes.u8, base + 8, store.building);
}

/** Bytes that cells, slots and prefix use, header and dead bytes left out. */
export function usedBytes(store: Store, frame: number): number {
  const base = frame * store.nodeBytes;
  const { u8 } = store.nodes;
  return readU16(u8, base + 2) * SLOT_BYTES + readU16(u8, base + 16) - readU16(u8, base + 18);
}

/** How many leaf cells refer to pages. */
export function extentsCount(store: Store, frame: number): number {
  return readU16(store.nodes.u8, frame * store.nodeBytes + 22);
}

/** The outcome of the last {@link searchLeaf}. */
export let found = false;

/** The slot of `key` in a leaf, or where it belongs; `found` says which. */
export function searchLeaf(store: Store, frame: number, key: Uint8Array): number {
  const base = frame * store.nodeBytes;
  const { u8, u32 } = store.nodes;
  const count = u8[base + 2] | (u8[base + 3] << 8);
  found = false;
  const prefix = u8[base + 20] | (u8[base + 21] << 8);
  if (prefix !== 0) {
    const order = comparePrefix(u8, base + store.nodeBytes - prefix, prefix, key);
    if (order !== 0) return order < 0 ? 0 : count;
  }
  const head = headOf(key, prefix);
  const slots = (base + HEADER_BYTES) >>> 2;
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = u32[slots + middle * 2];
    if (other < head) low = middle + 1;
    else if (other > head) high = middle;
    else {
      const place = u32[slots + middle * 2 + 1];
      const at = base + (place & 0xffff) + 2;
      const order = compareRange(u8, at, at + (place >>> 16), key, prefix, key.length);
      if (order === 0) {
        found = true;
        return middle;
      }
      if (order < 0) low = middle + 1;
      else high = middle;
    }
  }
  return low;
}

/** The slot of the child of an internal node that holds `key`. */
export function searchInternal(store: Store, frame: number, key: Uint8Array): number {
  const base = frame * store.nodeBytes;
  const { u8, u32 } = store.nodes;
  const count = u8[base + 2] | (u8[base + 3] << 8);
  const prefix = u8[base + 20] | (u8[base + 21] << 8);
  if (prefix !== 0) {
    const order = comparePrefix(u8, base + store.nodeBytes - prefix, prefix, key);
    if (order !== 0) return order < 0 ? 0 : count - 1;
  }
  const head = headOf(key, prefix);
  const slots = (base + HEADER_BYTES) >>> 2;
  let low = 1;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = u32[slots + middle * 2];
    if (other < head) low = middle + 1;
    else if (other > head) high = middle;
    else {
      const place = u32[slots + middle * 2 + 1];
      const at = base + (place & 0xffff) + REF_BYTES;
      if (compareRange(u8, at, at + (place >>> 16), key, prefix, key.length) <= 0) low = middle + 1;
      else high = middle;
    }
  }
  return low - 1;
}

/** Whether a leaf has cells and `key` sorts behind all of them. */
export function isBehind(store: Store, frame: number, key: Uint8Array): boolean {
  const count = cellCount(store, frame);
  return count > 0 && compareCell(store, frame, count - 1, 2, key) < 0;
}

/** Whether `key` sorts before the separator at `slot` of an internal node. */
export function isBefore(store: Store, frame: number, slot: number, key: Uint8Array): boolean {
  return compareCell(store, frame, slot, REF_BYTES, key) > 0;
}

/** Compares a cell's key, which follows so many bytes of the cell, with `key`. */
function compareCell(store: Store, frame: number, slot: number, before: number, key: Uint8Array): number {
  const { u8 } = store.nodes;
  const prefix = prefixLength(store, frame);
  const order = comparePrefix(u8, (frame + 1) * store.nodeBytes - prefix, prefix, key);
  if (order !== 0) return -order;
  const at = cellAt(store, frame, slot) + before;
  return compareRange(u8, at, at + suffixLength(store, frame, slot), key, prefix, key.length);
}

/** Compares a key's beginning with a prefix at `at`: negative if the key sorts before all keys that bear the prefix. */
function comparePrefix(u8: Uint8Array, at: number, length: number, key: Uint8Array): number {
  const shared = length < key.length ? length : key.length;
  for (let i = 0; i < shared; i++) {
    const difference = key[i] - u8[at + i];
    if (difference !== 0) return difference;
  }
  return key.length < length ? -1 : 0;
}

/** The first four bytes of `key` from `from`, zero-padded, as a number that sorts as they do. */
function headOf(key: Uint8Array, from: number): number {
  const left = key.length - from;
  if (left >= 4) return ((key[from] << 24) | (key[from + 1] << 16) | (key[from + 2] << 8) | key[from + 3]) >>> 0;
  let head = 0;
  for (let i = 0; i < left; i++) head |= key[from + i] << (24 - 8 * i);
  return head >>> 0;
}

/** Absolute position in `nodes.u8` of a cell. */
export function cellAt(store: Store, frame: number, slot: number): number {
  const base = frame * store.nodeBytes;
  return base + readU16(store.nodes.u8, base + HEADER_BYTES + slot * SLOT_BYTES + 4);
}

/** Length of a cell's key after the node's prefix. */
export function suffixLength(store: Store, frame: number, slot: number): number {
  return readU16(store.nodes.u8, frame * store.nodeBytes + HEADER_BYTES + slot * SLOT_BYTES + 6);
}

export function prefixLength(store: Store, frame: number): number {
  return readU16(store.nodes.u8, frame * store.nodeBytes + 20);
}

/** A copy of a cell's full key. */
export function keyOf(store: Store, frame: number, slot: number): Uint8Array {
  const { u8 } = store.nodes;
  const base = frame * store.nodeBytes;
  const prefix = prefixLength(store, frame);
  const suffix = suffixLength(store, frame, slot);
  const at = cellAt(store, frame, slot) + (u8[base + 1] === 0 ? 2 : REF_BYTES);
  const key = new Uint8Array(prefix + suffix);
  for (let i = 0, from = base + store.nodeBytes - prefix; i < prefix; i++) key[i] = u8[from + i];
  for (let i = 0; i < suffix; i++) key[prefix + i] = u8[at + i];
  return key;
}

/** INLINE or EXTENTS. */
export function kindOf(store: Store, frame: number, slot: number): number {
  return readU16(store.nodes.u8, cellAt(store, frame, slot)) >>> 14;
}

/** A leaf cell's value, shared with the node. */
export function cellValue(store: Store, frame: number, slot: number): Uint8Array {
  const { u8 } = store.nodes;
  const at = cellAt(store, frame, slot);
  const from = at + 2 + suffixLength(store, frame, slot);
  return u8.subarray(from, from + (readU16(u8, at) & LENGTH_MASK));
}

/** A copy of a leaf cell's value. */
export function copyValue(store: Store, frame: number, slot: number): Uint8Array {
  const { u8 } = store.nodes;
  const at = cellAt(store, frame, slot);
  const from = at + 2 + suffixLength(store, frame, slot);
  return copyBytes(u8, from, from + (readU16(u8, at) & LENGTH_MASK));
}

/** Writes a leaf cell's value over one of the same length. */
export function setValue(store: Store, frame: number, slot: number, value: Uint8Array): void {
  store.nodes.u8.set(value, cellAt(store, frame, slot) + 2 + suffixLength(store, frame, slot));
}

export function childPage(store: Store, frame: number, slot: number): number {
  return store.nodes.u32[cellAt(store, frame, slot) >>> 2];
}

export function childLow(store: Store, frame: number, slot: number): number {
  return store.nodes.u32[(cellAt(store, frame, slot) >>> 2) + 1];
}

export function childHigh(store: Store, frame: number, slot: number): number {
  return store.nodes.u32[(cellAt(store, frame, slot) >>> 2) + 2];
}

export function setChild(store: Store, frame: number, slot: number, page: number, low: number, high: number): void {
  const at = cellAt(store, frame, slot) >>> 2;
  const { u32 } = store.nodes;
  u32[at] = page;
  u32[at + 1] = low;
  u32[at + 2] = high;
}

/** The value of an internal cell. */
export function childValue(page: number, low: number, high: number): Uint8Array {
  const value = new Uint8Array(REF_BYTES);
  writeU32(value, 0, page);
  writeU32(value, 4, low);
  writeU32(value, 8, high);
  return value;
}

/** Bytes of a node that a cell takes, its slot included, when `prefix` bytes of its key stand in the prefix. */
function cellBytes(cell: Cell, prefix: number, nodeLevel: number): number {
  const suffix = cell.key.length === 0 ? 0 : cell.key.length - prefix;
  const body = suffix + cell.value.length + (nodeLevel === 0 ? 2 : 0);
  return SLOT_BYTES + (nodeLevel === 0 ? body : (body + 3) & ~3);
}

/**
 * Puts a cell at `slot` where there is room for it as the node is. Returns false, with nothing changed, if there is none, or
 * if the key does not bear the node's prefix: then the node must be written anew.
 */
export function insertCell(store: Store, frame: number, slot: number, cell: Cell): boolean {
  const base = frame * store.nodeBytes;
  const { u8 } = store.nodes;
  const prefix = prefixLength(store, frame);
  const count = readU16(u8, base + 2);
  if (count === 0 || !bearsPrefix(store, frame, cell.key)) return false;
  const bytes = cellBytes(cell, prefix, u8[base + 1]);
  if (HEADER_BYTES + count * SLOT_BYTES + readU16(u8, base + 16) + bytes > store.nodeBytes) return false;
  const at = base + HEADER_BYTES + slot * SLOT_BYTES;
  if (slot < count) u8.copyWithin(at + SLOT_BYTES, at, base + HEADER_BYTES + count * SLOT_BYTES);
  placeCell(store, frame, slot, cell, prefix);
  writeU16(u8, base + 2, count + 1);
  return true;
}

/** Takes a cell out; its bytes are dead until the node is packed. */
export function deleteCell(store: Store, frame: number, slot: number): void {
  const base = frame * store.nodeBytes;
  const { u8 } = store.nodes;
  const count = readU16(u8, base + 2);
  const suffix = suffixLength(store, frame, slot);
  let bytes: number;
  if (u8[base + 1] === 0) {
    const header = readU16(u8, cellAt(store, frame, slot));
    bytes = 2 + suffix + (header & LENGTH_MASK);
    if (header >>> 14 === EXTENTS) countExtents(store, frame, -1);
  } else bytes = (REF_BYTES + suffix + 3) & ~3;
  writeU16(u8, base + 18, readU16(u8, base + 18) + bytes);
  const at = base + HEADER_BYTES + slot * SLOT_BYTES;
  u8.copyWithin(at, at + SLOT_BYTES, base + HEADER_BYTES + count * SLOT_BYTES);
  writeU16(u8, base + 2, count - 1);
  if (slot === 0 && count > 1 && u8[base + 1] !== 0) bareFirstKey(store, frame);
}

/** Makes the first key of an internal node empty. */
function bareFirstKey(store: Store, frame: number): void {
  const base = frame * store.nodeBytes;
  const { u8 } = store.nodes;
  const suffix = suffixLength(store, frame, 0);
  const dead = ((REF_BYTES + suffix + 3) & ~3) - REF_BYTES;
  writeU16(u8, base + 18, readU16(u8, base + 18) + dead);
  writeU32(u8, base + HEADER_BYTES, 0);
  writeU16(u8, base + HEADER_BYTES + 6, 0);
}

/** True if `key` begins with the node's prefix. */
function bearsPrefix(store: Store, frame: number, key: Uint8Array): boolean {
  const prefix = prefixLength(store, frame);
  const at = (frame + 1) * store.nodeBytes - prefix;
  return comparePrefix(store.nodes.u8, at, prefix, key) === 0;
}

/** Writes a cell's bytes to the heap and its slot; the count and the other slots are the caller's. An empty key stays empty. */
export function placeCell(store: Store, frame: number, slot: number, cell: Cell, prefix: number): void {
  const { u8 } = store.nodes;
  const { key, value } = cell;
  const leaf = u8[frame * store.nodeBytes + 1] === 0;
  const suffix = key.length === 0 ? 0 : key.length - prefix;
  const bytes = leaf ? 2 + suffix + value.length : (REF_BYTES + suffix + 3) & ~3;
  let at = claimCell(store, frame, slot, bytes, suffix);
  if (leaf) {
    writeU16(u8, at, value.length | (cell.kind << 14));
    at += 2;
    if (cell.kind === EXTENTS) countExtents(store, frame, 1);
  } else {
    u8.set(value, at);
    at += REF_BYTES;
  }
  for (let i = 0; i < suffix; i++) u8[at + i] = key[prefix + i];
  if (leaf) u8.set(value, at + suffix);
  setHead(store, frame, slot, at, suffix);
}

/** Takes `bytes` of the heap for the cell of a slot, and returns where they begin in `nodes.u8`. */
export function claimCell(store: Store, frame: number, slot: number, bytes: number, suffix: number): number {
  const base = frame * store.nodeBytes;
  const { u8, u32 } = store.nodes;
  const heap = readU16(u8, base + 16) + bytes;
  writeU16(u8, base + 16, heap);
  const offset = store.nodeBytes - heap;
  u32[((base + HEADER_BYTES + slot * SLOT_BYTES) >>> 2) + 1] = offset + suffix * 0x1_0000;
  return base + offset;
}

/** Writes a slot's head from the key bytes at `keyAt` in `nodes.u8`. */
export function setHead(store: Store, frame: number, slot: number, keyAt: number, suffix: number): void {
  const { u8, u32 } = store.nodes;
  let head = 0;
  const bytes = suffix < 4 ? suffix : 4;
  for (let i = 0; i < bytes; i++) head |= u8[keyAt + i] << (24 - 8 * i);
  u32[(frame * store.nodeBytes + HEADER_BYTES + slot * SLOT_BYTES) >>> 2] = head;
}

/** Adds to how many cells of a leaf refer to pages. */
export function countExtents(store: Store, frame: number, more: number): void {
  const at = frame * store.nodeBytes + 22;
  writeU16(store.nodes.u8, at, readU16(store.nodes.u8, at) + more);
}

/** Length of a leaf cell's value. */
export function valueLength(store: Store, frame: number, slot: number): number {
  return readU16(store.nodes.u8, cellAt(store, frame, slot)) & LENGTH_MASK;
}

/** Where a leaf cell's value ends within its node. */
export function valueEnd(store: Store, frame: number, slot: number): number {
  const { u8 } = store.nodes;
  const at = cellAt(store, frame, slot);
  return at + 2 + suffixLength(store, frame, slot) + (readU16(u8, at) & LENGTH_MASK) - frame * store.nodeBytes;
}

/** True if a slot's head is not that of its key. */
export function headFlaw(store: Store, frame: number, slot: number): boolean {
  const key = keyOf(store, frame, slot);
  const prefix = prefixLength(store, frame);
  const head = key.length === prefix ? 0 : headOf(key, prefix);
  return store.nodes.u32[(frame * store.nodeBytes + HEADER_BYTES + slot * SLOT_BYTES) >>> 2] !== head;
}

/** The page number in a node's header. */
export function headerPage(bytes: Uint8Array): number {
  return readU32(bytes, 4);
}
