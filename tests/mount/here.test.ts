/** Mounts that the process which uses the pool serves itself. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Mounted, mountPool } from '../../apps/fuse/mount.ts';
import { filesOf } from '../../src/files/index.ts';
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

  test('what the files API changes is seen in the mount, and the other way round', async () => {
    await mountedHere(async (pool, mounted) => {
      const files = filesOf(await pool.branch('main')).promises;
      const seen = async (script: string): Promise<string> => {
        await mounted.settled();
        return shell(script, { cwd: mounted.directory });
      };
      await seen('mkdir dir; echo old > dir/file; ls dir; cat dir/file; ! test -e dir/new');
      await files.writeFile('/dir/file', 'new\n');
      expect(await seen('cat dir/file')).toBe('new\n');
      await files.writeFile('/dir/new', '1\n');
      expect(await seen('cat dir/new; ls dir')).toBe('1\nfile\nnew\n');
      await files.rename('/dir/new', '/dir/renamed');
      expect(await seen('ls dir; ! cat dir/new 2>/dev/null; cat dir/renamed')).toBe('file\nrenamed\n1\n');
      await files.appendFile('/dir/renamed', '2\n');
      await files.chmod('/dir/renamed', 0o600);
      expect(await seen('cat dir/renamed; stat -c "%a %s" dir/renamed')).toBe('1\n2\n600 4\n');
      await files.rm('/dir', { recursive: true });
      expect(await seen('ls')).toBe('');
      await seen('echo from the mount > other');
      expect(await files.readFile('/other', 'utf8')).toBe('from the mount\n');
    }, 'main');
  });

  test('a file that only a program has open outlives its removal by the API', async () => {
    await mountedHere(async (pool, { directory }) => {
      const files = filesOf(await pool.branch('main')).promises;
      await files.writeFile('/file', 'kept');
      const reading = shell(`exec 3<file; echo open; : > opened; while [ -e file ]; do sleep 0.05; done; cat <&3`, {
        cwd: directory,
      });
      await until(async () => (await files.readdir('/')).includes('opened'));
      await files.unlink('/file');
      expect(await reading).toBe('open\nkept');
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
