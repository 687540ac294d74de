/**
 * Work on many rows as a whole: batches, deleting a range, counting, and making and dropping indexes.
 * Callers must pass values that are encoded, and run each job through its target; every job is atomic.
 */

import type { ContentRange } from '../core/content.ts';
import { prepare } from '../core/prepare.ts';
import { scan } from '../core/scan.ts';
import type { Root } from '../core/store.ts';
import { remove, removeRangeStep } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import { Cursor } from './cursor.ts';
import { fillIndex } from './fill.ts';
import { type Job, step } from './job.ts';
import { fetchLong } from './long.ts';
import { encodeRecord } from './ops/catalogue.ts';
import { isLarge, isLong, LongValue, planValue, readValue, type Stored, writeValue } from './ops/cell.ts';
import { type IndexDefinition, sameIndex } from './ops/index-definition.ts';
import { IndexLayout } from './ops/layout.ts';
import type { ResolvedRange } from './ops/range.ts';
import type { Key } from './ops/tuple.ts';
import type { LiveIndex, Schema } from './schema.ts';
import type { Target } from './target.ts';
import { makeTable, writeCell } from './write.ts';
import { writeRow } from './write-row.ts';

/** A change of one row; `value` undefined removes it. */
export interface RowWrite {
  readonly key: Key;
  readonly value: Uint8Array | undefined;
}

/** So many keys go into one operation. */
const STEP_KEYS = 16;

export function* writeBatch<Value>(target: Target, schema: Schema<Value>, changes: readonly RowWrite[]): Job<void> {
  if (changes.length === 1) {
    yield* writeRow(target, schema, changes[0].key, changes[0].value, 'any');
    return;
  }
  if (changes.length <= STEP_KEYS && (yield* step(() => writeFew(target, schema, changes)))) return;
  yield* target.atomically(function* (inner) {
    yield* schema.load(inner);
    const isPlain = schema.indexes.length === 0 && !schema.long;
    if (!isPlain || changes.some(({ value }) => value !== undefined && isLong(value))) {
      for (const { key, value } of changes) yield* writeRow(inner, schema, key, value, 'any');
      return;
    }
    if (changes.some(({ value }) => value !== undefined)) yield* step(() => makeTable(inner, schema));
    for (let at = 0; at < changes.length; ) {
      const from = at;
      const to = stretchEnd(inner, changes, from);
      yield () => writeStretch(inner, schema, changes, from, to);
      at = to;
    }
  });
}

/** One operation, if it can be one: a few small rows of a table without indexes. False: nothing was done. */
function writeFew<Value>(target: Target, schema: Schema<Value>, changes: readonly RowWrite[]): boolean {
  if (!schema.isCurrent(target) || !schema.exists || schema.indexes.length > 0 || schema.long) return false;
  if (changes.some(({ value }) => value !== undefined && isLarge(target.store, value))) return false;
  writeStretch(target, schema, changes, 0, changes.length);
  return true;
}

/** As many changes as one operation takes: a few keys, or one large value. */
function stretchEnd({ store }: Target, changes: readonly RowWrite[], from: number): number {
  const most = Math.min(from + STEP_KEYS, changes.length);
  for (let at = from; at < most; at++) {
    const { value } = changes[at];
    if (value !== undefined && isLarge(store, value)) return Math.max(at, from + 1);
  }
  return most;
}

/** One operation: some rows of a table without indexes, which nobody else writes meanwhile. */
function writeStretch<Value>(
  target: Target,
  schema: Schema<Value>,
  changes: readonly RowWrite[],
  from: number,
  to: number,
): void {
  const { store, root, writes } = target;
  const puts: Uint8Array[] = [];
  const removes: Uint8Array[] = [];
  const keys: Uint8Array[] = [];
  const content: ContentRange[] = [];
  for (let i = from; i < to; i++) {
    const { key, value } = changes[i];
    const rowKey = schema.layout.rowKey(key, i - from);
    keys.push(rowKey);
    if (value === undefined) removes.push(rowKey);
    else if (isLarge(store, value)) {
      puts.push(rowKey);
      content.push(planValue(rowKey, value));
    } else puts.push(rowKey);
  }
  prepare(store, root, { puts, removes, content });
  writes?.add(schema.layout.record);
  for (let i = from; i < to; i++) {
    const { value } = changes[i];
    const rowKey = keys[i - from];
    writes?.add(rowKey);
    if (value === undefined) remove(store, root, rowKey);
    else writeValue(store, root, rowKey, value);
  }
}

