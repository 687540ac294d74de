/**
 * `byre check` and `byre scrub`: prove a pool.
 * They mend nothing: what is damaged is told, and everything else stays usable.
 */
import type { Command } from '../command.ts';
import { showBytes, showCount } from '../format.ts';
import { withPool } from '../pool.ts';
import { takePool } from '../pools.ts';
import { type Session, writeJson } from '../session.ts';
import { shown } from '../shown.ts';

const PAGE_BYTES = 4096;

async function run(session: Session, how: 'check' | 'scrub'): Promise<number> {
  const targets = takePool(session);
  const { examine, showProblem, statusOf } = await import('../examine.ts');
  return await withPool(session, { mode: 'either', targets }, async (pool, poolPath) => {
    const report = await examine(session, pool, how);
    if (session.json) writeJson(session, { pool: poolPath, ...report });
    else {
      for (const problem of report.problems) session.write(`${showProblem(problem)}\n`);
      const found = report.ok ? 'all is well' : showCount(report.problems.length, 'problem');
      const seen = [showCount(report.branches, 'branch', 'branches'), showCount(report.nodes, 'node')];
      if (report.pagesRead > 0) seen.push(`${showBytes(report.pagesRead * PAGE_BYTES)} read`);
      session.write(`${shown(poolPath)}: ${found} (${seen.join(', ')})\n`);
    }
    return statusOf(report);
  });
}

export const check: Command = {
  name: 'check',
  summary: 'prove that a pool is sound',
  usage: ['[POOL]'],
  details: `Walks every tree and recounts every page; then looks whether files and tables agree in themselves. Data pages are not
read: 'byre scrub' reads them, too. Exit status 1 if there is any problem.`,
  examples: [['byre check', 'after a crash, to be sure']],
  run: (session) => run(session, 'check'),
};

export const scrub: Command = {
  name: 'scrub',
  summary: 'prove that a pool is sound, and read every byte of it',
  usage: ['[POOL]'],
  details: `Does what 'byre check' does, and compares every page on the device with its hash; tells which files of which branches
are damaged. Exit status 1 if there is any problem.`,
  examples: [
    ['byre scrub', 'once a month, or when the disk is not to be trusted'],
    ['byre scrub --json | jq -r .problems[].path', 'the damaged files, for a program'],
  ],
  run: (session) => run(session, 'scrub'),
};
