/**
 * `byre branches`: what branches and snapshots there are.
 * It reads the last commit and never waits for a writer.
 */
import type { Command } from '../command.ts';
import { showBytes, showTable, showTime } from '../format.ts';
import { withPool } from '../pool.ts';
import { takePool } from '../pools.ts';
import { writeJson } from '../session.ts';
import { shown } from '../shown.ts';

export const branches: Command = {
  name: 'branches',
  summary: 'list branches and snapshots',
  usage: ['[POOL]'],
  options: {
    names: { type: 'boolean', short: '1', text: 'names only, one a line' },
    null: { type: 'boolean', short: 'z', text: 'names only, each ended by a zero byte' },
  },
  examples: [
    ['byre branches', 'lists them with their kind, age and origin'],
    ['byre branches -z | xargs -0 -n1 byre ls', 'lists the files of each'],
  ],
  async run(session) {
    const targets = takePool(session);
    const list = await withPool(session, { mode: 'read', targets }, (pool) => pool.branches());
    if (session.json) writeJson(session, list);
    else if (session.values.null === true) for (const { name } of list) session.write(`${name}\0`);
    else if (session.values.names === true) for (const { name } of list) session.write(`${name}\n`);
    else {
      const rows = list.map(({ name, kind, createdMs, parent, quotaBytes, reservationBytes }) => [
        shown(name),
        kind,
        showTime({ seconds: Math.floor(createdMs / 1000), nanoseconds: 0 }),
        parent === undefined ? '' : `from ${shown(parent)}`,
        [
          quotaBytes === undefined ? [] : `quota ${showBytes(quotaBytes)}`,
          reservationBytes === undefined ? [] : `reserves ${showBytes(reservationBytes)}`,
        ]
          .flat()
          .join(', '),
      ]);
      session.write(showTable(rows));
    }
    return 0;
  },
};
