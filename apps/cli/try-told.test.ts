/** What `byre try` says and asks, in this process: hints that hold, answers that are understood, and the status of its failures. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { type RunOptions, run, scratch } from '../../tests/cli/command-line.ts';

const { directory: top, remove } = scratch();
afterAll(remove);

let count = 0;
let directory = '';
let environment: Record<string, string> = {};

beforeEach(() => {
  const work = path.join(top, String(count++));
  directory = path.join(work, 'real');
  mkdirSync(directory, { recursive: true });
  environment = { PATH: process.env.PATH ?? '', XDG_STATE_HOME: path.join(work, 'state') };
  writeFileSync(path.join(directory, 'a'), 'a\n');
});

const byre = (args: readonly string[], options: Partial<RunOptions> = {}) =>
  run(args, { directory, environment, ...options });

const tried = (options: readonly string[], script: string, more: Partial<RunOptions> = {}) =>
  byre(['try', '--no-mount', ...options, '--', 'sh', '-c', script], more);

/** The words of a line as a shell has them. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');

describe('what it says can be done next', () => {
  for (const [what, options] of [
    ['a plain name', ['--branch', 'idea']],
    ['a name that a shell would take apart', ['--branch', 'my idea; no']],
    ['a pool that was named', ['--branch', 'idea', '--pool', '../other pool.byre']],
  ] as const) {
    test(`is true when it is pasted: ${what}`, async () => {
      const { status, error } = await tried(options, 'echo b > b');
      expect(status).toBe(0);
      const lines = error.split('\n').at(-2)!.trim().split(/ {3}/);
      expect(lines.map((line) => wordsOf(line).slice(0, 2).join(' '))).toEqual([
        'byre diff',
        'byre apply',
        'byre try',
        'byre drop',
      ]);
      const [diff, apply, again, drop] = lines.map((line) => wordsOf(line).slice(1)) as string[][];
      expect(await byre(diff!)).toMatchObject({ status: 1, error: '', output: expect.stringMatching(/^\+ b .*\n$/) });
      expect(again!.at(-1)).toBe('COMMAND');
      expect(await byre(['try', '--no-mount', '--discard', ...again!.slice(1, -1), 'test', '-f', 'b'])).toMatchObject({
        status: 0,
      });
      expect(await byre(apply!)).toMatchObject({ status: 0, error: '' });
      expect(readdirSync(directory)).toEqual(['a', 'b']);
      expect(await byre([...drop!, '--yes'])).toMatchObject({ status: 0, error: '' });
    });
  }
});

describe('every failure of byre itself is told apart from the command’s', () => {
  const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no command', [], /^byre: which command\?.*\n'byre help try' tells how it is used\n$/],
    ['an option that there is not', ['--kep', 'true'], /^byre: byre try has no option --kep/],
    ['a value that is missing', ['--branch'], /^byre: /],
    ['two decisions', ['--keep', '--discard', 'true'], /exclude each other/],
    ['mount and no mount', ['--mount', '--no-mount', 'true'], /exclude each other/],
    ['a directory that there is not', ['--writable', 'nowhere', 'true'], /nowhere is none/],
    ['no number', ['--wait', 'long', 'true'], /^byre: --wait takes a number of seconds, not 'long'/],
    ['a branch that there is not', ['--from', 'nobody', 'true'], /^byre: there is no branch or snapshot 'nobody'/],
    ['no pool', ['--no-mount', '--pool', 'a', 'true'], /a: it is not a byre pool/],
    ['no pool to recover from', ['--recover', '--pool', 'a'], /a: it is not a byre pool/],
  ];
  for (const [what, args, message] of wrong) {
    test(what, async () => {
      const line = ['try', ...(args.includes('--mount') ? [] : ['--no-mount']), ...args];
      expect(await byre(line)).toMatchObject({ status: 125, output: '', error: expect.stringMatching(message) });
      const json = await byre([line[0]!, '--json', ...line.slice(1)]);
      expect(json).toMatchObject({ status: 125, output: '' });
      expect(JSON.parse(json.error).error).toMatchObject({ status: 125, code: expect.any(String) });
    });
  }

  test('and other commands keep their own', async () => {
    expect((await byre(['trai', 'true'])).status).toBe(2);
    expect((await byre(['apply'])).status).toBe(2);
    expect((await byre(['help', 'try'])).status).toBe(0);
    expect((await byre(['try', '--help'])).status).toBe(0);
  });
});

test('apply says what is wrong: a branch and --resume, or neither, or two pools', async () => {
  expect((await byre(['apply', 'idea', '--resume'])).error).toMatch(/^byre: a branch and --resume exclude each other/);
  expect((await byre(['apply'])).error).toMatch(/^byre: name the branch to apply, or give --resume\n/);
  const twice = await byre(['apply', './a.byre:idea', '--pool', './b.byre']);
  expect(twice).toMatchObject({ status: 2, error: expect.stringContaining('name the pool once') });
});

describe('asked path by path', () => {
  const edits = 'echo b > b; echo c > c; echo d > d';
  const asked = (...answers: string[]) => tried(['-q'], edits, { answers });
  const branches = async () => (await byre(['branches', '-1'])).output.split('\n');

  test('an answer that is none of those is asked for again', async () => {
    const { questions } = await asked('w', 'p', 'u', '', 'ney', 'al', 'y', ' N ', 'Yes');
    expect(readdirSync(directory)).toEqual(['a', 'b', 'd']);
    expect(questions.map((each) => each.split('\n')[0]!.slice(0, 3))).toEqual([
      ...['Kee', 'Kee'],
      ...['+ b', '+ b', '+ b', '+ b', '+ b', '+ c', '+ d'],
    ]);
  });

  test('all the rest, or no more', async () => {
    await asked('path', 'n', 'all');
    expect(readdirSync(directory)).toEqual(['a', 'c', 'd']);
    await asked('p', 'y', 'done');
    expect(readdirSync(directory)).toEqual(['a', 'b', 'c', 'd']);
    expect(await branches()).not.toContain('try-1');
  });

  test('to quit, or to answer no more, keeps everything as a branch', async () => {
    for (const answers of [
      ['p', 'y', 'q'],
      ['p', 'y', 'quit'],
      ['p', 'y'],
      ['p', 'y', 'x'],
    ]) {
      const { questions, error } = await asked(...answers);
      expect(questions.at(-1)).toMatch(/\[d\]one with it, \[q\]uit \(all stays as a branch\): $/);
      expect(error).toContain('kept as branch try-1');
      expect(readdirSync(directory)).toEqual(['a']);
      expect(await byre(['drop', '--yes', 'try-1'])).toMatchObject({ status: 0 });
    }
  });
});
