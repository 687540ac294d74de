/**
 * `byre drop`: removes branches and snapshots.
 * What only they have must not be lost unasked.
 */
import type { Command } from '../command.ts';
import { confirm, yesOption } from '../confirm.ts';
import { lossOf } from '../losses.ts';
import { withPool } from '../pool.ts';
import { usage, writeJson } from '../session.ts';
import { parseTarget } from '../target.ts';
import { branchName } from '../targets.ts';

export const drop: Command = {
  name: 'drop',
  summary: 'remove branches and snapshots',
  usage: ['[--yes] BRANCH...'],
  details: `Unless another branch or snapshot is the same, its content would be lost: it asks, unless --yes is given. The space is
free for new data then; 'byre compact' gives it back to the file system.`,
  options: yesOption,
  examples: [
    ['byre drop try-1', 'drops a branch, and asks if anything would be lost'],
    ['byre drop --yes try-1 try-2', 'drops two, whatever is lost'],
  ],
  async run(session) {
    const { positionals } = session;
    if (positionals.length === 0) throw usage('BRANCH is missing');
    const named = positionals.map((text) => {
      const target = parseTarget(text);
      if (target.branch === undefined) throw usage(`'${text}' names no branch`);
      return { target, name: branchName(target, text) };
    });
    await withPool(session, { mode: 'write', targets: named.map(({ target }) => target) }, async (pool) => {
      for (const { name } of named) await pool.branch(name);
      const dropped: object[] = [];
      for (const { name } of named) {
        // Only now: of two that are the same the second is lost.
        const loss = session.values.yes === true ? undefined : await lossOf(pool, name);
        if (loss !== undefined) await confirm(session, loss, 'Drop it?');
        await pool.drop(name);
        dropped.push({ name });
      }
      if (session.json) writeJson(session, { dropped });
    });
    return 0;
  },
};
