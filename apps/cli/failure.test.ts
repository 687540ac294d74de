/** What is said of failures: which path and why, in words, with the exit status that scripts look at. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { commandLines } from '../../tests/cli/pools.ts';
import { messageOf, reasonIn } from './reason.ts';

const { byre, directory, done } = commandLines();

const at = (name: string): string => path.join(directory(), name);

beforeEach(async () => {
  mkdirSync(at('folder'));
  writeFileSync(at('file'), 'x');
  await done(['put', ':/file'], { input: 'x' });
  await done(['set', ':t', 'k', '{}']);
});

describe('what fails is told by its path and the reason', () => {
  const long = 'x'.repeat(300);
  const cases: [line: string, status: number, message: (at: (name: string) => string) => string][] = [
    ['put nofile :/x', 3, (real) => `${real('nofile')}: no such file or directory`],
    ['put file/x :/x', 4, (real) => `${real('file/x')}: not a directory`],
    ['import --csv nofile :u', 3, (real) => `${real('nofile')}: no such file or directory`],
    ['import --ndjson . :u', 4, (real) => `${real('.')}: it is a directory`],
    ['put file :/file/y', 4, () => 'main:/file is not a directory'],
    ['put file :/file/y/z', 4, () => 'main:/file/y: not a directory'],
    [`put file :/${long}`, 4, () => `main:/${long}: name too long`],
    ['export :/file folder', 4, (real) => `${real('folder')}: it is there already`],
    ['export --csv :t none/t.csv', 3, (real) => `${real('none/t.csv')}: no such file or directory`],
  ];
  test.each(cases)('%s', async (line, status, message) => {
    const told = await byre(line.split(' '));
    expect(told).toEqual({ ...told, status, output: '', error: `byre: ${message(at)}\n` });
  });
});

test('which of the directories that cannot be made is told differs between versions of Node', async () => {
  const told = await byre(['init', 'file/x/y']);
  expect(told).toMatchObject({ status: 4, output: '' });
  expect(told.error).toMatch(/^byre: \/.*\/file(\/x)?(\/y)?: not a directory\n$/);
});

test('sizes out of range are told by the option that was typed', async () => {
  for (const [line, message] of [
    ['limit --pool-limit=1K', '--pool-limit is at least 2.0 MiB, not 1K'],
    ['init o.byre --limit=1K', '--limit is at least 2.0 MiB, not 1K'],
    ['limit --pool-limit=99T', '--pool-limit is at most 16 TiB, not 99T'],
    ['limit --quota=99T', '--quota is at most 16 TiB, not 99T'],
    ['init o.byre --node-size=5000', '--node-size is 4K, 8K, 16K, 32K or 64K, not 5000'],
    ['set :u k 1 --values=foo', "--values is json, text or bytes, not 'foo'"],
  ] as const) {
    const told = await byre(line.split(' '));
    expect(told).toMatchObject({ status: 2, output: '' });
    expect(told.error.split('\n')[0]).toBe(`byre: ${message}`);
  }
});

test('the system words, and only they, are put in ours', () => {
  expect(reasonIn("ENOENT: no such file or directory, open '/a, b'")).toBe('no such file or directory');
  expect(reasonIn('EISDIR: illegal operation on a directory, read')).toBe('it is a directory');
  expect(reasonIn('main:/a is a directory')).toBe('main:/a is a directory');
  expect(reasonIn('EACCES')).toBe('permission denied');
  expect(reasonIn('not carried over: owner 0:0')).toBe('not carried over: owner 0:0');
  expect(messageOf(new Error("EPERM: utimensat '/a'"))).toBe('/a: operation not permitted');
  expect(messageOf(new Error('ENOSPC: no space left on device, write'))).toBe('no space left on device');
  const moved = Object.assign(new Error("EXDEV: cross-device link not permitted, rename '/a' -> '/b'"), {
    path: '/a',
    dest: '/b\n',
  });
  expect(messageOf(moved)).toBe('/a -> /b\\n: cross-device link not permitted');
});
