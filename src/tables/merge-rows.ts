/**
 * Rows in conflict: those that both branches changed, and those that ask for one entry of a unique index. Both are decided by one rule.
 * A resolver runs between operations, and must not call into the pool.
 */
import { takeCell } from '../core/merge.ts';
import type { Root } from '../core/store.ts';
import { has } from '../core/tree.ts';
import type { ResolvedConflict } from '../pool/merge.ts';
import { writeCell } from './bulk.ts';
import { type Job, step } from './job.ts';
import { type Claim, claimants, grant, type Sides, settleEntries } from './merge-entries.ts';
import type { MergedTable } from './merge-target.ts';
import { KeySet } from './ops/access.ts';
import { readValue } from './ops/cell.ts';
import { describeKey } from './ops/layout.ts';
import type { Key } from './ops/tuple.ts';
import { decodeKey, readElements } from './ops/tuple-read.ts';

/** A row that both branches changed, differently, or that asks for what another one asks for; undefined: absent there. */
export interface RowConflict {
  readonly table: string;
  readonly key: Key;
  readonly base: unknown;
  readonly ours: unknown;
  readonly theirs: unknown;
  /** Set if the merged rows ask for one entry of a unique index. Each of them is asked about, until one is left that does. */
  readonly clash?: UniqueClash;
}

export interface UniqueClash {
  readonly index: string;
  /** The values of the indexed fields. */
  readonly entry: readonly Key[];
  /** The rows that ask for it. */
  readonly rows: readonly Key[];
}

/** `conflict` leaves the row in the report. */
export type RowResolution = 'ours' | 'theirs' | 'conflict' | 'delete' | { readonly put: unknown };
export type RowResolver = 'ours' | 'theirs' | ((conflict: RowConflict) => RowResolution);

/** Settles a row that both changed; false leaves the conflict. */
export function* settleRow(table: MergedTable, { key, resolution }: ResolvedConflict): Job<boolean> {
  const sides = yield* sidesOf(table, key);
  return yield* decide(table, key, sides, resolution === 'conflict' ? ask(table, key, sides) : resolution);
}

/** Settles all claims, and those that come up on the way; returns the entries that are left in conflict. */
export function* settleClaims(table: MergedTable): Job<Uint8Array[]> {
  const left: Uint8Array[] = [];
  // A row is decided about once: so it comes to an end.
  const decided = new KeySet();
  for (let claim = table.claims.next(); claim !== undefined; claim = table.claims.next()) {
    const rows = yield* settleClash(table, claim, decided);
    if (rows.length > 1) left.push(claim.key);
    else yield* grant(table, claim.key, rows[0]);
  }
  return left;
}

/** Asks about the rows of a claim one after another, until at most one is left that asks for the entry; returns those. */
function* settleClash(table: MergedTable, claim: Claim, decided: KeySet): Job<Uint8Array[]> {
  const { layout } = table.schema;
  let asking = yield* claimants(table, claim);
  for (const primary of asking) {
    if (asking.length < 2) break;
    const key = layout.rowKeyOf(primary).slice();
    if (decided.has(key)) continue;
    decided.add(key);
    const clash = clashOf(claim.key, asking);
    const sides = yield* sidesOf(table, key);
    yield* decide(table, key, sides, ask(table, key, sides, clash));
    asking = yield* claimants(table, claim);
  }
  return asking;
}

function clashOf(entry: Uint8Array, rows: readonly Uint8Array[]): UniqueClash {
  const { index = '', start = 0 } = describeKey(entry) ?? {};
  return { index, entry: readElements(entry, start, entry.length), rows: rows.map(decodeKey) };
}

function* sidesOf({ merged }: MergedTable, key: Uint8Array): Job<Sides> {
  const { store } = merged;
  const side = (root: Root) => () => readValue(store, root, key);
  return {
    base: yield* step(side(merged.base)),
    ours: yield* step(side(merged.ours)),
    theirs: yield* step(side(merged.theirs)),
  };
}

function ask({ resolver, schema }: MergedTable, key: Uint8Array, sides: Sides, clash?: UniqueClash): RowResolution {
  if (resolver === undefined) return 'conflict';
  if (typeof resolver === 'string') return resolver;
  const { codec, layout } = schema;
  const decode = (side: Uint8Array | undefined) => side && codec.decode(side.slice());
  return resolver({
    table: layout.name,
    key: layout.keyOf(key),
    base: decode(sides.base),
    ours: decode(sides.ours),
    theirs: decode(sides.theirs),
    ...(clash && { clash }),
  });
}

/** Makes a row of the merged tree what was decided, its entries too. False: nothing was. */
function* decide(table: MergedTable, key: Uint8Array, sides: Sides, resolution: RowResolution): Job<boolean> {
  const { merged, schema, target } = table;
  const { store, work } = merged;
  if (resolution === 'conflict') return false;
  const before = yield* step(() => readValue(store, work, key));
  let result: Uint8Array | undefined;
  if (resolution === 'ours' || resolution === 'theirs') {
    result = sides[resolution];
    const from = merged[resolution];
    if (result !== undefined) yield* step(() => takeCell(store, work, from, key, true));
  } else if (resolution !== 'delete') {
    const encoded = schema.codec.encode(resolution.put);
    result = encoded;
    yield* step(() => writeCell(target, key, encoded));
  }
  if (result === undefined) yield* step(() => has(store, work, key) && takeCell(store, work, work, key, false));
  if (schema.indexes.length > 0) yield* settleEntries(table, key, [...Object.values(sides), before], result);
  return true;
}
