/**
 * The record that says what a table is: how its values are encoded and which indexes it has.
 * Callers must write a record only in an operation that has named its key to `prepare`. A record's bytes are the same for the same
 * table, so that two branches that make it alike do not conflict.
 */
import { scan } from '../../core/scan.ts';
import type { Root, Store } from '../../core/store.ts';
import { get } from '../../core/tree.ts';
import { ByreError } from '../../errors.ts';
import { type IndexDefinition, resolveIndex } from './index-definition.ts';
import { describeKey, TABLES_FACE, type TableLayout } from './layout.ts';

export interface TableRecord {
  /** The codec's name. */
  readonly values: string;
  /** By name, ascending. */
  readonly indexes: readonly IndexDefinition[];
  /** Some row has had a value of several cells. */
  readonly long?: boolean;
}

const FORMAT = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeRecord(record: TableRecord): Uint8Array {
  const indexes = Object.fromEntries(
    sortIndexes(record.indexes).map(({ name, on, unique, multi }) => [name, { on, unique, multi }]),
  );
  const long = record.long === true ? { long: true } : {};
  return encoder.encode(JSON.stringify({ format: FORMAT, values: record.values, indexes, ...long }));
}

export function decodeRecord(bytes: Uint8Array, table: string): TableRecord {
  let stored: { format?: unknown; values?: unknown; indexes?: Record<string, never>; long?: unknown };
  try {
    stored = JSON.parse(decoder.decode(bytes)) as typeof stored;
  } catch (cause) {
    throw new ByreError('DAMAGED', 'The record of a table cannot be read', { details: { table }, cause });
  }
  if (stored.format !== FORMAT || typeof stored.values !== 'string') {
    throw new ByreError('UNSUPPORTED', 'The record of a table is of a later format', { details: { table } });
  }
  const indexes = Object.entries(stored.indexes ?? {}).map(([name, options]) => resolveIndex(name, options));
  return { values: stored.values, indexes: sortIndexes(indexes), ...(stored.long === true && { long: true }) };
}

export function readRecord(store: Store, root: Root, layout: TableLayout): TableRecord | undefined {
  const bytes = get(store, root, layout.record);
  return bytes === undefined ? undefined : decodeRecord(bytes, layout.name);
}

export function sortIndexes(indexes: readonly IndexDefinition[]): readonly IndexDefinition[] {
  return [...indexes].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The name of the first table at or after `from`, and where to look for the next; undefined if there is none. */
export function nextTable(
  store: Store,
  root: Root,
  from: Uint8Array | undefined,
): { name: string; next: Uint8Array } | undefined {
  let found: Uint8Array | undefined;
  const to = Uint8Array.of(TABLES_FACE + 1);
  let at = from ?? Uint8Array.of(TABLES_FACE);
  for (;;) {
    const next = scan(store, root, { from: at, to }, (entry) => {
      found = entry.key();
      return false;
    });
    if (found !== undefined || next === undefined) break;
    at = next;
  }
  if (found === undefined) return undefined;
  const described = describeKey(found);
  if (described === undefined) throw new ByreError('DAMAGED', 'A key among the tables belongs to none');
  // All of a table's keys begin with its name and 0x00: past them lies its name and 0x01.
  const next = found.slice(0, found.indexOf(0, 1) + 1);
  next[next.length - 1] = 1;
  return { name: described.table, next };
}
