/**
 * What differs between the rows of all tables of two states, for people and as JSON.
 * Callers must hold both states still. Values of codecs that are not known here are bytes.
 */
import type { Branch } from '../../src/pool/branch.ts';
import { describeTable, type RowChange, tableNames, tableOf } from '../../src/tables/index.ts';
import { showCount } from './format.ts';
import { codecFor, formOf, line, toJson } from './rows.ts';
import { shown } from './shown.ts';

export interface TableChanges {
  readonly table: string;
  /** The codec's name. */
  readonly values: string;
  readonly changes: readonly RowChange<unknown>[];
}

/** Longer values are cut, on a line for people. */
const SHOWN_CHARACTERS = 80;

/** Tables with changed rows, by name. */
export async function compareRows(before: Branch, after: Branch): Promise<TableChanges[]> {
  const names = new Set([...(await tableNames(before)), ...(await tableNames(after))]);
  const found: TableChanges[] = [];
  for (const table of [...names].sort()) {
    const known = (await describeTable(after, table)) ?? (await describeTable(before, table));
    const values = known?.values ?? 'bytes';
    const changes = await tableOf(after, table, { values: codecFor(values) }).changesSince(before);
    if (changes.length > 0) found.push({ table, values, changes });
  }
  return found;
}

const kinds = { insert: 'added', change: 'changed', delete: 'removed' } as const;
const marks = { insert: '+', change: '~', delete: '-' } as const;

function cut(text: string): string {
  const whole = text.trimEnd();
  return whole.length > SHOWN_CHARACTERS ? `${whole.slice(0, SHOWN_CHARACTERS)}…` : whole;
}

/** A line for each row, under one for its table. */
export function rowLines(tables: readonly TableChanges[]): string[] {
  return tables.flatMap(({ table, values, changes }) => {
    const value = (each: unknown): string => cut(line(each, formOf(values)));
    const rows = changes.map((change) => {
      const start = `${marks[change.type]} ${cut(line(change.key))}`;
      if (change.type === 'insert') return `${start} ${value(change.value)}`;
      return change.type === 'delete' ? start : `${start} ${value(change.before)} -> ${value(change.value)}`;
    });
    return [`table ${shown(table)}:`, ...rows];
  });
}

/** One line for each table. */
export function rowSummary(tables: readonly TableChanges[]): string[] {
  return tables.map(({ table, changes }) => {
    const counts = (['insert', 'change', 'delete'] as const).flatMap((type) => {
      const count = changes.filter((change) => change.type === type).length;
      return count > 0 ? `${showCount(count, 'row')} ${kinds[type]}` : [];
    });
    return `table ${shown(table)}: ${counts.join(', ')}`;
  });
}

export function rowsAsJson(tables: readonly TableChanges[]): unknown[] {
  return tables.flatMap(({ table, values, changes }) => {
    const value = (each: unknown): unknown => (formOf(values) === 'plain' ? each : toJson(each));
    return changes.map((change) => ({
      table,
      kind: kinds[change.type],
      key: toJson(change.key),
      ...(change.type === 'insert' ? {} : { before: value(change.before) }),
      ...(change.type === 'delete' ? {} : { value: value(change.value) }),
    }));
  });
}
