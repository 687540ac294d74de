/** `byre try` where a fork can be mounted over the directory: what its command sees, what it cannot do, and how all of it ends. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  branches,
  byre,
  environment,
  fingerprint,
  home,
  meanwhile,
  poolPath,
  program,
  real,
  servers,
  shell,
  untilSilent,
  useTrials,
  work,
} from '../../tests/cli/trials.ts';
import { hasProgram, needsMount, needsProgram, until, verifyPool } from '../../tests/mount/mounted.ts';
import { needs } from '../../tests/needs.ts';
import { byreMounts } from '../fuse/transport/mount-table.ts';

useTrials();

const quiet = ['--mount', '--quiet'];

/** A try under way, as a group of processes of its own. */
function begin(options: readonly string[], script: string) {
  const child = spawn(process.execPath, [program, 'try', ...options, '--', 'sh', '-c', script], {
    cwd: real(''),
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  let error = '';
  child.stdout.on('data', (text: unknown) => {
    output += String(text);
  });
  child.stderr.on('data', (text: unknown) => {
    error += String(text);
  });
  const ended = once(child, 'close').then(([status]) => ({ status: status as number | null, output, error }));
  return { child, ended, isUp: () => until(() => output.includes('up\n')) };
}

const stale = () => byreMounts().filter(({ source }) => source.startsWith(work));

describe('the directory’s own path', { timeout: 60_000, ...needsMount }, () => {
  test('means the fork, however it is reached', () => {
    mkdirSync(real('bin'));
    writeFileSync(real('bin/tool'), `#!/bin/sh\necho tool of ${real('a')}: $(cat ${real('a')})\n`, { mode: 0o755 });
    writeFileSync(real('run'), `#!${real('bin/tool')}\n`, { mode: 0o755 });
    writeFileSync(real('a'), 'a\n');
    symlinkSync(real('a'), real('link'));
    const before = fingerprint();
    const { stdout, status } = shell(
      ...quiet,
      '--discard',
    )(
      `pwd; echo fork > a; cat link ${real('a')}; cat ../real/a; ${real('run')}; cd /; cd "$OLDPWD"; cat $BYRE_TRY_DIRECTORY/a`,
    );
    expect(status).toBe(0);
    expect(stdout).toBe(`${real('')}\nfork\nfork\nfork\ntool of ${real('a')}: fork\nfork\n`);
    expect(fingerprint()).toEqual(before);
  });

  test('a virtual environment installs into the fork', needsProgram('python3'), () => {
    const made = spawnSync('python3', ['-m', 'venv', '--without-pip', real('venv')]);
    expect(made.status).toBe(0);
    const install = `import os, sysconfig; open(os.path.join(sysconfig.get_path('purelib'), 'thing.py'), 'w').write('x = 1')`;
    const { status, stdout } = shell(
      ...quiet,
      '--keep',
    )(`${real('venv/bin/python')} -c "${install}" && . venv/bin/activate && python -c 'import thing; print(thing.x)'`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '1\n' });
    expect(spawnSync(real('venv/bin/python'), ['-c', 'import thing']).status).toBe(0);
  });

  test('is as it is for everybody else, and no mount is left', async () => {
    writeFileSync(real('a'), 'a');
    const before = fingerprint();
    const one = begin(
      [...quiet, '--discard'],
      `echo one > a; echo up; until [ -e ${work}/go ]; do sleep 0.02; done; cat a`,
    );
    const two = begin(
      [...quiet, '--discard'],
      `echo two > a; echo up; until [ -e ${work}/go ]; do sleep 0.02; done; cat a`,
    );
    await Promise.all([one.isUp(), two.isUp()]);
    expect(fingerprint()).toEqual(before);
    expect(stale()).toEqual([]);
    expect(servers().length).toBe(1);
    writeFileSync(path.join(work, 'go'), '');
    expect((await one.ended).output).toBe('up\none\n');
    expect((await two.ended).output).toBe('up\ntwo\n');
    await untilSilent();
    expect(fingerprint()).toEqual(before);
    expect(existsSync(`${poolPath()}.sock`)).toBe(false);
  });

  test('what the command leaves running loses the fork when the command ends', async () => {
    writeFileSync(real('a'), 'a');
    const late = 'sleep 1; for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; echo late > late; done';
    const { status } = shell(...quiet, '--keep')(`echo now > now; (${late}) >/dev/null 2>&1 &`);
    expect(status).toBe(0);
    expect(readdirSync(real(''))).toEqual(['a', 'now']);
    await sleep(2000);
    expect(shell(...quiet, '--discard')('ls').stdout).toBe('a\nnow\n');
    const { stdout } = shell(...quiet, '--discard')('sleep 60 >/dev/null 2>&1 & echo $!');
    await untilSilent();
    process.kill(Number(stdout), 'SIGKILL');
    expect(readdirSync(real(''))).toEqual(['a', 'now']);
    verifyPool(poolPath());
  });
});

describe('a pool that another process has mounted', { timeout: 60_000, ...needsMount }, () => {
  /** Runs with the pool mounted by `byre mount`. */
  async function whileMounted(what: string, use: (directory: string) => Promise<void> | void): Promise<void> {
    const directory = path.join(work, 'mounted');
    mkdirSync(directory);
    expect(byre('mount', what, directory)).toMatchObject({ status: 0 });
    try {
      await use(directory);
    } finally {
      expect(byre('umount', directory)).toMatchObject({ status: 0 });
    }
  }

  test('with all branches: tries, applies and recovers', async () => {
    writeFileSync(real('a'), 'a');
    shell(...quiet, '--branch', 'idea')('echo idea > idea');
    // At once, while the process that served the try may still be ending.
    await whileMounted(poolPath(), async (directory) => {
      expect(readFileSync(path.join(directory, 'idea/idea'), 'utf8')).toBe('idea\n');
      expect(shell(...quiet, '--keep')(`echo b > ${real('b')}; cat ${directory}/try-1/b`).stdout).toBe('b\n');
      expect(byre('apply', '--drop', 'idea')).toMatchObject({ status: 0 });
      expect(readdirSync(real(''))).toEqual(['a', 'b', 'idea']);
      const cut = begin([...quiet, '--keep'], 'echo c > c; echo up; exec sleep 60');
      await cut.isUp();
      process.kill(-cut.child.pid!, 'SIGKILL');
      await cut.ended;
      expect(readFileSync(path.join(directory, 'try-1/c'), 'utf8')).toBe('c\n');
      expect(byre('try', '--recover').stdout).toBe('recovered as branch try-1\n');
      expect(branches()).toContain('try-1');
    });
    verifyPool(poolPath());
  });

  test('with one branch only: works in a copy, and says why', async () => {
    writeFileSync(real('a'), 'a');
    shell(...quiet, '--branch', 'idea')('echo idea > idea');
    await untilSilent();
    await whileMounted(`${poolPath()}:idea`, () => {
      const kept = shell('--keep')('pwd; echo b > b');
      expect(kept.status).toBe(0);
      expect(kept.stdout).toContain('/work-1/real');
      expect(kept.stderr).toContain('the pool is mounted already, with one branch only');
      expect(readdirSync(real(''))).toEqual(['a', 'b']);
      expect(byre('apply', '--drop', 'idea')).toMatchObject({
        status: 4,
        stderr: expect.stringMatching(/is mounted at/),
      });
      expect(shell('--mount', '--keep')('true').status).toBe(125);
      expect(byre('apply', 'idea').status).toBe(0);
    });
    expect(branches().filter((name) => name.startsWith('try'))).toEqual([]);
  });

  test('or is to mount while a try is under way, and is told to wait', async () => {
    const { ended, isUp } = begin([...quiet, '--discard'], `echo up; until [ -e ${work}/go ]; do sleep 0.02; done`);
    await isUp();
    mkdirSync(path.join(work, 'mounted'));
    const { status, stderr } = byre('mount', '--wait', '0.2', poolPath(), path.join(work, 'mounted'));
    expect(status).toBe(4);
    expect(stderr).toContain('tries are under way');
    writeFileSync(path.join(work, 'go'), '');
    expect((await ended).status).toBe(0);
  });

  test('by a path with a symbolic link', async () => {
    symlinkSync(work, path.join(work, 'around'));
    const pool = ['--pool', path.join(work, 'around', 'work.byre')];
    expect(byre('try', ...quiet, ...pool, '--keep', '--', 'sh', '-c', 'echo 1 > one')).toMatchObject({ status: 0 });
    expect(byre('try', ...quiet, ...pool, '--keep', '--', 'sh', '-c', 'echo 2 > two')).toMatchObject({ status: 0 });
    expect(readdirSync(real(''))).toEqual(['one', 'two']);
  });

  test('since a copy was begun', async () => {
    writeFileSync(real('a'), 'a');
    const directory = path.join(work, 'mounted');
    mkdirSync(directory);
    const { status } = await meanwhile(['--no-mount', '--keep'], 'echo b > b', () => {
      expect(byre('mount', poolPath(), directory).status).toBe(0);
    });
    expect(status).toBe(0);
    expect(readdirSync(real(''))).toEqual(['a', 'b']);
    expect(byre('umount', directory).status).toBe(0);
  });
});

describe('cut off', { timeout: 120_000, ...needsMount }, () => {
  test('with Ctrl-C, as the command has it', async () => {
    writeFileSync(real('a'), 'a');
    const before = fingerprint();
    const { child, ended, isUp } = begin([...quiet, '--discard'], 'echo b > b; echo up; exec sleep 60');
    await isUp();
    process.kill(-child.pid!, 'SIGINT');
    expect((await ended).status).toBe(130);
    await untilSilent();
    expect(fingerprint()).toEqual(before);
    expect(branches()).not.toContain('try-1');
  });

  test('byre alone is killed: the command goes on in its branch, until that is recovered', async () => {
    writeFileSync(real('a'), 'a');
    const before = fingerprint();
    const { child, isUp } = begin([...quiet, '--keep'], 'echo b > b; echo up; sleep 1; echo c > c; sleep 60');
    await isUp();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await until(() => byre('ls', 'try-1:/').stdout.includes('c'));
    expect(shell(...quiet, '--discard')('true').stderr).toContain('a try was cut off; what it did is in branch try-1');
    expect(byre('try', '--recover').stdout).toBe('recovered as branch try-1\n');
    process.kill(-child.pid!, 'SIGKILL');
    await untilSilent();
    expect(fingerprint()).toEqual(before);
    expect(byre('apply', 'try-1').status).toBe(0);
    expect(readdirSync(real(''))).toEqual(['a', 'b', 'c']);
  });

  test('the server is killed: the pool is whole, the branch is there, the directory untouched', async () => {
    writeFileSync(real('a'), 'a');
    const before = fingerprint();
    const { ended, isUp } = begin(
      [...quiet, '--keep'],
      'echo b > b; sync b; echo up; while echo x >> b; do sleep 0.02; done 2>/dev/null; exit 3',
    );
    await isUp();
    for (const pid of servers()) process.kill(pid, 'SIGKILL');
    const { status, error } = await ended;
    expect(status).toBe(125);
    expect(error).toContain("went away before the command had ended; 'byre try --recover' keeps");
    await untilSilent();
    expect(fingerprint()).toEqual(before);
    expect(stale()).toEqual([]);
    verifyPool(poolPath());
    expect(byre('try', '--recover').stdout).toBe('recovered as branch try-1\n');
    expect(byre('cat', 'try-1:/b').stdout).toMatch(/^b\n/);
  });

  test('any of them at any moment', async () => {
    for (let i = 0; i < 50; i++) writeFileSync(real(`${i}`), `${i}`);
    const before = fingerprint();
    for (let round = 0; round < 12; round++) {
      const { child, ended } = begin(
        [...quiet, '--discard'],
        'for i in 1 2 3 4 5 6 7 8; do echo x > f$i; rm -f $i; done',
      );
      const gone = ended.then(() => true);
      await sleep(100 + Math.random() * 600);
      const victims = round % 3 === 0 ? servers() : [round % 3 === 1 ? child.pid! : -child.pid!];
      for (const pid of victims) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended already.
        }
      }
      expect(await Promise.race([gone, sleep(30_000)])).toBe(true);
      await untilSilent();
      expect(fingerprint()).toEqual(before);
      expect(stale()).toEqual([]);
      if (existsSync(poolPath())) verifyPool(poolPath());
    }
    expect(byre('try', '--forget').status).toBe(0);
    expect(shell(...quiet, '--discard')('ls | wc -l').stdout.trim()).toBe('50');
    expect(branches().filter((name) => name.startsWith('try-'))).toEqual([]);
  });
});

