/**
 * The tables' part in a merge of branches: conflicts row by row, resolvers per table, and indexes that fit the merged rows.
 * Callers must pass the codecs of tables that do not use a named one, if those tables have indexes or a function as resolver.
 * A resolver runs between operations, and must not call into the pool.
 */
import { equalBytes } from '../core/bytes.ts';
import { takeCell } from '../core/merge.ts';
import { scan } from '../core/scan.ts';
import type { Root, Store } from '../core/store.ts';
import { get, has } from '../core/tree.ts';
import { ByreError } from '../errors.ts';
import type { MergedState, ResolvedConflict, Settle } from '../pool/merge.ts';
import { removeAll, writeCell } from './bulk.ts';
import { type Codec, knownCodec } from './codec.ts';
import { fillIndex } from './fill.ts';
import { type Job, step } from './job.ts';
import { mergeRecords } from './merge-records.ts';
import { nextTable } from './ops/catalogue.ts';
import { readValue } from './ops/cell.ts';
import { describeKey, TableLayout } from './ops/layout.ts';
import type { Key } from './ops/tuple.ts';
import { encodeKey } from './ops/tuple.ts';
import { Schema } from './schema.ts';
import type { Target } from './target.ts';
import { entryKeys } from './write.ts';

/** A row that both branches changed, differently; undefined: absent there. */
export interface RowConflict {
  readonly table: string;
  readonly key: Key;
  readonly base: unknown;
  readonly ours: unknown;
  readonly theirs: unknown;
}

/** `conflict` leaves the row in the report. */
export type RowResolution = 'ours' | 'theirs' | 'conflict' | 'delete' | { readonly put: unknown };
export type RowResolver = 'ours' | 'theirs' | ((conflict: RowConflict) => RowResolution);

