/**
 * Conformance: `open` with every flag, and what each flag then allows.
 * Must not assume descriptor numbers: an implementation may number them as it likes.
 */
import { expect } from 'vitest';
import { type Bench, fails, type GroupBody } from './suite.ts';

async function writes({ calls, at }: Bench, flags: string | number, text: string): Promise<void> {
  const file = await calls.open(at('f'), flags);
  try {
    await file.write(Buffer.from(text));
  } finally {
    await file.close();
  }
}

async function content({ calls, at }: Bench): Promise<string> {
  return calls.readFile(at('f'), 'utf8');
}

const readOnlyFlags = ['r', 'rs', 'sr'];
const createFlags = [
  'w',
  'w+',
  'wx',
  'xw',
  'wx+',
  'xw+',
  'a',
  'a+',
  'ax',
  'xa',
  'ax+',
  'xa+',
  'as',
  'sa',
  'as+',
  'sa+',
];
const exclusiveFlags = ['wx', 'xw', 'wx+', 'xw+', 'ax', 'xa', 'ax+', 'xa+'];
const existingFlags = ['r', 'rs', 'r+', 'rs+', 'sr+'];

export const openGroup: GroupBody = ({ each }) => {
  each('nothing that a slash follows can be created, whatever is there', async ({ calls, at }) => {
    await calls.mkdir(at('directory'));
    await calls.writeFile(at('file'), '');
    await calls.symlink('file', at('link'));
    await calls.symlink('circle', at('circle'));
    for (const name of ['directory', 'file', 'absent', 'link', 'circle']) {
      for (const flag of createFlags) await fails(calls.open(at(`${name}/`), flag), { code: 'EISDIR' });
    }
    await fails(calls.open(at('file/'), 'r'), { code: 'ENOTDIR' });
    await fails(calls.open(at('absent/file/'), 'w'), { code: 'ENOENT' });
  });

  each('every string flag that creates makes a file, and the others do not', async (bench) => {
    for (const flag of createFlags) {
      const path = bench.at(`made-${flag}`);
      await (await bench.calls.open(path, flag)).close();
      expect((await bench.calls.stat(path)).isFile(), flag).toBe(true);
    }
    for (const flag of existingFlags) {
      const path = bench.at('absent');
      await fails(bench.calls.open(path, flag), {
        code: 'ENOENT',
        syscall: 'open',
        path,
        message: `ENOENT: no such file or directory, open '${path}'`,
      });
    }
  });

  each('exclusive flags refuse what exists, even a dangling link', async ({ calls, at }) => {
    await calls.writeFile(at('f'), '1');
    await calls.symlink('nowhere', at('dangling'));
    for (const flag of exclusiveFlags) {
      await fails(calls.open(at('f'), flag), { code: 'EEXIST', syscall: 'open', path: at('f') });
      await fails(calls.open(at('dangling'), flag), { code: 'EEXIST' });
    }
    expect(await calls.exists(at('nowhere'))).toBe(false);
  });

  each('w truncates, a appends, r+ overwrites in place', async (bench) => {
    await writes(bench, 'w', 'abcdef');
    await writes(bench, 'r+', 'XY');
    expect(await content(bench)).toBe('XYcdef');
    await writes(bench, 'a', 'gh');
    expect(await content(bench)).toBe('XYcdefgh');
    await writes(bench, 'w', '1');
    expect(await content(bench)).toBe('1');
  });

  each('append goes to the end whatever the position says', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'start');
    const file = await calls.open(at('f'), 'a+');
    await file.write(Buffer.from('-one'), 0, 4, 0);
    await calls.appendFile(at('f'), '-other');
    await file.write(Buffer.from('-two'), 0, 4, null);
    const all = Buffer.alloc(64);
    const { bytesRead } = await file.read(all, 0, 64, 0);
    expect(all.toString('utf8', 0, bytesRead)).toBe('start-one-other-two');
    await file.close();
  });

  each('reading needs a readable, writing a writable descriptor', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'abc');
    for (const flag of readOnlyFlags) {
      const file = await calls.open(at('f'), flag);
      await fails(file.write(Buffer.from('x')), { code: 'EBADF', syscall: 'write' });
      await fails(file.truncate(1), { code: 'EINVAL', syscall: 'ftruncate' });
      await file.close();
    }
    for (const flag of ['w', 'a']) {
      const file = await calls.open(at('f'), flag);
      await fails(file.read(Buffer.alloc(1), 0, 1, 0), { code: 'EBADF', syscall: 'read' });
      await file.close();
    }
  });

  each('numeric flags combine as in C', async (bench) => {
    const { calls, at, fs } = bench;
    const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_SYNC, O_DSYNC } = fs.constants;
    await fails(calls.open(at('f'), O_WRONLY), { code: 'ENOENT' });
    await writes(bench, O_WRONLY | O_CREAT, 'abcdef');
    await writes(bench, O_WRONLY | O_CREAT, 'X');
    expect(await content(bench)).toBe('Xbcdef');
    await writes(bench, O_RDWR | O_APPEND | O_SYNC, 'g');
    expect(await content(bench)).toBe('Xbcdefg');
    await writes(bench, O_RDWR | O_TRUNC | O_DSYNC, 'h');
    expect(await content(bench)).toBe('h');
    await fails(calls.open(at('f'), O_RDWR | O_CREAT | O_EXCL), { code: 'EEXIST' });
    await fails(writes(bench, O_RDONLY, 'x'), { code: 'EBADF' });
    await (await calls.open(at('g'), O_RDONLY | O_CREAT, 0o600)).close();
    expect((await calls.stat(at('g'))).mode & 0o7777).toBe(0o600);
  });

  each('O_DIRECTORY and O_NOFOLLOW', async ({ calls, at, fs }) => {
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
    await calls.mkdir(at('d'));
    await calls.writeFile(at('f'), '');
    await calls.symlink('f', at('to-f'));
    await calls.symlink('d', at('to-d'));
    await fails(calls.open(at('f'), O_RDONLY | O_DIRECTORY), { code: 'ENOTDIR', path: at('f') });
    await fails(calls.open(at('to-f'), O_RDONLY | O_NOFOLLOW), { code: 'ELOOP', path: at('to-f') });
    await (await calls.open(at('to-d'), O_RDONLY | O_DIRECTORY)).close();
    await (await calls.open(at('f'), O_RDONLY | O_NOFOLLOW)).close();
  });

  each('directories open for reading only', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    for (const flag of ['r+', 'w', 'a']) {
      await fails(calls.open(at('d'), flag), { code: 'EISDIR', syscall: 'open', path: at('d') });
    }
    const directory = await calls.open(at('d'), 'r');
    expect((await directory.stat()).isDirectory()).toBe(true);
    await fails(directory.read(Buffer.alloc(1), 0, 1, 0), { code: 'EISDIR', syscall: 'read' });
    await directory.sync();
    await directory.close();
  });

  each('open writes through a symbolic link and creates through a dangling one', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    await calls.symlink('d/made', at('link'));
    await calls.writeFile(at('link'), 'x');
    expect(await calls.readFile(at('d/made'), 'utf8')).toBe('x');
    expect((await calls.lstat(at('link'))).isSymbolicLink()).toBe(true);
  });

  each('the mode of a new file passes the umask; that of an old one stays', async ({ calls, at }) => {
    await (await calls.open(at('a'), 'w', 0o640)).close();
    await (await calls.open(at('b'), 'w', '644')).close();
    await (await calls.open(at('c'), 'w')).close();
    await (await calls.open(at('c'), 'w', 0o600)).close();
    const mode = async (name: string) => (await calls.stat(at(name))).mode & 0o7777;
    expect(await mode('a')).toBe(0o640);
    expect(await mode('b')).toBe(0o644);
    expect(await mode('c')).toBe(0o644);
  });

  each('a mode of no permission does not hinder the descriptor that creates', async ({ calls, at }) => {
    const file = await calls.open(at('f'), 'w+', 0);
    await file.write(Buffer.from('abc'));
    expect((await file.stat()).size).toBe(3);
    await file.close();
    expect((await calls.stat(at('f'))).mode & 0o7777).toBe(0);
  });

  each('an unlinked file lives until its last descriptor is closed', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'before');
    const first = await calls.open(at('f'), 'r+');
    const second = await calls.open(at('f'), 'r');
    await calls.unlink(at('f'));
    expect(await calls.exists(at('f'))).toBe(false);
    expect((await first.stat()).nlink).toBe(0);
    await calls.writeFile(at('f'), 'another');
    await first.write(Buffer.from('AFTER!'), 0, 6, 0);
    await first.close();
    const bytes = Buffer.alloc(16);
    const { bytesRead } = await second.read(bytes, 0, 16, 0);
    expect(bytes.toString('utf8', 0, bytesRead)).toBe('AFTER!');
    await second.close();
    expect(await calls.readFile(at('f'), 'utf8')).toBe('another');
  });

  each('a file replaced by rename lives on in its descriptor', async ({ calls, at }) => {
    await calls.writeFile(at('old'), 'old content');
    await calls.writeFile(at('new'), 'new content');
    const file = await calls.open(at('old'), 'r');
    await calls.rename(at('new'), at('old'));
    expect((await file.readFile()).toString()).toBe('old content');
    expect(await calls.readFile(at('old'), 'utf8')).toBe('new content');
    await file.close();
  });

  each('unusable flags are refused', async ({ calls, at }) => {
    await fails(calls.open(at('f'), 'q'), { code: 'ERR_INVALID_ARG_VALUE' });
    await fails(calls.open(at('f'), 'rw'), { code: 'ERR_INVALID_ARG_VALUE' });
    await fails(calls.open(at('f'), 1.5), { code: 'ERR_OUT_OF_RANGE' });
  });
};
