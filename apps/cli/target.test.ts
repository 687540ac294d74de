/** The grammar of targets. */
import { expect, test } from 'vitest';
import { parseBranch, parseTarget } from './target.ts';

const cases: Record<string, [string | undefined, string | undefined, string | undefined]> = {
  main: [undefined, 'main', undefined],
  'main:/src/a.ts': [undefined, 'main', '/src/a.ts'],
  'main:src': [undefined, 'main', '/src'],
  'main:': [undefined, 'main', '/'],
  ':/src': [undefined, undefined, '/src'],
  'main:/a:b': [undefined, 'main', '/a:b'],
  './p': ['./p', undefined, undefined],
  './p:x': ['./p', 'x', undefined],
  './p:x:/y/z': ['./p', 'x', '/y/z'],
  './p::/y': ['./p', undefined, '/y'],
  '/a/b.pool:x': ['/a/b.pool', 'x', undefined],
  'p.byre': ['p.byre', undefined, undefined],
  'p.byre:main': ['p.byre', 'main', undefined],
  'a/b.byre:main:/c': ['a/b.byre', 'main', '/c'],
  '../p.byre:main:/c.byre': ['../p.byre', 'main', '/c.byre'],
  'proj@3': [undefined, 'proj@3', undefined],
  'main:/c.byre': [undefined, 'main', '/c.byre'],
};

for (const [text, [pool, branch, path]] of Object.entries(cases)) {
  test(text, () => expect(parseTarget(text)).toEqual({ pool, branch, path }));
}

test('what cannot be meant', () => {
  expect(() => parseTarget('')).toThrow('empty');
  expect(() => parseTarget('src/a.ts')).toThrow('no branch');
  expect(() => parseBranch('main:/src')).toThrow('has a path');
});
