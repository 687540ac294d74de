/**
 * Rows of a file or of standard input into a table, as JSON lines or CSV: all of them or none.
 * Rows are gathered in a fork, which then takes the branch's place: callers must have opened the pool for writing.
 */
import { isByreError } from '../../src/errors.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { type BatchOperation, type Key, type Table, tableOf } from '../../src/tables/index.ts';
import { takePositionals } from './arguments.ts';
import { showCount } from './format.ts';
import { withPool } from './pool.ts';
import { realPathOf } from './pools.ts';
import { piecesOfFile } from './real-file.ts';
import { KEY_COLUMN, keyOfCell, VALUE_COLUMN, valueOfCell } from './row-cells.ts';
import { type Cell, readCsv, readLines } from './row-input.ts';
import { formOf, fromJson, openTable } from './rows.ts';
import { refused, type Session, usage, writeJson } from './session.ts';
import { shown } from './shown.ts';
import { parseTarget, showTarget, type Target } from './target.ts';
import { DEFAULT_BRANCH, writableBranch } from './targets.ts';

const BATCH_ROWS = 1000;

interface Row {
  /** The line that it begins in. */
  readonly number: number;
  readonly put: BatchOperation<unknown> & { readonly type: 'put' };
}

/** How rows are made of what is read. */
interface Reading {
  /** The fields that are the key, an array if there are several; none: the key stands beside the value. */
  readonly fields: readonly string[];
  /** Cells are text, whatever they look like. */
  readonly isText: boolean;
  /** The table's codec. */
  readonly values: string;
}

const row = (number: number, key: Key, value: unknown): Row => ({ number, put: { type: 'put', key, value } });

/** The one part of a key, or the array of several. */
const keyOf = (parts: readonly Key[]): Key => (parts.length === 1 ? (parts[0] as Key) : parts);

async function* ndjsonRows(input: AsyncIterable<Uint8Array>, { fields, values }: Reading): AsyncGenerator<Row> {
  for await (const { number, text } of readLines(input)) {
    if (text.trim() === '') continue;
    let document: Record<string, unknown>;
    try {
      document = JSON.parse(text);
    } catch (error) {
      throw refused(`line ${number}: this is no JSON: ${(error as Error).message}`);
    }
    if (typeof document !== 'object' || document === null) throw refused(`line ${number}: this is no JSON object`);
    const part = (field: string): unknown => {
      if (Object.hasOwn(document, field)) return document[field];
      throw refused(
        fields.length > 0
          ? `line ${number}: there is no field "${field}"`
          : `line ${number}: there is no "${field}": say by --key which field is the key`,
      );
    };
    if (fields.length === 0) {
      yield row(number, fromJson(part('key')) as Key, fromJson(part('value'), formOf(values)));
    } else yield row(number, keyOf(fields.map((field) => fromJson(part(field)) as Key)), document);
  }
}

async function* csvRows(input: AsyncIterable<Uint8Array>, reading: Reading): AsyncGenerator<Row> {
  let make: ((cells: readonly Cell[], number: number) => Row) | undefined;
  let columns = 0;
  for await (const { number, cells } of readCsv(input)) {
    if (make === undefined) {
      columns = cells.length;
      make = rowMaker(
        cells.map(({ text }) => text),
        reading,
      );
    } else if (cells.length === columns) yield make(cells, number);
    else throw refused(`line ${number}: there are ${cells.length} cells, and ${columns} columns`);
  }
}

