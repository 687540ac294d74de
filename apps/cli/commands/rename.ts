/**
 * `byre rename`: another name for a branch or snapshot.
 * It never replaces one that is there.
 */
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { requireNotUnderWay } from '../in-use.ts';
import { withPool } from '../pool.ts';
import { writeJson } from '../session.ts';
import { takeBranches } from '../targets.ts';

export const rename: Command = {
  name: 'rename',
  summary: 'rename a branch or snapshot',
  usage: ['OLD NEW'],
  examples: [['byre rename try-1 feature', 'gives the branch another name; what was forked from it stays related']],
  async run(session) {
    const [from, to] = takeBranches(takePositionals(session, ['OLD', 'NEW']), 2);
    await withPool(session, { mode: 'write', targets: [from!.target, to!.target] }, async (pool, poolPath) => {
      requireNotUnderWay(session, pool, poolPath, from!.name);
      await pool.rename(from!.name, to!.name);
      if (session.json) writeJson(session, { from: from!.name, name: to!.name });
    });
    return 0;
  },
};
