/** Mounts that the process which uses the pool serves itself. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Mounted, mountPool } from '../../apps/fuse/mount.ts';
import { openPoolSync } from '../../src/pool/open-pool.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { needsMount, run, shell, until } from './mounted.ts';

describe('a mount in this process', needsMount, () => {
  async function mountedHere(use: (pool: Pool, mounted: Mounted) => Promise<void>, branch?: string): Promise<void> {
    const home = mkdtempSync(path.join(tmpdir(), 'byre-mount-'));
    const directory = path.join(home, 'mount');
    mkdirSync(directory);
    const pool = openPoolSync(path.join(home, 'pool'));
    try {
      const mounted = await mountPool(pool, directory, branch === undefined ? {} : { branch });
      try {
        await use(pool, mounted);
      } finally {
        await run('umount', ['-l', directory]);
        await mounted.ended;
      }
      expect(pool.checkSync().ok).toBe(true);
    } finally {
      pool.closeSync();
      rmSync(home, { recursive: true, force: true });
    }
  }

  test('the process goes on using the pool', async () => {
    await mountedHere(async (pool, { directory }) => {
      await shell('mkdir main/d && echo text > main/d/f', { cwd: directory });
      await pool.fork('main', 'copy');
      await writeFile(`${directory}/copy/d/f`, 'other');
      expect(await shell('cat main/d/f copy/d/f && ls', { cwd: directory })).toBe('text\nothercopy\nmain\n');
      const syncing = Array.from({ length: 8 }, (_, index) =>
        shell(`echo ${index} > ${directory}/main/s${index} && sync ${directory}/main/s${index}`),
      );
      await Promise.all(syncing);
      expect(pool.dirty).toBe(false);
    });
  });

  test('a rollback is seen with the next request', async () => {
    await mountedHere(async (pool, { directory }) => {
      await shell('echo one > file', { cwd: directory });
      await pool.snapshot('main', 'before');
      await shell('echo second > file && echo new > other && cat file other', { cwd: directory });
      await pool.rollback('main', 'before');
      await until(async () => (await shell('cat file', { cwd: directory })) === 'one\n', 5);
      await until(async () => (await shell('ls', { cwd: directory })) === 'file\n', 5);
    }, 'main');
  });

  test('unmounting by another hand ends it, too', async () => {
    await mountedHere(async (_pool, mounted) => {
      await shell(`umount ${mounted.directory}`);
      await mounted.ended;
    }, 'main');
  });

  test('hostile answers to the kernel are not ours: a second mount over the first works, and both end', async () => {
    await mountedHere(async (pool, mounted) => {
      const second = await mountPool(pool, mounted.directory, { branch: 'main' });
      await shell('echo x > file', { cwd: second.directory });
      await second.unmount();
      expect(await readdir(mounted.directory)).toEqual(['file']);
    }, 'main');
  });
});
