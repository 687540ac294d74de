/**
 * Filling an index from the rows of its table.
 * Callers must make sure that nobody else writes the target meanwhile, and that the index has no entries yet.
 */
import { equalBytes } from '../core/bytes.ts';
import { prepare } from '../core/prepare.ts';
import { get, put } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import { Cursor } from './cursor.ts';
import { type Job, step } from './job.ts';
import { encodeKey } from './ops/tuple.ts';
import { decodeKey } from './ops/tuple-read.ts';
import type { LiveIndex, Schema } from './schema.ts';
import type { Target } from './target.ts';
import { entryKeys } from './write.ts';

/** Told of an entry of a unique index that a row has and another one asks for; both as encoded keys. */
export type Clash = (entry: Uint8Array, holder: Uint8Array, primary: Uint8Array) => void;

/** Puts in the entries of every row. Without `clash` it refuses rows with the same unique entry (EXISTS). */
export function* fillIndex<Value>(
  target: Target,
  schema: Schema<Value>,
  index: LiveIndex,
  clash: Clash = refuse(schema, index),
): Job<void> {
  const { layout, codec } = schema;
  const rows = { from: layout.rowsFrom, to: layout.rowsTo, reverse: false, limit: Number.POSITIVE_INFINITY };
  const cursor = new Cursor(target, rows, layout.rowStart);
  const load = () => cursor.load();
  try {
    while (!cursor.ended) {
      while (cursor.advance()) {
        const { key } = cursor;
        const value = codec.decode((yield* cursor.value()).slice());
        const primary = index.definition.unique ? encodeKey(key, layout.maxKeyBytes) : noBytes;
        for (const entry of entryKeys(index, key, value)) {
          const holder = yield* step(() => putEntry(target, index, entry, primary));
          if (holder !== undefined) clash(entry, holder, primary);
        }
      }
      if (!cursor.ended && !(yield* step(load))) {
        yield* cursor.hold();
        yield* step(load);
      }
    }
  } finally {
    cursor.close();
  }
}

const noBytes = new Uint8Array(0);

/** One operation; if another row has the entry nothing is done, and its key returned. */
function putEntry(target: Target, index: LiveIndex, entry: Uint8Array, primary: Uint8Array): Uint8Array | undefined {
  const { store, root } = target;
  const holder = index.definition.unique ? get(store, root, entry) : undefined;
  if (holder !== undefined && !equalBytes(holder, primary)) return holder;
  prepare(store, root, { puts: [entry] });
  target.writes?.add(entry);
  put(store, root, entry, primary);
  return undefined;
}

function refuse<Value>({ layout }: Schema<Value>, { definition }: LiveIndex): Clash {
  return (_entry, holder, primary) => {
    const keys = [decodeKey(holder), decodeKey(primary)];
    const details = { table: layout.name, index: definition.name, keys };
    throw new ByreError('EXISTS', `Two rows have the same entry in the unique index ${definition.name}`, { details });
  };
}
