/**
 * Conformance: hard links, symbolic links, loops, readlink, realpath.
 * Must not link outside of the root.
 */
import { expect } from 'vitest';
import { fails, type GroupBody } from './suite.ts';

const hardGroup: GroupBody = ({ each }) => {
  each('a hard link is another name of one file', async ({ calls, at }) => {
    await calls.writeFile(at('a'), 'one');
    await calls.link(at('a'), at('b'));
    const [a, b] = [await calls.stat(at('a')), await calls.stat(at('b'))];
    expect([a.ino, a.nlink, b.nlink]).toEqual([b.ino, 2, 2]);
    await calls.appendFile(at('b'), ' two');
    expect(await calls.readFile(at('a'), 'utf8')).toBe('one two');
    await calls.unlink(at('a'));
    expect(await calls.readFile(at('b'), 'utf8')).toBe('one two');
    expect((await calls.stat(at('b'))).nlink).toBe(1);
  });

  each('link refuses directories, what is there, and what is not', async ({ calls, at }) => {
    await calls.mkdir(at('d'));
    await calls.writeFile(at('f'), '');
    await fails(calls.link(at('d'), at('e')), { code: 'EPERM', syscall: 'link', path: at('d'), dest: at('e') });
    await fails(calls.link(at('f'), at('d')), {
      code: 'EEXIST',
      syscall: 'link',
      path: at('f'),
      dest: at('d'),
      message: `EEXIST: file already exists, link '${at('f')}' -> '${at('d')}'`,
    });
    await fails(calls.link(at('f'), at('f')), { code: 'EEXIST' });
    await fails(calls.link(at('no'), at('g')), { code: 'ENOENT', path: at('no'), dest: at('g') });
    await fails(calls.link(at('f'), at('no/g')), { code: 'ENOENT' });
    await fails(calls.link(at('f'), at('f/g')), { code: 'ENOTDIR' });
  });

  each('link does not follow a symbolic link', async ({ calls, at }) => {
    await calls.symlink('nowhere', at('s'));
    await calls.link(at('s'), at('t'));
    expect(await calls.readlink(at('t'))).toBe('nowhere');
    expect((await calls.lstat(at('t'))).ino).toBe((await calls.lstat(at('s'))).ino);
  });
};

