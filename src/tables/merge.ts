/**
 * The tables' part in a merge of branches: conflicts row by row, resolvers per table, and indexes that fit the merged rows.
 * Callers must pass the codecs of tables that do not use a named one, if those tables have indexes or a function as resolver.
 * A resolver runs between operations, and must not call into the pool.
 */
import { scan } from '../core/scan.ts';
import type { Root, Store } from '../core/store.ts';
import { get, has } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import type { MergedState, ResolvedConflict, Settle } from '../pool/merge.ts';
import { type Codec, knownCodec } from './codec.ts';
import { type Job, step } from './job.ts';
import { Claims, rebuild } from './merge-entries.ts';
import { mergeRecords } from './merge-records.ts';
import { type RowResolver, settleClaims, settleRow } from './merge-rows.ts';
import { type MergedTable, mergeTarget } from './merge-target.ts';
import { nextTable } from './ops/catalogue.ts';
import { describeKey, TableLayout } from './ops/layout.ts';
import { Schema } from './schema.ts';
import { writeCell } from './write.ts';

export interface TablesMergeOptions {
  /** What becomes of rows in conflict: one rule for all tables, or one for each by its name. */
  readonly tables?: RowResolver | Readonly<Record<string, RowResolver>>;
  readonly codecs?: readonly Codec<never>[];
}

export function settleTables(options: TablesMergeOptions = {}): Settle {
  return function* settle(merged) {
    const byTable = new Map<string, ResolvedConflict[]>();
    const left: ResolvedConflict[] = [];
    for (const conflict of merged.conflicts) {
      const table = describeKey(conflict.key)?.table;
      if (table === undefined) left.push(conflict);
      else if (byTable.get(table)?.push(conflict) === undefined) byTable.set(table, [conflict]);
    }
    for (const name of (yield* allTables(merged)) as Set<string>) {
      const rest = (yield* settleTable(merged, options, name, byTable.get(name) ?? [])) as ResolvedConflict[];
      for (const conflict of rest) left.push(conflict);
    }
    return left;
  } as Settle;
}

/** Every table of either branch. */
function* allTables({ store, ours, theirs }: MergedState): Job<Set<string>> {
  const names = new Set<string>();
  for (const root of [ours, theirs]) {
    for (let from: Uint8Array | undefined; ; ) {
      const at: Uint8Array | undefined = from;
      const found: ReturnType<typeof nextTable> = yield* step(() => nextTable(store, root, at));
      if (found === undefined) break;
      names.add(found.name);
      from = found.next;
    }
  }
  return names;
}

function* settleTable(
  merged: MergedState,
  options: TablesMergeOptions,
  name: string,
  conflicts: readonly ResolvedConflict[],
): Job<ResolvedConflict[]> {
  const { store } = merged;
  const records = yield* mergeRecords(merged, name);
  if (records === undefined) return [...conflicts, ...(yield* orphaned(merged, name, conflicts))];
  if (conflicts.length === 0 && !records.indexesDiffer) return [];
  const schema = new Schema<unknown>(name, store, codecOf(records.values, options));
  const target = mergeTarget(merged);
  yield* step(() => writeCell(target, schema.layout.record, records.bytes));
  yield* schema.load(target);
  const { tables } = options;
  const resolver = typeof tables === 'object' ? tables[name] : tables;
  const table: MergedTable = { merged, schema, target, resolver, claims: new Claims() };
  const left: ResolvedConflict[] = [];
  const ofPart = (part: string) => conflicts.filter(({ key }) => describeKey(key)?.part === part);
  for (const conflict of ofPart('row')) if (!(yield* settleRow(table, conflict))) left.push(conflict);
  if (records.indexesDiffer) yield* rebuild(table, records.all);
  else {
    for (const { key, ours, theirs, base } of ofPart('index')) {
      for (const side of [ours, theirs, base]) if (side !== undefined) table.claims.add(key, side.value);
    }
  }
  for (const key of yield* settleClaims(table)) left.push(yield* conflictOver(merged, key));
  return left;
}

/** One dropped the table and the other wrote rows: rows that no record speaks for are a conflict over the record. */
function* orphaned(merged: MergedState, name: string, conflicts: readonly ResolvedConflict[]): Job<ResolvedConflict[]> {
  if (conflicts.length > 0) return [];
  const { store, work } = merged;
  const { record, from, to } = new TableLayout(name, store.maxKeyBytes);
  const isOrphaned = yield* step(() => !has(store, work, record) && firstKey(store, work, from, to) !== undefined);
  return isOrphaned ? [yield* conflictOver(merged, record)] : [];
}

function firstKey(store: Store, root: Root, from: Uint8Array, to: Uint8Array): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  for (let at: Uint8Array | undefined = from; at !== undefined && found === undefined; ) {
    at = scan(store, root, { from: at, to }, (entry) => {
      found = entry.key();
      return false;
    });
  }
  return found;
}

function codecOf(values: string, { codecs = [] }: TablesMergeOptions): Codec<unknown> {
  const codec = knownCodec(values, codecs);
  if (codec !== undefined) return codec;
  const refuse = (): never => {
    throw new ByreError('BAD_ARGUMENT', `To merge these tables the codec ${values} is needed: pass it in codecs`);
  };
  return { name: values, encode: refuse, decode: refuse };
}

/** The conflict over an inline cell, as its sides are in the trees. */
function* conflictOver({ store, base, ours, theirs }: MergedState, key: Uint8Array): Job<ResolvedConflict> {
  const side = (root: Root) => () => {
    const value = get(store, root, key);
    return value && { kind: 'inline' as const, value };
  };
  const sides = { base: yield* step(side(base)), ours: yield* step(side(ours)), theirs: yield* step(side(theirs)) };
  return { key, ...sides, resolution: 'conflict' };
}
