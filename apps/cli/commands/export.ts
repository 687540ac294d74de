/**
 * `byre export`: a directory of a branch, or one file, to the host.
 * It must not write over what is there unless told to.
 */
import { exportDirectorySync } from '../../../src/host/export.ts';
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { showBytes } from '../format.ts';
import { withPool } from '../pool.ts';
import { realPathOf } from '../pools.ts';
import { problemsAsJson, sayProblems } from '../problems.ts';
import { type Outcome, type Session, Status, writeJson } from '../session.ts';
import { parseTarget } from '../target.ts';

async function run(session: Session): Promise<Outcome> {
  const [named, typed] = takePositionals(session, ['TARGET', 'DIRECTORY']);
  const target = parseTarget(named!);
  const directory = await realPathOf(session, typed!);
  return await withPool(session, { mode: 'read', targets: [target] }, async (pool) => {
    const branch = await pool.branch(target.branch ?? 'main');
    const report = exportDirectorySync(branch, directory, {
      from: target.path ?? '/',
      overwrite: session.values.overwrite === true,
      onProgress: ({ files, bytesWritten }) =>
        session.progress(`exporting: ${files} files, ${showBytes(bytesWritten)}`),
    });
    session.progress(undefined);
    const { problems, ...counts } = report;
    if (session.json) writeJson(session, { directory, ...counts, problems: problemsAsJson(problems) });
    else {
      const { files, directories, others, bytesWritten } = counts;
      const list = [`${files} files`, `${directories} directories`, ...(others > 0 ? [`${others} others`] : [])];
      session.write(`${typed}: ${list.join(', ')}, ${showBytes(bytesWritten)} written\n`);
      sayProblems(session, problems);
    }
    return problems.length > 0 ? Status.no : Status.ok;
  });
}

export const exportCommand: Command = {
  name: 'export',
  summary: 'write a directory of a branch, or one file, to a real directory',
  usage: ['TARGET DIRECTORY'],
  details: `DIRECTORY must be empty or absent, unless --overwrite is given.
Exit status 1: something could not be carried over.`,
  options: {
    overwrite: {
      type: 'boolean',
      text: 'write into a directory that has entries: same names are replaced, others stay',
    },
  },
  examples: [
    ['byre export main ./out', 'all of branch main'],
    ['byre export main:/src ./src-of-main', 'one directory of it'],
  ],
  run,
};
