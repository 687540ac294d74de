/**
 * `byre compact`: gives free space back to the file system.
 * It moves pages and changes no content; it can be interrupted at any moment.
 */
import type { Command } from '../command.ts';
import { showBytes, showCount } from '../format.ts';
import { withPool } from '../pool.ts';
import { takePool } from '../pools.ts';
import { writeJson } from '../session.ts';

export const compact: Command = {
  name: 'compact',
  summary: 'give free space of a pool back to the file system',
  usage: ['[POOL]'],
  details: "Moves what lies at the end of the pool's file into free pages before it, and cuts the file.",
  examples: [['byre compact', 'after large branches were dropped']],
  async run(session) {
    const targets = takePool(session);
    await withPool(session, { mode: 'write', targets }, async (pool, poolPath) => {
      session.progress('compacting');
      const { bytesBefore, bytesAfter, movedPages } = await pool.compact();
      session.progress(undefined);
      const { deviceBytes } = pool.space();
      if (session.json) writeJson(session, { pool: poolPath, bytesBefore, bytesAfter, movedPages, deviceBytes });
      else {
        const moved = showCount(movedPages, 'page');
        session.write(`${showBytes(bytesBefore)} before, ${showBytes(bytesAfter)} now; ${moved} moved\n`);
      }
    });
    return 0;
  },
};