export interface TablesMergeOptions {
  /** What becomes of rows that both changed: one rule for all tables, or one for each by its name. */
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
      else byTable.set(table, [...(byTable.get(table) ?? []), conflict]);
    }
    for (const name of (yield* allTables(merged)) as Set<string>) {
      left.push(...((yield* settleTable(merged, options, name, byTable.get(name) ?? [])) as ResolvedConflict[]));
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

/** The merged tree as a target: nobody else sees it, so it needs no forks. */
function targetOn(store: Store, root: Root): Target {
  const never = () => {
    throw new ByreError('INTERNAL', 'a merge runs its operations itself');
  };
  const target: Target = {
    store,
    root,
    readOnly: true,
    epoch: 0,
    recordChanged: () => {},
    run: never,
    runSync: never,
    // Nobody else sees the tree, so there is nothing to hold.
    *fork() {
      return { root, release: () => {} };
    },
    atomically: (work) => work(target),
  };
  return target;
}

function* settleTable(
  merged: MergedState,
  options: TablesMergeOptions,
  name: string,
  conflicts: readonly ResolvedConflict[],
): Job<ResolvedConflict[]> {
  const { store, work } = merged;
  const records = yield* mergeRecords(merged, name);
  if (records === undefined) return [...conflicts, ...(yield* orphaned(merged, name, conflicts))];
  if (conflicts.length === 0 && !records.indexesDiffer) return [];
  const schema = new Schema<unknown>(name, store, codecOf(records.values, options));
  const target = targetOn(store, work);
  yield* step(() => writeCell(target, schema.layout.record, records.bytes));
  yield* schema.load(target);
  const left: ResolvedConflict[] = [];
  const claims = new Claims();
  const ofPart = (part: string) => conflicts.filter(({ key }) => describeKey(key)?.part === part);
  for (const conflict of ofPart('row')) {
    if (!(yield* settleRow(merged, options, schema, conflict, claims))) left.push(conflict);
  }
  if (records.indexesDiffer) {
    yield* rebuild(target, schema, records.all);
    return left;
  }
  for (const { key, ours, theirs, base } of ofPart('index')) {
    for (const side of [ours, theirs, base]) if (side !== undefined) claims.add(key, side.value);
  }
  for (const claim of claims.all)
    if (!(yield* settleClaim(merged, schema, claim))) left.push(yield* conflictOver(merged, claim.key));
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

/** False leaves the conflict. */
function* settleRow(
  merged: MergedState,
  options: TablesMergeOptions,
  schema: Schema<unknown>,
  conflict: ResolvedConflict,
  claims: Claims,
): Job<boolean> {
  const { store, work, theirs } = merged;
  const { key } = conflict;
  const bytes: Sides = yield* step(() => ({
    base: readValue(store, merged.base, key),
    ours: readValue(store, merged.ours, key),
    theirs: readValue(store, theirs, key),
  }));
  const resolution = resolveRow(options, schema, conflict, bytes);
  if (resolution === 'conflict') return false;
  let result = bytes.ours;
  if (resolution === 'theirs') {
    result = bytes.theirs;
    yield* step(() => takeCell(store, work, theirs, key, result !== undefined));
  } else if (resolution === 'delete') {
    result = undefined;
    yield* step(() => has(store, work, key) && takeCell(store, work, theirs, key, false));
  } else if (resolution !== 'ours') {
    const encoded = schema.codec.encode(resolution.put);
    result = encoded;
    yield* step(() => writeCell(targetOn(store, work), key, encoded));
  }
  if (schema.indexes.length > 0) yield* settleEntries(merged, schema, key, bytes, result, claims);
  return true;
}

interface Sides {
  readonly base: Uint8Array | undefined;
  readonly ours: Uint8Array | undefined;
  readonly theirs: Uint8Array | undefined;
}

function resolveRow(
  { tables }: TablesMergeOptions,
  { codec, layout }: Schema<unknown>,
  { key, resolution }: ResolvedConflict,
  bytes: Sides,
): RowResolution {
  const resolver = typeof tables === 'object' ? tables[layout.name] : tables;
  if (resolution !== 'conflict' || resolver === undefined) return resolution;
  if (typeof resolver === 'string') return resolver;
  const decode = (side: Uint8Array | undefined) => side && codec.decode(side.slice());
  return resolver({
    table: layout.name,
    key: layout.keyOf(key),
    base: decode(bytes.base),
    ours: decode(bytes.ours),
    theirs: decode(bytes.theirs),
  });
}

/** Makes the entries of one row what its merged value asks for: those of every side may be in the merged tree. */
function* settleEntries(
  { store, work }: MergedState,
  schema: Schema<unknown>,
  rowKey: Uint8Array,
  sides: Sides,
  result: Uint8Array | undefined,
  claims: Claims,
): Job<void> {
  const { layout, codec } = schema;
  const key = layout.keyOf(rowKey);
  const primary = encodeKey(key, layout.maxKeyBytes);
  const target = targetOn(store, work);
  for (const index of schema.indexes) {
    const { unique } = index.definition;
    const of = (side: Uint8Array | undefined) =>
      side === undefined ? [] : entryKeys(index, key, codec.decode(side.slice()));
    const wanted = of(result);
    const holds = (held: Uint8Array | undefined) => held !== undefined && (!unique || equalBytes(held, primary));
    for (const entry of [...of(sides.base), ...of(sides.ours), ...of(sides.theirs)]) {
      if (wanted.some((one) => equalBytes(one, entry))) continue;
      yield* step(() => holds(get(store, work, entry)) && takeCell(store, work, work, entry, false));
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

const noBytes = new Uint8Array(0);

/** A unique entry, and the encoded keys of the rows that may ask for it. */
interface Claim {
  readonly key: Uint8Array;
  readonly primaries: Uint8Array[];
}

class Claims {
  readonly all: Claim[] = [];

  add(key: Uint8Array, primary: Uint8Array): void {
    let claim = this.all.find((one) => equalBytes(one.key, key));
    if (claim === undefined) {
      claim = { key, primaries: [] };
      this.all.push(claim);
    }
    if (!claim.primaries.some((one) => equalBytes(one, primary))) claim.primaries.push(primary);
  }
}

/** A unique entry stays with the one row that still asks for it. False if two do. */
function* settleClaim({ store, work }: MergedState, schema: Schema<unknown>, { key, primaries }: Claim): Job<boolean> {
  const { layout, codec } = schema;
  const index = schema.indexes.find(({ definition }) => definition.name === describeKey(key)?.index);
  if (index === undefined) return true;
  const claimants: Uint8Array[] = [];
  for (const primary of primaries) {
    const rowKey = layout.rowKeyOf(primary).slice();
    const value = yield* step(() => readValue(store, work, rowKey));
    const entries = value === undefined ? [] : entryKeys(index, layout.keyOf(rowKey), codec.decode(value));
    if (entries.some((entry) => equalBytes(entry, key))) claimants.push(primary);
  }
  if (claimants.length > 1) return false;
  const target = targetOn(store, work);
  yield* step(() => {
    if (claimants.length === 1) writeCell(target, key, claimants[0]);
    else if (has(store, work, key)) takeCell(store, work, work, key, false);
  });
  return true;
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

/** The branches had other indexes than each other: each entry of either is taken out, and those of the merged rows put in. */
function* rebuild(
  target: Target,
  schema: Schema<unknown>,
  all: ReadonlyArray<{ from: Uint8Array; to: Uint8Array }>,
): Job<void> {
  for (const { from, to } of all) yield* removeAll(target, from, to);
  for (const index of schema.indexes) yield* fillIndex(target, schema, index);
}
