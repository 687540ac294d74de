/**
 * `byre fork` and `byre snapshot`: new names for the present state of a branch.
 * Nothing is copied, and nothing that is there is ever replaced.
 */
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { withPool } from '../pool.ts';
import { type Session, writeJson } from '../session.ts';
import { takeBranches } from '../targets.ts';

async function run(session: Session, kind: 'fork' | 'snapshot'): Promise<number> {
  const typed = takePositionals(session, [kind === 'fork' ? 'NEW' : 'SNAPSHOT', 'NEW'], 1);
  const [from, to] = takeBranches(typed, 2);
  await withPool(session, { mode: 'write', targets: [from!.target, to!.target] }, async (pool) => {
    const branch = await pool[kind](from!.name, to!.name);
    if (session.json) writeJson(session, { name: to!.name, kind: branch.kind, id: branch.id, from: from!.name });
  });
  return 0;
}

export const fork: Command = {
  name: 'fork',
  summary: 'start a branch from another branch or a snapshot',
  usage: ['[FROM] NEW'],
  details: 'FROM is main if it is left out. It takes no time and no space, however large FROM is.',
  examples: [
    ['byre fork try-1', 'starts branch try-1 from main'],
    ['byre fork seed test-7', 'starts test-7 from seed'],
  ],
  run: (session) => run(session, 'fork'),
};

export const snapshot: Command = {
  name: 'snapshot',
  summary: 'give the present state of a branch a name that nobody can write',
  usage: ['[BRANCH] NAME'],
  details: 'BRANCH is main if it is left out.',
  examples: [['byre snapshot main before-upgrade', "what 'byre rollback main before-upgrade' goes back to"]],
  run: (session) => run(session, 'snapshot'),
};
