/**
 * `byre init`: makes a pool.
 * It must never touch a file that is there already.
 */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { NODE_BYTES } from '../../../src/pool/options.ts';
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { bytesOption, poolLimitOption } from '../options.ts';
import { DEFAULT_NAME, newPoolFileAt, pathOf } from '../pools.ts';
import { refused, usage, type Values, writeJson } from '../session.ts';

function nodeSizeOption(value: Values[string]): number {
  const bytes = bytesOption('--node-size', value);
  if (NODE_BYTES.includes(bytes)) return bytes;
  throw usage(`--node-size is 4K, 8K, 16K, 32K or 64K, not ${String(value)}`);
}

export const init: Command = {
  name: 'init',
  summary: 'make a pool, with an empty branch main',
  usage: ['[POOL]'],
  details: `Without POOL it is the file '${DEFAULT_NAME}' here, which other commands find from here and from all
directories below; POOL may also be another directory to make it in. A pool file grows as it is written.`,
  options: {
    limit: {
      type: 'string',
      value: 'SIZE',
      text: 'how large the pool may get, such as 10G; default: as the disk allows',
    },
    'node-size': { type: 'string', value: 'SIZE', text: 'size of a tree node, 4K to 64K; default 8K' },
  },
  examples: [
    ['byre init', `makes ${DEFAULT_NAME} in this directory`],
    ['byre init --limit=10G /srv/agents.byre', 'makes a pool that never takes more than 10 GiB'],
  ],
  async run(session) {
    const [typed] = takePositionals(session, ['POOL'], 1);
    const { pool: option, limit, 'node-size': nodeSize } = session.values;
    if (typed !== undefined && option !== undefined) throw usage('name the pool once: as POOL or by --pool');
    const given = pathOf(session, typed ?? (option as string | undefined) ?? DEFAULT_NAME);
    const file = newPoolFileAt(given);
    if (existsSync(file)) throw refused(`${file} is there already, and was left as it is: choose another name`);
    mkdirSync(path.dirname(file), { recursive: true });
    const { openPool } = await import('../../../src/pool/open-pool.ts');
    const pool = await openPool(file, {
      ...(limit === undefined ? {} : { limitBytes: poolLimitOption('--limit', limit) }),
      ...(nodeSize === undefined ? {} : { nodeBytes: nodeSizeOption(nodeSize) }),
    });
    await pool.close();
    if (session.json) writeJson(session, { pool: file });
    else session.write(`made ${file}\n`);
    return 0;
  },
};
