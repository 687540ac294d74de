/**
 * The files suite on byre: on a fresh branch, on a fork, on the fork of a snapshot, and after reopening.
 * Every case ends with a look at all keys of the files face, and with nothing left open or half released.
 */
import { expect } from 'vitest';
import { filesOf } from '../../src/files/files.ts';
import { orphans } from '../../src/files/ops/unlink.ts';
import type { Branch } from '../../src/pool/branch.ts';
import type { Device } from '../../src/pool/device.ts';
import { memoryDevice } from '../../src/pool/memory-device.ts';
import { openOn, openOnSync, type Pool } from '../../src/pool/pool.ts';
import { verifyFiles } from '../files/pools.ts';
import { filesConformance } from './files/index.ts';
import type { FsLike, Setup, Target } from './files/target.ts';

/** Nothing that lost its last name is left: whoever had it open has let go. */
async function expectNoOrphans(branch: Branch): Promise<void> {
  const now = () => ({ seconds: 0, nanoseconds: 0 });
  const { store, root, readOnly } = branch;
  const view = { store, root, readOnly, now, nextInode: () => 0 };
  expect(await branch.run(() => orphans(view, 0, 10))).toEqual([]);
}

function target(pool: Pool, branch: Branch, root: string): Target {
  return {
    fs: filesOf(branch) as unknown as FsLike,
    root,
    superuser: true,
    strict: true,
    cleanup: async () => {
      await verifyFiles(branch);
      await expectNoOrphans(branch);
      expect((await pool.check()).problems).toEqual([]);
      await pool.close();
    },
  };
}

/** Things to be in the way, so that a fork has something to share. */
function furnish(branch: Branch): void {
  const files = filesOf(branch);
  files.mkdirSync('/work/old/deep', { recursive: true });
  files.writeFileSync('/work/old/deep/small', 'small');
  files.writeFileSync('/work/old/large', Buffer.alloc(700_000, 7));
  for (let i = 0; i < 50; i++) files.writeFileSync(`/work/old/${i}`, `${i}`);
  files.mkdirSync('/work/root');
}

const fresh: Setup = async () => {
  const pool = openOnSync(memoryDevice(), { commitEveryMs: 0, cacheBytes: 4 << 20 });
  return target(pool, pool.branchSync('main'), '');
};

const fork: Setup = async () => {
  const pool = openOnSync(memoryDevice(), { commitEveryMs: 0, cacheBytes: 4 << 20 });
  furnish(pool.branchSync('main'));
  return target(pool, await pool.fork('main', 'fork'), '/work/root');
};

const snapshotFork: Setup = async () => {
  const pool = openOnSync(memoryDevice(), { commitEveryMs: 0, cacheBytes: 4 << 20 });
  const main = pool.branchSync('main');
  furnish(main);
  pool.snapshotSync('main', 'snapshot');
  filesOf(main).rmSync('/work', { recursive: true });
  return target(pool, await pool.fork('snapshot', 'fork'), '/work/root');
};

const reopened: Setup = async () => {
  const device = memoryDevice();
  const first = openOnSync(device, { commitEveryMs: 0, cacheBytes: 4 << 20 });
  furnish(first.branchSync('main'));
  await first.close();
  const pool = openOnSync(device, { commitEveryMs: 1, cacheBytes: 4 << 20 });
  return target(pool, pool.branchSync('main'), '/work/root');
};

/** A device that can only be waited for, behind so little cache that operations fault and are run again. */
function waitingDevice(): Device {
  const memory = memoryDevice();
  return {
    name: 'waiting',
    readOnly: false,
    get bytes() {
      return memory.bytes;
    },
    perform: async (request) => {
      await new Promise((resolve) => setImmediate(resolve));
      await memory.perform(request);
    },
    close: () => memory.close(),
  };
}

const waiting: Setup = async () => {
  const device = waitingDevice();
  const first = await openOn(device, { commitEveryMs: 0 });
  const main = await first.branch('main');
  await filesOf(main).promises.mkdir('/work/root', { recursive: true });
  await first.close();
  const pool = await openOn(device, { commitEveryMs: 1, cacheBytes: 0 });
  return target(pool, await pool.branch('main'), '/work/root');
};

filesConformance('a fresh branch', fresh);
filesConformance('a fork', fork, { forms: ['sync'] });
filesConformance('a fork of a snapshot', snapshotFork, { forms: ['callback'] });
filesConformance('after reopening, with commits all the while', reopened, { forms: ['promises'] });
filesConformance('a device that can only be waited for', waiting, { forms: ['promises', 'callback'], eachOnly: true });
