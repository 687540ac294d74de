/**
 * Conformance: copyFile, cp and rm, the operations made of many.
 * Must not compare what Node leaves to the platform: the order in which a tree is walked.
 */
import { expect } from 'vitest';
import { type Bench, expectBytes, fails, type GroupBody, pattern } from './suite.ts';

const copyFileGroup: GroupBody = ({ each }) => {
  each('copyFile copies content and mode, and replaces', async ({ calls, at }) => {
    for (const length of [0, 10, 5000, 524_288, 1_600_001]) {
      const bytes = pattern(length, length);
      await calls.writeFile(at('a'), bytes);
      await calls.chmod(at('a'), 0o640);
      await calls.writeFile(at('b'), 'x'.repeat(2_000_000));
      await calls.copyFile(at('a'), at('b'));
      expectBytes(await calls.readFile(at('b')), bytes);
      await calls.copyFile(at('a'), at('new'));
      expect((await calls.stat(at('new'))).mode & 0o777).toBe(0o640);
      await calls.unlink(at('new'));
    }
  });

  each('the copy is independent of the original', async ({ calls, at }) => {
    const bytes = pattern(1_200_000);
    await calls.writeFile(at('a'), bytes);
    await calls.copyFile(at('a'), at('b'));
    const file = await calls.open(at('b'), 'r+');
    await file.write(Buffer.from('changed'), 0, 7, 600_000);
    await file.close();
    expectBytes(await calls.readFile(at('a')), bytes);
    await calls.truncate(at('a'), 10);
    const copy = await calls.readFile(at('b'));
    expect(copy.subarray(600_000, 600_007).toString()).toBe('changed');
    expectBytes(copy.subarray(600_007), bytes.subarray(600_007));
  });

  each('copyFile follows links and keeps holes', async ({ calls, at }) => {
    const file = await calls.open(at('a'), 'w');
    await file.write(Buffer.from('end'), 0, 3, 50_000_000);
    await file.close();
    await calls.symlink('a', at('from'));
    await calls.symlink('b', at('to'));
    await calls.copyFile(at('from'), at('to'));
    const stats = await calls.stat(at('b'));
    expect(stats.size).toBe(50_000_003);
    expect((await calls.lstat(at('to'))).isSymbolicLink()).toBe(true);
    expect((await calls.readFile(at('b'))).subarray(-4).toString('latin1')).toBe('\0end');
  });

  each('COPYFILE_EXCL and failures', async ({ calls, at, fs }) => {
    const { COPYFILE_EXCL, COPYFILE_FICLONE } = fs.constants;
    await calls.writeFile(at('a'), 'a');
    await calls.writeFile(at('b'), 'b');
    await calls.mkdir(at('d'));
    await fails(calls.copyFile(at('a'), at('b'), COPYFILE_EXCL), {
      code: 'EEXIST',
      syscall: 'copyfile',
      path: at('a'),
      dest: at('b'),
      message: `EEXIST: file already exists, copyfile '${at('a')}' -> '${at('b')}'`,
    });
    expect(await calls.readFile(at('b'), 'utf8')).toBe('b');
    await calls.copyFile(at('a'), at('c'), COPYFILE_EXCL);
    await calls.copyFile(at('a'), at('b'), COPYFILE_FICLONE);
    expect(await calls.readFile(at('b'), 'utf8')).toBe('a');
    await fails(calls.copyFile(at('no'), at('b')), {
      code: 'ENOENT',
      syscall: 'copyfile',
      path: at('no'),
      dest: at('b'),
    });
    expect(await calls.readFile(at('b'), 'utf8')).toBe('a');
    await fails(calls.copyFile(at('a'), at('no/b')), { code: 'ENOENT', syscall: 'copyfile' });
    await fails(calls.copyFile(at('a'), at('d')), { code: 'EISDIR', syscall: 'copyfile' });
    await fails(() => calls.copyFile(at('a'), at('b'), 99), { code: 'ERR_OUT_OF_RANGE' });
  });

  each('a file copied onto itself stays', async ({ calls, at }) => {
    await calls.writeFile(at('a'), 'content');
    await calls.link(at('a'), at('b'));
    await calls.copyFile(at('a'), at('a'));
    await calls.copyFile(at('a'), at('b'));
    expect(await calls.readFile(at('a'), 'utf8')).toBe('content');
  });
};

