/** The life of mounts: how they begin, how each hand ends them, commands while they last, and what a killed one leaves. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { socketPathOf } from '../../apps/fuse/control.ts';
import { attach, cleanStale, detach } from '../../apps/fuse/transport/attach.ts';
import { byreMounts, parseMountTable } from '../../apps/fuse/transport/mount-table.ts';
import { canReceiveDescriptors } from '../../apps/fuse/transport/receive-descriptor.ts';
import { unmount } from '../../apps/fuse/unmount.ts';
import { filesOf } from '../../src/files/index.ts';
import { openPoolSync } from '../../src/pool/open-pool.ts';
import { needs } from '../needs.ts';
import {
  builtSources,
  endAtOnce,
  importBuilt,
  keepElsewhere,
  mountedPool,
  needsMount,
  needsProgram,
  run,
  shell,
  unmounted,
  until,
  verifyPool,
  withMount,
} from './mounted.ts';

/** Whether the pool's last commit has `/file` with this content. */
function committed(poolPath: string, content: string): boolean {
  const pool = openPoolSync(poolPath, { create: false, readOnly: true });
  try {
    return filesOf(pool.branchSync('work')).readFileSync('/file', 'utf8') === content;
  } catch (error) {
    // Not there yet, or a commit has just come.
    if (!['ENOENT', 'STALE'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return false;
  } finally {
    pool.closeSync();
  }
}

function isMounted(directory: string): boolean {
  return byreMounts().some((entry) => entry.directory === directory);
}

test('the mount table is read with its escapes', () => {
  const line = '36 35 98:0 / /mnt/a\\040b\\134c rw,noatime shared:1 - fuse.byre /pool\\011x:main rw';
  expect(parseMountTable(`${line}\n\nnonsense\n`)).toEqual([
    {
      directory: '/mnt/a b\\c',
      type: 'fuse.byre',
      source: '/pool\tx:main',
      options: 'rw,noatime',
      device: '98:0',
    },
  ]);
});

describe('a mount process', needsMount, () => {
  test('what is written stays in the pool', async () => {
    const mount = await mountedPool();
    try {
      await shell('mkdir -p a/b && echo kept > a/b/c && ln a/b/c d && ln -s a/b e', { cwd: mount.directory });
      await mount.end();
      expect(isMounted(mount.directory)).toBe(false);
      const again = await mount.again();
      expect(await shell('cat e/c d && stat -c %h d', { cwd: mount.directory })).toBe('kept\nkept\n2\n');
      await until(() => unmounted(again));
    } finally {
      await mount.close();
    }
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s ends it cleanly', async (signal) => {
    const mount = await mountedPool();
    try {
      await shell('echo kept > file', { cwd: mount.directory });
      process.kill(mount.mounted.pid, signal);
      await mount.mounted.ended;
      expect(isMounted(mount.directory)).toBe(false);
      verifyPool(mount.poolPath);
      const again = await mount.again();
      expect(await readFile(`${mount.directory}/file`, 'utf8')).toBe('kept\n');
      await until(() => unmounted(again));
    } finally {
      await mount.close();
    }
  });

  test('in use: it cannot be unmounted but lazily, and is then served to the end', async () => {
    await withMount(async (mount) => {
      await shell('echo here > file', { cwd: mount.directory });
      const user = spawn('sh', ['-c', 'exec 3<file; read line; cat <&3'], { cwd: mount.directory, stdio: 'pipe' });
      let said = '';
      user.stdout.on('data', (chunk) => {
        said += chunk;
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
      await expect(mount.mounted.unmount()).rejects.toMatchObject({ code: 'EBUSY' });
      await mount.mounted.unmount({ lazy: true });
      expect(isMounted(mount.directory)).toBe(false);
      user.stdin.end('\n');
      await new Promise((resolve) => user.once('close', resolve));
      expect(said).toBe('here\n');
      await mount.mounted.ended;
    }).catch((error) => {
      // `end` finds nothing mounted any more.
      if (error.code !== 'EINVAL') throw error;
    });
  });

  test('what waits is committed within seconds, without fsync', async () => {
    const mount = await mountedPool();
    try {
      await shell('echo kept > file', { cwd: mount.directory });
      await until(() => committed(mount.poolPath, 'kept\n'));
      process.kill(mount.mounted.pid, 'SIGKILL');
      await mount.mounted.ended;
      await cleanStale(mount.directory);
      const again = await mount.again();
      expect(await readFile(`${mount.directory}/file`, 'utf8')).toBe('kept\n');
      await until(() => unmounted(again));
    } finally {
      await mount.close();
    }
  });

  test('kill -9 under load: the pool is whole, and everything fsynced is there', { timeout: 120_000 }, async () => {
    const mount = await mountedPool();
    try {
      for (let round = 0; round < 3; round++) {
        const load = `
          import os
          for i in range(100000):
              name = 'r${round}-%d' % i
              fd = os.open(name, os.O_CREAT | os.O_WRONLY)
              os.write(fd, (name + '\\n').encode() * (i % 900 + 1))
              if i % 5 == 0:
                  os.fsync(fd)
                  print(name, flush=True)
              os.close(fd)
              if i % 3 == 0: os.rename(name, name + 'x')
              if i % 7 == 6: os.unlink(name if i % 3 else name + 'x')`.replaceAll('\n          ', '\n');
        const user = spawn('python3', ['-c', load], { cwd: mount.directory, stdio: ['ignore', 'pipe', 'ignore'] });
        let said = '';
        user.stdout.on('data', (chunk) => {
          said += chunk;
        });
        const gone = new Promise((resolve) => user.once('close', resolve));
        // Not by the clock alone: on a busy machine Python takes a second to start.
        await until(() => said.split('\n').length > 5, 60);
        await new Promise((resolve) => setTimeout(resolve, 200 + round * 377));
        const current = round === 0 ? mount.mounted.pid : lastPid;
        process.kill(current, 'SIGKILL');
        await gone;
        const synced = said.split('\n').slice(0, -1);
        expect(synced.length).toBeGreaterThan(3);
        // The next mount cleans up by itself.
        const again = await mount.again();
        lastPid = again.pid;
        const names = new Set(await readdir(mount.directory));
        for (const [index, name] of synced.entries()) {
          const number = Number(name.split('-')[1]);
          const moved = number % 3 === 0;
          // The last ones may have been renamed or removed after their fsync, or not.
          const found = names.has(name) ? name : names.has(`${name}x`) ? `${name}x` : undefined;
          if (number % 7 === 6) continue;
          expect(found, name).toBeDefined();
          if (index < synced.length - 1 && moved) expect(found).toBe(`${name}x`);
          expect(await readFile(`${mount.directory}/${found}`, 'utf8')).toBe(`${name}\n`.repeat((number % 900) + 1));
        }
      }
      await shell(`umount ${mount.directory}`);
      await until(() => {
        try {
          verifyPool(mount.poolPath);
          return true;
        } catch (error) {
          if ((error as { code?: string }).code !== 'LOCKED') throw error;
          return false;
        }
      });
    } finally {
      await mount.close();
    }
  });
  let lastPid = 0;

  test('unmounted from outside, the pool is free at once', async () => {
    const mount = await mountedPool();
    try {
      await shell('echo kept > file', { cwd: mount.directory });
      expect(await unmount(mount.directory)).toEqual({ wasDead: false, found: true });
      verifyPool(mount.poolPath);
      expect(await unmount(mount.directory)).toEqual({ wasDead: false, found: false });
    } finally {
      await mount.close();
    }
  });

  test('a dead mount is taken away', async () => {
    const mount = await mountedPool();
    try {
      process.kill(mount.mounted.pid, 'SIGKILL');
      await mount.mounted.ended;
      await expect(stat(mount.directory)).rejects.toMatchObject({ code: 'ENOTCONN' });
      expect(await cleanStale(mount.directory)).toBe(true);
      expect((await stat(mount.directory)).isDirectory()).toBe(true);
      expect(await cleanStale(mount.directory)).toBe(false);
    } finally {
      await mount.close();
    }
  });

  test('dead mounts are told from living ones whatever the kernel remembers, and all that lie there are taken away', async () => {
    const mount = await mountedPool();
    try {
      await stat(mount.directory);
      process.kill(mount.mounted.pid, 'SIGKILL');
      await mount.mounted.ended;
      const list = 'fd=3,rootmode=40000,user_id=0,group_id=0';
      await shell(`exec 3<>/dev/fuse; mount -i -t fuse.byre -o ${list} ${mount.poolPath} ${mount.directory}`);
      expect(existsSync(socketPathOf(mount.poolPath))).toBe(true);
      const since = Date.now();
      expect(await unmount(mount.directory)).toEqual({ wasDead: true, found: true });
      expect(Date.now() - since).toBeLessThan(5000);
      expect(isMounted(mount.directory)).toBe(false);
      // What a dead process listened on keeps nobody waiting.
      await mount.again({ readOnly: true });
      expect(await unmount(mount.directory)).toEqual({ wasDead: false, found: true });
      expect(Date.now() - since).toBeLessThan(8000);
    } finally {
      await run('umount', ['-l', mount.directory]);
      await mount.close();
    }
  });

  test('what lies over a mount is not unmounted in its place', async () => {
    await withMount(async ({ directory }) => {
      await shell(`mount -t tmpfs over ${directory}`);
      await expect(unmount(directory)).rejects.toMatchObject({ code: 'EBUSY' });
      await shell(`umount ${directory}`);
    });
  });

  test('a mount that a namespace of others has is not waited for', async () => {
    const mount = await mountedPool();
    const holder = await keepElsewhere(mount.directory);
    try {
      await expect(unmount(mount.directory)).rejects.toMatchObject({
        code: 'EBUSY',
        message: expect.stringMatching(/process \d+ has it in a mount namespace of its own/),
      });
      endAtOnce(mount.mounted.pid);
      await mount.mounted.ended;
      verifyPool(mount.poolPath);
    } finally {
      await holder.end();
      await mount.close();
    }
  });

  test('a mount process finds the directory taken', async () => {
    await withMount(async ({ directory, poolPath }) => {
      const other = `${poolPath}-other`;
      openPoolSync(other).closeSync();
      const { startMountProcess } = await importBuilt<typeof import('../../apps/fuse/mount.ts')>('apps/fuse/mount.js');
      await expect(startMountProcess({ poolPath: other, directory })).rejects.toMatchObject({
        code: 'EBUSY',
        message: expect.stringContaining(`${poolPath}:work is mounted at ${directory} already`),
      });
    });
  });

  test('what cannot be mounted says why, and leaves nothing', async () => {
    const home = mkdtempSync(path.join(tmpdir(), 'byre-mount-'));
    try {
      const { startMountProcess } = await importBuilt<typeof import('../../apps/fuse/mount.ts')>('apps/fuse/mount.js');
      const poolPath = path.join(home, 'pool');
      openPoolSync(poolPath).closeSync();
      writeFileSync(path.join(home, 'file'), '');
      const directory = path.join(home, 'file');
      await expect(startMountProcess({ poolPath, directory })).rejects.toMatchObject({ code: 'ENOTDIR' });
      await expect(startMountProcess({ poolPath, directory: home, branch: 'none' })).rejects.toMatchObject({
        code: 'NO_SUCH_BRANCH',
      });
      verifyPool(poolPath);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });

  test('snapshots are read-only', async () => {
    await withMount(
      async ({ directory }) => {
        expect(await shell(`ls -A ${directory}`)).toBe('.snapshots\nmain\nwork\n');
        await expect(shell(`mkdir ${directory}/new`)).rejects.toThrow(/not permitted/);
        await shell(
          `echo x > ${directory}/main/file; ! mv ${directory}/main/file ${directory}/.snapshots/ 2>/dev/null`,
        );
      },
      { allBranches: true },
    );
  });

  /** Mounts, writes and unmounts in a process that `as` starts. */
  async function mountAs(as: readonly string[]): Promise<string> {
    const home = mkdtempSync(path.join(tmpdir(), 'byre-mount-'));
    try {
      chmodSync(home, 0o777);
      mkdirSync(path.join(home, 'mount'));
      chmodSync(path.join(home, 'mount'), 0o777);
      const built = pathToFileURL(builtSources()).href;
      const script = `
        const { openPoolSync } = await import('${built}/src/pool/open-pool.js');
        const { startMountProcess } = await import('${built}/apps/fuse/mount.js');
        const { filesOf } = await import('${built}/src/files/index.js');
        const pool = openPoolSync('${home}/pool');
        filesOf(pool.branchSync('main')).writeFileSync('/made by the API', '');
        pool.closeSync();
        const mounted = await startMountProcess({ poolPath: '${home}/pool', directory: '${home}/mount', branch: 'main' });
        const { writeFile, readFile } = await import('node:fs/promises');
        try {
          await writeFile('${home}/mount/a', 'inside');
          console.log(await readFile('${home}/mount/a', 'utf8'));
        } finally {
          await mounted.unmount();
        }`;
      const args = [...as.slice(1), process.execPath, '--input-type=module', '-e', script];
      return (await run(as[0]!, args, { cwd: '/' })).output;
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  }

  // As the machine's root: where /dev/fuse is open to all, an ordinary user does the same.
  test('a user namespace is enough', { ...needsProgram('unshare') }, async () => {
    expect(await mountAs(['unshare', '-Urm'])).toBe('inside\n');
  });

  const open = needsMount.skip !== true && (statSync('/dev/fuse').mode & 0o006) === 0o006;
  const user = needs(open && canReceiveDescriptors(), 'needs a /dev/fuse that is open to all, and koffi');
  test('an ordinary user mounts through fusermount3', {
    ...(user.skip === true ? user : needsProgram('fusermount3', 'setpriv')),
  }, async () => {
    expect(await mountAs(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'])).toBe('inside\n');
  });
});

test('an error says what to install', { ...needs(process.platform === 'linux', 'needs Linux') }, async () => {
  const home = mkdtempSync(path.join(tmpdir(), 'byre-mount-'));
  const previous = process.env.PATH;
  try {
    process.env.PATH = '/nowhere';
    await expect(attach(home, { name: 'x', readOnly: false, privileges: false })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/cannot mount at .*mount/),
    });
    await expect(detach({ directory: home, device: undefined })).rejects.toMatchObject({ path: home });
  } finally {
    process.env.PATH = previous;
    rmSync(home, { recursive: true, force: true });
  }
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(home);
});
