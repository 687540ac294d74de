/**
 * A row's value as a cell of the tree: inline, or in pages with its length before it.
 * Callers must have read everything they need before `writeValue`, and must name its keys to `prepare` by `planValue`.
 */

import { readU32, writeU32 } from '../../core/bytes.ts';
import { CONTENT_BYTES, type ContentRange, readContent, writeContent } from '../../core/content.ts';
import { locate } from '../../core/locate.ts';
import { cellAt, INLINE, kindOf, suffixLength } from '../../core/node.ts';
import type { Root, Store } from '../../core/store.ts';
import { put } from '../../core/tree.ts';
import { ByreError } from '../../errors.ts';

/** A value in pages begins with its length, a u32: the core keeps lengths of pages only. */
const LENGTH_BYTES = 4;
export const MAX_VALUE_BYTES = CONTENT_BYTES - LENGTH_BYTES;
const empty = new Uint8Array(0);
const LENGTH_MASK = 0x3fff;

/** A copy of the value under `key`, or undefined. */
export function readValue(store: Store, root: Root, key: Uint8Array): Uint8Array | undefined {
  const { frame, slot } = locate(store, root, key);
  if (frame < 0) return undefined;
  if (kindOf(store, frame, slot) !== INLINE) return readLarge(store, root, key);
  // The one copy of the hot path: `cellValue(…).slice()` would make a view first.
  const { u8 } = store.nodes;
  const at = cellAt(store, frame, slot);
  const from = at + 2 + suffixLength(store, frame, slot);
  return copyOut(u8, from, (u8[at] | (u8[at + 1] << 8)) & LENGTH_MASK);
}

/** Larger arrays than this have memory outside the heap, which takes five times as long to get as to cut from a slab. */
const HEAP_BYTES = 64;
const SLAB_BYTES = 16384;
let slab = new Uint8Array(SLAB_BYTES);
let slabUsed = 0;

/** A copy of some bytes, to keep; values of some size share slabs, as small Buffers do. */
function copyOut(bytes: Uint8Array, from: number, length: number): Uint8Array {
  if (length <= HEAP_BYTES) return bytes.slice(from, from + length);
  if (slabUsed + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  const copy = slab.subarray(slabUsed, slabUsed + length);
  copy.set(bytes.subarray(from, from + length));
  slabUsed += length;
  return copy;
}

function readLarge(store: Store, root: Root, key: Uint8Array): Uint8Array {
  const head = new Uint8Array(LENGTH_BYTES);
  readContent(store, root, key, 0, head);
  const length = readU32(head, 0);
  if (length > MAX_VALUE_BYTES) throw new ByreError('DAMAGED', 'A large value of a table has an impossible length');
  const value = new Uint8Array(length);
  readContent(store, root, key, LENGTH_BYTES, value);
  return value;
}

/** Refuses a value that no cell can hold. */
export function checkValue(value: Uint8Array): void {
  if (value.length <= MAX_VALUE_BYTES) return;
  throw new ByreError('VALUE_TOO_LARGE', `A value of a table has at most ${MAX_VALUE_BYTES} bytes; a file holds more`, {
    details: { bytes: value.length, maxBytes: MAX_VALUE_BYTES },
  });
}

export function isLarge(store: Store, value: Uint8Array): boolean {
  return value.length > store.maxInlineBytes;
}

/** What `prepare` must know about the content of a large value. */
export function planValue(key: Uint8Array, value: Uint8Array): ContentRange {
  return { key, from: 0, to: LENGTH_BYTES + value.length };
}

/** Writes a value in place of whatever the cell held. */
export function writeValue(store: Store, root: Root, key: Uint8Array, value: Uint8Array): void {
  if (!isLarge(store, value)) {
    put(store, root, key, value);
    return;
  }
  // Gives the old value's pages back first, so that no tail of a longer one stays.
  put(store, root, key, empty);
  const content = new Uint8Array(LENGTH_BYTES + value.length);
  writeU32(content, 0, value.length);
  content.set(value, LENGTH_BYTES);
  writeContent(store, root, key, 0, content);
}
