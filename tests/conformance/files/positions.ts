/**
 * Conformance: reading and writing at positions, vectors, truncation, and holes.
 * Must not assume how an implementation stores holes: only what they read as, and that they need not take space.
 */
import { expect } from 'vitest';
import { expectBytes, fails, type GroupBody, pattern } from './suite.ts';

const readGroup: GroupBody = ({ each }) => {
  each('read with a null position moves on; with a number it does not', async ({ calls, at }) => {
    await calls.writeFile(at('f'), '0123456789');
    const file = await calls.open(at('f'), 'r');
    const two = Buffer.alloc(2);
    const next = async (position: number | null) => {
      const { bytesRead } = await file.read(two, 0, 2, position);
      return two.toString('latin1', 0, bytesRead);
    };
    expect([
      await next(null),
      await next(null),
      await next(7),
      await next(null),
      await next(9),
      await next(10),
    ]).toEqual(['01', '23', '78', '45', '9', '']);
    await file.close();
  });

  each('read fills the part of the buffer it is given and no more', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'abcdef');
    const file = await calls.open(at('f'), 'r');
    const target = Buffer.from('........');
    expect((await file.read(target, 2, 3, 1)).bytesRead).toBe(3);
    expect(target.toString()).toBe('..bcd...');
    expect((await file.read(target, 6, 0, 0)).bytesRead).toBe(0);
    const whole = new Uint8Array(4);
    expect((await file.read(whole)).bytesRead).toBe(4);
    expect(Buffer.from(whole).toString()).toBe('abcd');
    await file.close();
  });

  each('read takes an options object', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'abcdef');
    const file = await calls.open(at('f'), 'r');
    const buffer = Buffer.alloc(4);
    const { bytesRead } = await file.read(buffer, { offset: 1, length: 2, position: 3 });
    expect(bytesRead).toBe(2);
    expect(buffer.subarray(1, 3).toString()).toBe('de');
    await file.close();
  });

  each('other views than bytes are read into as bytes', async ({ calls, at }) => {
    await calls.writeFile(at('f'), Buffer.from([1, 0, 2, 0, 3, 0, 4, 0]));
    const file = await calls.open(at('f'), 'r');
    const words = new Uint16Array(new ArrayBuffer(12), 2, 4);
    await file.read(words, 0, 8, 0);
    expect([...new Uint8Array(words.buffer)]).toEqual([0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 0, 0]);
    await file.close();
  });

  each('lengths and offsets beyond the buffer are refused', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'abcdef');
    const file = await calls.open(at('f'), 'r+');
    const buffer = Buffer.alloc(4);
    await fails(() => file.read(buffer, 0, 5, 0), { code: 'ERR_OUT_OF_RANGE' });
    await fails(() => file.read(buffer, 3, 2, 0), { code: 'ERR_OUT_OF_RANGE' });
    await fails(() => file.read(buffer, -1, 1, 0), { code: 'ERR_OUT_OF_RANGE' });
    await fails(() => file.write(buffer, 5, 1, 0), { code: 'ERR_OUT_OF_RANGE' });
    await fails(() => file.write(buffer, 0, 5, 0), { code: 'ERR_OUT_OF_RANGE' });
    await file.close();
  });

  each('appending at a position appends, and leaves the own position where it is', async ({ calls, at }) => {
    await calls.writeFile(at('f'), '0123456789');
    const file = await calls.open(at('f'), 'a+');
    const three = Buffer.alloc(3);
    const next = async () => three.toString('latin1', 0, (await file.read(three, 0, 3, null)).bytesRead);
    expect(await next()).toBe('012');
    await file.writev([Buffer.from('AB')], 0);
    expect(await next()).toBe('345');
    await file.write(Buffer.alloc(0), 0, 0, null);
    expect(await next()).toBe('678');
    await file.write(Buffer.from('CD'), 0, 2, null);
    expect(await next()).toBe('');
    await file.write(Buffer.from('EF'), 0, 2, 3);
    expect(await next()).toBe('EF');
    await file.close();
    expect(await calls.readFile(at('f'), 'utf8')).toBe('0123456789ABCDEF');
  });

  each('readv and writev go through several buffers', async ({ calls, at }) => {
    const file = await calls.open(at('f'), 'w+');
    const written = await file.writev([Buffer.from('ab'), Buffer.alloc(0), Buffer.from('cde')], 1);
    expect(written.bytesWritten).toBe(5);
    await file.writev([Buffer.from('X')]);
    const targets = [Buffer.alloc(2), Buffer.alloc(3), Buffer.alloc(4)];
    const { bytesRead } = await file.readv(targets, 0);
    expect(bytesRead).toBe(6);
    expect(Buffer.concat(targets).toString('latin1')).toBe('Xabcde\0\0\0');
    const rest = [Buffer.alloc(8)];
    expect((await file.readv(rest)).bytesRead).toBe(5);
    await file.close();
  });
};

