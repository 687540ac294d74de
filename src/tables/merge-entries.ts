/**
 * Indexes of a merged table: entries that fit the merged rows, and unique entries that more than one row asks for.
 * Callers must settle every claim (merge-rows.ts): until then an entry may stand for a row that has given it up.
 */
import { compareBytes, equalBytes } from '../core/bytes.ts';
import { takeCell } from '../core/merge.ts';
import { get, has } from '../core/tree.ts';
import { removeAll } from './bulk.ts';
import { fillIndex } from './fill.ts';
import { type Job, step } from './job.ts';
import { fetchValue } from './long.ts';
import type { MergedTable } from './merge-target.ts';
import { named } from './ops/access.ts';
import { describeKey, type IndexLayout } from './ops/layout.ts';
import { encodeKey } from './ops/tuple.ts';
import { entryKeys, writeCell } from './write.ts';

const noBytes = new Uint8Array(0);

/** A unique entry, and the encoded keys of the rows that may ask for it. */
export interface Claim {
  readonly key: Uint8Array;
  readonly primaries: Uint8Array[];
}

/** Claims that are to be looked at: one that grows is looked at again. */
export class Claims {
  private readonly all = new Map<string, Claim>();
  private readonly waiting = new Set<Claim>();

  add(key: Uint8Array, primary: Uint8Array): void {
    const name = named(key);
    const claim = this.all.get(name) ?? { key, primaries: [] };
    this.all.set(name, claim);
    if (!claim.primaries.some((one) => equalBytes(one, primary))) claim.primaries.push(primary);
    this.waiting.add(claim);
  }

  next(): Claim | undefined {
    for (const claim of this.waiting) {
      this.waiting.delete(claim);
      return claim;
    }
    return undefined;
  }
}

/** Makes the entries of one row what its merged value asks for: those of every side may be in the merged tree. */
export function* settleEntries(
  { merged: { store, work }, schema, target, claims }: MergedTable,
  rowKey: Uint8Array,
  sides: Iterable<Uint8Array | undefined>,
  result: Uint8Array | undefined,
): Job<void> {
  const { layout, codec } = schema;
  const key = layout.keyOf(rowKey);
  const primary = encodeKey(key, layout.maxKeyBytes);
  const values = [...sides].map((side) => side && codec.decode(side.slice()));
  const present = result && codec.decode(result.slice());
  for (const index of schema.indexes) {
    const { unique } = index.definition;
    const wanted = result === undefined ? [] : entryKeys(index, key, present);
    const holds = (held: Uint8Array | undefined) => held !== undefined && (!unique || equalBytes(held, primary));
    for (const value of values) {
      for (const entry of value === undefined ? [] : entryKeys(index, key, value)) {
        if (wanted.some((one) => equalBytes(one, entry))) continue;
        yield* step(() => holds(get(store, work, entry)) && takeCell(store, work, work, entry, false));
      }
    }
    for (const entry of wanted) {
      const held = yield* step(() => get(store, work, entry));
      if (held === undefined) yield* step(() => writeCell(target, entry, unique ? primary : noBytes));
      else if (!holds(held)) {
        // Another row has it, by the other branch's word. Who still asks for it is clear only when all rows are settled.
        claims.add(entry, held);
        claims.add(entry, primary);
      }
    }
  }
}

/** The encoded keys of the rows that ask for a unique entry now, in order. */
export function* claimants({ merged, schema }: MergedTable, { key, primaries }: Claim): Job<Uint8Array[]> {
  const { store, work } = merged;
  const { layout, codec } = schema;
  const index = schema.indexes.find(({ definition }) => definition.name === describeKey(key)?.index);
  if (index === undefined) return [];
  const found: Uint8Array[] = [];
  for (const primary of primaries.sort(compareBytes)) {
    const rowKey = layout.rowKeyOf(primary).slice();
    const value = yield* fetchValue(store, work, rowKey);
    const entries = value === undefined ? [] : entryKeys(index, layout.keyOf(rowKey), codec.decode(value));
    if (entries.some((entry) => equalBytes(entry, key))) found.push(primary);
  }
  return found;
}

/** Gives a unique entry to the one row that asks for it, or takes it out. */
export function* grant(
  { merged: { store, work }, target }: MergedTable,
  key: Uint8Array,
  primary: Uint8Array | undefined,
): Job<void> {
  yield* step(() => {
    if (primary !== undefined) writeCell(target, key, primary);
    else if (has(store, work, key)) takeCell(store, work, work, key, false);
  });
}

/** The branches had other indexes than each other: each entry of either is taken out, and those of the merged rows put in. */
export function* rebuild({ target, schema, claims }: MergedTable, all: readonly IndexLayout[]): Job<void> {
  for (const { from, to } of all) yield* removeAll(target, from, to);
  for (const index of schema.indexes) {
    yield* fillIndex(target, schema, index, (entry, holder, primary) => {
      claims.add(entry, holder);
      claims.add(entry, primary);
    });
  }
}
