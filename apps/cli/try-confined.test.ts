/** What a command that is confined by `byre try` can write, and what it cannot. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { byre, environment, home, poolPath, program, real, shell, useTrials, work } from '../../tests/cli/trials.ts';
import { needsMount } from '../../tests/mount/mounted.ts';

useTrials();

const quiet = ['--mount', '--quiet'];

describe('confined', { timeout: 60_000, ...needsMount }, () => {
  const touched = (name: string) => `touch ${name} 2>&1 | grep -q 'Read-only file system' && echo refused`;

  test('nothing else can be written, and that cannot be undone', () => {
    const user = path.join(work, 'user');
    mkdirSync(user);
    const undo = 'mount -o remount,bind,rw / || umount . || umount -l / || nsenter -t 1 -m true';
    const { stdout } = shell(
      ...quiet,
      '--discard',
    )(`${touched(`${user}/x`)}; ${touched('/etc/x')}; ${touched('../x')}; ${touched('/x')}; echo x > x; { ${undo}; } 2>/dev/null || echo kept;
      echo > /dev/null; ls /proc/self/fd >/dev/null; ${touched('/etc/x')}; cat x`);
    expect(stdout).toBe(`${'refused\n'.repeat(4)}kept\nrefused\nx\n`);
    expect(readdirSync(work).sort()).toEqual(['real', 'state', 'user']);
  });

  test('temporary files are the command’s own, and vanish', () => {
    const name = `byre-test-${process.pid}`;
    const script = `for at in /tmp /var/tmp /dev/shm; do echo x > $at/${name}; done; echo "$TMPDIR $XDG_CACHE_HOME $npm_config_cache"; cat /tmp/${name}; ls $XDG_CACHE_HOME 2>&1 | wc -l`;
    const run = spawnSync(process.execPath, [program, 'try', ...quiet, '--discard', '--', 'sh', '-c', script], {
      cwd: real(''),
      env: { ...environment(), TMPDIR: '/tmp/not/there', XDG_CACHE_HOME: '', npm_config_cache: '/mine' },
      encoding: 'utf8',
    });
    expect(run.stdout).toBe('/tmp /tmp/byre-cache /mine\nx\n1\n');
    for (const at of ['/tmp', '/var/tmp', '/dev/shm']) expect(existsSync(path.join(at, name))).toBe(false);
    expect(readdirSync(home()).filter((each) => each.startsWith('work'))).toEqual([]);
  });

  test('a directory among the temporary ones is there, and its neighbours can be read', () => {
    const top = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'byre-try-in-')));
    const inside = path.join(top, 'deep', 'real');
    mkdirSync(inside, { recursive: true });
    writeFileSync(path.join(top, 'neighbour'), 'neighbour\n');
    try {
      const script = `cat ../../neighbour; ${touched('../../x')}; echo new > new; ls /tmp`;
      const run = spawnSync(process.execPath, [program, 'try', ...quiet, '--keep', '--', 'sh', '-c', script], {
        cwd: inside,
        env: environment(),
        encoding: 'utf8',
      });
      expect(run.stdout).toBe(`neighbour\nrefused\n${path.basename(top)}\n`);
      expect(readFileSync(path.join(inside, 'new'), 'utf8')).toBe('new\n');
    } finally {
      rmSync(top, { recursive: true, force: true });
    }
  });

  test('what is not confined is said in one line, unless it is not to be said', () => {
    const line = /^byre: the command can write only to a fork of .*not confined.*\n/;
    const { stderr } = byre('try', '--discard', 'true');
    expect(stderr).toMatch(line);
    expect(stderr.split('\n').length).toBe(3);
    expect(byre('try', '--discard', '--no-confine', 'true').stderr).toBe('byre: nothing changed\n');
    expect(byre('try', '--discard', '-q', 'true').stderr).toBe('byre: nothing changed\n');
    expect(byre('try', '--discard', '--json', 'true').stderr).toBe('');
  });

  test('but for what is named', () => {
    const cache = path.join(work, 'deep', 'cache');
    mkdirSync(cache, { recursive: true });
    const { stdout } = shell(
      ...quiet,
      '--discard',
      '--writable',
      cache,
    )(`echo kept > ${cache}/x; ${touched(`${cache}/../x`)}`);
    expect(stdout).toBe('refused\n');
    expect(readFileSync(path.join(cache, 'x'), 'utf8')).toBe('kept\n');
    expect(byre('try', '--writable', path.join(work, 'none'), 'true').status).toBe(125);
  });

  test('a try in a try says what to do', () => {
    mkdirSync(real('d'));
    const inner = `'${process.execPath}' '${program}' try --discard -- true`;
    // The program may be among temporary files.
    const { stdout } = shell(
      ...quiet,
      '--discard',
      '--writable',
      path.dirname(program),
    )(`${inner} 2>&1; echo $?; cd d; ${inner} 2>&1; echo $?`);
    expect(stdout).toMatch(/^byre: this is a try already, of branch try-1: .*\n125\n/);
    expect(stdout).toMatch(/byre: this is in a try, of branch try-1, which can write only to its fork: .*\n125\n$/);
  });

  /** Runs a script in which `byre` is this program. The program may be among temporary files. */
  const within = (...options: string[]) => shell(...quiet, '--writable', path.dirname(program), ...options);
  const define = () => `byre() { '${process.execPath}' '${program}' "$@"; }`;

  test('the branch of a try under way stays, whoever is asked to drop or rename it', () => {
    writeFileSync(real('a'), 'a');
    const { status, stdout, stderr } = within('--keep')(`${define()}; echo b > b; {
      byre drop --yes $BYRE_TRY; echo $?; byre rename $BYRE_TRY other; echo $?; byre apply --drop $BYRE_TRY; echo $?; } 2>&1`);
    const refused = /^byre: branch 'try-1' is that of a try under way in .*\/real: .*\n4$/m;
    expect(stdout.split(/(?<=\n\d\n)/)).toEqual([1, 2, 3].map(() => expect.stringMatching(refused)));
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'byre: kept\n' });
    expect(readdirSync(real(''))).toEqual(['a', 'b']);
  });

  test('a branch that is gone all the same is told, and is nothing to recover', () => {
    writeFileSync(real('a'), 'a');
    // A place where nobody knows of the try.
    const drop = `XDG_STATE_HOME=/nowhere byre drop --yes --pool '${poolPath()}' $BYRE_TRY`;
    const { status, stdout, stderr } = within('--keep')(`${define()}; ${drop}; byre branches 2>&1`);
    expect(stdout).toMatch(
      /^byre: what is mounted at .* is gone: if it was a fork, its branch was dropped or its try has ended\n$/,
    );
    expect(stderr).toBe(
      "byre: the fork of this try is gone: somebody has dropped or renamed branch 'try-1' meanwhile\n",
    );
    expect(status).toBe(125);
    expect(within('--discard')('true')).toMatchObject({ status: 0, stderr: 'byre: nothing changed\n' });
    expect(readdirSync(home()).filter((each) => each.startsWith('work'))).toEqual([]);
    expect(byre('try', '--recover').stdout).toBe('nothing is left over\n');
    expect(readdirSync(real(''))).toEqual(['a']);
  });
});
