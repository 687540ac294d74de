/**
 * Writing one row, with its index entries, in one operation.
 * Callers must pass values that the codec has encoded already: no code of a user runs inside an operation.
 */
import { equalBytes } from '../core/bytes.ts';
import { prepare } from '../core/prepare.ts';
import { get, has, put, remove } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import { type Job, step } from './job.ts';
import { isLarge, planValue, readValue, writeValue } from './ops/cell.ts';
import { entriesOf } from './ops/index-definition.ts';
import { encodeKey, type Key } from './ops/tuple.ts';
import { decodeKey } from './ops/tuple-read.ts';
import type { LiveIndex, Schema } from './schema.ts';
import type { Target } from './target.ts';

/** What must hold of the row for the write to happen: nothing, that it is absent, or that it has exactly these bytes. */
export type Condition = 'any' | 'absent' | Uint8Array;

/** What became of a write: `stale` means that the schema must be loaded again. */
export type Outcome = 'done' | 'refused' | 'stale';

/** More index entries in one operation than this could ask for more nodes than the cache has. */
const MAX_ENTRIES = 256;

const noKeys: readonly Uint8Array[] = [];

/** The index entries that a write of one row takes out and puts in. Unique entries hold the primary key. */
interface EntryChanges {
  readonly removes: readonly Uint8Array[];
  readonly puts: readonly Uint8Array[];
  readonly uniques: readonly { readonly key: Uint8Array; readonly index: string }[];
}

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
    if (outcome !== 'stale') return outcome === 'done';
    yield* schema.load(target);
  }
}

/** One operation: a row of a table without indexes. */
export function writePlain<Value>(
  target: Target,
  schema: Schema<Value>,
  key: Key,
  value: Uint8Array | undefined,
  condition: Condition,
): Outcome {
  const { store, root } = target;
  if (!schema.isCurrent(target)) return 'stale';
  const { layout } = schema;
  const rowKey = layout.rowKey(key);
  if (value === undefined) {
    if (!holds(target, rowKey, condition) || !has(store, root, rowKey)) return 'refused';
    noteWrite(target, layout.record, rowKey);
    prepare(store, root, { removes: [rowKey], purpose: 'free' });
    remove(store, root, rowKey);
    return 'done';
  }
  if (condition !== 'any' && !holds(target, rowKey, condition)) return 'refused';
  noteWrite(target, layout.record, rowKey);
  const puts = schema.exists ? [rowKey] : [layout.record, rowKey];
  prepare(store, root, isLarge(store, value) ? { puts, content: [planValue(rowKey, value)] } : { puts });
  if (!schema.exists) create(target, schema);
  writeValue(store, root, rowKey, value);
  return 'done';
}

/** One operation: puts the record there if the table is new. */
export function makeTable<Value>(target: Target, schema: Schema<Value>): void {
  target.writes?.add(schema.layout.record);
  if (schema.exists) return;
  prepare(target.store, target.root, { puts: [schema.layout.record] });
  create(target, schema);
}

function create<Value>(target: Target, schema: Schema<Value>): void {
  put(target.store, target.root, schema.layout.record, schema.record);
  schema.created(target);
}

/** A write that depends on the row is a read of it. */
function holds(target: Target, rowKey: Uint8Array, condition: Condition): boolean {
  target.reads?.keys.add(rowKey);
  if (condition === 'any') return true;
  if (condition === 'absent') return !has(target.store, target.root, rowKey);
  const present = readValue(target.store, target.root, rowKey);
  return present !== undefined && equalBytes(present, condition);
}

/** The record counts as written with every row: a change of the indexes and a write of rows must not pass each other by. */
function noteWrite(target: Target, record: Uint8Array, rowKey: Uint8Array): void {
  const { writes } = target;
  if (writes === undefined) return;
  writes.add(record);
  writes.add(rowKey);
}