async function makeTree({ calls, at, root }: Bench): Promise<void> {
  await calls.mkdir(at('src/deep/deeper'), { recursive: true });
  await calls.mkdir(at('src/empty'), 0o700);
  await calls.writeFile(at('src/f'), 'f', { mode: 0o600 });
  await calls.writeFile(at('src/deep/g'), pattern(10_000));
  await calls.writeFile(at('src/deep/deeper/h'), 'h');
  await calls.symlink('f', at('src/relative'));
  await calls.symlink(`${root}/src/deep/g`, at('src/absolute'));
}

const cpGroup: GroupBody = ({ each, once }) => {
  each('cp recursive copies a tree', async (bench) => {
    await makeTree(bench);
    const { calls, at, strict } = bench;
    expect(await calls.cp(at('src'), at('dst'), { recursive: true })).toBeUndefined();
    expect((await calls.readdir(at('dst'))).sort()).toEqual(['absolute', 'deep', 'empty', 'f', 'relative']);
    expect(await calls.readFile(at('dst/deep/deeper/h'), 'utf8')).toBe('h');
    expectBytes(await calls.readFile(at('dst/deep/g')), pattern(10_000));
    expect((await calls.stat(at('dst/f'))).mode & 0o777).toBe(0o600);
    // `cpSync` of Node 22 and later forgets the modes of directories.
    if (strict) expect((await calls.stat(at('dst/empty'))).mode & 0o777).toBe(0o700);
    expect(await calls.readlink(at('dst/relative'))).toBe(at('src/f'));
    expect(await calls.readlink(at('dst/absolute'))).toBe(at('src/deep/g'));
  });

  each('verbatimSymlinks and dereference', async (bench) => {
    await makeTree(bench);
    const { calls, at, strict } = bench;
    await calls.cp(at('src'), at('verbatim'), { recursive: true, verbatimSymlinks: true });
    expect(await calls.readlink(at('verbatim/relative'))).toBe('f');
    // `cpSync` of Node 22 and later forgets to dereference below the top.
    if (!strict) return;
    await calls.cp(at('src'), at('files'), { recursive: true, dereference: true });
    expect((await calls.lstat(at('files/absolute'))).isFile()).toBe(true);
    expectBytes(await calls.readFile(at('files/absolute')), pattern(10_000));
  });

  each('cp merges into what is there, with force or without', async (bench) => {
    await makeTree(bench);
    const { calls, at } = bench;
    await calls.mkdir(at('dst/deep'), { recursive: true });
    await calls.writeFile(at('dst/f'), 'old');
    await calls.writeFile(at('dst/deep/kept'), 'kept');
    await calls.cp(at('src'), at('dst'), { recursive: true, force: false });
    expect(await calls.readFile(at('dst/f'), 'utf8')).toBe('old');
    expect(await calls.readFile(at('dst/deep/kept'), 'utf8')).toBe('kept');
    await calls.cp(at('src/f'), at('dst/f'));
    expect(await calls.readFile(at('dst/f'), 'utf8')).toBe('f');
    await fails(calls.cp(at('src/f'), at('dst/f'), { force: false, errorOnExist: true }), { code: 'ERR_FS_CP_EEXIST' });
  });

  each('cp preserves timestamps when asked', async ({ calls, at }) => {
    await calls.writeFile(at('a'), 'a');
    await calls.utimes(at('a'), 100, 200);
    await calls.cp(at('a'), at('b'), { preserveTimestamps: true });
    expect((await calls.stat(at('b'))).mtimeMs).toBe(200_000);
    await calls.cp(at('a'), at('c'));
    expect((await calls.stat(at('c'))).mtimeMs).not.toBe(200_000);
  });

  each('cp refuses impossible pairs', async ({ calls, at }) => {
    await calls.mkdir(at('d/e'), { recursive: true });
    await calls.writeFile(at('f'), 'f');
    await fails(calls.cp(at('d'), at('x')), { code: ['ERR_FS_EISDIR', 'ERR_FS_CP_EISDIR'] });
    await fails(calls.cp(at('d'), at('f'), { recursive: true }), { code: 'ERR_FS_CP_DIR_TO_NON_DIR' });
    await fails(calls.cp(at('f'), at('d')), { code: 'ERR_FS_CP_NON_DIR_TO_DIR' });
    await fails(calls.cp(at('d'), at('d'), { recursive: true }), { code: 'ERR_FS_CP_EINVAL' });
    await fails(calls.cp(at('d'), at('d/e/f'), { recursive: true }), { code: 'ERR_FS_CP_EINVAL' });
    await fails(calls.cp(at('f'), at('f')), { code: 'ERR_FS_CP_EINVAL' });
    await fails(calls.cp(at('no'), at('x')), { code: 'ENOENT', path: at('no') });
    // Node 24 says so in its synchronous form.
    await fails(() => calls.cp(at('f'), at('f/below')), { code: ['ENOTDIR', 'ERR_FS_CP_EINVAL'] });
    const both = { dereference: true, verbatimSymlinks: true };
    await fails(() => calls.cp(at('f'), at('x'), both), { code: 'ERR_INCOMPATIBLE_OPTION_PAIR' });
    await calls.cp(at('f'), at('new/parents/f'));
    expect(await calls.readFile(at('new/parents/f'), 'utf8')).toBe('f');
  });

  each('a filter leaves files and trees out', async (bench) => {
    await makeTree(bench);
    const { calls, at } = bench;
    const filter = (from: string) => !from.includes('deeper') && !from.endsWith('/f');
    await calls.cp(at('src'), at('dst'), { recursive: true, filter });
    expect((await calls.readdir(at('dst'))).sort()).toEqual(['absolute', 'deep', 'empty', 'relative']);
    expect(await calls.readdir(at('dst/deep'))).toEqual(['g']);
  });

  once('an asynchronous filter', async (bench) => {
    await makeTree(bench);
    const { calls, at } = bench;
    const seen: string[] = [];
    const filter = async (from: string, to: string) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen.push(`${from} ${to}`);
      return !from.endsWith('deep');
    };
    await calls.cp(at('src'), at('dst'), { recursive: true, filter });
    expect((await calls.readdir(at('dst'))).sort()).toEqual(['absolute', 'empty', 'f', 'relative']);
    expect(seen).toContain(`${at('src/f')} ${at('dst/f')}`);
  });
};

