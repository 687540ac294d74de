/**
 * The rows of a table to a file or to standard output, as JSON lines or CSV, of one moment.
 * A file appears whole or not at all; what is there is not written over unless that was said.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { Branch } from '../../src/pool/branch.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { type Table, tableOf } from '../../src/tables/index.ts';
import { takePositionals } from './arguments.ts';
import { showCount } from './format.ts';
import { withPool } from './pool.ts';
import { realPathOf } from './pools.ts';
import { cellOfKey, cellOfMarked, cellOfValue, KEY_COLUMN, quoted, VALUE_COLUMN } from './row-cells.ts';
import { formOf, line, openExisting, toJson } from './rows.ts';
import { refused, type Session, usage, writeJson } from './session.ts';
import { shown } from './shown.ts';
import { parseTarget, type Target } from './target.ts';

const PIECE_CHARACTERS = 1 << 16;

function* ndjsonLines(table: Table<unknown>, values: string): Generator<string> {
  const isPlain = formOf(values) === 'plain';
  for (const [key, value] of table) {
    yield line({ key: toJson(key), value: isPlain ? value : toJson(value) }, 'plain');
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The header, and a line for each row. Columns are all the fields that there are, in the order in which they first appear. */
function* csvLines(table: Table<unknown>, values: string): Generator<string> {
  if (values !== 'json') {
    yield `${KEY_COLUMN},${VALUE_COLUMN}\n`;
    const cell = values === 'text' ? (value: unknown) => quoted(value as string) : cellOfMarked;
    for (const [key, value] of table) yield `${cellOfKey(key)},${cell(value)}\n`;
    return;
  }
  const columns = new Set<string>();
  for (const [key, value] of table) {
    if (!isRecord(value)) {
      throw refused(`the row ${shown(line(key).trimEnd())} is no object: CSV has columns for fields; use --ndjson`);
    }
    for (const field of Object.keys(value)) columns.add(field);
  }
  yield `${[KEY_COLUMN, ...columns].map((name) => quoted(name, name === '')).join(',')}\n`;
  for (const [key, value] of table as Iterable<[never, Record<string, unknown>]>) {
    const cells = [...columns].map((field) => (Object.hasOwn(value, field) ? cellOfValue(value[field]) : ''));
    yield `${[cellOfKey(key), ...cells].join(',')}\n`;
  }
}

interface Sink {
  write(text: string): void;
  /** Makes it appear. */
  finish(): void;
  abandon(): void;
}

/** Failures are told of the file that is meant. */
function openBeside(beside: string, file: string): number {
  try {
    return openSync(beside, 'wx');
  } catch (error) {
    throw Object.assign(error as Error, { path: file });
  }
}

function fileSink(file: string): Sink {
  const beside = `${file}.${randomBytes(6).toString('hex')}`;
  const descriptor = openBeside(beside, file);
  return {
    write(text) {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    },
    finish() {
      closeSync(descriptor);
      renameSync(beside, file);
    },
    abandon() {
      closeSync(descriptor);
      rmSync(beside, { force: true });
    },
  };
}

async function writeAll(session: Session, lines: Iterable<string>, sink: Sink): Promise<number> {
  let piece = '';
  let count = 0;
  const flush = async (): Promise<void> => {
    sink.write(piece);
    piece = '';
    session.progress(`exporting: ${showCount(count, 'row')}`);
    await session.drained();
  };
  try {
    for (const each of lines) {
      piece += each;
      count++;
      if (piece.length >= PIECE_CHARACTERS) await flush();
    }
    await flush();
    sink.finish();
  } catch (error) {
    sink.abandon();
    throw error;
  } finally {
    session.progress(undefined);
  }
  return count;
}

async function exportFrom(session: Session, pool: Pool, target: Target, file: string | undefined): Promise<number> {
  const { branch, table, values } = await openExisting(pool, target);
  if (file !== undefined && existsSync(file) && session.values.overwrite !== true) {
    throw refused(`${file} is there already: --overwrite replaces it`);
  }
  const fork: Branch | undefined = branch.readOnly ? undefined : await pool.forkUnnamed(branch);
  try {
    const still = fork === undefined ? table : tableOf(fork, table.name, { values: table.codec });
    const isCsv = session.values.csv === true;
    const lines = isCsv ? csvLines(still, values) : ndjsonLines(still, values);
    const output = { write: (text: string) => session.write(text), finish: () => {}, abandon: () => {} };
    const count = await writeAll(session, lines, file === undefined ? output : fileSink(file));
    return isCsv ? count - 1 : count;
  } finally {
    if (fork !== undefined) await pool.release(fork);
  }
}

/** `byre export --ndjson` and `--csv`. */
export async function exportRows(session: Session): Promise<number> {
  if (session.values.csv === true && session.values.ndjson === true) throw usage('--csv or --ndjson, not both');
  const [named = '', typed = ''] = takePositionals(session, ['TABLE', 'FILE']);
  const target = parseTarget(named);
  const file = typed === '-' ? undefined : await realPathOf(session, typed);
  const count = await withPool(session, { mode: 'read', targets: [target] }, (pool) =>
    exportFrom(session, pool, target, file),
  );
  if (file === undefined) return 0;
  if (session.json) writeJson(session, { file, rows: count });
  else session.write(`${shown(typed)}: ${showCount(count, 'row')}\n`);
  return 0;
}
