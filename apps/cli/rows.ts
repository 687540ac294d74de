/**
 * Tables on the command line: which table is meant, and keys and values as JSON.
 * Callers must show keys and values by this file alone: JSON lacks bytes, dates, bigints and some numbers, which stand as
 * `{"$bytes": base64}`, `{"$date": text}`, `{"$bigint": text}` and `{"$number": text}`.
 */
import type { Branch } from '../../src/pool/branch.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { type Codec, describeTable, type Key, type Table, tableNames, tableOf } from '../../src/tables/index.ts';
import { CommandFailure, Status, usage } from './session.ts';
import { shown } from './shown.ts';
import { didYouMean } from './suggest.ts';
import type { Target } from './target.ts';
import { DEFAULT_BRANCH } from './targets.ts';

export interface OpenedTable {
  readonly branch: Branch;
  readonly table: Table<unknown>;
  /** The codec's name. */
  readonly values: string;
  readonly exists: boolean;
}

/** How values can be stored by what is typed. */
const kinds: readonly string[] = ['json', 'text', 'bytes'];

/** The table that `BRANCH:TABLE` names; a new one gets `values`. Values of a codec that is not known here are bytes. */
export async function openTable(pool: Pool, target: Target, values?: string): Promise<OpenedTable> {
  if (values !== undefined && !kinds.includes(values)) throw usage(`--values is json, text or bytes, not '${values}'`);
  const name = target.path?.slice(1);
  if (name === undefined || name === '') throw usage('a table is wanted, such as main:users');
  const branch = await pool.branch(target.branch ?? DEFAULT_BRANCH);
  const known = await describeTable(branch, name);
  if (known !== undefined && values !== undefined && known.values !== values) {
    throw usage(`the values of ${name} are ${known.values}, not ${values}`);
  }
  const codec = known?.values ?? values ?? 'json';
  return {
    branch,
    table: tableOf(branch, name, { values: codecFor(codec) }),
    values: codec,
    exists: known !== undefined,
  };
}

/** A table that is there. */
export async function openExisting(pool: Pool, target: Target): Promise<OpenedTable> {
  const opened = await openTable(pool, target);
  if (opened.exists) return opened;
  const { branch, table } = opened;
  const where = branch.name ?? '';
  const hint =
    didYouMean(table.name, await tableNames(branch)) || `: 'byre tables ${where}' lists those that are there`;
  throw new CommandFailure(`there is no table '${shown(table.name)}' in ${shown(where + hint)}`, Status.missing);
}

export function codecFor(name: string): 'json' | 'text' | 'bytes' | Codec<unknown> {
  if (name === 'json' || name === 'text' || name === 'bytes') return name;
  return { name, encode: (value) => value as Uint8Array, decode: (bytes) => bytes };
}

/** A key as it is typed: JSON, or, where that is no JSON, the text itself. */
export function parseKey(text: string): Key {
  try {
    return fromJson(JSON.parse(text)) as Key;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** A value as it is typed: JSON, or in a table of text the text itself. */
export function parseValue(text: string, values: string): unknown {
  if (values === 'text') return text;
  try {
    return fromJson(JSON.parse(text), values === 'json' ? 'plain' : 'marked');
  } catch (error) {
    if (error instanceof SyntaxError) throw usage(`'${text}' is no JSON`);
    throw error;
  }
}

const marks = new Set(['$bytes', '$date', '$bigint', '$number']);

/** `plain` leaves marks alone: a JSON table may hold any object. */
export function fromJson(value: unknown, form: 'marked' | 'plain' = 'marked'): unknown {
  if (form === 'plain' || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => fromJson(one));
  const [entry, ...more] = Object.entries(value);
  if (entry === undefined || more.length > 0 || !marks.has(entry[0])) return value;
  const text = String(entry[1]);
  switch (entry[0]) {
    case '$bytes':
      return new Uint8Array(Buffer.from(text, 'base64'));
    case '$date':
      return new Date(/^-?\d+$/.test(text) ? Number(text) : text);
    case '$bigint':
      return BigInt(text);
    default:
      return Number(text);
  }
}

export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: `${value}` };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { $number: Object.is(value, -0) ? '-0' : `${value}` };
  }
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (value instanceof Date) {
    const isWritten =
      Math.abs(value.getTime()) < 8.64e15 && value.getUTCFullYear() >= 0 && value.getUTCFullYear() <= 9999;
    return { $date: isWritten ? value.toISOString() : `${value.getTime()}` };
  }
  return Array.isArray(value) ? value.map(toJson) : value;
}

/** One line of JSON, in which nothing can rule a terminal. A value of a JSON table is shown as it is. */
export function line(value: unknown, form: 'marked' | 'plain' = 'marked'): string {
  const text = JSON.stringify(form === 'plain' ? value : toJson(value));
  return `${text.replace(/[\u007f-\u009f\u2028\u2029]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}

/** How values of a table are shown. */
export function formOf(values: string): 'marked' | 'plain' {
  return values === 'json' ? 'plain' : 'marked';
}
