/**
 * `byre df`: the space of a pool and of its branches.
 * Beside a process that writes it shows the last commit, so it must not be taken for what that process has room for.
 */
import type { Command } from '../command.ts';
import { showBytes, showTable } from '../format.ts';
import { withPool } from '../pool.ts';
import { takePool } from '../pools.ts';
import { writeJson } from '../session.ts';
import { shown } from '../shown.ts';

const optional = (bytes: number | undefined): string => (bytes === undefined ? '-' : showBytes(bytes));

export const df: Command = {
  name: 'df',
  summary: 'show the space that a pool and its branches use',
  usage: ['[POOL]'],
  details: `referenced: all that a branch holds. shared: what others hold, too. exclusive: what dropping it would give back; with
old states that only it remembers, as the bases of merges, this can be more than it holds.`,
  options: {
    short: { type: 'boolean', short: 's', text: 'the pool only: the branches have to be walked, which takes time' },
  },
  examples: [
    ['byre df', 'the pool, and what each branch shares with others and has for itself'],
    ['byre df -s --json work.byre', 'exact numbers for a program, without the branches'],
  ],
  async run(session) {
    const targets = takePool(session);
    await withPool(session, { mode: 'either', targets }, async (pool, poolPath) => {
      await pool.loadCounts();
      const space = pool.space();
      const usage = session.values.short === true ? [] : await pool.usage();
      if (session.json) {
        writeJson(session, { pool: poolPath, ...space, ...(session.values.short === true ? {} : { branches: usage }) });
        return;
      }
      const rows = [
        ['pool', shown(poolPath)],
        ['file', showBytes(space.deviceBytes)],
        ['used', showBytes(space.usedBytes)],
        [
          'free',
          space.limitBytes === undefined
            ? `${showBytes(space.freeBytes)}, as far as the disk has it`
            : showBytes(space.freeBytes),
        ],
        ['limit', space.limitBytes === undefined ? 'none' : showBytes(space.limitBytes)],
      ];
      session.write(showTable(rows));
      if (usage.length === 0) return;
      const limits = new Map((await pool.branches()).map((each) => [each.name, each]));
      const lines = usage.map(({ name, referencedBytes, sharedBytes, exclusiveBytes }) => [
        shown(name),
        showBytes(referencedBytes),
        showBytes(sharedBytes),
        showBytes(exclusiveBytes),
        optional(limits.get(name)?.quotaBytes),
        optional(limits.get(name)?.reservationBytes),
      ]);
      const head = ['BRANCH', 'REFERENCED', 'SHARED', 'EXCLUSIVE', 'QUOTA', 'RESERVED'];
      session.write(`\n${showTable([head, ...lines], [1, 2, 3, 4, 5])}`);
    });
    return 0;
  },
};
