/**
 * Reading, writing and comparing raw bytes, and the arithmetic of pages.
 * Callers must not use `|` or `>>` on page numbers or byte offsets: both pass 2^31. Little-endian is the order of stored
 * structures; big-endian is the order of keys, so that they sort as numbers do.
 */

/** The unit of space and of sharing. */
export const PAGE_BYTES = 4096;

const TWO_32 = 0x1_0000_0000;

/** A 64-bit hash of `bytes`, as two unsigned 32-bit words into `out[0]` (low) and `out[1]` (high); never both zero. */
export type Hash64 = (bytes: Uint8Array, out: Uint32Array) => void;

/** The byte offset at which a page starts on its device. */
export function pageOffset(page: number): number {
  return page * PAGE_BYTES;
}

/** How many whole pages `bytes` bytes need. */
export function pagesFor(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}

export function readU16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** An unsigned 64-bit value of at most 2^53 - 1. */
export function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) + readU32(bytes, at + 4) * TWO_32;
}

export function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, value % TWO_32);
  writeU32(bytes, at + 4, Math.floor(value / TWO_32));
}

export function readU32BE(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

export function writeU32BE(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function readU64BE(bytes: Uint8Array, at: number): number {
  return readU32BE(bytes, at) * TWO_32 + readU32BE(bytes, at + 4);
}

export function writeU64BE(bytes: Uint8Array, at: number, value: number): void {
  writeU32BE(bytes, at, Math.floor(value / TWO_32));
  writeU32BE(bytes, at + 4, value % TWO_32);
}

/** Lexicographic order of unsigned bytes; a prefix comes first. Negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return compareRange(a, 0, a.length, b, 0, b.length);
}

/** {@link compareBytes} of `a[aFrom, aTo)` and `b[bFrom, bTo)`, making no views. */
export function compareRange(
  a: Uint8Array,
  aFrom: number,
  aTo: number,
  b: Uint8Array,
  bFrom: number,
  bTo: number,
): number {
  const aLength = aTo - aFrom;
  const bLength = bTo - bFrom;
  const shared = aLength < bLength ? aLength : bLength;
  for (let i = 0; i < shared; i++) {
    const difference = a[aFrom + i] - b[bFrom + i];
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/**
 * Copies of a middle size come from a common block, as a buffer of their own would lie outside the heap of the engine and cost
 * several times the copy; smaller ones lie inside it, and larger ones would waste the block.
 */
const BLOCK_BYTES = 8192;
const BLOCK_MIN_BYTES = 65;
const BLOCK_MAX_BYTES = 1024;
let block = new Uint8Array(BLOCK_BYTES);
let blockUsed = 0;

/** A copy of `source[from, to)`, the caller's to keep; its `buffer` may hold other copies, too. */
export function copyBytes(source: Uint8Array, from: number, to: number): Uint8Array {
  const length = to - from;
  if (length < BLOCK_MIN_BYTES || length > BLOCK_MAX_BYTES) return source.slice(from, to);
  // A block whose buffer somebody has transferred away has no length left.
  if (blockUsed + length > block.length) {
    block = new Uint8Array(BLOCK_BYTES);
    blockUsed = 0;
  }
  const at = blockUsed;
  blockUsed = (at + length + 7) & ~7;
  block.set(source.subarray(from, to), at);
  return block.subarray(at, at + length);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function commonPrefixLength(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  let i = 0;
  while (i < shared && a[i] === b[i]) i++;
  return i;
}
