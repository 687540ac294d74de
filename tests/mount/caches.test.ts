/** What changes a branch behind the kernel's back is seen in its mount at once, although the kernel may keep what it knows for an hour. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ask } from '../../apps/fuse/control.ts';
import { commandIn } from '../../apps/fuse/mount.ts';
import { importDirectory } from '../../src/host/index.ts';
import { type Branch, type Mounted, openPool, type Pool } from '../../src/index.ts';
import { builtSources, needsMount, needsProgram, run, withMount } from './mounted.ts';

const needed = { timeout: 60_000, ...(needsMount.skip === true ? needsMount : needsProgram('python3')) };
const looker = path.join(import.meta.dirname, 'looker.py');

const before = {
  mode: '0o644',
  held: '0o644',
  open: 'old\n',
  path: 'old\n',
  mapped: 'old\n',
  new: 'No such file or directory',
  names: ['dir', 'file'],
  below: ['gone'],
  gone: 'here\n',
};
const after = {
  mode: '0o600',
  held: '0o600',
  open: 'NEW\n',
  path: 'NEW\n',
  mapped: 'NEW\n',
  new: 'come\n',
  names: ['dir', 'file', 'new'],
  below: ['other'],
  gone: 'No such file or directory',
};

async function makeBefore(branch: Branch): Promise<void> {
  const files = branch.files.promises;
  await files.writeFile('/file', 'old\n');
  await files.chmod('/file', 0o644);
  await files.mkdir('/dir');
  await files.writeFile('/dir/gone', 'here\n');
}

async function change(branch: Branch): Promise<void> {
  const files = branch.files.promises;
  await files.writeFile('/file', 'NEW\n');
  await files.chmod('/file', 0o600);
  await files.writeFile('/new', 'come\n');
  await files.rename('/dir/gone', '/dir/other');
}

/** A program that looks when asked, and says what it sees. */
function startLooker(directory: string): { look(): Promise<unknown>; end(): Promise<void> } {
  const child = spawn(...commandIn(directory, 'python3', [looker]), { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let said = '';
  let heard: () => void = () => {};
  child.stdout.on('data', (chunk) => {
    said += chunk;
    heard();
  });
  return {
    async look() {
      child.stdin.write('\n');
      while (!said.includes('\n')) {
        await new Promise<void>((resolve) => {
          heard = resolve;
        });
      }
      const [line, ...rest] = said.split('\n');
      said = rest.join('\n');
      return JSON.parse(line!);
    },
    async end() {
      child.stdin.end();
      await closed;
    },
  };
}

/** Each way in which this process can change a branch. */
const ways: Readonly<Record<string, (pool: Pool, main: Branch, home: string) => Promise<unknown>>> = {
  'the files API': (_pool, main) => change(main),
  'the files API without waiting': async (_pool, main) => {
    main.files.writeFileSync('/file', 'NEW\n');
    main.files.chmodSync('/file', 0o600);
    main.files.writeFileSync('/new', 'come\n');
    main.files.renameSync('/dir/gone', '/dir/other');
  },
  merge: async (pool) => {
    await change(await pool.fork('main', 'fork'));
    expect(await pool.merge({ from: 'fork', into: 'main' })).toMatchObject({ merged: true });
  },
  rollback: async (pool) => {
    await change(await pool.fork('main', 'fork'));
    pool.rollbackSync('main', 'fork');
  },
  'a transaction': (_pool, main) => main.transaction((transaction) => change(transaction.branch)),
  'a transaction that is merged': async (_pool, main) => {
    const transaction = await main.beginTransaction();
    await change(transaction.branch);
    await main.table('rows').put('another', 1);
    await transaction.commit();
  },
  import: async (_pool, main, home) => {
    mkdirSync(path.join(home, 'tree/dir'), { recursive: true });
    writeFileSync(path.join(home, 'tree/file'), 'NEW\n', { mode: 0o600 });
    writeFileSync(path.join(home, 'tree/new'), 'come\n');
    writeFileSync(path.join(home, 'tree/dir/other'), 'here\n');
    await importDirectory(main, path.join(home, 'tree'));
  },
};

describe('in a mount of this process', needed, () => {
  async function mountedHere(
    options: { branch?: string },
    use: (pool: Pool, mounted: Mounted, home: string) => Promise<void>,
  ): Promise<void> {
    const home = mkdtempSync(path.join(tmpdir(), 'byre-mount-'));
    mkdirSync(path.join(home, 'mount'));
    const pool = await openPool(path.join(home, 'pool'));
    try {
      await makeBefore(await pool.branch('main'));
      const mounted = await pool.mount(path.join(home, 'mount'), { ...options, cacheSeconds: 3600 });
      try {
        await use(pool, mounted, home);
      } finally {
        await run('umount', ['-l', mounted.directory]);
        await mounted.ended;
      }
      expect((await pool.check()).problems).toEqual([]);
    } finally {
      await pool.close();
      rmSync(home, { recursive: true, force: true });
    }
  }

  test.each(Object.keys(ways))('%s', async (way) => {
    await mountedHere({ branch: 'main' }, async (pool, mounted, home) => {
      const looker = startLooker(mounted.directory);
      try {
        expect(await looker.look()).toEqual(before);
        expect(await looker.look()).toEqual(before);
        await ways[way]!(pool, await pool.branch('main'), home);
        await mounted.settled();
        expect(await looker.look()).toEqual(after);
      } finally {
        await looker.end();
      }
    });
  });

  test('branches that are renamed, dropped, and made anew', async () => {
    await mountedHere({}, async (pool, mounted) => {
      await pool.fork('main', 'work');
      await change(await pool.branch('work'));
      const looker = startLooker(`${mounted.directory}/work`);
      const seen = async (script: string): Promise<string> => {
        await mounted.settled();
        // In one pipe, in the order in which it is said.
        return (await run('sh', ['-c', `exec 2>&1; ${script}`], { cwd: mounted.directory })).output;
      };
      expect(await looker.look()).toEqual(after);
      expect(await seen('ls; cat work/file; ls moved')).toMatch(/^main\nwork\nNEW\n.*moved/);
      await pool.rename('work', 'moved');
      expect(await seen('ls; cat moved/file; ls work')).toMatch(/^main\nmoved\nNEW\n.*work/);
      expect(await looker.look()).toEqual(after);
      await looker.end();
      await pool.drop('moved');
      expect(await seen('ls; cat moved/file')).toMatch(/^main\n.*moved.*No such file/);
      await pool.fork('main', 'moved');
      expect(await seen('ls; cat moved/file; ls moved/dir; stat -c %a moved/file')).toBe(
        'main\nmoved\nold\ngone\n644\n',
      );
    });
  });

  test('a branch that is renewed goes on in its directory', async () => {
    await mountedHere({}, async (pool, mounted) => {
      await pool.fork('main', 'work');
      const at = async (script: string) =>
        (await run('sh', ['-c', script], { cwd: `${mounted.directory}/work` })).output;
      await at('cat file; echo before > new');
      const renewed = await pool.renew('work');
      await mounted.settled();
      expect(await at('cat new; echo after >> new')).toBe('before\n');
      expect(await renewed.files.promises.readFile('/new', 'utf8')).toBe('before\nafter\n');
      await renewed.files.promises.writeFile('/new', 'changed\n');
      expect(await at('cat new')).toBe('changed\n');
    });
  });

  test('what is open in a branch that is dropped ends', async () => {
    await mountedHere({}, async (pool, mounted) => {
      await pool.fork('main', 'work');
      const script =
        'exec 2>&1; exec 3< file; read first <&3; echo $first; read go; cat dir/gone file; cat <&3; ls; echo end';
      const child = spawn(...commandIn(`${mounted.directory}/work`, 'sh', ['-c', script]), { stdio: 'pipe' });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
      const closed = new Promise((resolve) => child.once('close', resolve));
      while (!said.includes('old')) await new Promise((resolve) => setTimeout(resolve, 10));
      await pool.drop('work');
      await mounted.settled();
      child.stdin.end('\n');
      await closed;
      expect(said).not.toMatch(/here|old\nold/);
      expect(said).toMatch(/Stale file handle(.|\n)*end\n$/);
    });
  });
});

describe('commands of other processes', needed, () => {
  test('run in the process that has the pool and mounts it, and are seen in its mounts when they end', async () => {
    const home = mkdtempSync(path.join(tmpdir(), 'byre-mount-'));
    const poolPath = path.join(home, 'pool');
    const pool = await openPool(poolPath);
    const byre = async (...args: string[]): Promise<string> => {
      const program = path.join(builtSources(), 'apps/cli/main.js');
      const { status, output } = await run(process.execPath, [program, ...args], { cwd: home, seconds: 30 });
      return status === 0 ? output : `${status}: ${output}`;
    };
    try {
      const main = await pool.branch('main');
      await makeBefore(main);
      expect(await byre('fork', '--wait=0', `${poolPath}:main`, 'never')).toMatch(/^4: .*is being written/);
      for (const name of ['one', 'all']) mkdirSync(path.join(home, name));
      const one = await pool.mount(path.join(home, 'one'), { branch: 'main', cacheSeconds: 3600 });
      const all = await pool.mount(path.join(home, 'all'), { cacheSeconds: 3600 });
      await expect(pool.mount(path.join(home, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' });
      const lookers = [startLooker(one.directory), startLooker(`${all.directory}/main`)];
      try {
        for (const looker of lookers) expect(await looker.look()).toEqual(before);
        expect(await byre('ls', `${poolPath}:main`)).toBe('dir\nfile\n');
        expect(await byre('fork', `${poolPath}:main`, 'work')).not.toMatch(/^\d+:/);
        await change(await pool.branch('work'));
        expect(await byre('merge', `${poolPath}:work`, 'main')).not.toMatch(/^\d+:/);
        for (const looker of lookers) expect(await looker.look()).toEqual(after);
      } finally {
        for (const looker of lookers) await looker.end();
      }
      await all.unmount();
      expect(await byre('cat', `${poolPath}:main:/new`)).toBe('come\n');
      await one.unmount();
      expect(await byre('fork', '--wait=0', `${poolPath}:main`, 'never')).toMatch(/^4: .*is being written/);
      await pool.close();
      expect(await byre('check', poolPath)).not.toMatch(/^\d+:/);
    } finally {
      for (const name of ['one', 'all']) await run('umount', ['-l', path.join(home, name)]);
      await pool.close();
      rmSync(home, { recursive: true, force: true });
    }
  });
});

describe('in a mount process', needed, () => {
  const engine = (): string => pathToFileURL(path.join(builtSources(), 'apps/cli/engine.js')).href;

  test.each([
    [
      'put, rm',
      [
        ['put', 'work:file'],
        ['put', 'work:new'],
        ['put', 'work:dir/other'],
        ['rm', 'work:dir/gone'],
      ],
    ],
    ['rollback', [['rollback', '--yes', 'work', 'other']]],
    ['merge', [['merge', 'other', 'work']]],
    ['import', [['import', 'HOME/tree', 'work']]],
  ])('%s', async (_name, lines) => {
    await withMount(
      async ({ poolPath, directory }) => {
        const home = path.dirname(poolPath);
        const command = async (list: string[], input?: string): Promise<void> => {
          let said = '';
          const hear = (bytes: Uint8Array): void => {
            said += new TextDecoder().decode(bytes);
          };
          const request = { arguments: list, directory: home, environment: {} };
          const given =
            input === undefined
              ? {}
              : {
                  input: (async function* () {
                    yield Buffer.from(input);
                  })(),
                };
          expect([await ask(poolPath, request, { output: hear, error: hear, ...given }), said]).toEqual([0, said]);
        };
        const script = 'printf "old\\n" > file; chmod 644 file; mkdir dir; echo here > dir/gone';
        expect((await run('sh', ['-c', script], { cwd: directory })).status).toBe(0);
        await command(['fork', 'work', 'other']);
        const looker = startLooker(directory);
        try {
          expect(await looker.look()).toEqual(before);
          mkdirSync(path.join(home, 'tree/dir'), { recursive: true });
          writeFileSync(path.join(home, 'tree/file'), 'NEW\n');
          writeFileSync(path.join(home, 'tree/new'), 'come\n');
          writeFileSync(path.join(home, 'tree/dir/other'), 'here\n');
          await command(['import', path.join(home, 'tree'), 'other']);
          expect(await looker.look()).toEqual(before);
          for (const line of lines) {
            const list = line.map((word) => word.replace('HOME', home));
            const texts: Record<string, string> = {
              'work:file': 'NEW\n',
              'work:new': 'come\n',
              'work:dir/other': 'here\n',
            };
            await command(list, list[0] === 'put' ? texts[list[1]!] : undefined);
          }
          expect(await looker.look()).toEqual({ ...after, mode: '0o644', held: '0o644' });
        } finally {
          await looker.end();
        }
      },
      { engine: engine() },
    );
  });
});
