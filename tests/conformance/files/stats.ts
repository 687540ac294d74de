/**
 * Conformance: stat and its relatives, times, modes, owners, access, exists, statfs.
 * Must not change owners to others than the caller unless the caller is the superuser.
 */
import { expect } from 'vitest';
import { type Bench, fails, type GroupBody } from './suite.ts';

const shapeGroup: GroupBody = ({ each, once }) => {
  each('stat tells the kind and has the shape of node', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'abc');
    await calls.mkdir(at('d'));
    const file = await calls.stat(at('f'));
    expect([file.isFile(), file.isDirectory(), file.isSymbolicLink(), file.isFIFO()]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect([file.isSocket(), file.isBlockDevice(), file.isCharacterDevice()]).toEqual([false, false, false]);
    expect(file.mode & 0o170_000).toBe(0o100_000);
    expect([file.size, file.nlink]).toEqual([3, 1]);
    for (const field of ['dev', 'ino', 'mode', 'nlink', 'uid', 'gid', 'rdev', 'size', 'blksize', 'blocks'] as const) {
      expect(Number.isSafeInteger(file[field]), field).toBe(true);
    }
    expect(file.ino).toBeGreaterThan(0);
    expect((await calls.stat(at('d'))).mode & 0o170_000).toBe(0o040_000);
    expect(file.dev).toBe((await calls.stat(at('d'))).dev);
  });

  each('times come in milliseconds and as dates', async ({ calls, at }) => {
    const before = Date.now();
    await calls.writeFile(at('f'), 'abc');
    const stats = await calls.stat(at('f'));
    for (const name of ['atime', 'mtime', 'ctime', 'birthtime'] as const) {
      expect(stats[name]).toBeInstanceOf(Date);
      expect(Math.abs(stats[name].getTime() - stats[`${name}Ms`])).toBeLessThanOrEqual(1);
      expect(stats[`${name}Ms`]).toBeGreaterThan(before - 60_000);
      expect(stats[`${name}Ms`]).toBeLessThan(Date.now() + 60_000);
    }
  });

  each('bigint stats', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'abc');
    await calls.utimes(at('f'), 1.5, 1_700_000_000.25);
    const [small, big] = [await calls.stat(at('f')), await calls.stat(at('f'), { bigint: true })];
    expect([big.size, big.ino, big.nlink]).toEqual([3n, BigInt(small.ino), 1n]);
    expect([big.atimeNs, big.atimeMs]).toEqual([1_500_000_000n, 1500n]);
    expect(big.mtimeNs).toBe(1_700_000_000_250_000_000n);
    expect(big.mtimeMs).toBe(1_700_000_000_250n);
    expect(big.isFile()).toBe(true);
    expect(big.mtime).toEqual(small.mtime);
    expect(typeof big.birthtimeNs).toBe('bigint');
    const link = await calls.lstat(at('f'), { bigint: true });
    expect(link.ctimeNs).toBe(big.ctimeNs);
  });

  each('fstat and bigint fstat', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'abc');
    const file = await calls.open(at('f'), 'r');
    expect((await file.stat()).ino).toBe((await calls.stat(at('f'))).ino);
    expect((await file.stat({ bigint: true })).size).toBe(3n);
    await file.close();
  });

  once('throwIfNoEntry', async ({ fs, at }) => {
    fs.writeFileSync(at('f'), '');
    expect(fs.statSync(at('no'), { throwIfNoEntry: false })).toBeUndefined();
    expect(fs.lstatSync(at('no/no'), { throwIfNoEntry: false })).toBeUndefined();
    expect(fs.statSync(at('f'), { throwIfNoEntry: false })?.isFile()).toBe(true);
    await fails(() => fs.statSync(at('no'), { throwIfNoEntry: true }), { code: 'ENOENT' });
  });

  each('stat failures', async ({ calls, at }) => {
    await calls.writeFile(at('f'), '');
    await fails(calls.stat(at('no')), {
      code: 'ENOENT',
      syscall: 'stat',
      path: at('no'),
      message: `ENOENT: no such file or directory, stat '${at('no')}'`,
    });
    await fails(calls.lstat(at('no')), { code: 'ENOENT', syscall: 'lstat', path: at('no') });
    await fails(calls.stat(at('f/no')), { code: 'ENOTDIR', syscall: 'stat', path: at('f/no') });
  });
};

async function setTimes({ calls, at }: Bench, atime: number | string | Date, mtime: number | string | Date) {
  await calls.utimes(at('f'), atime, mtime);
  return calls.stat(at('f'), { bigint: true });
}

/** Doubles hold today's seconds to about a quarter of a microsecond, and libuv cuts to microseconds. */
function expectNear(actual: bigint, expected: bigint): void {
  const difference = actual - expected;
  expect(difference < 0n ? -difference : difference).toBeLessThanOrEqual(1_000n);
}