const writeGroup: GroupBody = ({ each }) => {
  each('write with a null position moves on; with a number it does not', async ({ calls, at }) => {
    const file = await calls.open(at('f'), 'w');
    await file.write(Buffer.from('abc'), 0, 3, null);
    await file.write(Buffer.from('XY'), 0, 2, 6);
    await file.write(Buffer.from('def'), 0, 3, null);
    await file.close();
    expect(await calls.readFile(at('f'), 'latin1')).toBe('abcdefXY');
    expect((await calls.stat(at('f'))).size).toBe(8);
  });

  each('write takes part of a buffer, a string, and an encoding', async ({ calls, at }) => {
    const file = await calls.open(at('f'), 'w');
    expect((await file.write(Buffer.from('0123456'), 2, 3)).bytesWritten).toBe(3);
    expect((await file.write('é')).bytesWritten).toBe(2);
    expect((await file.write('ff00', null, 'hex')).bytesWritten).toBe(2);
    expect((await file.write('Z', 1)).bytesWritten).toBe(1);
    await file.close();
    expect((await calls.readFile(at('f'))).toString('hex')).toBe(`${Buffer.from('2Z4é').toString('hex')}ff00`);
  });

  each('writing beyond the end leaves a hole of zeros', async ({ calls, at }) => {
    const file = await calls.open(at('f'), 'w+');
    await file.write(Buffer.from('start'), 0, 5, 0);
    await file.write(Buffer.from('end'), 0, 3, 10_000);
    expect((await file.stat()).size).toBe(10_003);
    const bytes = await calls.readFile(at('f'));
    expect(bytes.subarray(0, 5).toString()).toBe('start');
    expect(bytes.subarray(5, 10_000).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(10_000).toString()).toBe('end');
    await file.close();
  });

  each('a sparse gigabyte takes little space and reads as zeros', async ({ calls, at }) => {
    const file = await calls.open(at('f'), 'w+');
    await file.write(Buffer.from('x'), 0, 1, 2 ** 30);
    const stats = await file.stat();
    expect(stats.size).toBe(2 ** 30 + 1);
    expect(stats.blocks * 512).toBeLessThan(2 ** 20);
    const bytes = Buffer.alloc(1000, 1);
    await file.read(bytes, 0, 1000, 2 ** 29 - 500);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    await file.truncate(2 ** 33);
    expect((await file.stat()).size).toBe(2 ** 33);
    await file.close();
  });

  each('large writes come back as they went in', async ({ calls, at }) => {
    const bytes = pattern(3_000_001);
    const file = await calls.open(at('f'), 'w+');
    expect((await file.write(bytes, 0, bytes.length, 12_345)).bytesWritten).toBe(bytes.length);
    const target = Buffer.alloc(bytes.length);
    expect((await file.read(target, 0, target.length, 12_345)).bytesRead).toBe(bytes.length);
    expectBytes(target, bytes);
    await file.write(Buffer.alloc(100_000, 7), 0, 100_000, 1_000_000);
    bytes.fill(7, 1_000_000 - 12_345, 1_100_000 - 12_345);
    expectBytes((await calls.readFile(at('f'))).subarray(12_345), bytes);
    await file.close();
  });

  each('the caller keeps what it read', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'first');
    const bytes = await calls.readFile(at('f'));
    bytes.fill(0x21);
    expect(await calls.readFile(at('f'), 'utf8')).toBe('first');
    const source = Buffer.from('second');
    await calls.writeFile(at('f'), source);
    source.fill(0x21);
    expect(await calls.readFile(at('f'), 'utf8')).toBe('second');
  });
};

const truncateGroup: GroupBody = ({ each }) => {
  each('truncate shortens, lengthens with zeros, and defaults to nothing', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'abcdef');
    await calls.truncate(at('f'), 3);
    expect(await calls.readFile(at('f'), 'latin1')).toBe('abc');
    await calls.truncate(at('f'), 5);
    expect(await calls.readFile(at('f'), 'latin1')).toBe('abc\0\0');
    await calls.truncate(at('f'));
    expect((await calls.stat(at('f'))).size).toBe(0);
  });

  each('what was cut off does not come back', async ({ calls, at }) => {
    const bytes = pattern(1_500_000);
    await calls.writeFile(at('f'), bytes);
    for (const cut of [1_200_000, 600_001, 524_288, 4097, 4096, 100, 0]) {
      await calls.truncate(at('f'), cut);
      await calls.truncate(at('f'), 1_500_000);
      const now = await calls.readFile(at('f'));
      expect(now.length).toBe(1_500_000);
      expectBytes(now.subarray(0, cut), bytes.subarray(0, cut));
      expect(now.subarray(cut).every((byte) => byte === 0)).toBe(true);
    }
  });

  each('truncate through a descriptor keeps the position', async ({ calls, at }) => {
    const file = await calls.open(at('f'), 'w+');
    await file.write('abcdef');
    await file.truncate(2);
    await file.write('X');
    await file.truncate();
    expect((await file.stat()).size).toBe(0);
    await file.write('Y');
    await file.close();
    expect(await calls.readFile(at('f'), 'latin1')).toBe('\0\0\0\0\0\0\0Y');
  });

  each('truncate of what is not a file', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    await fails(calls.truncate(at('d'), 0), { code: 'EISDIR', path: at('d') });
    await fails(calls.truncate(at('absent'), 0), { code: 'ENOENT', syscall: 'open', path: at('absent') });
    await calls.writeFile(at('f'), 'abc');
    await calls.symlink('f', at('link'));
    await calls.truncate(at('link'), 1);
    expect(await calls.readFile(at('f'), 'utf8')).toBe('a');
  });

  each('a negative length counts as zero', async ({ calls, at }) => {
    const file = await calls.open(at('f'), 'w+');
    await file.write('abc');
    await file.truncate(-5);
    expect((await file.stat()).size).toBe(0);
    await file.close();
  });
};

export const positionsGroup: GroupBody = (group) => {
  readGroup(group);
  writeGroup(group);
  truncateGroup(group);
};
