/**
 * `byre rollback`: sets a branch to a state that has a name.
 * What only the branch has must not be lost unasked.
 */
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { confirm, yesOption } from '../confirm.ts';
import { lossOf } from '../losses.ts';
import { withPool } from '../pool.ts';
import { writeJson } from '../session.ts';
import { takeBranches, writableBranch } from '../targets.ts';

export const rollback: Command = {
  name: 'rollback',
  summary: 'set a branch back to a snapshot',
  usage: ['[--keep=NAME] [BRANCH] SNAPSHOT'],
  details: `BRANCH is main if it is left out; SNAPSHOT may be any other branch, too. Unless another branch
or snapshot is as BRANCH is now, what it has would be lost: it asks, unless --yes or --keep is given.`,
  options: {
    keep: { type: 'string', value: 'NAME', text: 'keep the present state as a snapshot of that name' },
    ...yesOption,
  },
  examples: [
    ['byre rollback main before-upgrade', 'makes main what the snapshot is'],
    ['byre rollback --keep=failed before-upgrade', 'and keeps what main was'],
  ],
  async run(session) {
    const [branch, to] = takeBranches(takePositionals(session, ['SNAPSHOT', 'SNAPSHOT'], 1), 2);
    const { keep } = session.values;
    await withPool(session, { mode: 'write', targets: [branch!.target, to!.target] }, async (pool) => {
      await writableBranch(pool, branch!.name);
      await pool.branch(to!.name);
      if (typeof keep === 'string') await pool.snapshot(branch!.name, keep);
      else {
        const loss = await lossOf(pool, branch!.name);
        if (loss !== undefined) await confirm(session, loss, 'Roll back?', ' or --keep=NAME');
      }
      await pool.rollback(branch!.name, to!.name);
      if (session.json) writeJson(session, { name: branch!.name, to: to!.name, kept: keep ?? null });
    });
    return 0;
  },
};
