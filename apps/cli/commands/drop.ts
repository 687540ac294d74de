/**
 * `byre drop`: removes branches and snapshots.
 * What only they have must not be lost unasked; nothing is dropped before everything has been asked.
 */
import type { Pool } from '../../../src/pool/pool.ts';
import type { Command } from '../command.ts';
import { confirm, yesOption } from '../confirm.ts';
import { requireDroppable } from '../in-use.ts';
import { lossOf } from '../losses.ts';
import { withPool } from '../pool.ts';
import { type Session, usage, writeJson } from '../session.ts';
import { parseTarget } from '../target.ts';
import { branchName } from '../targets.ts';

async function requireAll(pool: Pool, names: readonly string[]): Promise<void> {
  for (const name of names) await pool.branch(name);
}

async function confirmAll(session: Session, pool: Pool, names: readonly string[]): Promise<void> {
  const losses: string[] = [];
  for (const name of names) losses.push(...[await lossOf(pool, name, names)].flatMap((loss) => loss ?? []));
  const question = names.length === 1 ? 'Drop it?' : 'Drop all of them?';
  if (losses.length > 0) await confirm(session, losses.join('; '), question);
}

export const drop: Command = {
  name: 'drop',
  summary: 'remove branches and snapshots',
  usage: ['[--yes] BRANCH...'],
  details: `All that are named are dropped, or none. Unless a branch or snapshot that stays is the same, content would be lost: it asks,
unless --yes is given. A branch that is mounted by itself must be unmounted first, and that of a try under way stays until that ends.
The space is free for new data then; 'byre compact' gives it back to the file system.`,
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
    const names = [...new Set(named.map(({ name }) => name))];
    await withPool(session, { mode: 'write', targets: named.map(({ target }) => target) }, async (pool, poolPath) => {
      await requireAll(pool, names);
      await requireDroppable(session, pool, poolPath, names);
      if (session.values.yes !== true) await confirmAll(session, pool, names);
      // An answer takes its time, and others may have dropped one meanwhile.
      await requireAll(pool, names);
      for (const name of names) await pool.drop(name);
      if (session.json) writeJson(session, { dropped: names.map((name) => ({ name })) });
    });
    return 0;
  },
};