describe('where no mount is possible', () => {
  test('it works in a copy, and says why', { timeout: 60_000 }, () => {
    writeFileSync(real('a'), 'a');
    // A PATH without unshare(1), but with what the command needs.
    const bin = path.join(work, 'bin');
    mkdirSync(bin);
    symlinkSync('/bin/sh', path.join(bin, 'sh'));
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [program, 'try', ...args, '--', 'sh', '-c', 'echo b > b'], {
        cwd: real(''),
        env: { ...environment(), PATH: bin },
        encoding: 'utf8',
      });
    const kept = run('--keep');
    expect(kept.status).toBe(0);
    expect(kept.stderr).toContain('runs in a copy at another path and is not confined, since unshare(1)');
    expect(readdirSync(real(''))).toEqual(['a', 'b']);
    expect(run('--keep', '--mount').status).toBe(125);
    expect(run('--keep', '--no-mount').stderr).not.toContain('unshare');
  });
});

const canBeUser = process.geteuid?.() === 0 && hasProgram('setpriv');

describe('an ordinary user in a copy', needs(canBeUser, 'needs root and setpriv'), () => {
  test('directories that may not be written are no hindrance', { timeout: 60_000 }, () => {
    mkdirSync(real('closed'));
    writeFileSync(real('closed/a'), 'a');
    spawnSync('chown', ['-R', '65534:65534', work]);
    chmodSync(work, 0o755);
    for (const at of ['closed', '']) chmodSync(real(at), 0o555);
    const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const run = () =>
      spawnSync('setpriv', [...user, process.execPath, program, 'try', '--no-mount', '--keep', '--', 'true'], {
        cwd: real(''),
        env: { ...environment(), HOME: work },
        encoding: 'utf8',
      });
    for (let time = 0; time < 2; time++) expect(run()).toMatchObject({ status: 0, stderr: 'byre: nothing changed\n' });
    expect(readdirSync(home()).filter((name) => name.startsWith('work'))).toEqual([]);
  });
});

