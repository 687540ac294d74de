/** The help: every command has it, its examples can be typed, and docs/cli.md says the same. */
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { run, scratch } from '../../tests/cli/command-line.ts';
import { referenceText } from '../../tests/cli/reference.ts';
import { optionsOf, parseArguments } from './arguments.ts';
import type { Command } from './command.ts';
import { commandHelp, overview } from './help.ts';
import { distance, nearest } from './suggest.ts';
import { entries, groups } from './table.ts';

const { directory, remove } = scratch();
afterAll(remove);

const byre = (...args: string[]) => run(args, { directory });
const loaded = new Map<string, Command>(
  await Promise.all(entries.map(async (entry) => [entry.name, await entry.load()] as const)),
);

/** The words of a line as a shell would take them, up to a pipe or redirection. */
function wordsOf(line: string): string[] {
  return [...line.split(/ [|>] ?/)[0]!.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');
}

describe.each([...loaded])('%s', (name, command) => {
  test('is told of in the style of all', () => {
    expect(command.name).toBe(name);
    expect(command.summary).toMatch(/^[a-z].*[^.]$/);
    expect(command.summary.length).toBeLessThanOrEqual(90);
    expect(command.usage.length).toBeGreaterThan(0);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const line of commandHelp(command).split('\n')) expect(line.length, line).toBeLessThanOrEqual(135);
  });

  test('has options that do not clash', () => {
    const shorts = Object.values(optionsOf(command)).flatMap(({ short }) => short ?? []);
    expect(new Set(shorts).size).toBe(shorts.length);
    for (const { type, value } of Object.values(optionsOf(command)))
      expect(value !== undefined).toBe(type === 'string');
  });

  test('has examples that can be typed', () => {
    for (const [line] of command.examples) {
      const calls = line.split(/ \| /).filter((part) => /^(byre|.*xargs .*byre) /.test(part));
      expect(calls.length, line).toBeGreaterThan(0);
      for (const call of calls) {
        const words = wordsOf(call.slice(call.indexOf('byre ')));
        expect(words[1]).toSatisfy((word: string) => loaded.has(word));
        if (words[1] === name) parseArguments(command, words.slice(2));
      }
    }
  });

  test('shows its help, and how it is used if used wrongly', async () => {
    const help = await byre('help', name);
    expect(help).toMatchObject({ status: 0, error: '', output: commandHelp(command) });
    expect(await byre(name, '--help')).toEqual(help);
    expect(await byre(name, '-h')).toEqual(help);
    const wrong = await byre(name, '--no-such-option');
    expect(wrong).toMatchObject({ status: command.failureStatus ?? 2, output: '' });
    expect(wrong.error).toBe(
      `byre: byre ${name} has no option --no-such-option\n'byre help ${name}' tells how it is used\n`,
    );
  });
});

test('the overview has every command', async () => {
  const all = await byre('help');
  expect(all).toMatchObject({ status: 0, error: '' });
  for (const { name } of entries) expect(all.output).toMatch(new RegExp(`^  ${name} `, 'm'));
  for (const args of [[], ['--help'], ['-h']]) expect(await byre(...args)).toEqual(all);
  expect(await byre('help', 'ls', 'rm')).toMatchObject({ status: 2, error: "byre: what is 'rm' for?\n" });
});

test('docs/cli.md is made of the help: update it with `npx vitest run apps/cli/help.test.ts -u`', async () => {
  const lists = groups.map(({ title, commands }) => ({
    title,
    commands: commands.map(({ name }) => loaded.get(name)!),
  }));
  expect(overview(lists)).toBe((await byre('help')).output);
  await expect(referenceText(lists)).toMatchFileSnapshot(path.resolve('docs/cli.md'));
});

test('what is nearly a command is suggested', async () => {
  expect(await byre('brnches')).toMatchObject({
    status: 2,
    error: "byre: there is no command 'brnches': did you mean branches?\n",
  });
  expect(await byre('xyzzy')).toMatchObject({
    status: 2,
    error: "byre: there is no command 'xyzzy': 'byre help' lists them\n",
  });
  expect((await byre('--json', 'ls')).error).toMatch("options stand behind the command, as in 'byre ls --json'");
  expect(await byre('help', 'snpashot')).toMatchObject({ status: 2 });
  expect((await byre('ls', '--recursve')).error).toMatch('did you mean --recursive?');
  for (const words of [
    ['put', '-dash.txt', ':/'],
    ['set', 'main:users', '-5', '1'],
  ] as const) {
    const told = await byre(...words);
    expect(told).toMatchObject({ status: 2, output: '' });
    expect(told.error.split('\n')[0]).toBe(
      `byre: byre ${words[0]} has no option ${words.find((word) => word.startsWith('-'))!.slice(0, 2)}: put -- before a name that begins with -, and options before that`,
    );
  }
  for (const word of ['version', 'verison'])
    expect(await byre(word)).toMatchObject({
      status: 2,
      error: `byre: there is no command '${word}': did you mean --version?\n`,
    });
  const json = await byre('xyzzy', '--json');
  expect(JSON.parse(json.error)).toMatchObject({ error: { code: 'USAGE', status: 2 } });
});

test('distances count what fingers do', () => {
  expect(distance('fork', 'fork')).toBe(0);
  expect(distance('fokr', 'fork')).toBe(1);
  expect(distance('frk', 'fork')).toBe(1);
  expect(distance('', 'ls')).toBe(2);
  expect(nearest('snap', ['fork', 'snapshot'])).toBe('snapshot');
  expect(nearest('q', ['ls', 'cat'])).toBe(undefined);
});
