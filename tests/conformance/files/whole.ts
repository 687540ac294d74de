/**
 * Conformance: whole files: readFile, writeFile, appendFile with encodings, flags, modes, iterables and signals.
 * Must not depend on the error texts of refused arguments: Node changes them between versions.
 */
import { Readable } from 'node:stream';
import { expect } from 'vitest';
import { expectBytes, fails, type GroupBody, pattern } from './suite.ts';

const encodings = [
  'utf8',
  'utf-8',
  'latin1',
  'binary',
  'ascii',
  'hex',
  'base64',
  'base64url',
  'utf16le',
  'ucs2',
] as const;
const lengths = [0, 1, 100, 2000, 2049, 4095, 4096, 4097, 8192, 65_536, 524_287, 524_288, 524_289, 2_000_003];

const formsGroup: GroupBody = ({ each }) => {
  each('bytes of every length come back', async ({ calls, at }) => {
    for (const length of lengths) {
      const bytes = pattern(length, length);
      await calls.writeFile(at('f'), bytes);
      expectBytes(await calls.readFile(at('f')), bytes);
      expect((await calls.stat(at('f'))).size).toBe(length);
    }
  });

  each('readFile gives a Buffer, or text in an encoding', async ({ calls, at }) => {
    const bytes = Buffer.from('Grüße, 世界 🐄 ÿ');
    await calls.writeFile(at('f'), bytes);
    const read = await calls.readFile(at('f'));
    expect(Buffer.isBuffer(read)).toBe(true);
    for (const encoding of encodings) {
      expect(await calls.readFile(at('f'), encoding), encoding).toBe(bytes.toString(encoding));
      expect(await calls.readFile(at('f'), { encoding }), encoding).toBe(bytes.toString(encoding));
    }
    expect(Buffer.isBuffer(await calls.readFile(at('f'), { encoding: null }))).toBe(true);
    expect(Buffer.isBuffer(await calls.readFile(at('f'), null))).toBe(true);
    expect(Buffer.isBuffer(await calls.readFile(at('f'), {}))).toBe(true);
    expect(await calls.readFile(at('f'), 'UTF8' as 'utf8')).toBe(bytes.toString());
  });

  each('writeFile takes text in an encoding and every view', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'ÿ', 'latin1');
    expect([...(await calls.readFile(at('f')))]).toEqual([0xff]);
    await calls.writeFile(at('f'), 'aGk=', { encoding: 'base64' });
    expect(await calls.readFile(at('f'), 'utf8')).toBe('hi');
    await calls.writeFile(at('f'), 'ÿ');
    expect([...(await calls.readFile(at('f')))]).toEqual([0xc3, 0xbf]);
    await calls.writeFile(at('f'), new Uint8Array([1, 2, 3]).subarray(1));
    expect([...(await calls.readFile(at('f')))]).toEqual([2, 3]);
    await calls.writeFile(at('f'), new DataView(new Uint8Array([9, 8, 7]).buffer, 1, 1));
    expect([...(await calls.readFile(at('f')))]).toEqual([8]);
    await calls.writeFile(at('f'), new Uint16Array([0x0201]));
    expect([...(await calls.readFile(at('f')))]).toEqual([1, 2]);
    await calls.writeFile(at('f'), '');
    expect((await calls.readFile(at('f'))).length).toBe(0);
  });

  each(
    'broken UTF-8 reads with replacement characters, and lone surrogates are written as one',
    async ({ calls, at }) => {
      await calls.writeFile(at('f'), Buffer.from([0x61, 0xff, 0x62]));
      expect(await calls.readFile(at('f'), 'utf8')).toBe('a\ufffdb');
      await calls.writeFile(at('f'), 'x\ud800y');
      expect((await calls.readFile(at('f'))).toString('hex')).toBe('78efbfbd79');
      await calls.writeFile(at('f'), '\ufeffbom');
      expect(await calls.readFile(at('f'), 'utf8')).toBe('\ufeffbom');
    },
  );

  each('other values than text and bytes are refused', async ({ calls, at }) => {
    for (const value of [1, true, null, undefined, {}, [], Symbol('s')]) {
      if (Array.isArray(value)) continue; // an iterable in the promises form
      await fails(() => calls.writeFile(at('f'), value as unknown as string), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    await fails(() => calls.readFile(at('f'), 'klingon' as 'utf8'), { code: 'ERR_INVALID_ARG_VALUE' });
    await fails(() => calls.readFile(17.5 as unknown as string), {
      code: ['ERR_INVALID_ARG_TYPE', 'ERR_OUT_OF_RANGE'],
    });
  });

  each('flags and modes', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'one', { flag: 'wx', mode: 0o600 });
    expect((await calls.stat(at('f'))).mode & 0o7777).toBe(0o600);
    await fails(calls.writeFile(at('f'), 'two', { flag: 'wx' }), { code: 'EEXIST', syscall: 'open', path: at('f') });
    await calls.writeFile(at('f'), 'two', { flag: 'a' });
    expect(await calls.readFile(at('f'), 'utf8')).toBe('onetwo');
    await calls.writeFile(at('f'), 'X', { flag: 'r+' });
    expect(await calls.readFile(at('f'), 'utf8')).toBe('Xnetwo');
    expect(await calls.readFile(at('new'), { encoding: 'utf8', flag: 'a+' })).toBe('');
    expect((await calls.stat(at('new'))).size).toBe(0);
  });

  each('appendFile creates, appends, and keeps the mode', async ({ calls, at }) => {
    await calls.appendFile(at('f'), 'a', { mode: 0o640 });
    await calls.appendFile(at('f'), Buffer.from('b'));
    await calls.appendFile(at('f'), 'ff', 'hex');
    expect((await calls.readFile(at('f'))).toString('latin1')).toBe('ab\xff');
    expect((await calls.stat(at('f'))).mode & 0o7777).toBe(0o640);
  });

  each('many appends add up', async ({ calls, at }) => {
    const pieces: Buffer[] = [];
    for (let i = 0; i < 60; i++) {
      pieces.push(pattern(i * 37, i));
      await calls.appendFile(at('f'), pieces[i]!);
    }
    expectBytes(await calls.readFile(at('f')), Buffer.concat(pieces));
  });

  each('failures carry the system call', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    await fails(calls.readFile(at('d')), {
      code: 'EISDIR',
      syscall: 'read',
      message: 'EISDIR: illegal operation on a directory, read',
    });
    await fails(calls.writeFile(at('d'), ''), { code: 'EISDIR', syscall: 'open', path: at('d') });
    await fails(calls.appendFile(at('no/f'), ''), { code: 'ENOENT', syscall: 'open', path: at('no/f') });
    await fails(calls.readFile(at('no')), {
      code: 'ENOENT',
      syscall: 'open',
      path: at('no'),
      message: `ENOENT: no such file or directory, open '${at('no')}'`,
    });
  });
};

