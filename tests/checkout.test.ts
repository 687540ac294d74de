/**
 * `./byre` of a checkout: set up by several at once, called through links and from anywhere, and then out of the way. The checkout
 * is a small copy with a program of its own; its dependencies are those already installed, which the test must not change.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from './tidy/source.ts';

const program = `
import { version } from '../../src/version.ts';
const [command, value] = process.argv.slice(2);
if (command === 'exit') process.exitCode = Number(value);
else if (command === 'wait') { console.log('waiting'); setTimeout(() => {}, 60_000); }
else console.log(JSON.stringify([version, process.cwd(), process.argv.slice(2)]));
`;

let home: string;
let checkout: string;

beforeAll(() => {
  home = realpathSync(mkdtempSync(path.join(tmpdir(), 'byre checkout-')));
  checkout = path.join(home, 'a checkout');
  mkdirSync(path.join(checkout, 'apps', 'cli'), { recursive: true });
  mkdirSync(path.join(checkout, 'src'));
  for (const name of ['byre', 'scripts', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(path.join(root, name), path.join(checkout, name), { recursive: true });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(checkout, 'node_modules'));
  writeFileSync(path.join(checkout, 'apps', 'cli', 'main.ts'), program);
  writeVersion(1);
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

function writeVersion(version: number): void {
  writeFileSync(path.join(checkout, 'src', 'version.ts'), `export const version: number = ${version};\n`);
}

async function call(command: string, args: readonly string[], cwd = home) {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, out, err };
}

const byre = () => path.join(checkout, 'byre');

describe('./byre', { timeout: 60_000 }, () => {
  test('several first calls at once all run; one compiles, and stdout is the program’s alone', async () => {
    const runs = await Promise.all([1, 2, 3, 4].map((i) => call(byre(), [`${i}`])));
    for (const [i, run] of runs.entries()) {
      expect(run).toMatchObject({ code: 0, out: `${JSON.stringify([1, home, [`${i + 1}`]])}\n` });
    }
    expect(runs.filter((run) => run.err.includes('compiling'))).toHaveLength(1);
    expect(readdirSync(path.join(checkout, '.cache'))).not.toContain('setup.lock');
  });

  test('later calls set nothing up', async () => {
    expect(await call(byre(), [])).toMatchObject({ code: 0, err: '' });
  });

  test('arguments, directory and exit code are kept, also through links to links', async () => {
    const far = path.join(home, 'far');
    mkdirSync(far);
    symlinkSync('../a checkout/byre', path.join(far, 'one'));
    symlinkSync('one', path.join(far, 'two'));
    const { out } = await call(path.join(far, 'two'), ['a b', '', '*', '--x'], far);
    expect(JSON.parse(out)).toEqual([1, far, ['a b', '', '*', '--x']]);
    expect(await call('./two', ['exit', '7'], far)).toMatchObject({ code: 7 });
    expect(await call('sh', ['byre', 'exit', '3'], checkout)).toMatchObject({ code: 3 });
  });

  test('it becomes the program: a signal reaches it', async () => {
    const child = spawn(byre(), ['wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  });

  test('a changed source is compiled again, and a broken one is said to be broken', async () => {
    writeVersion(2);
    expect(JSON.parse((await call(byre(), [])).out)).toEqual([2, home, []]);
    await sleep(20); // beyond the tick of a file system's clock
    writeFileSync(path.join(checkout, 'src', 'version.ts'), 'export const version = (;\n');
    expect(await call(byre(), [])).toMatchObject({ code: 1, out: '', err: expect.stringContaining('version.ts') });
    writeVersion(3);
    expect(JSON.parse((await call(byre(), [])).out)).toEqual([3, home, []]);
  });

  test('the lock of a set-up that was killed holds nobody up for long', async () => {
    const lock = path.join(checkout, '.cache', 'setup.lock');
    writeFileSync(lock, '');
    utimesSync(lock, new Date(), new Date(Date.now() - 60_000));
    writeVersion(4);
    const runs = await Promise.all([1, 2, 3].map(() => call(byre(), [])));
    expect(runs.map((run) => JSON.parse(run.out)[0])).toEqual([4, 4, 4]);
    expect(runs.filter((run) => run.err.includes('compiling'))).toHaveLength(1);
  });
});
