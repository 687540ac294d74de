/**
 * A table of a branch: ordered rows under keys that are JavaScript values. Every method has a form that waits and a `…Sync` form.
 * Callers must not expect a put to be durable before the pool's next commit unless they ask for it (`durability`), and must let
 * iterations end: by their end, by `break`, or by `return`.
 */

import { has } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import type { Branch } from '../pool/branch.ts';
import { BranchTarget, targetOf } from './branch-target.ts';
import {
  clearRows,
  countRows,
  createIndex,
  deleteRange,
  dropIndex,
  dropTable,
  type RowWrite,
  readMany,
  writeBatch,
} from './bulk.ts';
import { changesBetween, type RowChange } from './changes.ts';
import { checkTable, type TableProblem } from './check.ts';
import type { Codec, CodecName } from './codec.ts';
import { resolveCodec } from './codec.ts';
import { Cursor } from './cursor.ts';
import { hold } from './held.ts';
import { TableIndex } from './index-reader.ts';
import { iterate, iterateSync, type Shape } from './iterate.ts';
import { type Job, runJob, runJobSync } from './job.ts';
import { fetchHeld } from './long.ts';
import { checkValue, LongValue, readValue, type Stored } from './ops/cell.ts';
import { type IndexDefinition, type IndexOptions, resolveIndex } from './ops/index-definition.ts';
import { type Bounds, type RangeOptions, type ResolvedRange, resolveRange } from './ops/range.ts';
import type { Key } from './ops/tuple.ts';
import { Schema } from './schema.ts';
import type { Target } from './target.ts';
import { Feed, type WatchOptions } from './watch.ts';
import { type Condition, writePlain } from './write.ts';
import { writeRow } from './write-row.ts';

export interface TableOptions<Value> {
  /** How values are stored: `json` (the default), `bytes`, `text`, or a codec. */
  readonly values?: CodecName | Codec<Value>;
  /** The indexes of a new table; a table that is there must have exactly these. Left out: whatever it has. */
  readonly indexes?: Readonly<Record<string, IndexOptions>>;
}

export type BatchOperation<Value> =
  | { readonly type: 'put'; readonly key: Key; readonly value: Value }
  | { readonly type: 'delete'; readonly key: Key };

const known = new Set(['values', 'indexes']);

export class Table<Value> {
  readonly name: string;
  private readonly target: Target;
  private readonly schema: Schema<Value>;
  /** How its values are stored. */
  readonly codec: Codec<Value>;
  /** The record has been seen and found to be what this handle says. */
  private checked = false;

  /** For the public entry: `branch.table(name, options)`. */
  constructor(target: Target, name: string, options: TableOptions<Value> = {}) {
    for (const option in options) {
      if (!known.has(option)) throw new ByreError('BAD_ARGUMENT', `A table has no option ${option}`);
    }
    this.name = name;
    this.target = target;
    this.codec = resolveCodec<Value>(options.values ?? 'json');
    const declared = options.indexes && Object.entries(options.indexes).map(([index, one]) => resolveIndex(index, one));
    this.schema = new Schema(name, target.store, this.codec, declared);
  }

  /** The value of a row, or undefined. */
  async get(key: Key): Promise<Value | undefined> {
    if (!this.checked) await this.wait(this.meet());
    const stored = await this.target.run(() => this.read(key));
    return this.decode(stored instanceof LongValue ? await this.wait(this.readLong(key)) : stored);
  }

  getSync(key: Key): Value | undefined {
    if (!this.checked) this.now(this.meet());
    const stored = this.target.runSync(() => this.read(key));
    return this.decode(stored instanceof LongValue ? this.now(this.readLong(key)) : stored);
  }

  /** The values of several rows as of one moment, in the order of the keys. */
  getMany(keys: readonly Key[]): Promise<Array<Value | undefined>> {
    return this.wait(this.many(keys));
  }

  getManySync(keys: readonly Key[]): Array<Value | undefined> {
    return this.now(this.many(keys));
  }

  has(key: Key): Promise<boolean> {
    return this.target.run(() => this.present(key));
  }

  hasSync(key: Key): boolean {
    return this.target.runSync(() => this.present(key));
  }

  async put(key: Key, value: Value): Promise<void> {
    await this.wait(this.write(key, value, 'any'));
  }

  putSync(key: Key, value: Value): void {
    const { target, schema } = this;
    const bytes = this.encode(value);
    // The short way of most writes; the job does the same with all that may be in the way.
    if (schema.indexes.length === 0 && target.runSync(() => writePlain(target, schema, key, bytes, 'any')) === 'done')
      return;
    this.now(writeRow(target, schema, key, bytes, 'any'));
  }

  /** Puts the row if there is none under the key; tells whether it did. */
  putIfAbsent(key: Key, value: Value): Promise<boolean> {
    return this.wait(this.write(key, value, 'absent'));
  }

