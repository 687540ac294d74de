/**
 * `byre import`: a real directory into a branch, or rows into a table (row-import.ts); all of it or nothing.
 */
import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ByreError } from '../../../src/errors.ts';
import { findUnchanged, type ImportOptions, type ImportReport, importDirectorySync } from '../../../src/host/import.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { showBytes, showCount, showNumber } from '../format.ts';
import { withPool } from '../pool.ts';
import { locatePool, pathOf, realPathOf } from '../pools.ts';
import { problemsAsJson, sayProblems } from '../problems.ts';
import { CommandFailure, type Outcome, refused, type Session, Status, usage, writeJson } from '../session.ts';
import { parseTarget, showTarget } from '../target.ts';
import { writableBranch } from '../targets.ts';

/** The pool itself, with its lock and journals, is no part of what it holds. */
export function poolPaths(directory: string, poolPath: string): string[] {
  return [path.join(directory, '.byre'), ...['', '.lock', '.sock'].map((suffix) => `${poolPath}${suffix}`)];
}

export function showImport(report: ImportReport): string {
  const counts = [showCount(report.files, 'file'), showCount(report.directories, 'directory', 'directories')];
  if (report.others > 0) counts.push(showCount(report.others, 'other'));
  const done = (['created', 'changed', 'renamed', 'removed'] as const)
    .filter((kind) => report[kind] > 0)
    .map((kind) => `${showNumber(report[kind])} ${kind}`);
  const what = done.length > 0 ? done.join(', ') : 'nothing changed';
  return `${counts.join(', ')}: ${what}; ${showBytes(report.bytesRead)} read`;
}

async function isThere(pool: Pool, name: string): Promise<boolean> {
  return (await pool.branches()).some((branch) => branch.name === name);
}

/** All of it or nothing: the work is done in a fork, which then takes the branch's place. */
async function importInto(pool: Pool, name: string, directory: string, options: ImportOptions): Promise<ImportReport> {
  const isNew = !(await isThere(pool, name));
  const branch = isNew ? await pool.createBranch(name) : await writableBranch(pool, name);
  const fork = await pool.forkUnnamed(branch);
  try {
    const report = importDirectorySync(fork, directory, options);
    if (!(await pool.adopt(branch, fork))) throw refused(`branch ${name} was changed meanwhile: import again`);
    return report;
  } catch (error) {
    // The first failure is the one to tell.
    if (isNew) await pool.drop(name).catch((_after: ByreError) => {});
    throw error;
  } finally {
    await pool.release(fork);
  }
}

/** Which options are about which kind of import. */
const ofDirectories = ['exclude', 'one-file-system'];
const ofRows = ['key', 'text', 'values'];

async function run(session: Session): Promise<Outcome> {
  const isOfRows = session.values.csv === true || session.values.ndjson === true;
  const strange = (isOfRows ? ofDirectories : ofRows).find((option) => session.values[option] !== undefined);
  if (strange !== undefined) {
    throw usage(
      isOfRows ? `--${strange} is about directories` : `--${strange} is about rows: give --csv or --ndjson, too`,
    );
  }
  return isOfRows ? await (await import('../row-import.ts')).importRows(session) : await importFiles(session);
}

async function importFiles(session: Session): Promise<Outcome> {
  const [typed, named = 'main'] = takePositionals(session, ['DIRECTORY', 'TARGET'], 1);
  const directory = await realPathOf(session, typed!);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new CommandFailure(`${typed} is no directory`, Status.missing);
  }
  const target = parseTarget(named);
  const name = target.branch ?? 'main';
  const shownTarget = showTarget(name, target.path ?? '/');
  const excluded = (session.values.exclude as readonly string[] | undefined) ?? [];
  const own = poolPaths(directory, await locatePool(session, [target]));
  const options = {
    into: target.path ?? '/',
    commitsNext: true,
    exclude: [...excluded.map((each) => pathOf(session, each)), ...own],
    oneFileSystem: session.values['one-file-system'] === true,
    onProgress: (counts: ImportReport) => session.progress(`importing ${typed}: ${showImport(counts)}`),
  };
  // Mostly nothing has changed: to see that takes neither the pool's lock nor a commit.
  const report =
    (await withPool(session, { mode: 'read', targets: [target] }, async (pool) =>
      (await isThere(pool, name)) ? findUnchanged(await pool.branch(name), directory, options) : undefined,
    )) ??
    (await withPool(session, { mode: 'write', targets: [target] }, (pool) =>
      importInto(pool, name, directory, options),
    ));
  session.progress(undefined);
  const { problems, ...counts } = report;
  if (session.json) {
    const imported = realpathSync(directory);
    writeJson(session, { target: shownTarget, directory: imported, ...counts, problems: problemsAsJson(problems) });
  } else {
    session.write(`${shownTarget}: ${showImport(report)}\n`);
    sayProblems(session, problems);
  }
  return problems.some(({ kind }) => kind !== 'vanished') ? Status.no : Status.ok;
}

export const importCommand: Command = {
  name: 'import',
  summary: 'make a directory of a branch the same as a real one, or put rows into a table',
  usage: ['DIRECTORY [TARGET]', '--ndjson FILE [BRANCH]:TABLE', '--csv FILE [BRANCH]:TABLE'],
  details: `TARGET is main:/ if none is given. What DIRECTORY has no more is removed from TARGET. Files whose size, times and inode
are as at the last import are not read again. The import appears whole or not at all.
Exit status 1: some files could not be read.

Rows come from FILE, or from standard input if that is -. They are added to the table, which is made if there is none, and replace
rows that have their keys; of several with one key the last counts. A mistake is told with its line, and then no row is put.

With --ndjson each line is {"key": …, "value": …}, as 'byre scan' and 'byre export' write it, or with --key any JSON object.

With --csv the first line names the fields. A first column called "key" is the key and no field of the row; else the key is the first
field, or what --key says. A cell is JSON where it is exactly what byre would write for it (7, true, null, [1,2]), else text (007,
1.0, ada); an empty one is no field, "" is an empty text. Tables of text and bytes have the columns key and value.`,
  options: {
    exclude: {
      type: 'string',
      multiple: true,
      value: 'PATH',
      text: 'pass over this path of the real directory; may be repeated',
    },
    'one-file-system': { type: 'boolean', short: 'x', text: 'do not go into mounted file systems' },
    ndjson: { type: 'boolean', text: 'put rows from JSON lines' },
    csv: { type: 'boolean', text: 'put rows from CSV (RFC 4180, UTF-8)' },
    key: {
      type: 'string',
      multiple: true,
      short: 'k',
      value: 'FIELD',
      text: 'the field that is the key; repeated: the key is an array of these',
    },
    text: { type: 'boolean', text: 'take every cell of CSV for text, keys too' },
    values: { type: 'string', value: 'KIND', text: 'how a new table stores values: json (default), text or bytes' },
  },
  examples: [
    ['byre import .', 'this directory, into branch main'],
    ['byre import ~/data main:/data', 'into a directory of main'],
    [
      'byre import --csv cities.csv main:cities --key country --key name',
      'rows, whose keys are ["fr","Paris"] and the like',
    ],
    ['byre scan main:users | byre import --ndjson - copy:users', 'copies a table'],
  ],
  input: 'data',
  run,
};
