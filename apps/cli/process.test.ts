/** The program itself, in processes of its own: streams, signals, exit statuses, several at once, and a mount in between. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPool } from '../../src/pool/open-pool.ts';
import { scratch } from '../../tests/cli/command-line.ts';
import { builtSources, needsMount } from '../../tests/mount/mounted.ts';
import { needs } from '../../tests/needs.ts';

const { directory: top, remove } = scratch();
let program = '';
let directory = '';
let count = 0;

beforeAll(() => {
  program = path.join(builtSources(), 'apps/cli/main.js');
}, 120_000);

afterAll(remove);

beforeEach(() => {
  directory = path.join(top, String(count++));
  mkdirSync(directory);
  byre(['init']);
});

const environment = () => ({ ...process.env, BYRE_POOL: '', XDG_STATE_HOME: directory });

function byre(args: readonly string[], input: string | Uint8Array = '') {
  const options = { cwd: directory, env: environment(), input, maxBuffer: 1 << 28 };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], options);
  return { status, output: stdout.toString(), bytes: stdout, error: stderr.toString() };
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A line for a shell, in which `byre` is the program. */
function shell(line: string) {
  const start = `byre() { ${quoted(process.execPath)} ${quoted(program)} "$@"; }; `;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', start + line], { cwd: directory, env: environment() });
  return { status, output: stdout.toString(), error: stderr.toString() };
}

test('the version is that of the package', () => {
  const manifest = JSON.stringify({ name: 'byre', version: '1.2.3', type: 'module' });
  writeFileSync(path.join(builtSources(), 'package.json'), manifest);
  expect(byre(['--version'])).toMatchObject({ status: 0, output: 'byre 1.2.3\n', error: '' });
  expect(byre(['-V'])).toMatchObject({ status: 0, output: 'byre 1.2.3\n' });
});

test('output that cannot be written is told, errors that cannot are not', {
  ...needs(existsSync('/dev/full'), 'needs /dev/full'),
}, () => {
  const full = shell(
    'byre help > /dev/full; echo $?; byre ls > /dev/full; echo $?; byre ls nope: 2> /dev/full; echo $?',
  );
  expect(full.output).toBe('4\n0\n3\n');
  expect(full.error).toMatch(/^byre: standard output cannot be written: no space left on device\n$/);
});

test('exit statuses', () => {
  expect(byre(['branches']).status).toBe(0);
  expect(byre(['put', ':/f'], 'x').status).toBe(0);
  expect(byre(['fork', 'w']).status).toBe(0);
  expect(byre(['rm', 'w:/f']).status).toBe(0);
  expect(byre(['diff', 'w']).status).toBe(1);
  expect(byre(['frobnicate'])).toMatchObject({ status: 2, output: '' });
  expect(byre(['cat', ':/none'])).toMatchObject({ status: 3, output: '' });
  expect(byre(['drop', 'main'])).toMatchObject({ status: 4, output: '' });
});

test('a program that makes a tree, and pipes between commands', () => {
  const { status, output, error } = shell(`set -e
    seq 1 100000 | byre put main:/numbers
    byre cat main:/numbers | tail -1
    byre fork copy
    byre cat main:/numbers | byre put copy:/again
    byre ls -z copy: | tr '\\0' ' '
    byre branches --json | grep -c '"kind"'`);
  expect({ status, output, error }).toEqual({ status: 0, output: '100000\nagain numbers 2\n', error: '' });
});

test('bytes go in and come out as they are', () => {
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 40503) >>> 3));
  expect(byre(['put', ':/big'], bytes)).toMatchObject({ status: 0, error: '' });
  expect(byre(['cat', ':/big']).bytes.equals(bytes)).toBe(true);
});