const symbolicGroup: GroupBody = ({ each }) => {
  each('symbolic links, relative and absolute', async ({ calls, at, root }) => {
    await calls.mkdir(at('d'));
    await calls.writeFile(at('d/f'), 'content');
    await calls.symlink('d/f', at('relative'));
    await calls.symlink(`${root}/d/f`, at('absolute'));
    await calls.symlink('d', at('directory'), 'dir');
    await calls.symlink('relative', at('second'));
    for (const name of ['relative', 'absolute', 'directory/f', 'second']) {
      expect(await calls.readFile(at(name), 'utf8')).toBe('content');
    }
    expect(await calls.readlink(at('relative'))).toBe('d/f');
    expect(await calls.readlink(at('absolute'))).toBe(`${root}/d/f`);
    expect((await calls.readlink(at('relative'), { encoding: 'buffer' })).toString()).toBe('d/f');
    const stats = await calls.lstat(at('relative'));
    expect([stats.isSymbolicLink(), stats.size, stats.mode & 0o777]).toEqual([true, 3, 0o777]);
    expect((await calls.stat(at('relative'))).isFile()).toBe(true);
  });

  each('targets are kept as they are', async ({ calls, at }) => {
    for (const target of ['a', '../..', '/', './x//y/', 'a b', 'é\n', 'x'.repeat(1000), `${'y/'.repeat(1500)}z`]) {
      await calls.symlink(target, at('link'));
      expect(await calls.readlink(at('link'))).toBe(target);
      expect((await calls.lstat(at('link'))).size).toBe(Buffer.byteLength(target));
      await calls.unlink(at('link'));
    }
  });

  each('dangling links', async ({ calls, at }) => {
    await calls.symlink('no/where', at('s'));
    await fails(calls.stat(at('s')), { code: 'ENOENT', syscall: 'stat', path: at('s') });
    await fails(calls.readFile(at('s')), { code: 'ENOENT', syscall: 'open', path: at('s') });
    await fails(calls.writeFile(at('s'), ''), { code: 'ENOENT', syscall: 'open', path: at('s') });
    expect((await calls.lstat(at('s'))).isSymbolicLink()).toBe(true);
    expect(await calls.exists(at('s'))).toBe(false);
    await calls.unlink(at('s'));
  });

  each('loops are found', async ({ calls, at }) => {
    await calls.symlink('b', at('a'));
    await calls.symlink('a', at('b'));
    await calls.symlink('self', at('self'));
    for (const name of ['a', 'b', 'self', 'self/x']) {
      await fails(calls.stat(at(name)), {
        code: 'ELOOP',
        syscall: 'stat',
        path: at(name),
        message: `ELOOP: too many symbolic links encountered, stat '${at(name)}'`,
      });
      await fails(calls.readFile(at(name)), { code: 'ELOOP', syscall: 'open' });
    }
    await fails(calls.realpath(at('a')), { code: 'ELOOP' });
    expect((await calls.lstat(at('self'))).isSymbolicLink()).toBe(true);
  });

  each('40 links in a chain are followed, 41 are not', async ({ calls, at }) => {
    await calls.writeFile(at('0'), 'end');
    for (let i = 1; i <= 41; i++) await calls.symlink(String(i - 1), at(String(i)));
    expect(await calls.readFile(at('40'), 'utf8')).toBe('end');
    await fails(calls.readFile(at('41')), { code: 'ELOOP' });
  });

  each('symlink refuses what is there, and an empty target', async ({ calls, at }) => {
    await calls.writeFile(at('f'), '');
    await fails(calls.symlink('target', at('f')), {
      code: 'EEXIST',
      syscall: 'symlink',
      path: 'target',
      dest: at('f'),
      message: `EEXIST: file already exists, symlink 'target' -> '${at('f')}'`,
    });
    await fails(calls.symlink('', at('g')), { code: 'ENOENT' });
    await fails(calls.symlink('x', at('no/g')), { code: 'ENOENT' });
  });

  each('readlink of what is no link', async ({ calls, at }) => {
    await calls.writeFile(at('f'), '');
    await fails(calls.readlink(at('f')), {
      code: 'EINVAL',
      syscall: 'readlink',
      path: at('f'),
      message: `EINVAL: invalid argument, readlink '${at('f')}'`,
    });
    await fails(calls.readlink(at('no')), { code: 'ENOENT', syscall: 'readlink', path: at('no') });
  });

  each('operations on links themselves and through them', async ({ calls, at }) => {
    await calls.writeFile(at('f'), 'x');
    await calls.symlink('f', at('s'));
    await calls.chmod(at('s'), 0o600);
    expect((await calls.stat(at('f'))).mode & 0o777).toBe(0o600);
    await calls.utimes(at('s'), 1, 2);
    expect((await calls.stat(at('f'))).mtimeMs).toBe(2000);
    await calls.lutimes(at('s'), 3, 4);
    expect((await calls.stat(at('f'))).mtimeMs).toBe(2000);
    expect((await calls.lstat(at('s'))).mtimeMs).toBe(4000);
    await calls.rename(at('s'), at('t'));
    expect(await calls.readlink(at('t'))).toBe('f');
    await calls.truncate(at('t'));
    expect((await calls.stat(at('f'))).size).toBe(0);
  });
};

const realpathGroup: GroupBody = ({ each, once }) => {
  each('realpath resolves links, dots and slashes', async ({ calls, at, root }) => {
    await calls.mkdir(at('a/b'), { recursive: true });
    await calls.writeFile(at('a/b/f'), '');
    await calls.symlink('a/b', at('to-b'));
    await calls.symlink(`${root}/to-b/f`, at('to-f'));
    await calls.symlink('../b/./f', at('a/b/g'));
    for (const name of ['a/b/f', 'to-b/f', 'to-f', 'a//b/../b/./f', 'to-b/g']) {
      expect(await calls.realpath(at(name))).toBe(at('a/b/f'));
    }
    expect(await calls.realpath(at('to-b/'))).toBe(at('a/b'));
    expect(await calls.realpath('/')).toBe('/');
    expect(await calls.realpath(at('to-b'), 'buffer')).toEqual(Buffer.from(at('a/b')));
  });

  each('realpath of what is not there', async ({ calls, at }) => {
    await calls.symlink('nowhere', at('dangling'));
    await fails(calls.realpath(at('no')), { code: 'ENOENT' });
    await fails(calls.realpath(at('dangling')), { code: 'ENOENT' });
    await calls.writeFile(at('f'), '');
    await fails(calls.realpath(at('f/x')), { code: ['ENOTDIR', 'ENOENT'] });
  });

  once('realpath.native', async ({ fs, at }) => {
    fs.writeFileSync(at('f'), '');
    fs.symlinkSync('f', at('s'));
    expect(fs.realpathSync.native(at('s'))).toBe(at('f'));
    const path = await new Promise((resolve, reject) => {
      fs.realpath.native(at('s'), (error, result) => (error ? reject(error) : resolve(result)));
    });
    expect(path).toBe(at('f'));
  });
};

export const linksGroup: GroupBody = (group) => {
  hardGroup(group);
  symbolicGroup(group);
  realpathGroup(group);
};
