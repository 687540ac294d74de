/**
 * A table as one handle knows it: its layout, its codec, and the record that it last saw.
 * Callers must call {@link Schema.isCurrent} in every operation that writes rows: another handle, a merge or a rollback may have
 * changed the table, and an index that a writer does not know of would be left wrong.
 */
import { equalBytes } from '../core/bytes.ts';
import type { Store } from '../core/store.ts';
import { borrow, get } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import type { Codec } from './codec.ts';
import { type Job, step } from './job.ts';
import { decodeRecord, encodeRecord, sortIndexes, type TableRecord } from './ops/catalogue.ts';
import { type IndexDefinition, sameIndex } from './ops/index-definition.ts';
import { IndexLayout, TableLayout } from './ops/layout.ts';
import type { Target } from './target.ts';

export interface LiveIndex {
  readonly definition: IndexDefinition;
  readonly layout: IndexLayout;
}

export class Schema<Value> {
  readonly layout: TableLayout;
  readonly codec: Codec<Value>;
  /** Maintained by every write. */
  indexes: readonly LiveIndex[] = [];
  /** The record's bytes: those of the tree if `exists`, else those that the first write will put there. */
  record: Uint8Array;
  exists = false;
  /** Some row may have a long value. */
  long = false;

  /** Where and when the record was last compared: until something happens there it need not be again. */
  private seenOn: Target | undefined;
  private seenAt = 0;
  private readonly declared: readonly IndexDefinition[] | undefined;
  private readonly maxKeyBytes: number;
  /** The table has had the declared indexes while this handle knew it. */
  private met = false;

  /** `declared` are the indexes that a new table gets, and that an existing one must have; undefined: whatever it has. */
  constructor(name: string, store: Store, codec: Codec<Value>, declared?: readonly IndexDefinition[]) {
    this.layout = new TableLayout(name, store.maxKeyBytes);
    this.maxKeyBytes = store.maxKeyBytes;
    this.codec = codec;
    this.declared = declared;
    this.record = this.adopt({ values: codec.name, indexes: declared ?? [] });
  }

  /** Within an operation: true if the tree's record is the one that this schema was read from. */
  isCurrent(target: Target): boolean {
    if (target === this.seenOn && target.epoch === this.seenAt) return true;
    if (!this.compare(target)) return false;
    this.seenOn = target;
    this.seenAt = target.epoch;
    return true;
  }

  /** The first write of the table put the record there. */
  created(target: Target): void {
    this.exists = true;
    target.recordChanged();
    this.seenOn = target;
    this.seenAt = target.epoch;
  }

  private compare(target: Target): boolean {
    const stored = borrow(target.store, target.root, this.layout.record);
    return stored === undefined ? !this.exists : this.exists && equalBytes(stored, this.record);
  }

  /** Reads the record anew, and refuses a table that is not what its handle says. */
  *load(target: Target): Job<void> {
    const stored = yield* step(() => {
      target.reads?.keys.add(this.layout.record);
      return get(target.store, target.root, this.layout.record);
    });
    this.met ||= this.exists;
    this.exists = stored !== undefined;
    if (stored === undefined) {
      this.record = this.adopt({ values: this.codec.name, indexes: this.declared ?? [] });
      return;
    }
    const record = decodeRecord(stored, this.layout.name);
    this.refuseOther(record);
    this.adopt(record);
    this.record = stored;
  }

  private adopt(record: TableRecord): Uint8Array {
    this.long = record.long === true;
    this.indexes = sortIndexes(record.indexes).map((definition) => ({
      definition,
      layout: new IndexLayout(this.layout, definition.name, this.maxKeyBytes),
    }));
    return encodeRecord(record);
  }

  private refuseOther(record: TableRecord): void {
    const table = this.layout.name;
    if (record.values !== this.codec.name) {
      const message = `The values of table ${table} are ${record.values}, not ${this.codec.name}`;
      throw new ByreError('BAD_ARGUMENT', message, { details: { table, values: record.values } });
    }
    // Once they agreed, indexes may come and go through this handle or others.
    if (this.declared === undefined || this.met) return;
    const wanted = sortIndexes(this.declared);
    const same =
      wanted.length === record.indexes.length &&
      wanted.every((one, i) => one.name === record.indexes[i].name && sameIndex(one, record.indexes[i]));
    if (same) return;
    const message = `Table ${table} has other indexes than declared: leave them out, and use createIndex and dropIndex`;
    throw new ByreError('BAD_ARGUMENT', message, { details: { table, indexes: record.indexes } });
  }
}
