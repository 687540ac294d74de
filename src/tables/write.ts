/**
 * The operations that write one row, with its index entries.
 * Callers must go through write-row.ts, must pass values that the codec has encoded already, since no code of a user runs inside an
 * operation, and must see to the pieces of long values.
 */
import { equalBytes } from '../core/bytes.ts';
import { prepare } from '../core/prepare.ts';
import { get, has, put, remove } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import {
  isLarge,
  isLong,
  isLongAt,
  LongValue,
  planValue,
  readValue,
  type Stored,
  writeHead,
  writeValue,
} from './ops/cell.ts';
import { entriesOf } from './ops/index-definition.ts';
import type { Key } from './ops/tuple.ts';
import { decodeKey } from './ops/tuple-read.ts';
import type { LiveIndex, Schema } from './schema.ts';
import type { Target } from './target.ts';

/** What must hold of the row for the write to happen: nothing, that it is absent, or that it has exactly these bytes. */
export type Condition = 'any' | 'absent' | Uint8Array;

/** What became of a write: `stale` means that the schema must be loaded again, `long` that it takes more than one operation. */
export type Outcome = 'done' | 'refused' | 'stale' | 'long';

/** More index entries in one operation than this could ask for more nodes than the cache has. */
const MAX_ENTRIES = 256;

const noKeys: readonly Uint8Array[] = [];

/** The index entries that a write of one row takes out and puts in. Unique entries hold the primary key. */
export interface EntryChanges {
  readonly removes: readonly Uint8Array[];
  readonly puts: readonly Uint8Array[];
  readonly uniques: readonly { readonly key: Uint8Array; readonly index: string }[];
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
  if ((value !== undefined && isLong(value)) || (schema.long && isLongAt(store, root, rowKey))) return 'long';
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
  return matches(readValue(target.store, target.root, rowKey), condition);
}

/** The record counts as written with every row: a change of the indexes and a write of rows must not pass each other by. */
function noteWrite(target: Target, record: Uint8Array, rowKey: Uint8Array): void {
  const { writes } = target;
  if (writes === undefined) return;
  writes.add(record);
  writes.add(rowKey);
}

export interface IndexedWrite {
  readonly rowKey: Uint8Array;
  readonly primary: Uint8Array;
  /** What the row must hold still. */
  readonly old: Stored | undefined;
  readonly value: Uint8Array | undefined;
  /** The number of a long value, whose pieces are there. */
  readonly number?: number | undefined;
  readonly changes: EntryChanges;
}

/** One operation: a row and its entries. `moved`: the row is another one than the entries were worked out for. */
export function writeWithEntries<Value>(target: Target, schema: Schema<Value>, write: IndexedWrite): Outcome | 'moved' {
  const { store, root, writes } = target;
  const { rowKey, primary, old, value, number, changes } = write;
  if (!schema.isCurrent(target)) return 'stale';
  if (!same(readValue(store, root, rowKey), old)) return 'moved';
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
    if (number === undefined) writeValue(store, root, rowKey, value);
    else writeHead(store, root, rowKey, value, number);
  }
  const uniques = new Set(changes.uniques.map(({ key }) => key));
  for (const key of changes.puts) put(store, root, key, uniques.has(key) ? primary : empty);
  return 'done';
}

/** One operation: writes one cell; given the number of a long value, that of its row. */
export function writeCell(target: Target, key: Uint8Array, value: Uint8Array, number?: number): void {
  const { store, root } = target;
  prepare(store, root, isLarge(store, value) ? { puts: [key], content: [planValue(key, value)] } : { puts: [key] });
  target.writes?.add(key);
  if (number === undefined) writeValue(store, root, key, value);
  else writeHead(store, root, key, value, number);
}

const empty = new Uint8Array(0);

/** Whether a row is as the condition has it; to compare a long one with bytes is its caller's. */
export function matches(old: Stored | undefined, condition: Condition): boolean {
  if (condition === 'any') return true;
  if (condition === 'absent') return old === undefined;
  return old instanceof Uint8Array && equalBytes(old, condition);
}

function same(a: Stored | undefined, b: Stored | undefined): boolean {
  if (a instanceof LongValue && b instanceof LongValue) return a.number === b.number;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return equalBytes(a, b);
  return a === b;
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
