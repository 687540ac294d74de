/**
 * Conformance: rename in every pairing of what is moved and what is there.
 * Must not leave temporary names behind.
 */
import { expect } from 'vitest';
import { type Bench, fails, type GroupBody } from './suite.ts';

type Kind = 'absent' | 'file' | 'link' | 'empty' | 'full';
const kinds: readonly Kind[] = ['absent', 'file', 'link', 'empty', 'full'];

async function make({ calls, at }: Bench, name: string, kind: Kind): Promise<void> {
  if (kind === 'file') await calls.writeFile(at(name), `file ${name}`);
  if (kind === 'link') await calls.symlink('anywhere', at(name));
  if (kind === 'empty' || kind === 'full') await calls.mkdir(at(name));
  if (kind === 'full') await calls.writeFile(at(`${name}/inside`), `inside ${name}`);
}

/** What Linux says to `rename(from, to)`; undefined where it succeeds. */
function expectedCode(from: Kind, to: Kind): string | undefined {
  if (from === 'absent') return 'ENOENT';
  const isDirectory = (kind: Kind) => kind === 'empty' || kind === 'full';
  if (to === 'absent') return undefined;
  if (isDirectory(from)) {
    if (!isDirectory(to)) return 'ENOTDIR';
    return to === 'full' ? 'ENOTEMPTY' : undefined;
  }
  return isDirectory(to) ? 'EISDIR' : undefined;
}

const pairsGroup: GroupBody = ({ each }) => {
  each('every pair of kinds', async (bench) => {
    const { calls, at } = bench;
    for (const from of kinds) {
      for (const to of kinds) {
        const [source, target] = [`${from}-over-${to}-a`, `${from}-over-${to}-b`];
        await make(bench, source, from);
        await make(bench, target, to);
        const code = expectedCode(from, to);
        const before = from === 'absent' ? undefined : (await calls.lstat(at(source))).ino;
        if (code !== undefined) {
          const paths = { path: at(source), dest: at(target) };
          await fails(calls.rename(at(source), at(target)), { code, syscall: 'rename', ...paths });
          if (to === 'full') expect(await calls.readdir(at(target))).toEqual(['inside']);
          continue;
        }
        expect(await calls.rename(at(source), at(target))).toBeUndefined();
        expect((await calls.lstat(at(target))).ino).toBe(before);
        await fails(calls.lstat(at(source)), { code: 'ENOENT' });
        if (from === 'full') expect(await calls.readFile(at(`${target}/inside`), 'utf8')).toBe(`inside ${source}`);
      }
    }
  });

  each('the message names both paths', async ({ calls, at }) => {
    await fails(calls.rename(at('a'), at('b')), {
      code: 'ENOENT',
      message: `ENOENT: no such file or directory, rename '${at('a')}' -> '${at('b')}'`,
    });
  });
};

const placesGroup: GroupBody = ({ each }) => {
  each('onto itself and onto another link of the same file nothing happens', async ({ calls, at }) => {
    await calls.writeFile(at('a'), 'x');
    await calls.link(at('a'), at('b'));
    await calls.rename(at('a'), at('a'));
    await calls.rename(at('a'), at('b'));
    expect((await calls.readdir(at(''))).sort()).toEqual(['a', 'b']);
    expect((await calls.stat(at('a'))).nlink).toBe(2);
    await calls.mkdir(at('d'));
    await calls.rename(at('d'), at('d'));
    expect((await calls.stat(at('d'))).isDirectory()).toBe(true);
  });

  each('a directory cannot move into itself', async ({ calls, at }) => {
    await calls.mkdir(at('d/e/f'), { recursive: true });
    for (const target of ['d/x', 'd/e/x', 'd/e/f/x', 'd/e']) {
      await fails(calls.rename(at('d'), at(target)), { code: ['EINVAL', 'ENOTEMPTY'], syscall: 'rename' });
    }
    await fails(calls.rename(at('d/e/f'), at('d')), { code: ['ENOTEMPTY', 'EEXIST'] });
    await calls.writeFile(at('file'), '');
    await fails(calls.rename(at('file'), at('file/x')), { code: 'ENOTDIR' });
  });

  each('between directories, parents follow', async ({ calls, at }) => {
    await calls.mkdir(at('a/b/c'), { recursive: true });
    await calls.mkdir(at('x'));
    await calls.writeFile(at('x/f'), 'here');
    await calls.rename(at('a/b'), at('x/b'));
    expect(await calls.readFile(at('x/b/../f'), 'utf8')).toBe('here');
    expect(await calls.realpath(at('x/b/c/../..'))).toBe(at('x'));
    expect(await calls.readdir(at('a'))).toEqual([]);
    await calls.rename(at('x/b/c'), at('a/c'));
    expect(await calls.realpath(at('a/c/..'))).toBe(at('a'));
  });

  each('through links, dots and trailing slashes', async ({ calls, at }) => {
    await calls.mkdir(at('a'));
    await calls.mkdir(at('b'));
    await calls.symlink('b', at('to-b'));
    await calls.writeFile(at('a/f'), 'f');
    await calls.rename(at('a/../a/f'), at('to-b/./g'));
    expect(await calls.readFile(at('b/g'), 'utf8')).toBe('f');
    await calls.rename(at('a/'), at('c/'));
    expect((await calls.stat(at('c'))).isDirectory()).toBe(true);
    await fails(calls.rename(at('b/g/'), at('h')), { code: 'ENOTDIR' });
    await fails(calls.rename(at('b/g'), at('h/')), { code: 'ENOTDIR' });
    for (const name of ['c/.', 'c/..']) {
      await fails(calls.rename(at(name), at('z')), { code: ['EBUSY', 'EINVAL'] });
      await fails(calls.rename(at('b'), at(name)), { code: ['EBUSY', 'EINVAL', 'ENOTEMPTY'] });
    }
    await fails(calls.rename(at('b/g'), at('no/g')), { code: 'ENOENT' });
  });

  each('replacing frees the old and keeps other links of it', async ({ calls, at }) => {
    await calls.writeFile(at('old'), 'old');
    await calls.link(at('old'), at('kept'));
    await calls.writeFile(at('new'), 'new');
    await calls.rename(at('new'), at('old'));
    expect(await calls.readFile(at('kept'), 'utf8')).toBe('old');
    expect((await calls.stat(at('kept'))).nlink).toBe(1);
    expect(await calls.readFile(at('old'), 'utf8')).toBe('new');
  });

  each('an open file follows its name', async ({ calls, at }) => {
    await calls.writeFile(at('a'), 'x');
    const file = await calls.open(at('a'), 'a');
    await calls.rename(at('a'), at('b'));
    await file.write('y');
    await file.close();
    expect(await calls.readFile(at('b'), 'utf8')).toBe('xy');
  });
};

export const renameGroup: GroupBody = (group) => {
  pairsGroup(group);
  placesGroup(group);
};
