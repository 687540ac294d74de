/**
 * Writing one row as a job: as a rule one operation, with indexes two, and for long values as many as they have pieces, in a fork.
 * Callers must pass values that the codec has encoded already.
 */
import { equalBytes } from '../core/bytes.ts';
import { type Job, step } from './job.ts';
import { dropPieces, fetchLong, putPieces, takePieces } from './long.ts';
import { encodeRecord } from './ops/catalogue.ts';
import { isLong, LongValue, readValue, type Stored } from './ops/cell.ts';
import { encodeKey, type Key } from './ops/tuple.ts';
import type { Schema } from './schema.ts';
import type { Target } from './target.ts';
import { type Condition, changesOf, matches, type Outcome, writeCell, writePlain, writeWithEntries } from './write.ts';

/** Writes, or with `value` undefined removes, one row. True if it happened. */
export function* writeRow<Value>(
  target: Target,
  schema: Schema<Value>,
  key: Key,
  value: Uint8Array | undefined,
  condition: Condition,
): Job<boolean> {
  for (;;) {
    const outcome = yield* schema.indexes.length === 0
      ? step(() => writePlain(target, schema, key, value, condition))
      : writeIndexed(target, schema, key, value, condition);
    if (outcome === 'long') return yield* writeLong(target, schema, key, value, condition);
    if (outcome !== 'stale') return outcome === 'done';
    yield* schema.load(target);
  }
}

/** The key as it is encoded, and as the tree has it, to be kept. */
function keysOf<Value>({ layout }: Schema<Value>, key: Key) {
  const primary = encodeKey(key, layout.maxKeyBytes);
  return { primary, rowKey: layout.rowKeyOf(primary).slice() };
}

/** A row of a table with indexes: its entries are worked out between two operations, and the second makes sure of the first. */
function* writeIndexed<Value>(
  target: Target,
  schema: Schema<Value>,
  key: Key,
  value: Uint8Array | undefined,
  condition: Condition,
): Job<Outcome> {
  const { codec } = schema;
  const { primary, rowKey } = keysOf(schema, key);
  if (value !== undefined && isLong(value)) return 'long';
  for (;;) {
    const old = yield* step(() => {
      target.reads?.keys.add(rowKey);
      return readValue(target.store, target.root, rowKey);
    });
    if (old instanceof LongValue) return 'long';
    if (!matches(old, condition) || (old === undefined && value === undefined)) return 'refused';
    const changes = changesOf(
      schema.indexes,
      key,
      old && codec.decode(old.slice()),
      value && codec.decode(value.slice()),
    );
    const outcome = yield* step(() => writeWithEntries(target, schema, { rowKey, primary, old, value, changes }));
    if (outcome !== 'moved') return outcome;
  }
}

/** A row whose value is long, or was: in a fork, so that it changes as a whole. */
function* writeLong<Value>(
  target: Target,
  schema: Schema<Value>,
  key: Key,
  value: Uint8Array | undefined,
  condition: Condition,
): Job<boolean> {
  const { codec } = schema;
  const { primary, rowKey } = keysOf(schema, key);
  let written: LongValue | undefined;
  return yield* target.atomically(function* (inner, last) {
    const { store } = inner;
    yield* schema.load(inner);
    const old = yield* step(() => {
      inner.reads?.keys.add(rowKey);
      return readValue(store, inner.root, rowKey);
    });
    if (!(yield* meets(inner, rowKey, old, condition)) || (old === undefined && value === undefined)) return false;
    const decode = (bytes: Uint8Array | undefined) => bytes && codec.decode(bytes.slice());
    const changes =
      schema.indexes.length === 0
        ? { removes: [], puts: [], uniques: [] }
        : changesOf(schema.indexes, key, decode(yield* bytesOf(inner, rowKey, old)), decode(value));
    if (value !== undefined && isLong(value)) {
      yield* markLong(inner, schema);
      // What another attempt has written need not be written again.
      if (last === undefined || written === undefined) written = yield* putPieces(inner, rowKey, value);
      else yield* takePieces(store, inner.root, last, rowKey, written);
    }
    const write = { rowKey, primary, old, value, number: written?.number, changes };
    yield* step(() => writeWithEntries(inner, schema, write));
    yield* dropPieces(store, inner.root, rowKey, old);
    return true;
  });
}

function* bytesOf(target: Target, rowKey: Uint8Array, stored: Stored | undefined): Job<Uint8Array | undefined> {
  return stored instanceof LongValue ? yield* fetchLong(target.store, target.root, rowKey, stored) : stored;
}

function* meets(target: Target, rowKey: Uint8Array, old: Stored | undefined, condition: Condition): Job<boolean> {
  if (!(old instanceof LongValue) || !(condition instanceof Uint8Array)) return matches(old, condition);
  return (
    old.bytes === condition.length && equalBytes(yield* fetchLong(target.store, target.root, rowKey, old), condition)
  );
}

/** Says in the table's record that a row's cell may not be all of its value: writers then look before they replace one. */
export function* markLong<Value>(target: Target, schema: Schema<Value>): Job<void> {
  if (schema.long) return;
  const indexes = schema.indexes.map(({ definition }) => definition);
  const bytes = encodeRecord({ values: schema.codec.name, indexes, long: true });
  yield* step(() => {
    writeCell(target, schema.layout.record, bytes);
    target.recordChanged();
  });
  yield* schema.load(target);
}
