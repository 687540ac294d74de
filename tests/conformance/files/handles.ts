/**
 * Conformance: FileHandle where it differs from a descriptor, closed descriptors, and what callbacks and promisify give.
 * Must not use a descriptor number after it was closed but to see it refused.
 */
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { fails, type GroupBody } from './suite.ts';

const handleGroup: GroupBody = ({ once }) => {
  once('a FileHandle reads, writes and stats', async ({ fs, at }) => {
    const file = await fs.promises.open(at('f'), 'w+', 0o600);
    expect(file.fd).toBeGreaterThanOrEqual(0);
    const buffer = Buffer.from('hello');
    expect(await file.write(buffer)).toEqual({ bytesWritten: 5, buffer });
    expect(await file.write(' world')).toEqual({ bytesWritten: 6, buffer: ' world' });
    const target = Buffer.alloc(5);
    expect(await file.read(target, 0, 5, 6)).toEqual({ bytesRead: 5, buffer: target });
    expect(target.toString()).toBe('world');
    expect(await file.read({ buffer: target, position: 0, length: 2 })).toMatchObject({ bytesRead: 2 });
    const whole = await file.read({ position: 0 });
    expect(whole.bytesRead).toBe(11);
    expect(whole.buffer.subarray(0, 11).toString()).toBe('hello world');
    const vector = [Buffer.alloc(2), Buffer.alloc(2)];
    expect(await file.readv(vector, 0)).toEqual({ bytesRead: 4, buffers: vector });
    await file.sync();
    await file.datasync();
    await file.close();
  });

  once('a closed FileHandle refuses', async ({ fs, at }) => {
    const file = await fs.promises.open(at('f'), 'w');
    let closed = 0;
    (file as unknown as NodeJS.EventEmitter).on('close', () => closed++);
    await file.close();
    expect(file.fd).toBe(-1);
    expect(closed).toBe(1);
    await fails(file.stat(), { code: 'EBADF' });
    await fails(file.write('x'), { code: 'EBADF' });
    await fails(file.readFile(), { code: 'EBADF' });
    await file.close();
  });

  once('a FileHandle can be disposed', async ({ fs, at }) => {
    const file = await fs.promises.open(at('f'), 'w');
    await file[Symbol.asyncDispose]();
    expect(file.fd).toBe(-1);
  });

  once('close waits for what is under way', async ({ fs, at }) => {
    const file = await fs.promises.open(at('f'), 'w');
    const writes = Promise.all([file.write('a'.repeat(100_000)), file.write('b'.repeat(10), 100_000)]);
    await Promise.all([writes, file.close()]);
    expect(fs.statSync(at('f')).size).toBe(100_010);
  });

  once('path functions take a FileHandle', async ({ fs, at }) => {
    const file = await fs.promises.open(at('f'), 'w+');
    await fs.promises.writeFile(file, 'one');
    await fs.promises.appendFile(file, 'two');
    await file.close();
    const reader = await fs.promises.open(at('f'), 'r');
    expect(await fs.promises.readFile(reader, 'utf8')).toBe('onetwo');
    await reader.close();
  });
};

const descriptorGroup: GroupBody = ({ once }) => {
  once('descriptors that are not open are refused by every call', async ({ fs }) => {
    // One that was just closed could be another's by now.
    const fd = 999_983;
    const bytes = Buffer.alloc(1);
    const calls: [string, () => unknown][] = [
      ['fstat', () => fs.fstatSync(fd)],
      ['read', () => fs.readSync(fd, bytes, 0, 1, 0)],
      ['write', () => fs.writeSync(fd, bytes, 0, 1, 0)],
      ['write', () => fs.writeSync(fd, 'x')],
      ['read', () => fs.readvSync(fd, [bytes])],
      ['write', () => fs.writevSync(fd, [bytes])],
      ['fsync', () => fs.fsyncSync(fd)],
      ['fdatasync', () => fs.fdatasyncSync(fd)],
      ['ftruncate', () => fs.ftruncateSync(fd, 0)],
      ['fchmod', () => fs.fchmodSync(fd, 0o600)],
      ['fchown', () => fs.fchownSync(fd, 0, 0)],
      ['futime', () => fs.futimesSync(fd, 0, 0)],
      ['close', () => fs.closeSync(fd)],
    ];
    for (const [syscall, action] of calls) {
      await fails(action, { code: 'EBADF', syscall, message: `EBADF: bad file descriptor, ${syscall}` });
    }
    await fails(() => fs.readFileSync(fd), { code: 'EBADF' });
    await fails(() => fs.writeFileSync(fd, 'x'), { code: 'EBADF' });
  });

  once('descriptors of other kinds than numbers are refused', async ({ fs }) => {
    for (const fd of ['1', null, {}, -1, 1.5]) {
      await fails(() => fs.fstatSync(fd as number), { code: ['ERR_INVALID_ARG_TYPE', 'ERR_OUT_OF_RANGE'] });
    }
  });

  once('many descriptors of one file are independent', async ({ fs, at }) => {
    fs.writeFileSync(at('f'), '0123456789');
    const descriptors = Array.from({ length: 50 }, () => fs.openSync(at('f'), 'r'));
    expect(new Set(descriptors).size).toBe(50);
    const byte = Buffer.alloc(1);
    descriptors.forEach((fd, i) => {
      for (let step = 0; step <= i % 10; step++) fs.readSync(fd, byte, 0, 1, null);
      expect(byte.toString()).toBe(String(i % 10));
    });
    for (const fd of descriptors) fs.closeSync(fd);
  });
};

