/**
 * Conformance: what may be a path and a name: unicode, bytes, URLs, dots, slashes, lengths.
 * Must not leave names that a shell could not remove.
 */
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import { fails, type GroupBody } from './suite.ts';

const strangeNames = [
  'ü',
  'u\u0308',
  '世界',
  '🐄',
  ' ',
  ' leading and trailing ',
  'new\nline',
  'tab\t',
  '\x01\x7f',
  '...',
  '..a',
  '-rf',
  '*?[]{}$`"\'\\',
  'a%2Fb%20',
  '__proto__',
  'constructor',
  '\u200bzero',
  '\uffff',
];

export const namesGroup: GroupBody = ({ each }) => {
  each('strange names are kept as they are', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    for (const name of strangeNames) await calls.writeFile(at(`d/${name}`), name);
    expect((await calls.readdir(at('d'))).sort()).toEqual(strangeNames.slice().sort());
    for (const name of strangeNames) expect(await calls.readFile(at(`d/${name}`), 'utf8')).toBe(name);
    for (const name of strangeNames) await calls.unlink(at(`d/${name}`));
    expect(await calls.readdir(at('d'))).toEqual([]);
  });

  each('names have up to 255 bytes', async ({ calls, at }) => {
    for (const name of ['n'.repeat(255), `${'é'.repeat(127)}x`]) {
      await calls.writeFile(at(name), 'long');
      expect(await calls.readFile(at(name), 'utf8')).toBe('long');
      await calls.rename(at(name), at(`${name.slice(0, -1)}y`));
      expect(await calls.readdir(at(''))).toEqual([`${name.slice(0, -1)}y`]);
      await calls.unlink(at(`${name.slice(0, -1)}y`));
    }
    for (const name of ['n'.repeat(256), 'é'.repeat(128)]) {
      await fails(calls.writeFile(at(name), ''), { code: 'ENAMETOOLONG', syscall: 'open', path: at(name) });
      await fails(calls.mkdir(at(name)), { code: 'ENAMETOOLONG', syscall: 'mkdir', path: at(name) });
      await fails(calls.stat(at(name)), {
        code: 'ENAMETOOLONG',
        message: `ENAMETOOLONG: name too long, stat '${at(name)}'`,
      });
    }
  });

  each('paths are text, bytes or file URLs', async ({ calls, at }) => {
    const path = at('a b#?%é');
    await calls.writeFile(pathToFileURL(path), 'by URL');
    expect(await calls.readFile(path, 'utf8')).toBe('by URL');
    expect(await calls.readFile(Buffer.from(path), 'utf8')).toBe('by URL');
    expect(await calls.readFile(new Uint8Array(Buffer.from(path)) as Buffer, 'utf8')).toBe('by URL');
    await calls.rename(Buffer.from(path), pathToFileURL(at('renamed')));
    expect(await calls.readdir(at(''))).toEqual(['renamed']);
    expect(await calls.exists(pathToFileURL(at('renamed')))).toBe(true);
  });

  each('names that are not UTF-8 live on in buffers', async ({ calls, at }) => {
    const path = Buffer.concat([Buffer.from(at('x')), Buffer.from([0xff, 0xfe, 0x80])]);
    await calls.writeFile(path, 'raw');
    expect(await calls.readFile(path, 'utf8')).toBe('raw');
    const [name] = await calls.readdir(at(''), 'buffer');
    expect(name!.toString('hex')).toBe('78fffe80');
    const link = Buffer.from([0x6c, 0xc3, 0x28]);
    await calls.symlink(link, at('link'));
    expect((await calls.readlink(at('link'), 'buffer')).toString('hex')).toBe('6cc328');
    await calls.unlink(path);
  });

  each('unusable paths are refused', async ({ calls, root }) => {
    await fails(() => calls.stat(`${root}/a\0b`), { code: 'ERR_INVALID_ARG_VALUE' });
    await fails(() => calls.writeFile(Buffer.from(`${root}/a\0b`), ''), { code: 'ERR_INVALID_ARG_VALUE' });
    await fails(() => calls.stat(new URL('http://example.org/x')), { code: 'ERR_INVALID_URL_SCHEME' });
    await fails(() => calls.stat(new URL('file:///a%2Fb')), { code: 'ERR_INVALID_FILE_URL_PATH' });
    await fails(() => calls.stat(new URL('file://host/a')), { code: 'ERR_INVALID_FILE_URL_HOST' });
    for (const path of [undefined, null, {}, true, 1n]) {
      await fails(() => calls.stat(path as unknown as string), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    await fails(calls.stat(''), { code: 'ENOENT', syscall: 'stat', path: '' });
    await fails(calls.readdir(''), { code: 'ENOENT', syscall: 'scandir', path: '' });
    expect(await calls.exists(`${root}/a\0b`)).toBe(false);
    expect(await calls.exists('')).toBe(false);
    expect(await calls.exists(undefined as unknown as string)).toBe(false);
  });

  each('dots and repeated slashes are steps, walked one by one', async ({ calls, at }) => {
    await calls.mkdir(at('a/b'), { recursive: true });
    await calls.mkdir(at('c'));
    await calls.writeFile(at('f'), 'f');
    await calls.symlink('a/b', at('to-b'));
    expect(await calls.readFile(at('./a//b/.././../f'), 'utf8')).toBe('f');
    expect(await calls.readFile(at('to-b/../../f'), 'utf8')).toBe('f');
    await fails(calls.readFile(at('to-b/../f')), { code: 'ENOENT' });
    await fails(calls.readFile(at('no/../f')), { code: 'ENOENT' });
    await fails(calls.readFile(at('f/../f')), { code: 'ENOTDIR' });
    await fails(calls.stat(at('f/.')), { code: 'ENOTDIR' });
    const { ino } = await calls.stat('/');
    expect((await calls.stat('/..')).ino).toBe(ino);
    expect((await calls.stat('/../../.')).ino).toBe(ino);
  });

  each('a trailing slash wants a directory', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    await calls.writeFile(at('f'), 'f');
    await calls.symlink('d', at('to-d'));
    await calls.symlink('f', at('to-f'));
    await calls.symlink('no', at('dangling'));
    expect((await calls.lstat(at('d/'))).isDirectory()).toBe(true);
    expect((await calls.lstat(at('to-d'))).isSymbolicLink()).toBe(true);
    expect((await calls.lstat(at('to-d/'))).isDirectory()).toBe(true);
    for (const name of ['f/', 'to-f/', 'f//']) {
      await fails(calls.stat(at(name)), { code: 'ENOTDIR', syscall: 'stat', path: at(name) });
      await fails(calls.lstat(at(name)), { code: 'ENOTDIR' });
      await fails(calls.readFile(at(name)), { code: 'ENOTDIR' });
    }
    await fails(calls.stat(at('dangling/')), { code: 'ENOENT' });
    await fails(calls.writeFile(at('new/'), ''), { code: 'EISDIR' });
    await fails(calls.writeFile(at('d/'), ''), { code: 'EISDIR' });
    await fails(calls.symlink('f', at('new/')), { code: 'ENOENT' });
    await fails(calls.link(at('f'), at('new/')), { code: ['ENOENT', 'ENOTDIR'] });
    await fails(calls.readlink(at('to-d/')), { code: 'EINVAL' });
  });

  each('relative symbolic links start where they lie', async ({ calls, at }) => {
    await calls.mkdir(at('a/b'), { recursive: true });
    await calls.writeFile(at('a/f'), 'inner');
    await calls.writeFile(at('f'), 'outer');
    await calls.symlink('../f', at('a/b/link'));
    await calls.rename(at('a/b'), at('b'));
    expect(await calls.readFile(at('b/link'), 'utf8')).toBe('outer');
  });
};
