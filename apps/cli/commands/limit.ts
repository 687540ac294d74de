/**
 * `byre limit`: how large a pool and its branches may get.
 * A limit below what is in use is refused by the pool; a quota is not, and then nothing more can be written.
 */
import type { BranchLimits } from '../../../src/pool/branches.ts';
import { MAX_LIMIT_BYTES } from '../../../src/pool/options.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { showBytes, showTable } from '../format.ts';
import { bytesOption, poolLimitOption } from '../options.ts';
import { withPool } from '../pool.ts';
import { type Values, writeJson } from '../session.ts';
import { shown } from '../shown.ts';
import { parseTarget } from '../target.ts';
import { branchName } from '../targets.ts';

const branchLimit = (option: string, value: Values[string]): number => bytesOption(option, value, 0, MAX_LIMIT_BYTES);

/** A size, or `none`, which the pool knows as 0. */
function limitOption(name: string, value: Values[string], read = branchLimit): number | undefined {
  if (value === undefined) return undefined;
  return value === 'none' ? 0 : read(`--${name}`, value);
}

const orNone = (bytes: number | undefined): string => (bytes === undefined ? 'none' : showBytes(bytes));

/** All of them or none. The pool's comes first: there may be room for a reservation only then. */
async function setLimits(pool: Pool, limitBytes: number | undefined, name: string, own: BranchLimits): Promise<void> {
  const before = pool.space().limitBytes ?? 0;
  if (limitBytes !== undefined) pool.setLimit(limitBytes);
  if (Object.keys(own).length === 0) return;
  try {
    await pool.limit(name, own);
  } catch (error) {
    if (limitBytes !== undefined) pool.setLimit(before);
    throw error;
  }
}

export const limit: Command = {
  name: 'limit',
  summary: 'show or set the limit of a pool, and quota and reservation of a branch',
  usage: ['[BRANCH] [--quota=SIZE] [--reserve=SIZE]', '--pool-limit=SIZE'],
  details: "BRANCH is main if it is left out. SIZE is such as 500M or 10G, or 'none'.",
  options: {
    quota: { type: 'string', value: 'SIZE', text: 'what the branch may write beyond what it shares' },
    reserve: { type: 'string', value: 'SIZE', text: 'space that other branches leave to it' },
    'pool-limit': { type: 'string', value: 'SIZE', text: 'how large the pool may get' },
  },
  examples: [
    ['byre limit', 'shows the limits of the pool and of branch main'],
    ['byre limit try-1 --quota=1G', 'lets the branch write 1 GiB at most'],
    ['byre limit --pool-limit=none', 'lets the pool grow as the disk allows'],
  ],
  async run(session) {
    const [typed] = takePositionals(session, ['BRANCH'], 1);
    const { values } = session;
    const target = parseTarget(typed ?? ':');
    const name = typed === undefined ? branchName({ ...target, path: undefined }, '') : branchName(target, typed);
    const quotaBytes = limitOption('quota', values.quota);
    const reservationBytes = limitOption('reserve', values.reserve);
    const limitBytes = limitOption('pool-limit', values['pool-limit'], poolLimitOption);
    const isSet = [quotaBytes, reservationBytes, limitBytes].some((each) => each !== undefined);
    const isAboutBranch = typed !== undefined || quotaBytes !== undefined || reservationBytes !== undefined || !isSet;
    await withPool(session, { mode: isSet ? 'write' : 'read', targets: [target] }, async (pool, poolPath) => {
      if (isAboutBranch) await pool.branch(name);
      await setLimits(pool, limitBytes, name, {
        ...(quotaBytes === undefined ? {} : { quotaBytes }),
        ...(reservationBytes === undefined ? {} : { reservationBytes }),
      });
      const branch = (await pool.branches()).find((each) => each.name === name);
      const space = pool.space();
      const now = { quotaBytes: branch?.quotaBytes, reservationBytes: branch?.reservationBytes };
      const document = { pool: poolPath, limitBytes: space.limitBytes };
      if (session.json) writeJson(session, isAboutBranch ? { ...document, branch: { name, ...now } } : document);
      else if (!isSet) {
        const rows = [
          ['limit of the pool', orNone(space.limitBytes)],
          [`quota of ${shown(name)}`, orNone(now.quotaBytes)],
          [`reserved for ${shown(name)}`, orNone(now.reservationBytes)],
        ];
        session.write(showTable(rows));
      }
    });
    return 0;
  },
};