/** Removes the rows of a range; returns how many there were. */
export function* deleteRange<Value>(target: Target, schema: Schema<Value>, range: ResolvedRange): Job<number> {
  return yield* target.atomically(function* (inner) {
    yield* schema.load(inner);
    let count = 0;
    for (let left = range.limit; left > 0; ) {
      const keys = yield* step(() => firstKeys(inner, range, Math.min(left, STEP_KEYS)));
      if (keys.length === 0) break;
      const isPlain = schema.indexes.length === 0 && !schema.long;
      if (isPlain) yield* step(() => removeRows(inner, schema, keys));
      else for (const key of keys) yield* writeRow(inner, schema, schema.layout.keyOf(key), undefined, 'any');
      count += keys.length;
      left -= keys.length;
    }
    return count;
  });
}

/** The tree's keys of the first rows of a range that is not empty yet. What was passed over counts as read. */
function firstKeys(target: Target, range: ResolvedRange, limit: number): Uint8Array[] {
  const { store, root } = target;
  const keys: Uint8Array[] = [];
  let { from, to } = range;
  for (;;) {
    const next = scan(store, root, { from, to, reverse: range.reverse }, (entry) => {
      keys.push(entry.key());
      return keys.length < limit;
    });
    if (next === undefined || keys.length > 0) break;
    if (range.reverse) to = next;
    else from = next;
  }
  if (keys.length === 0) target.reads?.range(range.from, range.to);
  return keys;
}

function removeRows<Value>(target: Target, schema: Schema<Value>, keys: readonly Uint8Array[]): void {
  const { store, root, writes } = target;
  prepare(store, root, { removes: keys, purpose: 'free' });
  writes?.add(schema.layout.record);
  for (const key of keys) {
    writes?.add(key);
    remove(store, root, key);
  }
}

/** How many rows a range has. */
export function* countRows(target: Target, range: ResolvedRange): Job<number> {
  const cursor = new Cursor(target, range, 0);
  const load = () => cursor.load();
  let count = 0;
  try {
    while (!cursor.ended) {
      if (!(yield* step(load))) {
        yield* cursor.hold();
        yield* step(load);
      }
      count += cursor.leaf.left;
      cursor.leaf.left = 0;
    }
  } finally {
    cursor.close();
  }
  return count;
}

/** Declares an index and fills it. Nothing happens if the table has the same index already. */
export function* createIndex<Value>(target: Target, schema: Schema<Value>, definition: IndexDefinition): Job<void> {
  yield* target.atomically(function* (inner) {
    yield* schema.load(inner);
    const known = schema.indexes.find((index) => index.definition.name === definition.name);
    if (known !== undefined) {
      if (sameIndex(known.definition, definition)) return;
      const message = `Index ${definition.name} is there already, and otherwise defined: drop it first`;
      throw new ByreError('EXISTS', message, { details: { index: definition.name } });
    }
    const index: LiveIndex = {
      definition,
      layout: new IndexLayout(schema.layout, definition.name, inner.store.maxKeyBytes),
    };
    const { rowsFrom, rowsTo } = schema.layout;
    inner.writes?.range(rowsFrom, rowsTo);
    yield* fillIndex(inner, schema, index);
    yield* writeRecord(inner, schema, [...schema.indexes.map((one) => one.definition), definition]);
  });
  yield* schema.load(target);
}

/** Takes an index away, and its entries. False if there is none of that name. */
export function* dropIndex<Value>(target: Target, schema: Schema<Value>, name: string): Job<boolean> {
  const dropped = yield* target.atomically(function* (inner) {
    yield* schema.load(inner);
    const index = schema.indexes.find((one) => one.definition.name === name);
    if (index === undefined) return false;
    inner.writes?.range(index.layout.from, index.layout.to);
    yield* removeAll(inner, index.layout.from, index.layout.to);
    const rest = schema.indexes.filter((one) => one !== index);
    yield* writeRecord(
      inner,
      schema,
      rest.map((one) => one.definition),
    );
    return true;
  });
  yield* schema.load(target);
  return dropped;
}

