/**
 * A row's value as a cell of the tree: inline, or in pages with its length before it, or, if it is long, in several cells: the row's,
 * which says so and has the beginning, and pieces under a number that no other value of the pool ever had.
 * Callers must have read everything they need before they write, and must name what they write to `prepare` by `planValue`. Pieces
 * are written once and never changed: a row is switched from one long value to another in one operation.
 */
import { readU32, readU64, readU64BE, writeU32, writeU32BE, writeU64, writeU64BE } from '../../core/bytes.ts';
import { CONTENT_BYTES, type ContentRange, contentLength, readContent, writeContent } from '../../core/content.ts';
import { locate } from '../../core/locate.ts';
import { copyValue, INLINE, kindOf } from '../../core/node.ts';
import type { Root, Store } from '../../core/store.ts';
import { has, put } from '../../core/tree.ts';
import { ByreError } from '../../errors.ts';
import { successor, VALUE_PART } from './layout.ts';

/** A value in pages begins with its length, a u32: the core keeps lengths of pages only. */
const LENGTH_BYTES = 4;
/** A long value's cell goes on with its number, a u64. */
const HEAD_BYTES = 12;
/** What one cell can hold: longer values are long. */
const CELL_VALUE_BYTES = CONTENT_BYTES - LENGTH_BYTES;
/** How much of a long value is in its row's cell. */
export const HEAD_VALUE_BYTES = CONTENT_BYTES - HEAD_BYTES;
export const MAX_VALUE_BYTES = 2 ** 30;
const empty = new Uint8Array(0);

/** What a row's cell says of a long value. */
export class LongValue {
  readonly number: number;
  readonly bytes: number;

  constructor(number: number, bytes: number) {
    this.number = number;
    this.bytes = bytes;
  }

  /** How many cells there are besides the row's. */
  get pieces(): number {
    return Math.ceil((this.bytes - HEAD_VALUE_BYTES) / CONTENT_BYTES);
  }

  /** Where in the value a piece begins, and how long it is. */
  range(piece: number): { from: number; to: number } {
    const from = HEAD_VALUE_BYTES + piece * CONTENT_BYTES;
    return { from, to: Math.min(this.bytes, from + CONTENT_BYTES) };
  }
}

/** What a row's cell holds: its bytes, or what it says of a long value. */
export type Stored = Uint8Array | LongValue;

/** A copy of the value under `key`, or what is to be known of a long one; undefined if there is no row. */
export function readValue(store: Store, root: Root, key: Uint8Array): Stored | undefined {
  const { frame, slot } = locate(store, root, key);
  if (frame < 0) return undefined;
  return kindOf(store, frame, slot) === INLINE ? copyValue(store, frame, slot) : readPages(store, root, key);
}

function readPages(store: Store, root: Root, key: Uint8Array): Stored {
  const head = new Uint8Array(HEAD_BYTES);
  readContent(store, root, key, 0, head);
  const bytes = readU32(head, 0);
  if (bytes > MAX_VALUE_BYTES) throw damaged();
  if (bytes > CELL_VALUE_BYTES) return new LongValue(readU64(head, LENGTH_BYTES), bytes);
  const value = new Uint8Array(bytes);
  readContent(store, root, key, LENGTH_BYTES, value);
  return value;
}

function damaged(): ByreError {
  return new ByreError('DAMAGED', 'A large value of a table is not as its row says');
}

/** Whether the row under `key` has a long value. */
export function isLongAt(store: Store, root: Root, key: Uint8Array): boolean {
  const { frame, slot } = locate(store, root, key);
  if (frame < 0 || kindOf(store, frame, slot) === INLINE) return false;
  const head = new Uint8Array(LENGTH_BYTES);
  readContent(store, root, key, 0, head);
  return readU32(head, 0) > CELL_VALUE_BYTES;
}

/** The key of a piece of a long value; `key` is any key of the table. */
export function pieceKey(key: Uint8Array, number: number, piece: number): Uint8Array {
  const prefix = key.indexOf(0, 1) + 1;
  const made = new Uint8Array(prefix + 13);
  made.set(key.subarray(0, prefix));
  made[prefix] = VALUE_PART;
  writeU64BE(made, prefix + 1, number);
  writeU32BE(made, prefix + 9, piece);
  return made;
}

/** The number in the key of a piece. */
export function numberOfPiece(key: Uint8Array): number {
  return readU64BE(key, key.indexOf(0, 1) + 2);
}

/** Start and end of the keys of all pieces of a value. */
export function pieceKeys(key: Uint8Array, number: number): { from: Uint8Array; to: Uint8Array } {
  const from = pieceKey(key, number, 0);
  return { from, to: successor(from.subarray(0, from.length - 4)) };
}

/** Copies the part of a long value that is in the row's cell. */
export function readHead(store: Store, root: Root, key: Uint8Array, target: Uint8Array): void {
  readContent(store, root, key, HEAD_BYTES, target.subarray(0, HEAD_VALUE_BYTES));
}

/** Copies one piece of a long value to where it belongs. */
export function readPiece(store: Store, root: Root, key: Uint8Array, long: LongValue, piece: number, to: Uint8Array) {
  const at = pieceKey(key, long.number, piece);
  const range = long.range(piece);
  if (!has(store, root, at) || contentLength(store, root, at) < range.to - range.from) throw damaged();
  readContent(store, root, at, 0, to.subarray(range.from, range.to));
}

/** Refuses a value that is longer than any can be. */
export function checkValue(value: Uint8Array): void {
  if (value.length <= MAX_VALUE_BYTES) return;
  throw new ByreError('VALUE_TOO_LARGE', `A value of a table has at most ${MAX_VALUE_BYTES} bytes; a file holds more`, {
    details: { bytes: value.length, maxBytes: MAX_VALUE_BYTES },
  });
}

/** Does not fit its node. */
export function isLarge(store: Store, value: Uint8Array): boolean {
  return value.length > store.maxInlineBytes;
}

/** Does not fit one cell. */
export function isLong(value: Uint8Array): boolean {
  return value.length > CELL_VALUE_BYTES;
}

/** What `prepare` must know about the content of a large value, or of a long one's row. */
export function planValue(key: Uint8Array, value: Uint8Array): ContentRange {
  return { key, from: 0, to: Math.min(LENGTH_BYTES + value.length, CONTENT_BYTES) };
}

/** Writes a value that is not long in place of whatever the cell held. */
export function writeValue(store: Store, root: Root, key: Uint8Array, value: Uint8Array): void {
  if (!isLarge(store, value)) {
    put(store, root, key, value);
    return;
  }
  const content = new Uint8Array(LENGTH_BYTES + value.length);
  writeU32(content, 0, value.length);
  content.set(value, LENGTH_BYTES);
  writeAnew(store, root, key, content);
}

/** Gives the old value's pages back first, so that no tail of a longer one stays. */
function writeAnew(store: Store, root: Root, key: Uint8Array, content: Uint8Array): void {
  put(store, root, key, empty);
  writeContent(store, root, key, 0, content);
}

/** Writes the row of a long value whose pieces are there. */
export function writeHead(store: Store, root: Root, key: Uint8Array, value: Uint8Array, number: number): void {
  const content = new Uint8Array(CONTENT_BYTES);
  writeU32(content, 0, value.length);
  writeU64(content, LENGTH_BYTES, number);
  content.set(value.subarray(0, HEAD_VALUE_BYTES), HEAD_BYTES);
  writeAnew(store, root, key, content);
}
