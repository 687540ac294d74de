/** `byre try` and `byre apply` killed at any moment, and beside others who write the same directory. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  byre,
  environment,
  fingerprint,
  forms,
  journal,
  meanwhile,
  poolPath,
  program,
  real,
  shell,
  useTrials,
  work,
} from '../../tests/cli/trials.ts';
import { compiled } from '../../tests/compiled.ts';
import { describeTree } from '../../tests/host/compare-trees.ts';
import { makeSampleTree } from '../../tests/host/sample-tree.ts';
import { needs } from '../../tests/needs.ts';

let killed: string;

useTrials();

beforeAll(() => {
  killed = fileURLToPath(compiled('tests/host/apply-killed.ts'));
}, 120_000);

/** A try whose processes are all killed while its command runs. */
async function cutOff(options: readonly string[]): Promise<void> {
  const child = spawn(
    process.execPath,
    [program, 'try', ...options, '--keep', '--', 'sh', '-c', 'echo b > b; echo up; exec sleep 60'],
    {
      cwd: real(''),
      env: environment(),
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    },
  );
  await new Promise((resolve) => child.stdout!.once('data', resolve));
  process.kill(-child.pid!, 'SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
}

for (const { form, options, needed } of forms) {
  describe(`killed, ${form}`, { timeout: 60_000, ...needed }, () => {
    test('while the command runs: nothing has happened, and the work can be recovered', async () => {
      writeFileSync(real('a'), 'a');
      const before = fingerprint();
      await cutOff(options);
      expect(fingerprint()).toEqual(before);
      expect(shell(...options, '--discard')('true').stderr).toContain('a try was cut off');
      expect(byre('try', '--recover').stdout).toBe('recovered as branch try-1\n');
      expect(byre('apply', 'try-1').status).toBe(0);
      expect(readdirSync(real(''))).toEqual(['a', 'b']);
      expect(byre('try', '--recover').stdout).toBe('nothing is left over\n');
    });

    test('while the command runs: what is left over can be forgotten, and that is told', async () => {
      writeFileSync(real('a'), 'a');
      await cutOff(options);
      expect(byre('try', '--forget').stdout).toBe('forgot branch try-1\n');
      await cutOff(options);
      expect(JSON.parse(byre('try', '--forget', '--json').stdout)).toEqual({ forgotten: ['try-1'] });
      expect(byre('try', '--forget').stdout).toBe('nothing is left over\n');
    });

    test('while importing or making the workspace', async () => {
      for (let i = 0; i < 300; i++) writeFileSync(real(`${i}`), `${i}`);
      const before = fingerprint();
      for (const ms of [60, 120, 180, 240]) {
        const child = spawn(process.execPath, [program, 'try', ...options, '--keep', '--', 'sh', '-c', 'exit 0'], {
          cwd: real(''),
          env: environment(),
          stdio: 'ignore',
        });
        await sleep(ms);
        child.kill('SIGKILL');
        await new Promise((resolve) =>
          child.exitCode === null && child.signalCode === null ? child.once('exit', resolve) : resolve(0),
        );
        expect(fingerprint()).toEqual(before);
      }
      expect(byre('try', '--forget').status).toBe(0);
      expect(shell(...options, '--discard')('ls | wc -l').stdout.trim()).toBe('300');
    });
  });

  describe(`races, ${form}`, { timeout: 60_000, ...needed }, () => {
    test('files that change, vanish and turn while they are imported', { timeout: 60_000 }, async () => {
      for (let i = 0; i < 200; i++) writeFileSync(real(`f${i}`), 'x'.repeat(5000));
      const churn = spawn(
        'sh',
        [
          '-c',
          'while :; do for i in 1 2 3 4 5 6 7 8 9; do echo y >> f$i; rm -f f1$i; mkdir -p d$i/d; echo z > d$i/d/z; rm -rf d$i; ln -sf /etc/passwd f2$i; done; done',
        ],
        { cwd: real(''), stdio: ['ignore', 'pipe', 'ignore'], detached: true },
      );
      churn.stdout.resume();
      // Its programs have the pipe, too: they work here for a moment after it was killed.
      const ended = once(churn, 'close');
      try {
        for (let round = 0; round < 6; round++) {
          const { status, stdout } = shell(
            ...options,
            '--discard',
          )('cat f100; find . -type l -prune -o -type f -print | wc -l');
          expect(status).toBe(0);
          expect(stdout.startsWith('x'.repeat(5000))).toBe(true);
        }
      } finally {
        process.kill(-churn.pid!, 'SIGKILL');
        await ended;
      }
    });

    test('a directory that nobody may read', needs(process.getuid?.() !== 0, 'root reads everything'), () => {
      mkdirSync(real('closed'));
      writeFileSync(real('closed/x'), 'x');
      chmodSync(real('closed'), 0);
      expect(shell(...options, '--keep')('echo y > y').status).toBe(0);
      chmodSync(real('closed'), 0o700);
      expect(readFileSync(real('closed/x'), 'latin1')).toBe('x');
      expect(existsSync(real('y'))).toBe(true);
    });

    test('what is renamed and written here while the command runs', async () => {
      mkdirSync(real('d'));
      writeFileSync(real('d/a'), 'a');
      writeFileSync(real('b'), 'b');
      const { status } = await meanwhile([...options, '--keep'], 'echo fork > c', () => {
        renameSync(real('d'), real('e'));
        appendFileSync(real('b'), 'real\n');
      });
      expect(status).toBe(0);
      expect(readdirSync(real(''))).toEqual(['b', 'c', 'e']);
      expect(readFileSync(real('b'), 'latin1')).toBe('breal\n');
      renameSync(real('e'), real('d'));
      appendFileSync(real('d/a'), '!');
      expect(shell(...options, '--keep')('cat d/a > f').status).toBe(0);
      expect(readFileSync(real('f'), 'latin1')).toBe('a!');
    });
  });
}

describe('killed', () => {
  test('at every step of an apply: untouched, or resumed to the end', { timeout: 240_000 }, () => {
    const edit =
      'echo more >> src/a.ts; rm -r names; mv src/deep moved; mkdir new; echo n > new/n; mv program new/program';
    let step = 0;
    // Every third: that each step can be resumed from is shown without processes, beside the code.
    for (let isDone = false; !isDone; step += 3) {
      execFileSync('chmod', ['-R', 'u+rwX', work]);
      rmSync(work, { recursive: true });
      mkdirSync(real(''), { recursive: true });
      makeSampleTree(real(''));
      expect(shell('--no-mount', '--branch', 'idea')(edit).status).toBe(0);
      const before = [...describeTree(real(''))];
      const run = spawnSync(process.execPath, [killed, poolPath(), 'idea', journal(), String(step)], {
        encoding: 'utf8',
      });
      isDone = run.status === 0;
      expect(isDone ? '' : run.signal, run.stderr).toBe(isDone ? '' : 'SIGKILL');
      const isHalf = JSON.parse(existsSync(journal()) ? readFileSync(journal(), 'utf8') : '{}').phase === 'applying';
      if (isHalf) {
        const next = shell('--no-mount', '--discard')('true');
        expect(next.status).toBe(125);
        expect(next.stderr).toContain('byre apply --resume');
      } else if (!isDone) {
        const resumed = byre('apply', '--resume');
        expect(resumed.stdout).toContain('nothing had been changed');
        expect([...describeTree(real(''))]).toEqual(before);
        expect(byre('apply', 'idea').status).toBe(0);
      }
      if (isHalf) expect(byre('apply', '--resume').stdout).toContain('finished');
      expect(readFileSync(real('new/n'), 'latin1')).toBe('n\n');
      expect(readFileSync(real('src/a.ts'), 'latin1').endsWith('more\n')).toBe(true);
      expect(readdirSync(real('moved'))).toEqual(['er']);
      expect(readdirSync(real('')).some((name) => name === 'names' || name.startsWith('.byre'))).toBe(false);
      expect(byre('try', '--no-mount', '--discard', 'true').status).toBe(0);
    }
    expect(step).toBeGreaterThan(8);
  });
});
