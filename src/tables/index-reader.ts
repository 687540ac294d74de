/**
 * Reading a table by one of its indexes: ranges of entries, in the order of the indexed values, and the rows behind them.
 * Callers must give bounds as the index's fields are: one value, or an array for an index over several fields.
 */
import { ByreError } from '../errors.ts';
import { countRows } from './bulk.ts';
import { Cursor } from './cursor.ts';
import { iterate, iterateSync, type WorkedShape } from './iterate.ts';
import { type Job, runJob, runJobSync } from './job.ts';
import { indexForm, type RangeOptions, type ResolvedRange, resolveRange } from './ops/range.ts';
import type { Key } from './ops/tuple.ts';
import { decodeKey, readElements } from './ops/tuple-read.ts';
import type { LiveIndex, Schema } from './schema.ts';
import type { Target } from './target.ts';

export class TableIndex<Value> {
  readonly name: string;
  private readonly target: Target;
  private readonly schema: Schema<Value>;

  /** For `table.index(name)`. */
  constructor(target: Target, schema: Schema<Value>, name: string) {
    this.target = target;
    this.schema = schema;
    this.name = name;
  }

  /** The value of the first row with this entry, or undefined. */
  get(entry: Key): Promise<Value | undefined> {
    return runJob(this.target, this.first(entry));
  }

  getSync(entry: Key): Value | undefined {
    return runJobSync(this.target, this.first(entry));
  }

  /** Primary keys, in the order of the entries; a row comes once for each of its entries. */
  keys(range: RangeOptions = {}): AsyncGenerator<Key, void, void> {
    return iterate(this.target, this.open(range), this.keyShape);
  }

  keysSync(range: RangeOptions = {}): Generator<Key, void, void> {
    return iterateSync(this.target, this.open(range), this.keyShape);
  }

  /** Primary keys and values. */
  entries(range: RangeOptions = {}): AsyncGenerator<[Key, Value], void, void> {
    return iterate(this.target, this.open(range), this.entryShape);
  }

  entriesSync(range: RangeOptions = {}): Generator<[Key, Value], void, void> {
    return iterateSync(this.target, this.open(range), this.entryShape);
  }

  /** How many entries a range has. */
  count(range: RangeOptions = {}): Promise<number> {
    return runJob(this.target, this.counted(range));
  }

  countSync(range: RangeOptions = {}): number {
    return runJobSync(this.target, this.counted(range));
  }

  private readonly keyShape: WorkedShape<Key> = { make: (cursor) => this.primaryKey(cursor) };

  private readonly entryShape: WorkedShape<[Key, Value]> = {
    make: function* (this: TableIndex<Value>, cursor: Cursor): Job<[Key, Value]> {
      const key = yield* this.primaryKey(cursor);
      return [key, yield* this.row(cursor, key)];
    }.bind(this),
  };

  private *first(entry: Key): Job<Value | undefined> {
    const cursor = yield* this.open({ gte: entry, lte: entry, limit: 1 });
    yield* cursor.hold();
    try {
      while (!cursor.ended) {
        if (cursor.advance()) return yield* this.row(cursor, yield* this.primaryKey(cursor));
        yield () => cursor.load();
      }
      return undefined;
    } finally {
      cursor.close();
    }
  }

  private *row(cursor: Cursor, key: Key): Job<Value> {
    const bytes = yield* cursor.other(this.schema.layout.rowKey(key).slice());
    if (bytes !== undefined) return this.schema.codec.decode(bytes);
    const details = { table: this.schema.layout.name, index: this.name, key };
    throw new ByreError('DAMAGED', `An entry of index ${this.name} has no row: check the table`, { details });
  }

  /** A unique entry holds the primary key, another ends with it. */
  private *primaryKey(cursor: Cursor): Job<Key> {
    const { definition, layout } = this.find();
    if (definition.unique) return decodeKey(yield* cursor.value());
    const entry = cursor.leaf.treeKey();
    return readElements(entry, layout.from.length, entry.length)[definition.on.length];
  }

  private *open(range: RangeOptions): Job<Cursor> {
    yield* this.schema.load(this.target);
    return new Cursor(this.target, this.resolve(range), this.find().layout.from.length);
  }

  private *counted(range: RangeOptions): Job<number> {
    yield* this.schema.load(this.target);
    return yield* countRows(this.target, this.resolve(range));
  }

  private resolve(range: RangeOptions): ResolvedRange {
    const { from, to } = this.find().layout;
    return resolveRange({ from, to, maxBytes: this.target.store.maxKeyBytes }, range, indexForm);
  }

  private find(): LiveIndex {
    const index = this.schema.indexes.find(({ definition }) => definition.name === this.name);
    if (index !== undefined) return index;
    const details = { table: this.schema.layout.name, index: this.name };
    throw new ByreError('BAD_ARGUMENT', `Table ${details.table} has no index ${details.index}`, { details });
  }
}