const rmGroup: GroupBody = ({ each }) => {
  each('rm removes a file or link, not a directory', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    await calls.writeFile(at('f'), '');
    await calls.symlink('d', at('s'));
    expect(await calls.rm(at('f'))).toBeUndefined();
    await calls.rm(at('s'));
    await fails(calls.rm(at('d')), { code: 'ERR_FS_EISDIR', path: at('d') });
    expect(await calls.readdir(at(''))).toEqual(['d']);
  });

  each('rm of what is not there', async ({ calls, at }) => {
    await fails(calls.rm(at('no')), { code: 'ENOENT', syscall: ['lstat', 'rm'], path: at('no') });
    await fails(calls.rm(at('no'), { recursive: true }), { code: 'ENOENT' });
    await calls.rm(at('no'), { force: true });
    await calls.rm(at('no/no'), { force: true, recursive: true });
  });

  each('rm recursive removes a tree, and follows no links out of it', async (bench) => {
    await makeTree(bench);
    const { calls, at } = bench;
    await calls.mkdir(at('kept'));
    await calls.writeFile(at('kept/f'), '');
    await calls.symlink('../../kept', at('src/deep/out'));
    await calls.rm(at('src'), { recursive: true, maxRetries: 2, retryDelay: 1 });
    expect(await calls.readdir(at(''))).toEqual(['kept']);
    expect(await calls.readdir(at('kept'))).toEqual(['f']);
    await calls.rm(at('kept/'), { recursive: true, force: true });
    expect(await calls.readdir(at(''))).toEqual([]);
  });

  each('rm recursive of a wide and deep tree', async ({ calls, at }) => {
    let path = 'd';
    for (let depth = 0; depth < 40; depth++) {
      await calls.mkdir(at(path));
      for (let i = 0; i < 5; i++) await calls.writeFile(at(`${path}/${i}`), `${i}`);
      path += '/d';
    }
    await calls.rm(at('d'), { recursive: true });
    expect(await calls.readdir(at(''))).toEqual([]);
  });
};

export const treesGroup: GroupBody = (group) => {
  copyFileGroup(group);
  cpGroup(group);
  rmGroup(group);
};
