/**
 * `byre load`: rows from standard input, as NDJSON or CSV.
 * Rows are put in batches: what was read before a mistake in the input stays, so callers must not take a failure for nothing done.
 */
import type { BatchOperation, Key, Table } from '../../../src/tables/index.ts';
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { withPool } from '../pool.ts';
import { readCsv, readLines } from '../row-input.ts';
import { fromJson, openTable, parseKey } from '../rows.ts';
import { type Session, usage } from '../session.ts';
import { parseTarget } from '../target.ts';

const BATCH_ROWS = 1000;

type Put = BatchOperation<unknown> & { readonly type: 'put' };

/** A line of `byre scan`, or any document with the column that holds its key. */
function* rowOf(document: unknown, column: string | undefined, number: number): Generator<Put> {
  if (typeof document !== 'object' || document === null) throw usage(`line ${number}: no JSON object`);
  if (column === undefined) {
    const { key, value } = document as { key?: unknown; value?: unknown };
    if (key === undefined || value === undefined) {
      throw usage(`line ${number}: no "key" and "value"; or say by --key which field is the key`);
    }
    yield { type: 'put', key: fromJson(key) as Key, value: fromJson(value, 'plain') };
    return;
  }
  const key = (document as Record<string, unknown>)[column];
  if (key === undefined) throw usage(`line ${number}: no field ${column}`);
  yield { type: 'put', key: fromJson(key) as Key, value: document };
}

async function* ndjsonRows(session: Session): AsyncGenerator<Put> {
  let number = 0;
  for await (const text of readLines(session.input)) {
    number++;
    if (text.trim() === '') continue;
    let document: unknown;
    try {
      document = JSON.parse(text);
    } catch {
      throw usage(`line ${number}: no JSON`);
    }
    yield* rowOf(document, session.values.key as string | undefined, number);
  }
}

async function* csvRows(session: Session): AsyncGenerator<Put> {
  let header: readonly string[] | undefined;
  for await (const record of readCsv(session.input)) {
    if (header === undefined) {
      header = record;
      continue;
    }
    const value = Object.fromEntries(header.map((name, i) => [name, record[i] ?? '']));
    const key = value[String(session.values.key ?? header[0])];
    if (key === undefined) throw usage(`there is no column ${String(session.values.key)}`);
    yield { type: 'put', key: parseKey(key), value };
  }
}

async function putAll(table: Table<unknown>, rows: AsyncIterable<Put>): Promise<number> {
  let batch: Put[] = [];
  let count = 0;
  const flush = async () => {
    if (batch.length > 0) await table.batch(batch);
    count += batch.length;
    batch = [];
  };
  try {
    for await (const row of rows) if (batch.push(row) === BATCH_ROWS) await flush();
  } finally {
    await flush();
  }
  return count;
}

export const load: Command = {
  name: 'load',
  summary: 'put rows from standard input into a table',
  usage: ['[BRANCH]:TABLE'],
  details: `Reads what \`byre scan\` prints, or, with --key, any JSON documents, one a line. A row that is there already is replaced.
CSV has a line of column names first; its rows become objects of text, and keys are read as by \`byre get\`.`,
  options: {
    csv: { type: 'boolean', text: 'read CSV in place of JSON lines' },
    key: {
      type: 'string',
      short: 'k',
      value: 'FIELD',
      text: 'the field or column that is the key; in CSV the first one',
    },
  },
  examples: [
    ['byre scan main:users | byre load copy:users', 'copies a table'],
    ['byre load main:cities --csv --key id < cities.csv', 'loads a CSV file'],
  ],
  input: 'data',
  async run(session) {
    const [typed = ''] = takePositionals(session, ['TABLE']);
    const target = parseTarget(typed);
    const count = await withPool(session, { mode: 'write', targets: [target] }, async (pool) => {
      const { table } = await openTable(pool, target);
      return await putAll(table, session.values.csv === true ? csvRows(session) : ndjsonRows(session));
    });
    if (session.interactive) session.say(`${count} rows`);
    return 0;
  },
};
