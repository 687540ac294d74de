/** Commands asked for by another process, on the pool that this one has open. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesOf } from '../../src/files/index.ts';
import { openPool } from '../../src/pool/open-pool.ts';
import { ask, type RunOptions } from '../../tests/cli/command-line.ts';
import { commandLines } from '../../tests/cli/pools.ts';
import { Acknowledgements } from './flow.ts';
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

  test('questions go to whoever asks', async () => {
    await done(['put', ':/f'], { input: 'x' });
    await done(['fork', 'w']);
    await done(['put', 'w:/f'], { input: 'y' });
    const pool = await openPool(poolPath(), { create: false });
    let said = '';
    const drop = (input: string) =>
      runCommand({
        request: Object.assign({ arguments: ['drop', 'w'], directory: '/', environment: {} }, { interactive: true }),
        pool,
        poolPath: poolPath(),
        input: (async function* () {
          for (const letter of input) yield Buffer.from(letter);
        })(),
        signal: new AbortController().signal,
        output: () => {},
        error: (bytes) => {
          said += Buffer.from(bytes);
        },
      });
    expect(await drop('no\n')).toBe(4);
    expect(said).toMatch(/^No other branch or snapshot is as w is: .* Drop it\? \[y\/N\] byre: nothing was done\n$/);
    expect(await drop('')).toBe(4);
    expect(await drop('yes\n')).toBe(0);
    await pool.close();
    expect(await done(['branches', '-1'])).toBe('main\n');
  });

  test('output waits for whoever takes it', async () => {
    await done(['put', ':/big'], { input: Buffer.alloc(40 << 20, 1) });
    const pool = await openPool(poolPath(), { create: false });
    const acknowledgements = new Acknowledgements();
    let sent = 0;
    let taken = 0;
    let most = 0;
    const request = { arguments: ['cat', ':/big'], directory: directory(), environment: {}, acknowledges: true };
    const status = runCommand({
      request,
      pool,
      poolPath: poolPath(),
      input: acknowledgements.pieces(),
      signal: new AbortController().signal,
      output: (bytes) => {
        sent += bytes.length;
        most = Math.max(most, sent - taken);
      },
      error: () => {},
    });
    const slow = setInterval(() => {
      const some = Math.min(sent - taken, 3 << 20);
      taken += some;
      acknowledgements.took(some);
    }, 5);
    expect(await status).toBe(0);
    clearInterval(slow);
    expect(sent).toBe(40 << 20);
    expect(most).toBeLessThan(12 << 20);
    await pool.close();
  });

  test('a command whose asker goes away ends', async () => {
    const pool = await openPool(poolPath(), { create: false });
    const abort = new AbortController();
    const status = runCommand({
      request: { arguments: ['put', ':/f'], directory: directory(), environment: {} },
      pool,
      poolPath: poolPath(),
      input: (async function* () {
        yield Buffer.from('half');
        await new Promise(() => {});
      })(),
      signal: abort.signal,
      output: () => {},
      error: () => {},
    });
    setTimeout(() => abort.abort(), 50);
    expect(await status).toBe(130);
    await pool.close();
    expect(await done(['ls'])).toBe('');
  });
});
