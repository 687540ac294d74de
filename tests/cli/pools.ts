/**
 * A directory with a new pool for each test of a file, and command lines run there.
 * Callers must be test files, and must call it once, outside of their tests.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, expect } from 'vitest';
import { type Ran, type RunOptions, run, scratch } from './command-line.ts';

export interface CommandLines {
  readonly directory: () => string;
  readonly poolPath: () => string;
  byre(args: readonly string[], options?: Partial<RunOptions>): Promise<Ran>;
  /** Runs a command that must succeed, and say nothing on standard error. */
  done(args: readonly string[], options?: Partial<RunOptions>): Promise<string>;
  /** What it prints with `--json`. */
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect
  json(args: readonly string[], options?: Partial<RunOptions>): Promise<any>;
}

export function commandLines(): CommandLines {
  const { directory: top, remove } = scratch();
  let directory = '';
  let count = 0;
  const lines: CommandLines = {
    directory: () => directory,
    poolPath: () => path.join(directory, '.byre'),
    byre: (args, options = {}) => run(args, { directory, ...options }),
    async done(args, options = {}) {
      const { status, output, error } = await lines.byre(args, options);
      expect({ args, status, error }).toEqual({ args, status: 0, error: '' });
      return output;
    },
    json: async (args, options = {}) => JSON.parse(await lines.done([...args, '--json'], options)),
  };
  beforeEach(async () => {
    directory = path.join(top, String(count++));
    mkdirSync(directory);
    await lines.done(['init']);
  });
  afterAll(remove);
  return lines;
}