/** A row of a table with indexes: its entries are worked out between two operations, and the second makes sure of the first. */
function* writeIndexed<Value>(
  target: Target,
  schema: Schema<Value>,
  key: Key,
  value: Uint8Array | undefined,
  condition: Condition,
): Job<Outcome> {
  const { layout, codec } = schema;
  const primary = encodeKey(key, layout.maxKeyBytes);
  const rowKey = layout.rowKeyOf(primary).slice();
  for (;;) {
    const old = yield* step(() => {
      target.reads?.keys.add(rowKey);
      return readValue(target.store, target.root, rowKey);
    });
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

interface IndexedWrite {
  readonly rowKey: Uint8Array;
  readonly primary: Uint8Array;
  readonly old: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
  readonly changes: EntryChanges;
}

function writeWithEntries<Value>(target: Target, schema: Schema<Value>, write: IndexedWrite): Outcome | 'moved' {
  const { store, root, writes } = target;
  const { rowKey, primary, old, value, changes } = write;
  if (!schema.isCurrent(target)) return 'stale';
  const present = readValue(store, root, rowKey);
  if (present === undefined ? old !== undefined : old === undefined || !equalBytes(present, old)) return 'moved';
  for (const { key, index } of changes.uniques) {
    const holder = get(store, root, key);
    if (holder !== undefined && !equalBytes(holder, primary)) throw notUnique(schema, index, holder, primary);
  }
  const puts = changes.puts.slice();
  if (!schema.exists) puts.push(schema.layout.record);
  const removes = changes.removes.slice();
  if (value === undefined) removes.push(rowKey);
  else puts.push(rowKey);
  const content = value !== undefined && isLarge(store, value) ? [planValue(rowKey, value)] : [];
  prepare(store, root, { puts, removes, content, purpose: value === undefined ? 'free' : 'write' });
  if (writes !== undefined) for (const key of [...puts, ...removes, schema.layout.record]) writes.add(key);
  for (const key of changes.removes) remove(store, root, key);
  if (value === undefined) remove(store, root, rowKey);
  else {
    if (!schema.exists) create(target, schema);
    writeValue(store, root, rowKey, value);
  }
  const uniques = new Set(changes.uniques.map(({ key }) => key));
  for (const key of changes.puts) put(store, root, key, uniques.has(key) ? primary : empty);
  return 'done';
}

const empty = new Uint8Array(0);

function matches(old: Uint8Array | undefined, condition: Condition): boolean {
  if (condition === 'any') return true;
  if (condition === 'absent') return old === undefined;
  return old !== undefined && equalBytes(old, condition);
}

/** The entries that differ between two values of a row; undefined stands for an absent row. */
export function changesOf(indexes: readonly LiveIndex[], key: Key, old: unknown, value: unknown): EntryChanges {
  const removes: Uint8Array[] = [];
  const puts: Uint8Array[] = [];
  const uniques: { key: Uint8Array; index: string }[] = [];
  for (const index of indexes) {
    const before = old === undefined ? [] : entryKeys(index, key, old);
    const now = value === undefined ? [] : entryKeys(index, key, value);
    for (const entry of before) if (!now.some((one) => equalBytes(one, entry))) removes.push(entry);
    for (const entry of now) {
      if (before.some((one) => equalBytes(one, entry))) continue;
      puts.push(entry);
      if (index.definition.unique) uniques.push({ key: entry, index: index.definition.name });
    }
  }
  if (puts.length + removes.length <= MAX_ENTRIES) return { removes: removes.length ? removes : noKeys, puts, uniques };
  throw new ByreError('BAD_ARGUMENT', `A write changes at most ${MAX_ENTRIES} index entries of a row`, {
    details: { key },
  });
}

/** The tree's keys of a row's entries in an index, each once. */
export function entryKeys(index: LiveIndex, key: Key, value: unknown): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (const fields of entriesOf(index.definition, value)) {
    const entry = index.layout.key(index.definition.unique ? fields : [...fields, key]);
    if (!keys.some((one) => equalBytes(one, entry))) keys.push(entry);
  }
  return keys;
}

function notUnique<Value>(schema: Schema<Value>, index: string, holder: Uint8Array, primary: Uint8Array): ByreError {
  const table = schema.layout.name;
  const details = { table, index, key: decodeKey(primary), holder: decodeKey(holder) };
  return new ByreError('EXISTS', `Unique index ${index} of table ${table} has that entry already`, { details });
}
