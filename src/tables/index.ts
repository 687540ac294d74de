/**
 * The public entry of the tables face.
 * Callers must import nothing of `src/tables` but what stands here.
 */
import type { Branch } from '../pool/branch.ts';
import { targetOf } from './branch-target.ts';
import { nextTable, readRecord } from './ops/catalogue.ts';
import type { IndexDefinition } from './ops/index-definition.ts';
import { TableLayout } from './ops/layout.ts';
import { Table, type TableOptions } from './table.ts';

export type { RowChange } from './changes.ts';
export type { TableProblem } from './check.ts';
export { type CheckTablesOptions, checkTables, checkTablesSync, type TablesCheck } from './check-branch.ts';
export type { Codec, CodecName } from './codec.ts';
export type { TableIndex } from './index-reader.ts';
export { settleTables, type TablesMergeOptions } from './merge.ts';
export type { RowConflict, RowResolution, RowResolver, UniqueClash } from './merge-rows.ts';
export type { IndexDefinition, IndexOptions } from './ops/index-definition.ts';
export type { Bounds, RangeOptions } from './ops/range.ts';
export type { Key } from './ops/tuple.ts';
export { type ShownKey, showKey } from './show.ts';
export type { BatchOperation, Table, TableOptions } from './table.ts';
export {
  beginTransaction,
  beginTransactionSync,
  type Durability,
  type FacePart,
  type Isolation,
  type Savepoint,
  type Transaction,
  type TransactionOptions,
  transaction,
  transactionSync,
} from './transaction.ts';

/** A table of a branch. It is made by the first write; until then it is empty. */
export function tableOf<Value = unknown>(branch: Branch, name: string, options?: TableOptions<Value>): Table<Value> {
  return new Table<Value>(targetOf(branch), name, options);
}

/** The names of a branch's tables, in order. */
export async function tableNames(branch: Branch): Promise<string[]> {
  const names: string[] = [];
  let from: Uint8Array | undefined;
  for (;;) {
    const found = await branch.run(() => nextTable(branch.store, branch.root, from));
    if (found === undefined) return names;
    names.push(found.name);
    from = found.next;
  }
}

export function tableNamesSync(branch: Branch): string[] {
  const names: string[] = [];
  let from: Uint8Array | undefined;
  for (;;) {
    const found = branch.runSync(() => nextTable(branch.store, branch.root, from));
    if (found === undefined) return names;
    names.push(found.name);
    from = found.next;
  }
}

/** What a table is, without opening it. */
export interface TableDescription {
  readonly name: string;
  /** The codec of its values. */
  readonly values: string;
  readonly indexes: readonly IndexDefinition[];
}

/** Undefined if there is no such table. */
export function describeTable(branch: Branch, name: string): Promise<TableDescription | undefined> {
  return branch.run(() => describe(branch, name));
}

export function describeTableSync(branch: Branch, name: string): TableDescription | undefined {
  return branch.runSync(() => describe(branch, name));
}

function describe(branch: Branch, name: string): TableDescription | undefined {
  const record = readRecord(branch.store, branch.root, new TableLayout(name, branch.store.maxKeyBytes));
  return record && { name, values: record.values, indexes: record.indexes };
}
