/** Mounts that the process which uses the pool serves itself. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { readlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandIn, type Mounted, mountPool } from '../../apps/fuse/mount.ts';
import { mountsOf } from '../../apps/fuse/transport/mount-table.ts';
import { filesOf } from '../../src/files/index.ts';
import { type Pool as MountablePool, openPool } from '../../src/index.ts';
import { openPoolSync } from '../../src/pool/open-pool.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { builtSources, keepElsewhere, needsMount, run, shell, unmounted, until } from './mounted.ts';

function mountsAt(directory: string): number {
  return mountsOf('self').filter((entry) => entry.directory === directory).length;
}

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

  /** Must end soon, however: a test that waits for its time limit leaves its mounts. */
  function soon<T>(promise: Promise<T>): Promise<T> {
    const late = new Promise<never>((_resolve, reject) => {
      setTimeout(() => reject(new Error('it hangs')), 60_000).unref();
    });
    return Promise.race([promise, late]);
  }

  test('a directory is mounted once: the second mount is refused, by whatever name and at the same moment', async () => {
    await mountedHere(async (pool, mounted) => {
      const link = `${mounted.directory}-link`;
      symlinkSync(mounted.directory, link);
      for (const name of [mounted.directory, link]) {
        await expect(soon(mountPool(pool, name, { branch: 'main' }))).rejects.toMatchObject({
          code: 'EBUSY',
          message: expect.stringContaining(`is mounted at ${mounted.directory} already; unmount that first`),
        });
      }
      const other = `${mounted.directory}-other`;
      mkdirSync(other);
      const both = await Promise.allSettled([mountPool(pool, other), mountPool(pool, other)]);
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      expect(both[1]).toMatchObject({ reason: { code: 'EBUSY' } });
      for (const each of both) if (each.status === 'fulfilled') await soon(until(() => unmounted(each.value)));
      await soon(until(() => unmounted(mounted)));
      expect(mountsAt(mounted.directory) + mountsAt(other)).toBe(0);
    }, 'main');
  });

  test('what another hand has mounted over it is told, and left', async () => {
    await mountedHere(async (_pool, mounted) => {
      const { directory } = mounted;
      await shell(`mount -t tmpfs over ${directory}`);
      for (const lazy of [false, true]) {
        await expect(soon(mounted.unmount({ lazy }))).rejects.toMatchObject({
          code: 'EBUSY',
          message: expect.stringContaining('over (tmpfs) is mounted over it; unmount that first'),
        });
      }
      await shell(`umount ${directory}`);
      await soon(until(() => unmounted(mounted)));
      await expect(soon(mounted.unmount())).rejects.toMatchObject({ code: 'EINVAL' });
    }, 'main');
  });

  test('a mount that others still have elsewhere is gone here, and it is told who has it', async () => {
    await mountedHere(async (_pool, mounted) => {
      const { directory } = mounted;
      const bound = `${directory}-bound`;
      mkdirSync(bound);
      await shell(`mount --bind ${directory} ${bound}`);
      await expect(soon(mounted.unmount())).rejects.toMatchObject({
        code: 'EBUSY',
        message: expect.stringContaining(`it is mounted at ${bound}, too`),
      });
      expect(mountsAt(directory)).toBe(0);
      await shell(`umount ${bound}`);
      await soon(mounted.ended);
    }, 'main');
    await mountedHere(async (_pool, mounted) => {
      const holder = await keepElsewhere(mounted.directory);
      try {
        await expect(soon(mounted.unmount())).rejects.toMatchObject({
          code: 'EBUSY',
          message: expect.stringMatching(/process \d+ has it in a mount namespace of its own/),
        });
      } finally {
        await holder.end();
      }
      await soon(mounted.ended);
    }, 'main');
  });

  /** A pool of the public entry with a mount, in a directory of its own. */
  async function withPool(use: (pool: MountablePool, mounted: Mounted, home: string) => Promise<void>): Promise<void> {
    const home = mkdtempSync(path.join(tmpdir(), 'byre-mount-'));
    const directory = path.join(home, 'mount');
    mkdirSync(directory);
    const pool = await openPool(path.join(home, 'pool'));
    const mounted = await pool.mount(directory, { branch: 'main' });
    try {
      await use(pool, mounted, home);
    } finally {
      await run('umount', ['-l', directory]);
      await mounted.ended;
      pool.closeSync();
      rmSync(home, { recursive: true, force: true });
    }
  }

  /** The command line in a process of its own, which finds the pool locked by this one. */
  function byre(home: string, ...args: string[]): ReturnType<typeof run> {
    const environment = { BYRE_POOL: path.join(home, 'pool') };
    return run(process.execPath, [path.join(builtSources(), 'apps/cli/main.js'), ...args], { cwd: home, environment });
  }

  test('a branch that is mounted by itself is not dropped by commands; renamed, it stays mounted', async () => {
    await withPool(async (pool, mounted, home) => {
      await pool.fork('main', 'other');
      const { directory } = mounted;
      await shell('echo kept > file', { cwd: directory });
      expect(await byre(home, 'rename', 'main', 'renamed')).toEqual({ status: 0, output: '' });
      expect(await shell('echo more >> file; cat file', { cwd: directory })).toBe('kept\nmore\n');
      for (const names of [['renamed'], ['other', 'renamed']]) {
        expect(await byre(home, 'drop', '--yes', ...names)).toEqual({
          status: 4,
          output: `byre: 'renamed' is mounted at ${directory}; unmount that first, with 'byre umount ${directory}'\n`,
        });
      }
      const all = `${directory}-all`;
      mkdirSync(all);
      const both = await pool.mount(all);
      expect((await byre(home, 'drop', '--yes', 'renamed')).status).toBe(4);
      const holder = await keepElsewhere(directory);
      try {
        expect(await byre(home, 'umount', 'mount')).toEqual({ status: 0, output: '' });
        expect(await byre(home, 'drop', '--yes', 'renamed')).toEqual({ status: 0, output: '' });
      } finally {
        await holder.end();
      }
      expect(await shell('ls', { cwd: all })).toBe('other\n');
      await both.unmount({ lazy: true });
    });
  });

  test('closing the pool unmounts, unless something in a mount is in use', async () => {
    await withPool(async (pool, mounted, home) => {
      await shell('echo kept > file', { cwd: mounted.directory });
      const user = spawn(...commandIn(mounted.directory, 'sleep', ['60']), { stdio: 'ignore' });
      const gone = new Promise((resolve) => user.once('exit', resolve));
      try {
        await until(async () => (await readlink(`/proc/${user.pid}/cwd`)) === mounted.directory);
        await expect(soon(pool.close())).rejects.toMatchObject({ code: 'EBUSY' });
        expect(await shell('cat file', { cwd: mounted.directory })).toBe('kept\n');
      } finally {
        user.kill('SIGKILL');
        await gone;
      }
      await until(() =>
        soon(pool.close())
          .then(() => true)
          .catch(() => false),
      );
      await soon(mounted.ended);
      expect(mountsAt(mounted.directory)).toBe(0);
      const again = await openPool(path.join(home, 'pool'));
      expect(await (await again.branch('main')).files.promises.readFile('/file', 'utf8')).toBe('kept\n');
      await again.close();
    });
  });

  test('closing it without waiting takes the names away', async () => {
    await withPool(async (pool, mounted) => {
      await shell('echo kept > file', { cwd: mounted.directory });
      pool.closeSync();
      expect(mountsAt(mounted.directory)).toBe(0);
      await soon(mounted.ended);
    });
  });
});