  putIfAbsentSync(key: Key, value: Value): boolean {
    return this.now(this.write(key, value, 'absent'));
  }

  /**
   * Puts `next` if the row's value is `expected`, that is, if both are encoded alike; undefined stands for no row on either side.
   * Tells whether it did.
   */
  compareAndSet(key: Key, expected: Value | undefined, next: Value | undefined): Promise<boolean> {
    return this.wait(this.exchange(key, expected, next));
  }

  compareAndSetSync(key: Key, expected: Value | undefined, next: Value | undefined): boolean {
    return this.now(this.exchange(key, expected, next));
  }

  /** Removes a row; tells whether there was one. */
  delete(key: Key): Promise<boolean> {
    return this.wait(writeRow(this.target, this.schema, key, undefined, 'any'));
  }

  deleteSync(key: Key): boolean {
    return this.now(writeRow(this.target, this.schema, key, undefined, 'any'));
  }

  /** Removes the rows of a range, all or none; tells how many. */
  deleteRange(range: RangeOptions): Promise<number> {
    return this.wait(deleteRange(this.target, this.schema, this.resolve(range)));
  }

  deleteRangeSync(range: RangeOptions): number {
    return this.now(deleteRange(this.target, this.schema, this.resolve(range)));
  }

  /** Removes all rows. The table stays, with its indexes. */
  clear(): Promise<void> {
    return this.wait(clearRows(this.target, this.schema));
  }

  clearSync(): void {
    this.now(clearRows(this.target, this.schema));
  }

  /** Puts and deletes, all or none. */
  batch(operations: Iterable<BatchOperation<Value>>): Promise<void> {
    return this.wait(writeBatch(this.target, this.schema, this.encodeBatch(operations)));
  }

  batchSync(operations: Iterable<BatchOperation<Value>>): void {
    this.now(writeBatch(this.target, this.schema, this.encodeBatch(operations)));
  }

  count(range: RangeOptions = {}): Promise<number> {
    return this.wait(countRows(this.target, this.resolve(range)));
  }

  countSync(range: RangeOptions = {}): number {
    return this.now(countRows(this.target, this.resolve(range)));
  }

  /** The keys of a range in order, as of the moment of the first step. */
  keys(range: RangeOptions = {}): AsyncGenerator<Key, void, void> {
    return iterate(this.target, this.opener(range), keyShape);
  }

  keysSync(range: RangeOptions = {}): Generator<Key, void, void> {
    return iterateSync(this.target, this.opener(range), keyShape);
  }

  values(range: RangeOptions = {}): AsyncGenerator<Value, void, void> {
    return iterate(this.target, this.opener(range), this.valueShape());
  }

  valuesSync(range: RangeOptions = {}): Generator<Value, void, void> {
    return iterateSync(this.target, this.opener(range), this.valueShape());
  }

  entries(range: RangeOptions = {}): AsyncGenerator<[Key, Value], void, void> {
    return iterate(this.target, this.opener(range), this.entryShape());
  }

  entriesSync(range: RangeOptions = {}): Generator<[Key, Value], void, void> {
    return iterateSync(this.target, this.opener(range), this.entryShape());
  }

  [Symbol.asyncIterator](): AsyncGenerator<[Key, Value], void, void> {
    return this.entries();
  }

  [Symbol.iterator](): Generator<[Key, Value], void, void> {
    return this.entriesSync();
  }

  /** The table by one of its indexes. */
  index(name: string): TableIndex<Value> {
    return new TableIndex(this.target, this.schema, name);
  }

  /**
   * What would turn the rows of another state, such as a snapshot, into those of this branch; in order. Cost goes with what
   * differs.
   */
  async changesSince(before: Branch, range: Bounds = {}): Promise<RowChange<Value>[]> {
    return this.wait(this.compare(before, range));
  }

  changesSinceSync(before: Branch, range: Bounds = {}): RowChange<Value>[] {
    return this.now(this.compare(before, range));
  }

  /**
   * The changes of a range from now on, in batches of rows, whoever makes them: this handle, a transaction, a merge, a rollback.
   * A transaction's table has no feed.
   */
  watch(range: Bounds & WatchOptions = {}): Feed<Value> {
    const { signal, ...bounds } = range;
    const { target } = this;
    if (!(target instanceof BranchTarget) || target.writes !== undefined) {
      throw new ByreError('UNSUPPORTED', 'Only a table of a branch can be watched');
    }
    return new Feed(target, this.schema, this.resolve(bounds), signal);
  }

  /** Declares an index and fills it from the rows there are. */
  createIndex(name: string, options: IndexOptions): Promise<void> {
    return this.wait(createIndex(this.target, this.schema, resolveIndex(name, options)));
  }

  createIndexSync(name: string, options: IndexOptions): void {
    this.now(createIndex(this.target, this.schema, resolveIndex(name, options)));
  }

  /** Takes an index away; tells whether there was one. */
  dropIndex(name: string): Promise<boolean> {
    return this.wait(dropIndex(this.target, this.schema, name));
  }

