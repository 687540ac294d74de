/**
 * `byre del`: removes rows.
 * All or none of them; rows that are not there are told by the exit status.
 */
import { transaction } from '../../../src/tables/index.ts';
import type { Command } from '../command.ts';
import { withPool } from '../pool.ts';
import { line, openExisting, parseKey, toJson } from '../rows.ts';
import { Status, usage, writeJson } from '../session.ts';
import { parseTarget } from '../target.ts';

export const del: Command = {
  name: 'del',
  summary: 'remove rows from a table',
  usage: ['[BRANCH]:TABLE KEY...'],
  details: 'KEY is as for `byre get`. The status is 1 if any row was missing.',
  examples: [['byre del main:users ada bo', 'removes two rows']],
  async run(session) {
    const [typed, ...words] = session.positionals;
    if (typed === undefined || words.length === 0) throw usage('TABLE or KEY is missing');
    const target = parseTarget(typed);
    // A key that is named twice is one row.
    const keys = [...new Map(words.map(parseKey).map((key) => [line(key), key])).values()];
    return await withPool(session, { mode: 'write', targets: [target] }, async (pool) => {
      const { branch, table } = await openExisting(pool, target);
      const missing = await transaction(
        branch,
        async (one) => {
          const rows = one.table(table.name, { values: table.codec });
          const absent: unknown[] = [];
          for (const key of keys) if (!(await rows.delete(key))) absent.push(toJson(key));
          return absent;
        },
        { durability: 'none' },
      );
      const removed = keys.length - missing.length;
      if (session.json) writeJson(session, { table: table.name, removed, missing });
      return missing.length > 0 ? Status.no : Status.ok;
    });
  },
};