const isOpenToAll = existsSync('/dev/fuse') && (statSync('/dev/fuse').mode & 0o6) === 0o6;
const asUser =
  needsMount.skip === true ? needsMount : needs(isOpenToAll, 'needs a /dev/fuse that is open to ordinary users');

describe('an ordinary user', { timeout: 60_000, ...asUser }, () => {
  test('has all of it in a user namespace, under the number that is theirs', async () => {
    writeFileSync(real('a'), 'a\n');
    spawnSync('chown', ['-R', '65534:65534', work]);
    for (const at of [path.dirname(program), work]) chmodSync(at, 0o755);
    const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const run = (...args: string[]) =>
      spawnSync('setpriv', [...user, process.execPath, program, 'try', ...args], {
        cwd: real(''),
        env: { ...environment(), HOME: work },
        encoding: 'utf8',
      });
    const script = `id -u; id -g; cat ${real('a')}; echo b > b; stat -c %u b; touch ../x 2>&1; grep CapEff /proc/self/status; umount . 2>&1 | grep -c superuser`;
    const { status, stdout, stderr } = run(...quiet, '--keep', '--', 'sh', '-c', script);
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'byre: kept\n' });
    expect(stdout).toBe(
      `65534\n65534\na\n65534\ntouch: cannot touch '../x': Read-only file system\nCapEff:\t0000000000000000\n1\n`,
    );
    expect(statSync(real('b')).uid).toBe(65534);
    await untilSilent();
  });
});
