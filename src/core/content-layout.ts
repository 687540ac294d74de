/**
 * The arithmetic of content: which page of a cell a byte lies in, and which references an extents value holds.
 * An extents value is an array of page references, 8 bytes each: page u32 (0: a hole), checksum u32. Callers must keep it
 * without holes at its end.
 */

import { PAGE_BYTES, readU32 } from './bytes.ts';
import { EXTENT_REF_BYTES } from './node.ts';

/** How many pages the content of one cell may have; more would not fit a small node beside a long key. */
export const CONTENT_PAGES = 128;
/** How many bytes the content of one cell may have. */
export const CONTENT_BYTES = CONTENT_PAGES * PAGE_BYTES;

export function pageIndex(offset: number): number {
  return Math.floor(offset / PAGE_BYTES);
}

/** The pages of an extents value that a write of `[from, to)` covers only in part and that hold bytes. */
export function partialPages(value: Uint8Array, from: number, to: number): Array<{ page: number; checksum: number }> {
  const partial: Array<{ page: number; checksum: number }> = [];
  const first = pageIndex(from);
  const last = pageIndex(to);
  if (from % PAGE_BYTES !== 0) addReference(value, first, partial);
  if (to % PAGE_BYTES !== 0 && (last !== first || from % PAGE_BYTES === 0)) addReference(value, last, partial);
  return partial;
}

function addReference(value: Uint8Array, index: number, to: Array<{ page: number; checksum: number }>): void {
  const at = index * EXTENT_REF_BYTES;
  if (at >= value.length) return;
  const page = readU32(value, at);
  if (page !== 0) to.push({ page, checksum: readU32(value, at + 4) });
}
