/**
 * Conformance: making, listing and removing directories, opendir, mkdtemp.
 * Must not rely on the order of a listing: file systems differ.
 */
import type { Dirent } from 'node:fs';
import { expect } from 'vitest';
import { type Bench, fails, type GroupBody } from './suite.ts';

const makeGroup: GroupBody = ({ each }) => {
  each('mkdir makes one level, with a mode', async ({ calls, at }) => {
    expect(await calls.mkdir(at('d'))).toBeUndefined();
    expect((await calls.stat(at('d'))).isDirectory()).toBe(true);
    expect((await calls.stat(at('d'))).mode & 0o7777).toBe(0o755);
    await calls.mkdir(at('p'), 0o700);
    expect((await calls.stat(at('p'))).mode & 0o7777).toBe(0o700);
    await calls.mkdir(at('q'), { mode: 0o750 });
    expect((await calls.stat(at('q'))).mode & 0o7777).toBe(0o750);
    await calls.mkdir(at('s/'));
    expect((await calls.stat(at('s'))).isDirectory()).toBe(true);
  });

  each('mkdir refuses what is there and what has no parent', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    await calls.writeFile(at('f'), '');
    await calls.symlink('nowhere', at('dangling'));
    for (const name of ['d', 'd/', 'd/.', 'd/..', 'f', 'dangling']) {
      await fails(calls.mkdir(at(name)), { code: 'EEXIST', syscall: 'mkdir', path: at(name) });
    }
    await fails(calls.mkdir(at('no/d')), {
      code: 'ENOENT',
      syscall: 'mkdir',
      path: at('no/d'),
      message: `ENOENT: no such file or directory, mkdir '${at('no/d')}'`,
    });
    await fails(calls.mkdir(at('f/d')), { code: 'ENOTDIR', syscall: 'mkdir', path: at('f/d') });
  });

  each('mkdir recursive makes all levels and tells the first', async ({ calls, at }) => {
    expect(await calls.mkdir(at('a/b/c'), { recursive: true })).toBe(at('a'));
    expect(await calls.mkdir(at('a/b/c/d/e'), { recursive: true })).toBe(at('a/b/c/d'));
    expect(await calls.mkdir(at('a/b/c'), { recursive: true })).toBeUndefined();
    expect(await calls.mkdir(at('a/x/../y'), { recursive: true })).toBe(at('a/x'));
    expect((await calls.readdir(at('a'))).sort()).toEqual(['b', 'x', 'y']);
    await calls.mkdir(at('a//b/./v/w/'), { recursive: true });
    expect((await calls.stat(at('a/b/v/w'))).isDirectory()).toBe(true);
    await calls.symlink('a', at('link'));
    expect(await calls.mkdir(at('link/z'), { recursive: true })).toBe(at('link/z'));
    expect((await calls.stat(at('a/z'))).isDirectory()).toBe(true);
  });

  each('mkdir recursive refuses a file in the way', async ({ calls, at }) => {
    await calls.writeFile(at('f'), '');
    await fails(calls.mkdir(at('f'), { recursive: true }), { code: 'EEXIST', syscall: 'mkdir', path: at('f') });
    await fails(calls.mkdir(at('f/d'), { recursive: true }), { code: 'ENOTDIR', syscall: 'mkdir', path: at('f/d') });
    await calls.symlink('nothing', at('dangling'));
    await fails(calls.mkdir(at('dangling'), { recursive: true }), { code: 'ENOENT', syscall: 'mkdir' });
    await fails(calls.mkdir(at('f/d/e'), { recursive: true }), {
      code: 'ENOTDIR',
      syscall: 'mkdir',
      path: at('f/d/e'),
    });
  });

  each('the link count of a directory counts its subdirectories', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    expect((await calls.stat(at('d'))).nlink).toBe(2);
    await calls.mkdir(at('d/a'));
    await calls.mkdir(at('d/b'));
    await calls.writeFile(at('d/f'), '');
    expect((await calls.stat(at('d'))).nlink).toBe(4);
    await calls.rmdir(at('d/a'));
    expect((await calls.stat(at('d'))).nlink).toBe(3);
    await calls.mkdir(at('e'));
    await calls.rename(at('d/b'), at('e/b'));
    expect((await calls.stat(at('d'))).nlink).toBe(2);
    expect((await calls.stat(at('e'))).nlink).toBe(3);
  });

  each('mkdtemp makes a new private directory each time', async ({ calls, at }) => {
    const first = await calls.mkdtemp(at('t-'));
    const second = await calls.mkdtemp(at('t-'));
    expect(first).not.toBe(second);
    for (const path of [first, second]) {
      expect(path).toMatch(/\/t-[A-Za-z0-9]{6}$/);
      expect((await calls.stat(path)).mode & 0o7777).toBe(0o700);
    }
    const bytes = await calls.mkdtemp(at('u-'), { encoding: 'buffer' as 'utf8' });
    expect(Buffer.isBuffer(bytes)).toBe(true);
    await fails(calls.mkdtemp(at('no/t-')), { code: 'ENOENT', syscall: 'mkdtemp' });
  });
};

