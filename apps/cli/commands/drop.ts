/**
 * `byre drop`: removes branches and snapshots.
 * What only they have must not be lost unasked.
 */
import type { Command } from '../command.ts';
import { confirm, yesOption } from '../confirm.ts';
import { showBytes } from '../format.ts';
import { withPool } from '../pool.ts';
import { usage, writeJson } from '../session.ts';
import { shown } from '../shown.ts';
import { parseTarget } from '../target.ts';
import { branchName } from '../targets.ts';

export const drop: Command = {
  name: 'drop',
  summary: 'remove branches and snapshots',
  usage: ['[--yes] BRANCH...'],
  details: `If a branch has pages that no other branch or snapshot has, they would be lost: it asks, unless --yes is given. Their
space is free for new data then; 'byre compact' gives it back to the file system.`,
  options: yesOption,
  examples: [
    ['byre drop try-1', 'drops a branch, and asks if it has anything of its own'],
    ['byre drop --yes try-1 try-2', 'drops two, with all that only they have'],
  ],
  input: 'answers',
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
        // Only now: what two of them share is lost by the second.
        const [used] = session.values.yes === true && !session.json ? [] : await pool.usage(name);
        const bytes = used?.exclusiveBytes ?? 0;
        if (bytes > 0)
          await confirm(session, `${shown(name)} has ${showBytes(bytes)} that nothing else has`, 'Drop it?');
        await pool.drop(name);
        dropped.push({ name, freedBytes: bytes });
      }
      if (session.json) writeJson(session, { dropped });
    });
    return 0;
  },
};
