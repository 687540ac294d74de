/**
 * Rows in conflict: those that both branches changed, and those that ask for one entry of a unique index. Both are decided by one rule.
 * A resolver runs between operations, and must not call into the pool.
 */
import { takeCell } from '../core/merge.ts';
import type { Root, Store } from '../core/store.ts';
import { has } from '../core/tree.ts';
import type { ResolvedConflict } from '../pool/merge.ts';
import { type Job, step } from './job.ts';
import { dropPieces, fetchLong, putPieces, takePieces } from './long.ts';
import { type Claim, claimants, grant, settleEntries } from './merge-entries.ts';
import type { MergedTable } from './merge-target.ts';
import { KeySet } from './ops/access.ts';
import { checkValue, isLong, LongValue, readValue, type Stored } from './ops/cell.ts';
import { describeKey } from './ops/layout.ts';
import type { Key } from './ops/tuple.ts';
import { decodeKey, readElements } from './ops/tuple-read.ts';
import { writeCell } from './write.ts';
import { markLong } from './write-row.ts';

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

/** A row in one state: its cell, and its value as far as that is needed. */
interface Version {
  readonly stored: Stored | undefined;
  readonly bytes: Uint8Array | undefined;
}

interface Versions {
  readonly base: Version;
  readonly ours: Version;
  readonly theirs: Version;
}

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

function* sidesOf({ merged, schema, resolver }: MergedTable, key: Uint8Array): Job<Versions> {
  const { store } = merged;
  // Long values are read only for whoever looks into them.
  const isLookedAt = typeof resolver === 'function' || schema.indexes.length > 0;
  const version = function* (root: Root): Job<Version> {
    const stored = yield* step(() => readValue(store, root, key));
    if (!(stored instanceof LongValue)) return { stored, bytes: stored };
    return { stored, bytes: isLookedAt ? yield* fetchLong(store, root, key, stored) : undefined };
  };
  return {
    base: yield* version(merged.base),
    ours: yield* version(merged.ours),
    theirs: yield* version(merged.theirs),
  };
}

function ask({ resolver, schema }: MergedTable, key: Uint8Array, sides: Versions, clash?: UniqueClash): RowResolution {
  if (resolver === undefined) return 'conflict';
  if (typeof resolver === 'string') return resolver;
  const { codec, layout } = schema;
  const decode = ({ bytes }: Version) => bytes && codec.decode(bytes.slice());
  return resolver({
    table: layout.name,
    key: layout.keyOf(key),
    base: decode(sides.base),
    ours: decode(sides.ours),
    theirs: decode(sides.theirs),
    ...(clash && { clash }),
  });
}

/** Makes a row of the merged tree what was decided, its entries and the pieces of a long value too. False: nothing was. */
function* decide(table: MergedTable, key: Uint8Array, sides: Versions, resolution: RowResolution): Job<boolean> {
  if (resolution === 'conflict') return false;
  const { merged, schema } = table;
  const { store, work } = merged;
  const before = yield* step(() => readValue(store, work, key));
  const bytesBefore = before instanceof LongValue ? yield* fetchLong(store, work, key, before) : before;
  const { stored, bytes } = yield* replace(table, key, sides, resolution);
  const kept = stored instanceof LongValue ? stored.number : undefined;
  for (const one of [sides.ours.stored, sides.theirs.stored, before]) {
    if (one instanceof LongValue && one.number !== kept) yield* dropPieces(store, work, key, one);
  }
  const values = [sides.base.bytes, sides.ours.bytes, sides.theirs.bytes, bytesBefore];
  if (schema.indexes.length > 0) yield* settleEntries(table, key, values, bytes);
  return true;
}

/** Writes, takes or removes the row, and returns what it is then. */
function* replace(
  { merged, schema, target }: MergedTable,
  key: Uint8Array,
  sides: Versions,
  resolution: Exclude<RowResolution, 'conflict'>,
): Job<Version> {
  const { store, work } = merged;
  if (resolution === 'ours' || resolution === 'theirs') {
    const { stored, bytes } = sides[resolution];
    const from = merged[resolution];
    if (stored instanceof LongValue) yield* takePieces(store, work, from, key, stored);
    yield* step(() => takeIt(store, work, from, key, stored !== undefined));
    return { stored, bytes };
  }
  if (resolution === 'delete') {
    yield* step(() => takeIt(store, work, work, key, false));
    return { stored: undefined, bytes: undefined };
  }
  const bytes = schema.codec.encode(resolution.put);
  checkValue(bytes);
  const long = isLong(bytes) ? yield* putPieces(target, key, bytes) : undefined;
  if (long !== undefined) yield* markLong(target, schema);
  yield* step(() => writeCell(target, key, bytes, long?.number));
  return { stored: long ?? bytes, bytes };
}

/** {@link takeCell}, where there may be nothing to remove. */
function takeIt(store: Store, into: Root, from: Root, key: Uint8Array, present: boolean): void {
  if (present || has(store, into, key)) takeCell(store, into, from, key, present);
}