/** Removes the table: its rows, its indexes, its record. False if there was none. */
export function* dropTable<Value>(target: Target, schema: Schema<Value>): Job<boolean> {
  const { from, to } = schema.layout;
  const removed = yield* target.atomically((inner) => {
    inner.writes?.range(from, to);
    return removeAll(inner, from, to);
  });
  yield* schema.load(target);
  return removed;
}

/** Removes every row, and every index entry with them. */
export function* clearRows<Value>(target: Target, schema: Schema<Value>): Job<void> {
  const { rowsFrom, to, record } = schema.layout;
  yield* target.atomically((inner) => {
    inner.writes?.add(record);
    return removeAll(inner, rowsFrom, to);
  });
}

/** Removes every cell of a stretch of keys; tells whether there was any. */
export function* removeAll(target: Target, from: Uint8Array, to: Uint8Array): Job<boolean> {
  const { store } = target;
  const range: ResolvedRange = { from, to, reverse: false, limit: Number.POSITIVE_INFINITY };
  let removed = false;
  if (target.writes !== undefined) {
    for (;;) {
      const keys = yield* step(() => firstKeys(target, range, STEP_KEYS));
      if (keys.length === 0) return removed;
      removed = true;
      yield* step(() => removeKeys(target, keys));
    }
  }
  // Nobody keeps account: whole parts of the tree go at once.
  removed = (yield* step(() => firstKeys(target, range, 1))).length > 0;
  for (let at: Uint8Array | undefined = removed ? from : undefined; at !== undefined; ) {
    const start: Uint8Array = at;
    at = yield* step(() => {
      prepare(store, target.root, { removes: [start], purpose: 'free' });
      target.recordChanged();
      return removeRangeStep(store, target.root, start, to);
    });
  }
  return removed;
}

function removeKeys(target: Target, keys: readonly Uint8Array[]): void {
  prepare(target.store, target.root, { removes: keys, purpose: 'free' });
  target.recordChanged();
  for (const key of keys) {
    target.writes?.add(key);
    remove(target.store, target.root, key);
  }
}

function* writeRecord<Value>(
  target: Target,
  schema: Schema<Value>,
  definitions: readonly IndexDefinition[],
): Job<void> {
  const { record } = schema.layout;
  const bytes = encodeRecord({ values: schema.codec.name, indexes: definitions, long: schema.long });
  yield* step(() => {
    writeCell(target, record, bytes);
    target.recordChanged();
  });
}

/** The rows of several keys as of one moment, in their order; undefined where there is none. */
export function* readMany<Value>(
  target: Target,
  schema: Schema<Value>,
  keys: readonly Key[],
): Job<Array<Uint8Array | undefined>> {
  const isShort = (value: Stored | undefined) => !(value instanceof LongValue);
  if (keys.length <= STEP_KEYS) {
    const values = yield* step(() => readSome(target, target.root, schema, keys));
    if (values.every(isShort)) return values as Array<Uint8Array | undefined>;
  }
  const { store } = target;
  const held = yield* target.fork();
  const found: Array<Uint8Array | undefined> = [];
  try {
    for (let at = 0; at < keys.length; at += STEP_KEYS) {
      const some = keys.slice(at, at + STEP_KEYS);
      for (const [i, value] of (yield* step(() => readSome(target, held.root, schema, some))).entries()) {
        const rowKey = () => schema.layout.rowKey(some[i]).slice();
        found.push(value instanceof LongValue ? yield* fetchLong(store, held.root, rowKey(), value) : value);
      }
    }
  } finally {
    held.release();
  }
  return found;
}

/** One operation: a few rows. */
function readSome<Value>({ store, reads }: Target, root: Root, { layout }: Schema<Value>, keys: readonly Key[]) {
  return keys.map((key) => {
    const rowKey = layout.rowKey(key);
    reads?.keys.add(rowKey);
    return readValue(store, root, rowKey);
  });
}