test('names that are not UTF-8 can be typed', { ...needs(existsSync('/proc/self/cmdline'), 'needs /proc') }, () => {
  const lines = [
    "mkdir d; echo one > d/$'a\\xff\\xfeb'; echo two > d/$'\\ufeff\\ufffd'; byre import d > /dev/null",
    "byre cat $':/a\\xff\\xfeb' $':/\\ufeff\\ufffd'",
    "byre ls -d $':/a\\xff\\xfeb' | od -An -tx1",
    "byre stat --json $':/a\\xff\\xfeb' | grep -c pathBase64",
    "byre rm $':/a\\xff\\xfeb'; byre cat $':/a\\xff\\xfeb'; byre ls | wc -l",
    "byre put $':/c\\xff' < /dev/null; byre fork $'f\\xff'",
  ];
  const { output, error } = shell(lines.join('; '));
  expect(output).toBe(`one\ntwo\n 2f 61 ff fe 62 0a\n2\n1\n`);
  expect(error).toMatch(
    /^byre: main:\/a\\xff\\xfeb: no such file or directory\nbyre: names of new files are UTF-8 here/,
  );
  expect(error).toMatch(/is not a branch name|no branch's name/);
});

test('whoever reads the output may go away', () => {
  byre(['put', ':/big'], Buffer.alloc(4_000_000, 'line\n'));
  const { status, output, error } = shell('set -o pipefail; byre cat :/big | head -1');
  expect({ status, output, error }).toEqual({ status: 141, output: 'line\n', error: '' });
});

test('Ctrl-C leaves what was there, and no lock', async () => {
  byre(['put', ':/f'], 'old');
  const child = spawn(process.execPath, [program, 'put', ':/f'], { cwd: directory, env: environment() });
  // More than a pipe takes: it listens for signals before it begins to read.
  const isRead = new Promise((resolve) => child.stdin.write(Buffer.alloc(1 << 20, 'new'), resolve));
  while (!readdirSync(directory).includes('.byre.lock')) await sleep(5);
  await isRead;
  child.kill('SIGINT');
  const status = await new Promise((resolve) => child.once('exit', resolve));
  expect(status).toBe(130);
  expect(readdirSync(directory)).toEqual(['.byre']);
  expect(byre(['cat', ':/f']).output).toBe('old');
}, 60_000);

test('a writer that was killed is in nobody’s way', async () => {
  const child = spawn(process.execPath, [program, 'put', ':/f'], { cwd: directory, env: environment() });
  child.stdin.write('half of ');
  while (!readdirSync(directory).includes('.byre.lock')) await sleep(5);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  expect(byre(['put', ':/f', '--wait=0'], 'whole')).toMatchObject({ status: 0, error: '' });
  expect(byre(['cat', ':/f']).output).toBe('whole');
}, 60_000);

test('writers wait for each other', async () => {
  const runs = Array.from({ length: 4 }, (_, at) => {
    const child = spawn(process.execPath, [program, 'fork', `b${at}`, '--wait=60'], {
      cwd: directory,
      env: environment(),
    });
    return new Promise<number | null>((resolve) => child.once('exit', resolve));
  });
  expect(await Promise.all(runs)).toEqual([0, 0, 0, 0]);
  expect(byre(['branches', '-1']).output).toBe('b0\nb1\nb2\nb3\nmain\n');
}, 120_000);

test('readers read while another process writes', async () => {
  const pool = await openPool(path.join(directory, '.byre'), { create: false });
  expect(byre(['branches', '-1'])).toMatchObject({ status: 0, output: 'main\n' });
  expect(byre(['fork', 'x', '--wait=0.2'])).toMatchObject({ status: 4, output: '' });
  await pool.close();
});

describe('a mounted pool', needsMount, () => {
  const mounted = () => path.join(directory, 'mnt');

  test('is worked on by the process that has it mounted', () => {
    byre(['put', ':/f'], 'one');
    mkdirSync(mounted());
    expect(byre(['mount', 'mnt'])).toMatchObject({ status: 0, error: '' });
    try {
      expect(byre(['fork', 'w'])).toMatchObject({ status: 0, error: '' });
      expect(readdirSync(mounted())).toContain('w');
      expect(byre(['put', 'w:/dir/new'], 'from outside')).toMatchObject({ status: 0, error: '' });
      expect(readFileSync(path.join(mounted(), 'w/dir/new'), 'utf8')).toBe('from outside');
      writeFileSync(path.join(mounted(), 'w/f'), 'from inside');
      expect(byre(['cat', 'w:/f'])).toMatchObject({ status: 0, output: 'from inside', error: '' });
      expect(byre(['diff', 'w'])).toMatchObject({ status: 1, output: '+ dir/\n+ dir/new (12 B)\n~ f (3 B -> 11 B)\n' });
      expect(byre(['ls', 'none:'])).toMatchObject({ status: 3, output: '' });
      expect(byre(['put', 'mnt/w/f', 'w:/copy'])).toMatchObject({ status: 0, error: '' });
      expect(byre(['import', 'mnt/w', 'main'])).toMatchObject({ status: 4, output: '' });
      expect(shell('cd mnt/w && byre ls w: && byre rm w:/copy && ls')).toMatchObject({
        status: 0,
        output: 'copy\ndir\nf\ndir\nf\n',
      });
      expect(byre(['check'])).toMatchObject({ status: 0 });
      const again = byre(['mount', 'main', 'mnt']);
      expect(again).toMatchObject({ status: 4 });
      expect(again.error).toMatch(/is mounted at .*mnt already/);
    } finally {
      expect(byre(['umount', 'mnt'])).toMatchObject({ status: 0, error: '' });
    }
    expect(byre(['cat', 'w:/f'])).toMatchObject({ status: 0, output: 'from inside' });
    expect(byre(['umount', 'mnt'])).toMatchObject({ status: 4 });
  }, 120_000);

  test('ends with the process that serves it in the foreground', async () => {
    mkdirSync(mounted());
    const child = spawn(process.execPath, [program, 'mount', '-f', 'main', 'mnt'], {
      cwd: directory,
      env: environment(),
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(byre(['put', ':/f'], 'x')).toMatchObject({ status: 0, error: '' });
    expect(readdirSync(mounted())).toEqual(['f']);
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(readdirSync(mounted())).toEqual([]);
    expect(byre(['cat', ':/f'])).toMatchObject({ status: 0, output: 'x' });
  }, 120_000);
});
