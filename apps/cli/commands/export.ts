/**
 * `byre export`: a directory of a branch, or one file, or the rows of a table (row-export.ts) to the host.
 * It must not write over what is there unless told to.
 */
import { exportDirectorySync } from '../../../src/host/export.ts';
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { showBytes, showCount } from '../format.ts';
import { withPool } from '../pool.ts';
import { realPathOf } from '../pools.ts';
import { problemsAsJson, sayProblems } from '../problems.ts';
import { type Outcome, type Session, Status, writeJson } from '../session.ts';
import { parseTarget } from '../target.ts';

async function run(session: Session): Promise<Outcome> {
  const isOfRows = session.values.csv === true || session.values.ndjson === true;
  return isOfRows ? await (await import('../row-export.ts')).exportRows(session) : await exportFiles(session);
}

async function exportFiles(session: Session): Promise<Outcome> {
  const [named, typed] = takePositionals(session, ['TARGET', 'DIRECTORY']);
  const target = parseTarget(named!);
  const directory = await realPathOf(session, typed!);
  return await withPool(session, { mode: 'read', targets: [target] }, async (pool) => {
    const branch = await pool.branch(target.branch ?? 'main');
    const report = exportDirectorySync(branch, directory, {
      from: target.path ?? '/',
      overwrite: session.values.overwrite === true,
      onProgress: ({ files, bytesWritten }) =>
        session.progress(`exporting: ${showCount(files, 'file')}, ${showBytes(bytesWritten)}`),
    });
    session.progress(undefined);
    const { problems, ...counts } = report;
    if (session.json) writeJson(session, { directory, ...counts, problems: problemsAsJson(problems) });
    else {
      const { files, directories, others, bytesWritten } = counts;
      const list = [showCount(files, 'file'), showCount(directories, 'directory', 'directories')];
      if (others > 0) list.push(showCount(others, 'other'));
      session.write(`${typed}: ${list.join(', ')}, ${showBytes(bytesWritten)} written\n`);
      sayProblems(session, problems);
    }
    return problems.length > 0 ? Status.no : Status.ok;
  });
}

export const exportCommand: Command = {
  name: 'export',
  summary: 'write a directory or file of a branch to a real directory, or rows of a table to a file',
  usage: ['TARGET DIRECTORY', '--ndjson [BRANCH]:TABLE FILE', '--csv [BRANCH]:TABLE FILE'],
  details: `DIRECTORY must be empty or absent, unless --overwrite is given.
Exit status 1: something could not be carried over.

Rows go to FILE, or to standard output if that is -, in the order of their keys and as of one moment. 'byre import' with the same
option makes the same rows of them. CSV has a column "key" and one for each field of any row; rows that are no objects need --ndjson.
Indexes are not written.`,
  options: {
    overwrite: {
      type: 'boolean',
      text: 'write into a directory that has entries: same names are replaced, others stay; or replace FILE',
    },
    ndjson: { type: 'boolean', text: 'write rows as JSON lines: {"key": …, "value": …}' },
    csv: { type: 'boolean', text: 'write rows as CSV (RFC 4180, UTF-8, lines that end with a line feed)' },
  },
  examples: [
    ['byre export main ./out', 'all of branch main'],
    ['byre export main:/src ./src-of-main', 'one directory of it'],
    ['byre export --csv main:cities cities.csv', 'a table, for a spreadsheet'],
  ],
  run,
};