/** What a record means, by the header and by what the table holds. */
function rowMaker(header: readonly string[], { fields, isText, values }: Reading) {
  const position = (column: string): number => {
    const at = header.indexOf(column);
    if (at >= 0) return at;
    throw refused(`line 1: there is no column "${column}" among ${header.map((name) => `"${name}"`).join(', ')}`);
  };
  const keys = fields.length === 0 ? [0] : fields.map(position);
  const key = (cells: readonly Cell[]): Key =>
    keyOf(keys.map((at) => (isText ? (cells[at] as Cell).text : keyOfCell(cells[at] as Cell))));
  if (values !== 'json') {
    const at = position(VALUE_COLUMN);
    const value = ({ text }: Cell): unknown =>
      values === 'text' ? text : fromJson(valueOfCell({ text, quoted: true }));
    return (cells: readonly Cell[], number: number) => row(number, key(cells), value(cells[at] as Cell));
  }
  // A first column that is called so, as the export has it, is no field of the row.
  const first = fields.length === 0 && header[0] === KEY_COLUMN ? 1 : 0;
  const doubled = header.find((name, at) => at >= first && header.indexOf(name, first) !== at);
  if (doubled !== undefined) throw refused(`line 1: there are two columns "${doubled}"`);
  return (cells: readonly Cell[], number: number) => {
    const entries: [string, unknown][] = [];
    for (let at = first; at < cells.length; at++) {
      const cell = cells[at] as Cell;
      const value = isText ? cell.text : valueOfCell(cell);
      if (value !== undefined) entries.push([header[at] as string, value]);
    }
    return row(number, key(cells), Object.fromEntries(entries));
  };
}

/** Puts a batch; what cannot be put is told with its line. */
async function putBatch(table: Table<unknown>, rows: readonly Row[]): Promise<void> {
  try {
    await table.batch(rows.map(({ put }) => put));
  } catch (error) {
    // Nothing of the batch has happened: the row that cannot be put is found by putting one after another.
    if (!isByreError(error)) throw error;
    for (const { number, put } of rows) {
      try {
        await table.put(put.key, put.value);
      } catch (cause) {
        if (!isByreError(cause)) throw cause;
        throw refused(`line ${number}: ${cause.message}`);
      }
    }
    throw error;
  }
}

async function putAll(session: Session, table: Table<unknown>, rows: AsyncIterable<Row>): Promise<number> {
  let batch: Row[] = [];
  let count = 0;
  const flush = async (): Promise<void> => {
    session.signal.throwIfAborted();
    if (batch.length > 0) await putBatch(table, batch);
    count += batch.length;
    batch = [];
    session.progress(`importing: ${showCount(count, 'row')}`);
  };
  for await (const one of rows) if (batch.push(one) === BATCH_ROWS) await flush();
  await flush();
  return count;
}

async function importInto(session: Session, pool: Pool, target: Target, file: string | undefined): Promise<number> {
  const name = target.branch ?? DEFAULT_BRANCH;
  const { key = [], text, csv } = session.values;
  const { table, values } = await openTable(pool, target, session.values.values as string | undefined);
  const branch = await writableBranch(pool, name);
  const fork = await pool.forkUnnamed(branch);
  try {
    const reading = { fields: key as readonly string[], isText: text === true, values };
    const input = file === undefined ? session.input : piecesOfFile(file);
    const rows = csv === true ? csvRows(input, reading) : ndjsonRows(input, reading);
    const count = await putAll(session, tableOf(fork, table.name, { values: table.codec }), rows);
    if (!(await pool.adopt(branch, fork))) throw refused(`branch ${name} was changed meanwhile: import again`);
    return count;
  } finally {
    session.progress(undefined);
    await pool.release(fork);
  }
}

/** `byre import --ndjson` and `--csv`. */
export async function importRows(session: Session): Promise<number> {
  const { csv, ndjson, text } = session.values;
  if (csv === true && ndjson === true) throw usage('--csv or --ndjson, not both');
  if (text === true && csv !== true) throw usage('--text is about the cells of --csv');
  const [typed = '', named = ''] = takePositionals(session, ['FILE', 'TABLE']);
  const target = parseTarget(named);
  const file = typed === '-' ? undefined : await realPathOf(session, typed);
  const count = await withPool(session, { mode: 'write', targets: [target] }, (pool) =>
    importInto(session, pool, target, file),
  );
  const title = showTarget(target.branch ?? DEFAULT_BRANCH, target.path ?? '/').replace(':/', ':');
  if (session.json) writeJson(session, { target: title, rows: count });
  else session.write(`${shown(title)}: ${showCount(count, 'row')}\n`);
  return 0;
}