const callbackGroup: GroupBody = ({ once }) => {
  once('callbacks are required, and get null for no error', async ({ fs, at }) => {
    await fails(() => (fs.stat as unknown as (path: string) => void)(at('f')), { code: 'ERR_INVALID_ARG_TYPE' });
    await fails(() => fs.writeFile(at('f'), 'x', undefined as never), { code: 'ERR_INVALID_ARG_TYPE' });
    const args = await new Promise<unknown[]>((resolve) => fs.writeFile(at('f'), 'x', (...all) => resolve(all)));
    expect(args[0]).toBeNull();
    const read = await new Promise<unknown[]>((resolve) => fs.readFile(at('f'), 'utf8', (...all) => resolve(all)));
    expect(read).toEqual([null, 'x']);
  });

  once('unusable arguments throw at once, failures come to the callback', async ({ fs, at }) => {
    const never = () => expect.fail('called back');
    await fails(() => fs.stat({} as string, never), { code: 'ERR_INVALID_ARG_TYPE' });
    await fails(() => fs.mkdir(at('d'), 'rwx', never), { code: 'ERR_INVALID_ARG_VALUE' });
    const error = await new Promise((resolve) => fs.stat(at('no'), resolve));
    expect(error).toMatchObject({ code: 'ENOENT' });
  });

  once('promisify gives what the promises give', async ({ fs, at }) => {
    fs.writeFileSync(at('f'), 'abc');
    expect(await promisify(fs.readFile)(at('f'), 'utf8')).toBe('abc');
    expect(await promisify(fs.exists)(at('f'))).toBe(true);
    const fd = await promisify(fs.open)(at('f'), 'r+');
    const buffer = Buffer.alloc(3);
    expect(await promisify(fs.read)(fd, buffer, 0, 3, 0)).toEqual({ bytesRead: 3, buffer });
    const written = await promisify(fs.write)(fd, buffer, 0, 3, 0);
    expect(written).toEqual({ bytesWritten: 3, buffer });
    await promisify(fs.close)(fd);
  });

  once('functions work without their object', async ({ fs, at }) => {
    const { writeFileSync, readFile, promises } = fs;
    const { stat } = promises;
    writeFileSync(at('f'), 'abc');
    expect((await stat(at('f'))).size).toBe(3);
    expect(await new Promise((resolve) => readFile(at('f'), 'utf8', (_, text) => resolve(text)))).toBe('abc');
  });

  once('constants', async ({ fs }) => {
    expect(fs.constants).toMatchObject({
      F_OK: 0,
      R_OK: 4,
      W_OK: 2,
      X_OK: 1,
      COPYFILE_EXCL: 1,
      COPYFILE_FICLONE: 2,
      COPYFILE_FICLONE_FORCE: 4,
      S_IFMT: 0o170_000,
      S_IFREG: 0o100_000,
      S_IFDIR: 0o040_000,
      S_IFLNK: 0o120_000,
      O_RDONLY: 0,
      O_WRONLY: 1,
      O_RDWR: 2,
    });
    expect(fs.promises.constants).toMatchObject({ F_OK: 0 });
  });
};

export const handlesGroup: GroupBody = (group) => {
  handleGroup(group);
  descriptorGroup(group);
  callbackGroup(group);
};
