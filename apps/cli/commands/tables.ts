/**
 * `byre tables`: what tables a branch has.
 * It reads the last commit; rows are counted only on request, since that walks them.
 */
import { describeTable, tableNames } from '../../../src/tables/index.ts';
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { showCount, showTable } from '../format.ts';
import { withPool } from '../pool.ts';
import { openTable } from '../rows.ts';
import { writeJson } from '../session.ts';
import { shown } from '../shown.ts';
import { parseTarget } from '../target.ts';
import { branchName, DEFAULT_BRANCH } from '../targets.ts';

export const tables: Command = {
  name: 'tables',
  summary: 'list the tables of a branch',
  usage: ['[BRANCH]'],
  options: { count: { type: 'boolean', short: 'c', text: 'count the rows of each' } },
  examples: [['byre tables main', 'lists the tables of main, how their values are stored, and their indexes']],
  async run(session) {
    const [typed] = takePositionals(session, ['BRANCH'], 1);
    const target = typed === undefined ? undefined : parseTarget(typed);
    const name = target === undefined || typed === undefined ? DEFAULT_BRANCH : branchName(target, typed);
    await withPool(session, { mode: 'read', targets: [target] }, async (pool) => {
      const branch = await pool.branch(name);
      const found = [];
      for (const table of await tableNames(branch)) {
        const description = await describeTable(branch, table);
        const { values = '?', indexes = [] } = description ?? {};
        const at = { pool: undefined, branch: name, path: `/${table}` };
        const rows = session.values.count === true ? await (await openTable(pool, at)).table.count() : undefined;
        found.push({ table, values, indexes, ...(rows === undefined ? {} : { rows }) });
      }
      if (session.json) writeJson(session, found);
      else {
        const lines = found.map(({ table, values, indexes, rows }) => [
          shown(table),
          shown(values),
          ...(rows === undefined ? [] : [showCount(rows, 'row')]),
          indexes
            .map((index) => `${shown(index.name)}(${index.on.map(shown).join(', ')})${index.unique ? ' unique' : ''}`)
            .join(' '),
        ]);
        session.write(showTable(lines));
      }
    });
    return 0;
  },
};
