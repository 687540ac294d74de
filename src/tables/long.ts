/**
 * Long values as jobs: read, written, dropped and taken over piece by piece.
 * Callers must give a state that does not change while one is read, and must write only where nobody else sees the tree
 * (`atomically`, a merge): pieces without a row, or a row without its pieces, must never be seen.
 */

import { writeContent } from '../core/content.ts';
import { takeCell } from '../core/merge.ts';
import { prepare } from '../core/prepare.ts';
import type { Root, Store } from '../core/store.ts';
import { has } from '../core/tree.ts';
import { type Job, step } from './job.ts';
import { LongValue, pieceKey, readHead, readPiece, readValue, type Stored } from './ops/cell.ts';
import type { Target } from './target.ts';

/** The bytes of a row's value, however long; undefined if there is no row. */
export function* fetchValue(store: Store, root: Root, key: Uint8Array): Job<Uint8Array | undefined> {
  const stored = yield* step(() => readValue(store, root, key));
  return stored instanceof LongValue ? yield* fetchLong(store, root, key, stored) : stored;
}

/** The bytes of a value of which the row's cell has been read. */
export function* fetchLong(store: Store, root: Root, key: Uint8Array, long: LongValue): Job<Uint8Array> {
  const value = new Uint8Array(long.bytes);
  yield* step(() => readHead(store, root, key, value));
  for (let piece = 0; piece < long.pieces; piece++) {
    yield* step(() => readPiece(store, root, key, long, piece, value));
  }
  return value;
}

/** The same of a target that others may write meanwhile. */
export function* fetchHeld(target: Target, key: Uint8Array): Job<Uint8Array | undefined> {
  const held = yield* target.fork();
  try {
    return yield* fetchValue(target.store, held.root, key);
  } finally {
    held.release();
  }
}

/** Writes the pieces of a value under a new number, and returns what its row is to say. */
export function* putPieces(target: Target, key: Uint8Array, value: Uint8Array): Job<LongValue> {
  const long = new LongValue(yield* step(() => target.nextNumber()), value.length);
  for (let piece = 0; piece < long.pieces; piece++) {
    const { from, to } = long.range(piece);
    const at = pieceKey(key, long.number, piece);
    yield* step(() => {
      prepare(target.store, target.root, { puts: [at], content: [{ key: at, from: 0, to: to - from }] });
      writeContent(target.store, target.root, at, 0, value.subarray(from, to));
    });
  }
  return long;
}

/** Makes the pieces of a value in one tree what they are in another. */
export function* takePieces(store: Store, into: Root, from: Root, key: Uint8Array, long: LongValue): Job<void> {
  for (let piece = 0; piece < long.pieces; piece++) {
    yield* step(() => takeCell(store, into, from, pieceKey(key, long.number, piece), true));
  }
}

/** Removes the pieces of a value that no row says any more, if it has any. */
export function* dropPieces(store: Store, root: Root, key: Uint8Array, stored: Stored | undefined): Job<void> {
  if (!(stored instanceof LongValue)) return;
  for (let piece = 0; piece < stored.pieces; piece++) {
    const at = pieceKey(key, stored.number, piece);
    yield* step(() => has(store, root, at) && takeCell(store, root, root, at, false));
  }
}