const removeGroup: GroupBody = ({ each }) => {
  each('rmdir removes only empty directories', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    await calls.writeFile(at('d/f'), '');
    await fails(calls.rmdir(at('d')), {
      code: 'ENOTEMPTY',
      syscall: 'rmdir',
      path: at('d'),
      message: `ENOTEMPTY: directory not empty, rmdir '${at('d')}'`,
    });
    await calls.unlink(at('d/f'));
    await calls.rmdir(at('d'));
    expect(await calls.exists(at('d'))).toBe(false);
    await fails(calls.rmdir(at('d')), { code: 'ENOENT', syscall: 'rmdir', path: at('d') });
  });

  each('rmdir of what is no directory, and of dots', async ({ calls, at }) => {
    await calls.mkdir(at('d/e'), { recursive: true });
    await calls.writeFile(at('f'), '');
    await calls.symlink('d/e', at('link'));
    await fails(calls.rmdir(at('f')), { code: 'ENOTDIR', syscall: 'rmdir', path: at('f') });
    await fails(calls.rmdir(at('link')), { code: 'ENOTDIR' });
    await fails(calls.rmdir(at('link/')), { code: 'ENOTDIR' });
    await fails(calls.rmdir(at('d/e/.')), { code: 'EINVAL' });
    await fails(calls.rmdir(at('d/e/..')), { code: 'ENOTEMPTY' });
    await calls.rmdir(at('d/e/'));
  });

  each('unlink removes names, but not of directories', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    await calls.writeFile(at('f'), '');
    await calls.symlink('d', at('link'));
    await fails(calls.unlink(at('d')), { code: ['EISDIR', 'EPERM'], syscall: 'unlink', path: at('d') });
    await fails(calls.unlink(at('f/')), { code: 'ENOTDIR' });
    await fails(calls.unlink(at('no')), { code: 'ENOENT', syscall: 'unlink', path: at('no') });
    await calls.unlink(at('link'));
    await calls.unlink(at('f'));
    expect(await calls.readdir(at(''))).toEqual(['d']);
  });
};

async function makeTree({ calls, at }: Bench): Promise<void> {
  await calls.mkdir(at('t/sub/deep'), { recursive: true });
  await calls.mkdir(at('t/empty'));
  await calls.writeFile(at('t/f'), '1');
  await calls.writeFile(at('t/sub/g'), '2');
  await calls.writeFile(at('t/sub/deep/h'), '3');
  await calls.symlink('../f', at('t/sub/link'));
  await calls.symlink('sub', at('t/to-sub'));
}

const treeNames = ['empty', 'f', 'sub', 'sub/deep', 'sub/deep/h', 'sub/g', 'sub/link', 'to-sub'];

function kindOf(entry: Dirent): string {
  if (entry.isSymbolicLink()) return 'link';
  if (entry.isDirectory()) return 'directory';
  return entry.isFile() ? 'file' : 'other';
}

function entryPath(entry: Dirent): string {
  return `${(entry as Dirent & { parentPath?: string }).parentPath ?? entry.path}/${entry.name}`;
}

