/**
 * A table as an `abstract-level` database: keys are bytes in memcmp order, values are bytes.
 * Callers must keep the pool open for as long as the database is; closing the database closes neither the branch nor the pool.
 */
import {
  type AbstractDatabaseOptions,
  type AbstractIterator,
  type AbstractIteratorOptions,
  type AbstractKeyIterator,
  type AbstractKeyIteratorOptions,
  AbstractLevel,
  type AbstractSnapshot,
  type AbstractValueIterator,
  type AbstractValueIteratorOptions,
} from 'abstract-level';
import { has } from '../core/tree.ts';
import type { Branch } from '../pool/branch.ts';
import { type BranchTarget, targetOf } from '../tables/branch-target.ts';
import { deleteRange, type RowWrite, readMany, writeBatch } from '../tables/bulk.ts';
import { bytesCodec } from '../tables/codec.ts';
import { holdNow } from '../tables/held.ts';
import { runJob, runJobSync, step } from '../tables/job.ts';
import { fetchHeld } from '../tables/long.ts';
import { checkValue, LongValue, readValue } from '../tables/ops/cell.ts';
import { Schema } from '../tables/schema.ts';
import type { Target } from '../tables/target.ts';
import { writeRow } from '../tables/write-row.ts';
import { EntryIterator, KeyIterator, type Source, ValueIterator } from './iterator.ts';
import { LevelRange, type RangeBounds } from './range.ts';
import { LevelSnapshot } from './snapshot.ts';

export interface ByreLevelOptions<K, V> extends AbstractDatabaseOptions<K, V> {
  /** The table that holds the rows; default `level`. */
  readonly table?: string;
}

/** What the private methods below can do. The published types lag behind: they do not know `getSync`. */
const manifest = {
  seek: true,
  explicitSnapshots: true,
  permanence: true,
  createIfMissing: false,
  errorIfExists: false,
  has: true,
  getSync: true,
  encodings: { view: true },
  signals: { iterators: false },
};

interface ReadOptions {
  readonly snapshot?: AbstractSnapshot | undefined;
}

interface LevelOperation {
  readonly type: 'put' | 'del';
  readonly key: Uint8Array;
  readonly value?: Uint8Array;
}

export class ByreLevel<K = string, V = string> extends AbstractLevel<Uint8Array, K, V> {
  private readonly target: BranchTarget;
  private readonly schema: Schema<Uint8Array>;

  constructor(branch: Branch, options: ByreLevelOptions<K, V> = {}) {
    const { table = 'level', ...forwarded } = options;
    super(manifest, forwarded);
    this.target = targetOf(branch);
    this.schema = new Schema(table, branch.store, bytesCodec);
  }

  /** The database's table, for the iterators. */
  get rows(): Schema<Uint8Array>['layout'] {
    return this.schema.layout;
  }

  async _open(): Promise<void> {
    await runJob(this.target, this.schema.load(this.target));
  }

  async _get(key: Uint8Array, options: ReadOptions): Promise<Uint8Array | undefined> {
    const target = this.reader(options);
    const stored = await target.run(() => readValue(target.store, target.root, this.rows.rowKey(key)));
    return stored instanceof LongValue ? runJob(target, fetchHeld(target, this.rows.rowKey(key).slice())) : stored;
  }

  _getSync(key: Uint8Array, options: ReadOptions): Uint8Array | undefined {
    const target = this.reader(options);
    const stored = target.runSync(() => readValue(target.store, target.root, this.rows.rowKey(key)));
    return stored instanceof LongValue ? runJobSync(target, fetchHeld(target, this.rows.rowKey(key).slice())) : stored;
  }

  async _getMany(keys: Uint8Array[], options: ReadOptions): Promise<Array<Uint8Array | undefined>> {
    const target = this.reader(options);
    return runJob(target, readMany(target, this.schema, keys));
  }

  async _has(key: Uint8Array, options: ReadOptions): Promise<boolean> {
    const target = this.reader(options);
    return target.run(() => has(target.store, target.root, this.rows.rowKey(key)));
  }

  async _hasMany(keys: Uint8Array[], options: ReadOptions): Promise<boolean[]> {
    const found = await this._getMany(keys, options);
    return found.map((value) => value !== undefined);
  }

  async _put(key: Uint8Array, value: Uint8Array): Promise<void> {
    checkValue(value);
    await runJob(this.target, writeRow(this.target, this.schema, key, value, 'any'));
  }

  async _del(key: Uint8Array): Promise<void> {
    await runJob(this.target, writeRow(this.target, this.schema, key, undefined, 'any'));
  }

  async _batch(operations: readonly LevelOperation[]): Promise<void> {
    const changes: RowWrite[] = operations.map(({ type, key, value }) => ({
      key,
      value: type === 'put' ? value : undefined,
    }));
    for (const { value } of changes) if (value !== undefined) checkValue(value);
    await runJob(this.target, writeBatch(this.target, this.schema, changes));
  }

  async _clear(options: RangeBounds & ReadOptions): Promise<void> {
    const range = new LevelRange(this.rows, this.target.store.maxKeyBytes, options);
    if (options.snapshot === undefined) {
      await runJob(this.target, deleteRange(this.target, this.schema, range.resolved));
      return;
    }
    // What the snapshot has goes from the present state, whatever became of it since.
    const held = this.reader(options);
    const { target, schema } = this;
    await runJob(
      target,
      target.atomically(function* (inner) {
        const cursor = range.open(held);
        const load = () => cursor.load();
        while (!cursor.ended) {
          while (cursor.advance()) yield* writeRow(inner, schema, cursor.key, undefined, 'any');
          if (!cursor.ended) yield* step(load);
        }
      }),
    );
  }

  _iterator(options: AbstractIteratorOptions<K, V>): AbstractIterator<this, K, V> {
    return new EntryIterator(this as never, this.holdFor(options), options) as unknown as AbstractIterator<this, K, V>;
  }

  _keys(options: AbstractKeyIteratorOptions<K>): AbstractKeyIterator<this, K> {
    return new KeyIterator(this as never, this.holdFor(options), options) as unknown as AbstractKeyIterator<this, K>;
  }

  _values(options: AbstractValueIteratorOptions<K, V>): AbstractValueIterator<this, K, V> {
    return new ValueIterator(this as never, this.holdFor(options), options) as unknown as AbstractValueIterator<
      this,
      K,
      V
    >;
  }

  _snapshot(options: object): LevelSnapshot {
    return new LevelSnapshot(holdNow(this.target), options);
  }

  /** What an iterator reads: the snapshot that it is given, or the state as it is now. */
  private holdFor(options: object): Source {
    const { snapshot } = options as ReadOptions;
    const range = new LevelRange(this.rows, this.target.store.maxKeyBytes, options as RangeBounds);
    if (snapshot !== undefined) return { state: (snapshot as LevelSnapshot).state, range, owned: false };
    return { state: holdNow(this.target), range, owned: true };
  }

  /** The state that a read is of. */
  private reader(options: ReadOptions): Target {
    return options.snapshot === undefined ? this.target : (options.snapshot as LevelSnapshot).state;
  }
}
