/** Commands asked for by another process, on the pool that this one has open. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesOf } from '../../src/files/index.ts';
import { openPool } from '../../src/pool/open-pool.ts';
import { ask, type RunOptions } from '../../tests/cli/command-line.ts';
import { commandLines } from '../../tests/cli/pools.ts';
import { runCommand } from './served.ts';

const { directory, done, poolPath } = commandLines();

describe('asked by another process', () => {
  test('commands use its directory, its environment and the open pool', async () => {
    const pool = await openPool(poolPath(), { create: false });
    const asked = (args: string[], options: Partial<RunOptions> = {}) =>
      ask(pool, poolPath(), args, { directory: directory(), ...options });
    expect(await asked(['put', 'main:/f'], { input: 'text' })).toMatchObject({ status: 0, error: '' });
    expect(pool.dirty).toBe(false);
    writeFileSync(path.join(directory(), 'local'), 'local');
    expect(await asked(['put', 'local', ':/'])).toMatchObject({ status: 0, error: '' });
    expect(await asked(['ls'])).toMatchObject({ status: 0, output: 'f\nlocal\n' });
    expect(await asked(['cat', ':/none'])).toMatchObject({ status: 3 });
    expect(await asked(['drop', 'main'])).toMatchObject({ status: 4 });
    expect(await asked(['nonsense'])).toMatchObject({ status: 2 });
    expect(await asked(['check'])).toMatchObject({ status: 0 });
    expect(await asked(['help', 'ls'])).toMatchObject({ status: 0 });
    await pool.close();
    expect(await done(['cat', ':/local'])).toBe('local');
  });

  test('a file that is put while the branch changes leaves the changes alone', async () => {
    const pool = await openPool(poolPath(), { create: false });
    const files = filesOf(await pool.branch('main'));
    const slow = async function* () {
      yield Buffer.from('first ');
      files.writeFileSync('/other', 'written meanwhile');
      yield Buffer.from('second');
    };
    const status = await runCommand({
      request: { arguments: ['put', ':/f', '--mode=640'], directory: directory(), environment: {} },
      pool,
      poolPath: poolPath(),
      input: slow(),
      signal: new AbortController().signal,
      output: () => {},
      error: () => {},
    });
    expect(status).toBe(0);
    expect(files.readFileSync('/f', 'utf8')).toBe('first second');
    expect(files.statSync('/f').mode & 0o777).toBe(0o640);
    expect(files.readFileSync('/other', 'utf8')).toBe('written meanwhile');
    await pool.close();
  });
});