const listGroup: GroupBody = ({ each, once }) => {
  each('readdir gives names without dots', async (bench) => {
    await makeTree(bench);
    const { calls, at } = bench;
    expect((await calls.readdir(at('t'))).sort()).toEqual(['empty', 'f', 'sub', 'to-sub']);
    expect(await calls.readdir(at('t/empty'))).toEqual([]);
    expect((await calls.readdir(at('t/to-sub/'))).sort()).toEqual(['deep', 'g', 'link']);
    await fails(calls.readdir(at('t/f')), { code: 'ENOTDIR', syscall: 'scandir', path: at('t/f') });
    await fails(calls.readdir(at('no')), {
      code: 'ENOENT',
      syscall: 'scandir',
      path: at('no'),
      message: `ENOENT: no such file or directory, scandir '${at('no')}'`,
    });
  });

  each('readdir withFileTypes tells the kinds', async (bench) => {
    await makeTree(bench);
    const { calls, at } = bench;
    const entries = await calls.readdir(at('t'), { withFileTypes: true });
    const kinds = Object.fromEntries(entries.map((entry) => [entry.name, kindOf(entry)]));
    expect(kinds).toEqual({ empty: 'directory', f: 'file', sub: 'directory', 'to-sub': 'link' });
    for (const entry of entries) {
      expect(entryPath(entry)).toBe(`${at('t')}/${entry.name}`);
      expect([entry.isFIFO(), entry.isSocket(), entry.isBlockDevice(), entry.isCharacterDevice()]).not.toContain(true);
    }
  });

  each('readdir recursive follows no links', async (bench) => {
    await makeTree(bench);
    const { calls, at, strict } = bench;
    // Some forms of Node do follow them.
    if (!strict) await calls.unlink(at('t/to-sub'));
    const expected = treeNames.filter((name) => strict || name !== 'to-sub');
    expect((await calls.readdir(at('t'), { recursive: true })).sort()).toEqual(expected);
    const entries = await calls.readdir(at('t'), { recursive: true, withFileTypes: true });
    expect(entries.map(entryPath).sort()).toEqual(expected.map((name) => `${at('t')}/${name}`));
  });

  each('readdir in buffers and other encodings', async ({ calls, at }) => {
    await calls.mkdir(at('t'));
    await calls.writeFile(at('t/é'), '');
    expect(await calls.readdir(at('t'), 'buffer')).toEqual([Buffer.from('é')]);
    expect(await calls.readdir(at('t'), { encoding: 'hex' })).toEqual(['c3a9']);
    const [entry] = await calls.readdir(at('t'), { encoding: 'buffer' as 'utf8', withFileTypes: true });
    expect(entry!.name).toEqual(Buffer.from('é'));
    expect(entry!.isFile()).toBe(true);
  });

  each('opendir reads entry by entry', async (bench) => {
    await makeTree(bench);
    const { calls, at } = bench;
    const names: string[] = [];
    for await (const entry of await calls.opendir(at('t'))) names.push(`${entry.name}:${kindOf(entry)}`);
    expect(names.sort()).toEqual(['empty:directory', 'f:file', 'sub:directory', 'to-sub:link']);
    const directory = await calls.opendir(at('t/sub'), { bufferSize: 1 });
    expect(directory.path).toBe(at('t/sub'));
    const read: string[] = [];
    for (let entry = await directory.read(); entry !== null; entry = await directory.read()) read.push(entry.name);
    expect(read.sort()).toEqual(['deep', 'g', 'link']);
    expect(await directory.read()).toBeNull();
    await directory.close();
    await fails(() => directory.readSync(), { code: 'ERR_DIR_CLOSED' });
    await fails(() => directory.closeSync(), { code: 'ERR_DIR_CLOSED' });
  });

  each('opendir recursive, synchronous and by callback', async (bench) => {
    await makeTree(bench);
    const { calls, at } = bench;
    const directory = await calls.opendir(at('t'), { recursive: true });
    const names: string[] = [];
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) names.push(entry.name);
    directory.closeSync();
    expect(names.sort()).toEqual(treeNames.map((name) => name.split('/').at(-1)!).sort());
    const other = await calls.opendir(at('t/empty'));
    expect(
      await new Promise((resolve, reject) => other.read((e, entry) => (e ? reject(e) : resolve(entry)))),
    ).toBeNull();
    await new Promise<void>((resolve, reject) => other.close((e) => (e ? reject(e) : resolve())));
  });

  each('opendir of what is no directory', async ({ calls, at, form }) => {
    await calls.writeFile(at('f'), '');
    // The synchronous form of Node 20 names no path.
    const path = (name: string) => (form === 'sync' ? {} : { path: at(name) });
    await fails(calls.opendir(at('f')), { code: 'ENOTDIR', syscall: 'opendir', ...path('f') });
    await fails(calls.opendir(at('no')), { code: 'ENOENT', syscall: 'opendir', ...path('no') });
  });

  each('a directory emptied while it is read ends the listing', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    for (let i = 0; i < 100; i++) await calls.writeFile(at(`d/${i}`), '');
    const directory = await calls.opendir(at('d'), { bufferSize: 4 });
    let seen = 0;
    for await (const entry of directory) {
      await calls.unlink(at(`d/${entry.name}`));
      seen++;
    }
    expect(seen).toBe(100);
    await calls.rmdir(at('d'));
  });

  once('10,000 entries', async ({ fs, at }) => {
    fs.mkdirSync(at('big'));
    const names = Array.from({ length: 10_000 }, (_, i) => `entry-${i}-${'x'.repeat(i % 40)}`);
    for (const name of names) fs.writeFileSync(at(`big/${name}`), '');
    expect((await fs.promises.readdir(at('big'))).sort()).toEqual(names.slice().sort());
    let walked = 0;
    for await (const entry of await fs.promises.opendir(at('big'))) walked += entry.isFile() ? 1 : 0;
    expect(walked).toBe(10_000);
    for (const name of names.filter((_, i) => i % 2 === 0)) fs.unlinkSync(at(`big/${name}`));
    expect(fs.readdirSync(at('big')).length).toBe(5_000);
    await fs.promises.rm(at('big'), { recursive: true });
    expect(fs.existsSync(at('big'))).toBe(false);
  });
};

export const directoriesGroup: GroupBody = (group) => {
  makeGroup(group);
  removeGroup(group);
  listGroup(group);
};
