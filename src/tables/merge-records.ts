/**
 * Merging what two branches say a table is: three records give one, or none if they cannot both be had.
 * Callers must write the merged record, and must rebuild the indexes if `indexesDiffer`.
 */
import type { Root } from '../core/store.ts';
import type { MergedState } from '../pool/merge.ts';
import { type Job, step } from './job.ts';
import { encodeRecord, readRecord, type TableRecord } from './ops/catalogue.ts';
import { type IndexDefinition, sameIndex } from './ops/index-definition.ts';
import { IndexLayout, TableLayout } from './ops/layout.ts';

export interface MergedRecord {
  /** The codec's name. */
  readonly values: string;
  readonly bytes: Uint8Array;
  /** Entries that the branches made may not be those that the merged rows ask for. */
  readonly indexesDiffer: boolean;
  /** The keys of every index of either branch. */
  readonly all: readonly IndexLayout[];
}

/** Undefined: the table is gone in the merged branch, or the branches made it of different codecs or indexes. */
export function* mergeRecords(merged: MergedState, name: string): Job<MergedRecord | undefined> {
  const { store } = merged;
  const layout = new TableLayout(name, store.maxKeyBytes);
  const read = (root: Root) => () => readRecord(store, root, layout);
  const base = yield* step(read(merged.base));
  const ours = yield* step(read(merged.ours));
  const theirs = yield* step(read(merged.theirs));
  const record = three(base, ours, theirs);
  if (record === undefined) return undefined;
  const names = new Set([ours, theirs].flatMap((side) => side?.indexes.map((index) => index.name) ?? []));
  return {
    values: record.values,
    bytes: encodeRecord(record),
    // Also if both made the same index: its entries in either branch know nothing of what the other did to rows of the base.
    indexesDiffer:
      ours !== undefined && theirs !== undefined && !(sameIndexes(ours, theirs) && sameIndexes(base ?? ours, ours)),
    all: [...names].map((index) => new IndexLayout(layout, index, store.maxKeyBytes)),
  };
}

function three(
  base: TableRecord | undefined,
  ours: TableRecord | undefined,
  theirs: TableRecord | undefined,
): TableRecord | undefined {
  if (ours === undefined || theirs === undefined) {
    // Dropped by one of them, or made by one of them.
    const one = ours ?? theirs;
    return base === undefined || one === undefined ? one : undefined;
  }
  if (ours.values !== theirs.values) return undefined;
  const indexes: IndexDefinition[] = [];
  for (const name of new Set([...ours.indexes, ...theirs.indexes].map((index) => index.name))) {
    const [before, mine, other] = [base, ours, theirs].map((side) =>
      side?.indexes.find((index) => index.name === name),
    );
    if (same(mine, other) || same(before, other)) mine && indexes.push(mine);
    else if (same(before, mine)) other && indexes.push(other);
    else return undefined;
  }
  return { values: ours.values, indexes, long: ours.long === true || theirs.long === true };
}

function same(a: IndexDefinition | undefined, b: IndexDefinition | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameIndex(a, b);
}

function sameIndexes(a: TableRecord, b: TableRecord): boolean {
  return (
    a.indexes.length === b.indexes.length &&
    a.indexes.every((one, i) => one.name === b.indexes[i].name && sameIndex(one, b.indexes[i]))
  );
}
