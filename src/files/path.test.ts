/** Paths: what they are taken apart into, and where walks end, against a plain model of the same tree. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testPool } from '../../tests/files/pools.ts';
import { below, pathOf, walk } from './path.ts';

const names = (path: unknown) => pathOf(path).names.map((name) => new TextDecoder().decode(name));

describe('pathOf', () => {
  test('takes text, bytes and file URLs apart', () => {
    expect(names('/a//b/./../c/')).toEqual(['a', 'b', '.', '..', 'c']);
    expect(names(new Uint8Array([0x2f, 0x61]))).toEqual(['a']);
    expect(names(new URL('file:///a%20b/%C3%A9'))).toEqual(['a b', 'é']);
    expect(names('relative')).toEqual(['relative']);
    expect([pathOf('/').slash, pathOf('/a').slash, pathOf('a/').slash, pathOf('').empty]).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  test('keeps no reference to the bytes it was given', () => {
    const bytes = Buffer.from([0x61, 0x62]);
    const path = pathOf(bytes);
    bytes.fill(0x7a);
    expect([...path.names[0]!]).toEqual([0x61, 0x62]);
  });

  test('below puts one name after it', () => {
    expect(below(pathOf('/a'), new Uint8Array([0x62])).text).toBe('/a/b');
    expect(below(pathOf('/'), new Uint8Array([0x62])).text).toBe('/b');
  });
});

describe('walk', () => {
  test('tells how a path ended that has no last name', async () => {
    await using here = testPool();
    here.files.mkdirSync('/d');
    here.files.symlinkSync('/', '/d/root');
    here.files.symlinkSync('.', '/d/dot');
    const view = { ...here.main, root: here.main.root, store: here.main.store, readOnly: false };
    const ending = (path: string) => here.main.runSync(() => walk(view as never, pathOf(path), 'always').ending);
    expect(['/', '/.', '/d/..', '/d', '/d/root', '/d/dot', '/d/./root'].map(ending)).toEqual([
      ...['root', 'dot', 'dots', 'name', 'root', 'dot', 'root'],
    ]);
  });

  test('random walks end where a model says', async () => {
    await using here = testPool();
    const { files } = here;
    files.mkdirSync('/a/b/c', { recursive: true });
    files.writeFileSync('/a/f', '');
    files.symlinkSync('b', '/a/to-b');
    files.symlinkSync('/a', '/a/b/up');
    files.symlinkSync('../f', '/a/b/to-f');
    const directories: Record<string, Record<string, string>> = {
      '/': { a: '/a' },
      '/a': { b: '/a/b', f: 'file', 'to-b': '/a/b' },
      '/a/b': { c: '/a/b/c', up: '/a', 'to-f': 'file' },
      '/a/b/c': {},
    };
    const parents: Record<string, string> = { '/': '/', '/a': '/', '/a/b': '/a', '/a/b/c': '/a/b' };
    const model = (steps: readonly string[]): string => {
      let at = '/';
      for (const step of steps) {
        if (at === 'file') return 'ENOTDIR';
        const next: string | undefined = step === '.' ? at : step === '..' ? parents[at] : directories[at]?.[step];
        if (next === undefined) return 'ENOENT';
        at = next;
      }
      return at === 'file' ? '/a/f' : at;
    };
    const step = fc.constantFrom('a', 'b', 'c', 'f', 'to-b', 'up', 'to-f', '.', '..', 'no');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let result: string;
        try {
          result = files.realpathSync(`/${steps.join('/')}`);
        } catch (error) {
          result = (error as { code: string }).code;
        }
        expect(result).toBe(model(steps));
      }),
      { numRuns: 500 },
    );
  });
});
