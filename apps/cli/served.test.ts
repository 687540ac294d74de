/** Commands asked for by another process, on the pool that this one has open. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesOf } from '../../src/files/index.ts';
import { openPool } from '../../src/pool/open-pool.ts';
import { ask, asked, type RunOptions } from '../../tests/cli/command-line.ts';
import { commandLines } from '../../tests/cli/pools.ts';
import { Acknowledgements } from './flow.ts';
import { runCommand } from './served.ts';

const { directory, done, poolPath } = commandLines();

describe('asked by another process', () => {
  test('commands use its directory, its environment and the open pool', async () => {
    const pool = await openPool(poolPath(), { create: false });
    const told = (args: string[], options: Partial<RunOptions> = {}) =>
      ask(pool, poolPath(), args, { directory: directory(), ...options });
    expect(await told(['put', 'main:/f'], { input: 'text' })).toMatchObject({ status: 0, error: '' });
    expect(pool.dirty).toBe(false);
    writeFileSync(path.join(directory(), 'local'), 'local');
    expect(await told(['put', 'local', ':/'])).toMatchObject({ status: 0, error: '' });
    expect(await told(['ls'])).toMatchObject({ status: 0, output: 'f\nlocal\n' });
    expect(await told(['cat', ':/none'])).toMatchObject({ status: 3 });
    expect(await told(['drop', 'main'])).toMatchObject({ status: 4 });
    expect(await told(['nonsense'])).toMatchObject({ status: 2 });
    expect(await told(['check'])).toMatchObject({ status: 0 });
    expect(await told(['help', 'ls'])).toMatchObject({ status: 0 });
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
    const request = { arguments: ['put', ':/f', '--mode=640'], directory: directory(), environment: {} };
    const status = await runCommand(asked(pool, poolPath(), request, { input: slow() }));
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
    const questions: unknown[] = [];
    const request = Object.assign({ arguments: ['drop', 'w'], directory: '/', environment: {} }, { interactive: true });
    const drop = (answer: string | null) =>
      runCommand(
        asked(pool, poolPath(), request, {
          call: async (question) => {
            questions.push(question);
            return answer;
          },
        }),
      );
    expect(await drop('no')).toBe(4);
    expect(questions).toEqual([
      { ask: expect.stringMatching(/^No other branch or snapshot is as w is: .* Drop it\? \[y\/N\] $/) },
    ]);
    expect(await drop(null)).toBe(4);
    expect(await drop('yes')).toBe(0);
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
    const status = runCommand(
      asked(pool, poolPath(), request, {
        input: acknowledgements.pieces(),
        output: (bytes) => {
          sent += bytes.length;
          most = Math.max(most, sent - taken);
        },
      }),
    );
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
    const half = async function* () {
      yield Buffer.from('half');
      await new Promise(() => {});
    };
    const request = { arguments: ['put', ':/f'], directory: directory(), environment: {} };
    const status = runCommand(asked(pool, poolPath(), request, { input: half(), signal: abort.signal }));
    setTimeout(() => abort.abort(), 50);
    expect(await status).toBe(130);
    await pool.close();
    expect(await done(['ls'])).toBe('');
  });
});
