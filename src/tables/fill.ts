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
import type { LiveIndex, Schema } from './schema.ts';
import type { Target } from './target.ts';
import { entryKeys } from './write.ts';

/** Puts in the entries of every row. */
export function* fillIndex<Value>(target: Target, schema: Schema<Value>, index: LiveIndex): Job<void> {
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
        for (const entry of entryKeys(index, key, value))
          yield* step(() => putEntry(target, schema, index, entry, primary));
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

function putEntry<Value>(
  target: Target,
  schema: Schema<Value>,
  index: LiveIndex,
  entry: Uint8Array,
  primary: Uint8Array,
) {
  const { store, root } = target;
  const holder = index.definition.unique ? get(store, root, entry) : undefined;
  if (holder !== undefined && !equalBytes(holder, primary)) {
    const details = { table: schema.layout.name, index: index.definition.name };
    throw new ByreError('EXISTS', `Two rows have the same entry in the unique index ${details.index}`, { details });
  }
  prepare(store, root, { puts: [entry] });
  target.writes?.add(entry);
  put(store, root, entry, primary);
}