const timesGroup: GroupBody = ({ each }) => {
  each('utimes takes numbers, numeric text and dates', async (bench) => {
    await bench.calls.writeFile(bench.at('f'), '');
    let stats = await setTimes(bench, 10, 20);
    expect([stats.atimeNs, stats.mtimeNs]).toEqual([10_000_000_000n, 20_000_000_000n]);
    stats = await setTimes(bench, '30', '40.5');
    expect([stats.atimeNs, stats.mtimeNs]).toEqual([30_000_000_000n, 40_500_000_000n]);
    stats = await setTimes(bench, new Date(1_234_567_890_123), new Date(0));
    expectNear(stats.atimeNs, 1_234_567_890_123_000_000n);
    expect(stats.mtimeNs).toBe(0n);
  });

  each('fractions, large and negative times', async (bench) => {
    await bench.calls.writeFile(bench.at('f'), '');
    let stats = await setTimes(bench, 1_700_000_000.123456, 0.000001);
    expectNear(stats.atimeNs, 1_700_000_000_123_456_000n);
    expectNear(stats.mtimeNs, 1_000n);
    stats = await setTimes(bench, 4_294_967_296.5, 7_258_118_400);
    expect([stats.atimeNs, stats.mtimeNs]).toEqual([4_294_967_296_500_000_000n, 7_258_118_400_000_000_000n]);
    // A negative number means «now» to Node; dates and text say what they say.
    stats = await setTimes(bench, '-1', new Date(-1_000_000_500));
    expect([stats.atimeNs, stats.mtimeNs]).toEqual([-1_000_000_000n, -1_000_000_500_000_000n]);
    expect((await bench.calls.stat(bench.at('f'))).mtimeMs).toBe(-1_000_000_500);
    expect((await bench.calls.stat(bench.at('f'))).mtime.getTime()).toBe(-1_000_000_500);
  });

  each('futimes and lutimes', async ({ calls, at }) => {
    await calls.writeFile(at('f'), '');
    await calls.symlink('f', at('s'));
    const file = await calls.open(at('f'), 'r+');
    await file.utimes(5, 6.5);
    expect((await file.stat()).mtimeMs).toBe(6500);
    await file.close();
    await calls.lutimes(at('s'), 7, 8);
    expect((await calls.lstat(at('s'))).mtimeMs).toBe(8000);
    expect((await calls.stat(at('s'))).mtimeMs).toBe(6500);
    await calls.mkdir(at('d'));
    await calls.utimes(at('d'), 1, 2);
    expect((await calls.stat(at('d'))).mtimeMs).toBe(2000);
  });

  each('what changes which time', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    await calls.writeFile(at('d/f'), 'x');
    const reset = async () => {
      await calls.utimes(at('d/f'), 1, 1);
      await calls.utimes(at('d'), 1, 1);
    };
    const moved = async () => {
      const [file, directory] = [await calls.stat(at('d/f')), await calls.stat(at('d'))];
      return [file.mtimeMs !== 1000, directory.mtimeMs !== 1000];
    };
    await reset();
    await calls.appendFile(at('d/f'), 'y');
    expect(await moved()).toEqual([true, false]);
    await reset();
    await calls.truncate(at('d/f'), 0);
    expect(await moved()).toEqual([true, false]);
    await reset();
    await calls.chmod(at('d/f'), 0o600);
    expect(await moved()).toEqual([false, false]);
    await calls.link(at('d/f'), at('d/g'));
    expect(await moved()).toEqual([false, true]);
    await reset();
    await calls.unlink(at('d/g'));
    expect(await moved()).toEqual([false, true]);
    await reset();
    await calls.rename(at('d/f'), at('d/h'));
    await calls.rename(at('d/h'), at('d/f'));
    expect(await moved()).toEqual([false, true]);
  });

  each('unusable times are refused', async ({ calls, at }) => {
    await calls.writeFile(at('f'), '');
    for (const time of ['soon', {}, true, null, undefined]) {
      await fails(() => calls.utimes(at('f'), time as unknown as number, 1), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    await fails(calls.utimes(at('no'), 1, 1), { code: 'ENOENT', syscall: 'utime', path: at('no') });
    await fails(calls.lutimes(at('no'), 1, 1), { code: 'ENOENT', syscall: 'lutime', path: at('no') });
  });
};

const modesGroup: GroupBody = ({ each }) => {
  each('chmod sets twelve bits', async ({ calls, at }) => {
    await calls.writeFile(at('f'), '');
    await calls.mkdir(at('d'));
    for (const mode of [0, 0o7, 0o70, 0o644, 0o777, 0o1755, 0o4711]) {
      await calls.chmod(at('f'), mode);
      expect((await calls.stat(at('f'))).mode).toBe(0o100_000 | mode);
    }
    await calls.chmod(at('f'), '600');
    expect((await calls.stat(at('f'))).mode & 0o7777).toBe(0o600);
    await calls.chmod(at('d'), 0o1777);
    expect((await calls.stat(at('d'))).mode & 0o7777).toBe(0o1777);
    await calls.chmod(at('d'), 0o755);
    const file = await calls.open(at('f'), 'r');
    await file.chmod(0o640);
    expect((await file.stat()).mode & 0o7777).toBe(0o640);
    await file.close();
    await fails(calls.chmod(at('no'), 0o600), { code: 'ENOENT', syscall: 'chmod', path: at('no') });
    await fails(() => calls.chmod(at('f'), 'rwx'), { code: 'ERR_INVALID_ARG_VALUE' });
    await fails(() => calls.chmod(at('f'), -1), { code: 'ERR_OUT_OF_RANGE' });
  });

  each('chown, fchown and lchown', async ({ calls, at, superuser }) => {
    await calls.writeFile(at('f'), '');
    await calls.symlink('f', at('s'));
    const { uid, gid } = await calls.stat(at('f'));
    const [newUid, newGid] = superuser ? [12_345, 4_000_000_000] : [uid, gid];
    await calls.chown(at('s'), newUid, newGid);
    expect(await calls.stat(at('f'))).toMatchObject({ uid: newUid, gid: newGid });
    expect(await calls.lstat(at('s'))).toMatchObject({ uid, gid });
    await calls.chown(at('f'), -1, -1);
    expect(await calls.stat(at('f'))).toMatchObject({ uid: newUid, gid: newGid });
    const file = await calls.open(at('f'), 'r');
    await file.chown(uid, gid);
    await file.close();
    expect(await calls.stat(at('f'))).toMatchObject({ uid, gid });
    await calls.lchown(at('s'), newUid, newGid);
    expect(await calls.lstat(at('s'))).toMatchObject({ uid: newUid, gid: newGid });
    expect(await calls.stat(at('f'))).toMatchObject({ uid, gid });
    await fails(calls.chown(at('no'), uid, gid), { code: 'ENOENT', syscall: 'chown', path: at('no') });
    await fails(calls.lchown(at('no'), uid, gid), { code: 'ENOENT', syscall: 'lchown', path: at('no') });
    await fails(() => calls.chown(at('f'), -2, 0), { code: 'ERR_OUT_OF_RANGE' });
  });

  each('access and exists', async ({ calls, at, fs, superuser }) => {
    const { F_OK, R_OK, W_OK, X_OK } = fs.constants;
    await calls.writeFile(at('f'), '', { mode: 0o600 });
    await calls.mkdir(at('d'), 0o700);
    await calls.symlink('no', at('dangling'));
    expect(await calls.access(at('f'))).toBeUndefined();
    await calls.access(at('f'), F_OK);
    await calls.access(at('f'), R_OK | W_OK);
    await calls.access(at('d'), R_OK | W_OK | X_OK);
    await fails(calls.access(at('f'), X_OK), {
      code: 'EACCES',
      syscall: 'access',
      path: at('f'),
      message: `EACCES: permission denied, access '${at('f')}'`,
    });
    await calls.chmod(at('f'), 0o001);
    if (superuser) await calls.access(at('f'), R_OK | W_OK | X_OK);
    await fails(calls.access(at('no')), { code: 'ENOENT', syscall: 'access', path: at('no') });
    await fails(calls.access(at('dangling')), { code: 'ENOENT' });
    await fails(() => calls.access(at('f'), 99), { code: 'ERR_OUT_OF_RANGE' });
    expect([await calls.exists(at('f')), await calls.exists(at('d')), await calls.exists(at('no'))]).toEqual([
      true,
      true,
      false,
    ]);
  });

  each('statfs', async ({ calls, root }) => {
    const stats = await calls.statfs(root === '' ? '/' : root);
    for (const field of ['type', 'bsize', 'blocks', 'bfree', 'bavail', 'files', 'ffree'] as const) {
      expect(typeof stats[field], field).toBe('number');
    }
    expect(stats.bsize).toBeGreaterThan(0);
    expect(stats.blocks).toBeGreaterThanOrEqual(stats.bfree);
    expect(typeof (await calls.statfs(root === '' ? '/' : root, { bigint: true })).bsize).toBe('bigint');
    await fails(calls.statfs(`${root}/no`), { code: 'ENOENT', syscall: 'statfs', path: `${root}/no` });
  });
};

export const statsGroup: GroupBody = (group) => {
  shapeGroup(group);
  timesGroup(group);
  modesGroup(group);
};