const handleWholeGroup: GroupBody = ({ each, once }) => {
  each('readFile and writeFile of a descriptor start at its position', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'abcdef');
    const file = await calls.open(at('f'), 'r+');
    await file.read(Buffer.alloc(2), 0, 2, null);
    expect((await file.readFile()).toString()).toBe('cdef');
    await file.writeFile('XY');
    await file.appendFile('Z');
    await file.close();
    expect(await calls.readFile(at('f'), 'utf8')).toBe('abcdefXYZ');
  });

  each('readFile of a descriptor in an encoding', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'ä');
    const file = await calls.open(at('f'), 'r');
    expect(await file.readFile({ encoding: 'utf8' })).toBe('ä');
    await file.close();
  });

  once('promises.writeFile takes iterables, async iterables and streams', async ({ calls, at }) => {
    await calls.writeFile(at('f'), ['a', 'b', 'c']);
    expect(await calls.readFile(at('f'), 'utf8')).toBe('abc');
    await calls.writeFile(
      at('f'),
      (async function* () {
        yield 'ä';
        yield Buffer.from('b');
      })(),
      'latin1',
    );
    expect((await calls.readFile(at('f'))).toString('latin1')).toBe('äb');
    await calls.writeFile(at('f'), Readable.from([Buffer.from('st'), Buffer.from('ream')]));
    expect(await calls.readFile(at('f'), 'utf8')).toBe('stream');
  });

  once('an aborted signal stops readFile and writeFile', async ({ calls, fs, at }) => {
    const controller = new AbortController();
    controller.abort();
    const { signal } = controller;
    await expect(calls.writeFile(at('f'), 'x', { signal })).rejects.toMatchObject({ name: 'AbortError' });
    await calls.writeFile(at('f'), 'x');
    await expect(calls.readFile(at('f'), { signal })).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
    const error = await new Promise((resolve) => fs.readFile(at('f'), { signal }, resolve));
    expect(error).toMatchObject({ name: 'AbortError' });
  });

  once('two writers of one file at once leave one of the two', async ({ calls, at }) => {
    await Promise.all([calls.writeFile(at('f'), 'a'.repeat(1000)), calls.writeFile(at('f'), 'b'.repeat(1000))]);
    expect(await calls.readFile(at('f'), 'utf8')).toMatch(/^(a{1000}|b{1000})$/);
  });
};

export const wholeGroup: GroupBody = (group) => {
  formsGroup(group);
  handleWholeGroup(group);
};