  dropIndexSync(name: string): boolean {
    return this.now(dropIndex(this.target, this.schema, name));
  }

  /** The declared indexes, by name. */
  indexes(): Promise<readonly IndexDefinition[]> {
    return this.wait(this.definitions());
  }

  indexesSync(): readonly IndexDefinition[] {
    return this.now(this.definitions());
  }

  /** Proves that the rows can be read and that the indexes fit them; an empty list is a sound table. */
  check(): Promise<TableProblem[]> {
    return this.wait(this.verified());
  }

  checkSync(): TableProblem[] {
    return this.now(this.verified());
  }

  /** Removes the table with all that is its own; tells whether there was one. */
  drop(): Promise<boolean> {
    return this.wait(dropTable(this.target, this.schema));
  }

  dropSync(): boolean {
    return this.now(dropTable(this.target, this.schema));
  }

  private wait<T>(job: Job<T>): Promise<T> {
    return runJob(this.target, job);
  }

  private now<T>(job: Job<T>): T {
    return runJobSync(this.target, job);
  }

  /** The operation of a get. */
  private read(key: Key): Stored | undefined {
    const { target } = this;
    const rowKey = this.schema.layout.rowKey(key);
    if (target.reads !== undefined) target.reads.keys.add(rowKey);
    return readValue(target.store, target.root, rowKey);
  }

  private readLong(key: Key): Job<Uint8Array | undefined> {
    return fetchHeld(this.target, this.schema.layout.rowKey(key).slice());
  }

  private present(key: Key): boolean {
    const { target } = this;
    const rowKey = this.schema.layout.rowKey(key);
    if (target.reads !== undefined) target.reads.keys.add(rowKey);
    return has(target.store, target.root, rowKey);
  }

  private decode(bytes: Uint8Array | undefined): Value | undefined {
    return bytes === undefined ? undefined : this.codec.decode(bytes);
  }

  private encode(value: Value): Uint8Array {
    const bytes = this.codec.encode(value);
    checkValue(bytes);
    return bytes;
  }

  private *meet(): Job<void> {
    yield* this.schema.load(this.target);
    this.checked = this.schema.exists;
  }

  private *many(keys: readonly Key[]): Job<Array<Value | undefined>> {
    if (!this.checked) yield* this.meet();
    return (yield* readMany(this.target, this.schema, keys)).map((bytes) => this.decode(bytes));
  }

  private write(key: Key, value: Value, condition: Condition): Job<boolean> {
    return writeRow(this.target, this.schema, key, this.encode(value), condition);
  }

  private exchange(key: Key, expected: Value | undefined, next: Value | undefined): Job<boolean> {
    const condition = expected === undefined ? 'absent' : this.encode(expected);
    return writeRow(this.target, this.schema, key, next === undefined ? undefined : this.encode(next), condition);
  }

  private encodeBatch(operations: Iterable<BatchOperation<Value>>): readonly RowWrite[] {
    const changes: RowWrite[] = [];
    for (const operation of operations) {
      if (operation.type === 'put') changes.push({ key: operation.key, value: this.encode(operation.value) });
      else if (operation.type === 'delete') changes.push({ key: operation.key, value: undefined });
      else throw new ByreError('BAD_ARGUMENT', 'The type of a batch operation is put or delete');
    }
    return changes;
  }

  private *compare(before: Branch, range: Bounds): Job<RowChange<Value>[]> {
    if (!this.checked) yield* this.meet();
    return yield* changesBetween(this.schema, targetOf(before), this.target, this.resolve(range));
  }

  private *verified(): Job<TableProblem[]> {
    const state = yield* hold(this.target);
    try {
      return yield* checkTable(state, this.schema);
    } finally {
      state.release();
    }
  }

  private *definitions(): Job<readonly IndexDefinition[]> {
    yield* this.schema.load(this.target);
    return this.schema.exists ? this.schema.indexes.map(({ definition }) => definition) : [];
  }

  private resolve(range: RangeOptions): ResolvedRange {
    const { rowsFrom, rowsTo } = this.schema.layout;
    return resolveRange({ from: rowsFrom, to: rowsTo, maxBytes: this.target.store.maxKeyBytes }, range);
  }

  private *opener(range: RangeOptions): Job<Cursor> {
    if (!this.checked) yield* this.meet();
    return new Cursor(this.target, this.resolve(range), this.schema.layout.rowStart);
  }

  private valueShape(): Shape<Value> {
    return { needsValue: true, item: (_cursor, bytes) => this.codec.decode(bytes as Uint8Array) };
  }

  private entryShape(): Shape<[Key, Value]> {
    return { needsValue: true, item: (cursor, bytes) => [cursor.key, this.codec.decode(bytes as Uint8Array)] };
  }
}

const keyShape: Shape<Key> = { needsValue: false, item: (cursor) => cursor.key };
