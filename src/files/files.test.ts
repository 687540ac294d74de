/** What the files API does beyond `node:fs`: forks, snapshots, rollback, sharing, options, extended attributes, holes. */
import { expect, test } from 'vitest';
import { testPool } from '../../tests/files/pools.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { createFiles, type Files, filesOf } from './files.ts';

const PAGE = 4096;

function bytes(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

test('a branch has one object of files, and its promises are its own', async () => {
  await using here = testPool();
  expect(filesOf(here.main)).toBe(here.files);
  expect(Object.getOwnPropertyDescriptor(here.files, 'promises')?.enumerable).toBe(true);
  expect(here.files.readFileSync).toBe(here.files.readFileSync);
  expect(here.files.readFileSync.name).toBe('readFileSync');
});

test('a method can be replaced on one object of files alone', async () => {
  await using here = testPool();
  const other = createFiles(here.main);
  (other as { readFileSync: unknown }).readFileSync = () => 'replaced';
  here.files.writeFileSync('/f', 'real');
  expect(other.readFileSync('/f')).toBe('replaced');
  expect(here.files.readFileSync('/f', 'utf8')).toBe('real');
});

test('umask, uid and gid are options', async () => {
  await using here = testPool();
  const files = createFiles(here.main, { umask: 0o077, uid: 12, gid: 34 });
  files.writeFileSync('/f', '');
  files.mkdirSync('/d');
  expect(files.statSync('/f')).toMatchObject({ mode: 0o100_600, uid: 12, gid: 34 });
  expect(files.statSync('/d').mode).toBe(0o040_700);
  expect(() => createFiles(here.main, { umask: 0o1000 })).toThrow();
  expect(() => createFiles(here.main, { mask: 0 } as object)).toThrow("no option 'mask'");
});

test('forks go their own ways, inode numbers stay', async () => {
  await using here = testPool();
  here.files.writeFileSync('/f', bytes(100_000, 1));
  const fork = filesOf(await here.pool.fork('main', 'fork'));
  fork.writeFileSync('/f', 'changed');
  fork.writeFileSync('/new', '');
  here.files.appendFileSync('/f', 'more');
  expect(fork.statSync('/f').ino).toBe(here.files.statSync('/f').ino);
  expect(fork.statSync('/f').dev).not.toBe(here.files.statSync('/f').dev);
  expect([fork.statSync('/f').size, here.files.statSync('/f').size]).toEqual([7, 100_004]);
  expect(here.files.existsSync('/new')).toBe(false);
});

test('a snapshot can be read and not written', async () => {
  await using here = testPool();
  here.files.writeFileSync('/f', 'kept');
  const files = filesOf(await here.pool.snapshot('main', 'snapshot'));
  here.files.writeFileSync('/f', 'gone on');
  expect(files.readFileSync('/f', 'utf8')).toBe('kept');
  const refused = (path: string, syscall: string) =>
    expect.objectContaining({ code: 'EROFS', syscall, path, errno: -30 });
  expect(() => files.writeFileSync('/f', '')).toThrow(refused('/f', 'open'));
  expect(() => files.writeFileSync('/new', '')).toThrow(refused('/new', 'open'));
  expect(() => files.mkdirSync('/d')).toThrow(refused('/d', 'mkdir'));
  expect(() => files.unlinkSync('/f')).toThrow(refused('/f', 'unlink'));
  expect(() => files.chmodSync('/f', 0)).toThrow(refused('/f', 'chmod'));
  expect(() => files.truncateSync('/f', 0)).toThrow(expect.objectContaining({ code: 'EROFS' }));
  expect(() => files.accessSync('/f', files.W_OK)).toThrow(refused('/f', 'access'));
  await expect(files.promises.rm('/f')).rejects.toMatchObject({ code: 'EROFS' });
});

test('an open file that a rollback took away is stale', async () => {
  await using here = testPool();
  await here.pool.snapshot('main', 'before');
  const fd = here.files.openSync('/f', 'w');
  here.files.writeSync(fd, 'x');
  await here.pool.rollback('main', 'before');
  expect(() => here.files.writeSync(fd, 'y')).toThrow(expect.objectContaining({ code: 'ESTALE', syscall: 'write' }));
  here.files.closeSync(fd);
  expect(here.files.readdirSync('/')).toEqual([]);
});

test('a file without a name ends with its last descriptor, and its pages come back', async () => {
  await using here = testPool();
  const { files, pool } = here;
  await pool.commit();
  const before = pool.space().usedBytes;
  files.writeFileSync('/f', bytes(2_000_000, 1));
  const fd = files.openSync('/f', 'r');
  files.unlinkSync('/f');
  expect(pool.space().usedBytes - before).toBeGreaterThan(1_900_000);
  expect(files.fstatSync(fd).nlink).toBe(0);
  files.closeSync(fd);
  await pool.commit();
  await pool.commit();
  expect(pool.space().usedBytes - before).toBeLessThan(200_000);
});

test('descriptors of other handles of the branch keep a file too', async () => {
  await using here = testPool();
  const other = createFiles(here.main);
  here.files.writeFileSync('/f', 'kept');
  const fd = other.openSync('/f', 'r');
  here.files.unlinkSync('/f');
  expect(other.readFileSync(fd, 'utf8')).toBe('kept');
  other.closeSync(fd);
});

test('a handle of other files is refused: its number means another file here', async () => {
  await using here = testPool();
  const { files } = here;
  files.writeFileSync('/f', 'kept');
  const own = await files.promises.open('/f', 'r+');
  const foreign = await createFiles(here.main).promises.open('/g', 'w+');
  expect(foreign.fd).toBe(own.fd);
  const refused = expect.objectContaining({
    code: 'ERR_INVALID_ARG_TYPE',
    message: expect.stringMatching(/these files/),
  });
  await expect(files.promises.writeFile(foreign, 'lost')).rejects.toEqual(refused);
  await expect(own.copyRange(0, foreign, 0, 1)).rejects.toEqual(refused);
  expect(() => files.createReadStream('', { fd: foreign })).toThrow(refused);
  expect(await files.promises.readFile(own, 'utf8')).toBe('kept');
  for (const handle of [own, foreign]) await handle.close();
});

test('what lost its name while open is cleared away after reopening, and in forks', async () => {
  const device = memoryDevice();
  {
    const first = testPool({}, device);
    first.files.writeFileSync('/f', bytes(3_000_000, 1));
    first.files.openSync('/f', 'r');
    first.files.unlinkSync('/f');
    const fork = await first.pool.fork('main', 'fork');
    expect(filesOf(fork).readdirSync('/')).toEqual([]);
    await first.pool.drop('fork');
    expect(first.pool.space().usedBytes).toBeGreaterThan(3_000_000);
    await first.pool.close();
  }
  await using again = testPool({}, device);
  expect(again.files.readdirSync('/')).toEqual([]);
  await again.pool.commit();
  const { usedBytes, heldBytes } = again.pool.space();
  expect(usedBytes - heldBytes).toBeLessThan(500_000);
});

test('copyFile shares pages until one side is written', async () => {
  await using here = testPool();
  const { files, pool } = here;
  files.writeFileSync('/a', bytes(4_000_000, 1));
  const before = pool.space().usedBytes;
  files.copyFileSync('/a', '/b');
  files.cpSync('/a', '/c');
  expect(pool.space().usedBytes - before).toBeLessThan(100_000);
  const fd = files.openSync('/b', 'r+');
  files.writeSync(fd, bytes(PAGE, 2), 0, PAGE, 1_000_000);
  files.closeSync(fd);
  expect(pool.space().usedBytes - before).toBeLessThan(200_000);
  expect(files.readFileSync('/a').every((byte) => byte === 1)).toBe(true);
});

test('holes: punch, zero, allocate, seek', async () => {
  await using here = testPool();
  const file = await here.files.promises.open('/f', 'w+');
  await file.write(bytes(10 * PAGE, 1));
  await file.punchHole(2 * PAGE, 4 * PAGE);
  expect(await file.seekHole(0)).toBe(2 * PAGE);
  expect(await file.seekData(2 * PAGE)).toBe(4 * PAGE);
  expect(await file.seekHole(4 * PAGE)).toBe(10 * PAGE);
  await expect(file.seekData(10 * PAGE)).rejects.toMatchObject({ code: 'ENXIO', syscall: 'lseek' });
  expect((await file.stat()).size).toBe(10 * PAGE);
  expect((await file.stat()).blocks).toBe((8 * PAGE) / 512);
  await file.allocate(0, 20 * PAGE);
  expect((await file.stat()).size).toBe(20 * PAGE);
  await file.allocate(0, 30 * PAGE, { keepSize: true });
  await file.zeroRange(0, 100);
  expect((await file.stat()).size).toBe(20 * PAGE);
  const text = await file.readFile().catch((error) => error);
  expect(text.length).toBe(10 * PAGE);
  const start = Buffer.alloc(200);
  await file.read(start, 0, 200, 0);
  expect([start[99], start[100]]).toEqual([0, 1]);
  await file.close();
  const fd = here.files.openSync('/f', 'r');
  expect(here.files.seekHoleSync(fd, 0)).toBe(2 * PAGE);
  expect(() => here.files.punchHoleSync(fd, 0, PAGE)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  here.files.closeSync(fd);
});

test('copyRange copies between descriptors and shares what it can', async () => {
  await using here = testPool();
  const { files, pool } = here;
  files.writeFileSync('/a', bytes(2 << 20, 3));
  const [from, to] = [await files.promises.open('/a', 'r'), await files.promises.open('/b', 'w+')];
  const before = pool.space().usedBytes;
  expect(await from.copyRange(0, to, 0, 2 << 20)).toBe(2 << 20);
  expect(pool.space().usedBytes - before).toBeLessThan(100_000);
  expect(await from.copyRange(100, to, 7, 50)).toBe(50);
  expect(await from.copyRange(2 << 20, to, 0, 50)).toBe(0);
  expect((await to.stat()).size).toBe(2 << 20);
  await Promise.all([from.close(), to.close()]);
});

test('a file that no buffer holds is refused, and not held afterwards', async () => {
  await using here = testPool();
  const { files } = here;
  files.writeFileSync('/f', 'x');
  files.truncateSync('/f', 2 ** 40);
  expect(() => files.readFileSync('/f')).toThrow(expect.objectContaining({ code: 'ERR_FS_FILE_TOO_LARGE' }));
  await expect(files.promises.readFile('/f')).rejects.toMatchObject({ code: 'ERR_FS_FILE_TOO_LARGE' });
  files.unlinkSync('/f');
});

test('extended attributes', async () => {
  await using here = testPool();
  const { files } = here;
  files.writeFileSync('/f', '');
  files.symlinkSync('f', '/link');
  files.setXattrSync('/link', 'user.a', 'text');
  await files.promises.setXattr('/f', 'user.b', bytes(60_000, 5));
  expect(files.listXattrsSync('/f')).toEqual(['user.a', 'user.b']);
  expect(files.getXattrSync('/link', 'user.a').toString()).toBe('text');
  expect((await files.promises.getXattr('/f', 'user.b')).length).toBe(60_000);
  expect(files.listXattrsSync('/link', { follow: false })).toEqual([]);
  expect(() => files.setXattrSync('/f', 'user.a', '', { create: true })).toThrow(
    expect.objectContaining({ code: 'EEXIST' }),
  );
  expect(() => files.setXattrSync('/f', 'user.c', '', { replace: true })).toThrow(
    expect.objectContaining({ code: 'ENODATA', syscall: 'setxattr', path: '/f' }),
  );
  files.removeXattrSync('/f', 'user.a');
  const error = await new Promise((resolve) => files.getXattr('/f', 'user.a', resolve));
  expect(error).toMatchObject({ code: 'ENODATA', syscall: 'getxattr', path: '/f' });
});

test('nodes of other kinds are kept, and do not open', async () => {
  await using here = testPool();
  const { files } = here;
  files.mkdirSync('/dev');
  files.mkfifoSync('/dev/fifo', 0o600);
  files.mknodSync('/dev/null', 'character', { mode: 0o666, device: 0x103 });
  files.mknodSync('/dev/disk', 'block');
  files.mknodSync('/dev/socket', 'socket');
  expect(files.statSync('/dev/fifo').isFIFO()).toBe(true);
  expect(files.statSync('/dev/fifo').mode & 0o777).toBe(0o600);
  expect(files.statSync('/dev/null')).toMatchObject({ rdev: 0x103, size: 0 });
  expect(files.statSync('/dev/null', { bigint: true }).isCharacterDevice()).toBe(true);
  const kinds = files.readdirSync('/dev', { withFileTypes: true }).map((entry) => {
    return [entry.isBlockDevice(), entry.isCharacterDevice(), entry.isFIFO(), entry.isSocket()].indexOf(true);
  });
  expect(kinds).toEqual([0, 2, 1, 3]);
  for (const name of ['fifo', 'null', 'disk', 'socket']) {
    expect(() => files.readFileSync(`/dev/${name}`)).toThrow(expect.objectContaining({ code: 'ENXIO' }));
  }
  files.cpSync('/dev', '/copy', { recursive: true });
  expect(files.statSync('/copy/null').rdev).toBe(0x103);
  expect(() => files.mknodSync('/x', 'file' as 'fifo')).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
  );
});

test('a directory with the sgid bit hands its group down', async () => {
  await using here = testPool();
  const { files } = here;
  files.mkdirSync('/d');
  files.chownSync('/d', 0, 77);
  files.chmodSync('/d', 0o2755);
  files.writeFileSync('/d/f', '');
  files.mkdirSync('/d/e');
  expect(files.statSync('/d/f').gid).toBe(77);
  expect(files.statSync('/d/e').mode & 0o7777).toBe(0o2755);
});

test('times can be given in nanoseconds, and numbers before 1970 are taken at their word', async () => {
  await using here = testPool();
  const { files } = here;
  files.writeFileSync('/f', '');
  files.utimesSync('/f', -1n, 1_700_000_000_123_456_789n);
  const stats = files.statSync('/f', { bigint: true });
  expect([stats.atimeNs, stats.mtimeNs, stats.atimeMs]).toEqual([-1n, 1_700_000_000_123_456_789n, -1n]);
  files.utimesSync('/f', -1.5, -1_000_000.25);
  expect(files.statSync('/f').atimeMs).toBe(-1500);
});

test('O_TMPFILE makes a file that has no name', async () => {
  await using here = testPool();
  const { files } = here;
  const fd = files.openSync('/', files.constants.O_TMPFILE | files.constants.O_RDWR, 0o600);
  files.writeSync(fd, 'secret');
  expect(files.readdirSync('/')).toEqual([]);
  expect(files.fstatSync(fd)).toMatchObject({ nlink: 0, size: 6 });
  files.closeSync(fd);
});

test('fsync and flush make durable what was done', async () => {
  await using here = testPool();
  const { files, pool } = here;
  const file = await files.promises.open('/f', 'w');
  await file.write('x');
  expect(pool.dirty).toBe(true);
  await file.sync();
  expect(pool.dirty).toBe(false);
  await file.close();
  files.writeFileSync('/g', 'x', { flush: true });
  expect(pool.dirty).toBe(false);
  files.appendFileSync('/g', 'y', { flag: 'as' });
  expect(pool.dirty).toBe(false);
});

test('a full pool says ENOSPC with the call, and goes on', async () => {
  await using here = testPool({ limitBytes: 4 << 20 });
  const { files } = here;
  const full = (syscall: string) => expect.objectContaining({ code: 'ENOSPC', syscall, errno: -28 });
  expect(() => files.writeFileSync('/large', bytes(8 << 20, 1))).toThrow(full('write'));
  files.unlinkSync('/large');
  files.writeFileSync('/a', bytes(1 << 20, 1));
  files.writeFileSync('/small', 'fits');
  expect(files.readFileSync('/small', 'utf8')).toBe('fits');
});

function watched(files: Files, path: string, options: object): string[] {
  const seen: string[] = [];
  files.watch(path, options, (event, name) => seen.push(`${event} ${name}`));
  return seen;
}

test('watchers tell of all handles of a branch, and not of forks', async () => {
  await using here = testPool();
  const { files, pool } = here;
  files.mkdirSync('/d/sub', { recursive: true });
  const flat = watched(files, '/d', {});
  const deep = watched(files, '/', { recursive: true });
  const other = createFiles(here.main);
  other.writeFileSync('/d/sub/f', 'x');
  other.chmodSync('/d/sub', 0o700);
  filesOf(await pool.fork('main', 'fork')).writeFileSync('/d/fork', 'x');
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(flat).toEqual(['change sub']);
  expect(deep).toEqual(['rename d/sub/f', 'change d/sub']);
});

test('a dropped branch says so', async () => {
  await using here = testPool();
  const branch = await here.pool.fork('main', 'fork');
  const files = filesOf(branch);
  files.writeFileSync('/f', 'x');
  await here.pool.drop('fork');
  expect(() => files.readFileSync('/f')).toThrow(expect.objectContaining({ code: 'NO_SUCH_BRANCH' }));
});

test('trees are removed and listed while others do the same', async () => {
  await using here = testPool();
  const { files } = here;
  const { promises } = files;
  for (let i = 0; i < 300; i++) {
    files.mkdirSync(`/d/${i % 7}/${i % 11}/${i}`, { recursive: true });
    files.writeFileSync(`/d/${i % 7}/${i % 11}/${i}/f`, 'x');
  }
  await Promise.all([
    promises.rm('/d', { recursive: true }),
    promises.rm('/d', { recursive: true, force: true }),
    promises.rm('/d/3', { recursive: true, force: true }),
    promises.readdir('/d', { recursive: true }),
    promises.readdir('/d', { recursive: true, withFileTypes: true }),
  ]);
  expect(await promises.readdir('/')).toEqual([]);
});

test('many at once', async () => {
  await using here = testPool();
  const { promises } = here.files;
  await promises.mkdir('/d');
  const names = Array.from({ length: 300 }, (_, i) => `/d/${i}`);
  await Promise.all(names.map((name, i) => promises.writeFile(name, bytes(i * 100, i & 255))));
  const sizes = await Promise.all(names.map(async (name) => (await promises.readFile(name)).length));
  expect(sizes).toEqual(names.map((_, i) => i * 100));
  await Promise.all([promises.rm('/d', { recursive: true }), promises.rm('/d', { recursive: true, force: true })]);
  expect(await promises.readdir('/')).toEqual([]);
});
