/** `byre try` and `byre apply` as people use them: real processes, real directories, real kills. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { journalPath } from '../../src/host/journal.ts';
import { compiled } from '../../tests/compiled.ts';
import { compareTrees, describeTree } from '../../tests/host/compare-trees.ts';
import { hostileNames, makeSampleTree } from '../../tests/host/sample-tree.ts';
import { scratchDirectory } from '../../tests/host/scratch.ts';
import { needs } from '../../tests/needs.ts';
import { trialDirectory } from './trial-place.ts';

let program: string;
let killed: string;
let work: string;

beforeAll(() => {
  program = fileURLToPath(compiled('apps/cli/main.ts'));
  killed = fileURLToPath(compiled('tests/host/apply-killed.ts'));
}, 120_000);

beforeEach(() => {
  work = realpathSync(scratchDirectory('try'));
  mkdirSync(real(''));
});

afterEach(() => {
  execFileSync('chmod', ['-R', 'u+rwX', work]);
  rmSync(work, { recursive: true, force: true });
});

const real = (name: string) => path.join(work, 'real', name);
const environment = () => ({ ...process.env, XDG_STATE_HOME: path.join(work, 'state'), BYRE_POOL: '' });
const home = () => trialDirectory(real('').replace(/\/$/, ''), environment());
const poolPath = () => path.join(home(), 'pool.byre');
const journal = () =>
  journalPath(path.join(home(), 'journal'), Buffer.from(real('').replace(/\/$/, '')).toString('latin1'));

function byre(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: real(''),
    env: environment(),
    encoding: 'utf8',
    input: '',
  });
  return { status, stdout, stderr };
}

const shell =
  (...options: string[]) =>
  (script: string) =>
    byre('try', ...options, '--', 'sh', '-c', script);

function branches(): string[] {
  return (JSON.parse(byre('branches', '--json').stdout) as Array<{ name: string }>).map(({ name }) => name);
}

/** Everything of the real directory, change times too: what discarding must leave. */
function fingerprint(): unknown {
  const times = execFileSync('find', ['.', '-printf', '%p %i %T@ %C@ %s %m\\n'], { cwd: real(''), encoding: 'latin1' });
  return [times.split('\n').sort(), [...describeTree(real(''))]];
}

const destruction = `
  echo more >> src/a.ts; rm -rf names; mv src/deep moved; mkdir -p new/dir; echo new > new/dir/file; ln small.txt again;
  chmod 600 program; truncate -s 100 src/large; ln -s nowhere newlink; rm -f fifo`;

describe('discard', () => {
  beforeEach(() => makeSampleTree(real('')));

  test('leaves everything as it was, to the nanosecond', () => {
    const before = fingerprint();
    expect(shell('--discard')(destruction)).toMatchObject({ status: 0 });
    expect(shell('--discard')('exit 7')).toMatchObject({ status: 7 });
    expect(fingerprint()).toEqual(before);
    expect(branches()).toEqual(['main', expect.stringMatching(/^real@\d+$/)]);
    expect(readdirSync(home()).filter((name) => name.startsWith('work'))).toEqual([]);
  });

  test('the command sees all that there is', () => {
    symlinkSync('../copy', real('out'));
    rmSync(real('out'));
    mkdirSync(path.join(work, 'copy'));
    expect(shell('--discard')(`cp -a . ${work}/copy/`).status).toBe(0);
    expect(compareTrees(real(''), path.join(work, 'copy'))).toEqual([]);
  });
});

describe('keep', () => {
  test('gives exactly what the command did', () => {
    makeSampleTree(real(''));
    execFileSync('cp', ['-a', real(''), path.join(work, 'other')]);
    expect(shell('--keep')(destruction)).toMatchObject({ status: 0 });
    execFileSync('sh', ['-c', destruction], { cwd: path.join(work, 'other') });
    const now = (line: string) => !/: modified /.test(line);
    expect(compareTrees(real(''), path.join(work, 'other')).filter(now)).toEqual([]);
    // What neither touched has its old time; what was made has that of the command.
    expect(lstatSync(real('src/a.ts')).mtimeMs).toBeLessThan(Date.now());
    expect(lstatSync(real('new/dir/file')).mtimeMs).toBeGreaterThan(1_700_000_000_000);
  });

  test('names that programs get wrong', () => {
    mkdirSync(real('names'));
    for (const name of hostileNames)
      writeFileSync(Buffer.concat([Buffer.from(`${real('names')}/`), Buffer.from(name, 'latin1')]), 'x');
    const { status, stderr } = shell('--keep')(
      'cd names && for f in ./* ./...; do echo changed >> "$f"; done; mv ./--help ./-renamed',
    );
    expect(status).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may come through.
    expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
    const names = readdirSync(real('names'), 'latin1');
    expect(names.sort()).toEqual(hostileNames.map((name) => (name === '--help' ? '-renamed' : name)).sort());
    for (const name of names) {
      const bytes = Buffer.concat([Buffer.from(`${real('names')}/`), Buffer.from(name, 'latin1')]);
      expect(readFileSync(bytes, 'latin1')).toBe('xchanged\n');
    }
  });

  test('twice in a row, and the second import reads only what changed', () => {
    writeFileSync(real('a'), 'a');
    expect(shell('--keep')('echo 1 > b').status).toBe(0);
    expect(shell('--keep')('echo 2 > b; rm a').status).toBe(0);
    expect(readdirSync(real(''))).toEqual(['b']);
    expect(readFileSync(real('b'), 'latin1')).toBe('2\n');
  });

  test('refuses to overwrite what changed here meanwhile', () => {
    writeFileSync(real('a'), 'a');
    writeFileSync(real('b'), 'b');
    const refused = shell('--keep')(`echo fork > a; rm b; echo real > ${real('a')}`);
    expect(refused.status).toBe(125);
    expect(refused.stderr).toContain('! a: it was changed there meanwhile');
    expect(readFileSync(real('a'), 'latin1')).toBe('real\n');
    expect(readFileSync(real('b'), 'latin1')).toBe('b');
    expect(branches()).toContain('try-1');
    expect(byre('apply', 'try-1').status).toBe(1);
    expect(byre('apply', '--partial', 'try-1').status).toBe(1);
    expect(readdirSync(real(''))).toEqual(['a']);
    expect(readFileSync(real('a'), 'latin1')).toBe('real\n');
  });
});

describe('branch', () => {
  beforeEach(() => writeFileSync(real('a'), 'a\n'));

  test('is kept, shown, gone on from and applied', () => {
    expect(shell('--branch', 'idea')('echo b >> a; mkdir d; echo x > d/x').status).toBe(0);
    expect(readFileSync(real('a'), 'latin1')).toBe('a\n');
    expect(shell('--from', 'idea', '--branch', 'more')('cat a; echo c >> a').stdout).toBe('a\nb\n');
    const dry = JSON.parse(byre('apply', '--dry-run', '--json', 'more').stdout);
    expect(dry.changes.map(({ kind, path: name }: Record<string, string>) => `${kind} ${name}`)).toEqual([
      'changed a',
      'added d',
      'added d/x',
    ]);
    expect(byre('apply', '--drop', 'more')).toMatchObject({ status: 0 });
    expect(readFileSync(real('a'), 'latin1')).toBe('a\nb\nc\n');
    expect(readFileSync(real('d/x'), 'latin1')).toBe('x\n');
    expect(branches()).toContain('idea');
    expect(branches()).not.toContain('more');
  });

  test('is what becomes of changes when nobody decides', () => {
    const { status, stderr } = shell()('echo b > b');
    expect(status).toBe(0);
    expect(stderr).toContain('kept as branch try-1');
    expect(readdirSync(real(''))).toEqual(['a']);
  });

  test('later imports leave a kept branch its own beginning', () => {
    shell('--branch', 'idea')('echo idea > b');
    writeFileSync(real('c'), 'c');
    expect(shell('--discard')('true').status).toBe(0);
    expect(byre('apply', 'idea').status).toBe(0);
    expect(readdirSync(real(''))).toEqual(['a', 'b', 'c']);
  });

  test('names are not taken twice', () => {
    shell('--branch', 'idea')('echo 1 > b');
    expect(shell('--branch', 'idea')('echo 2 > b')).toMatchObject({ status: 125 });
  });
});

describe('the command', () => {
  test('its status, its streams, its signals', async () => {
    expect(byre('try', 'true').status).toBe(0);
    expect(byre('try', 'sh', '-c', 'exit 3').status).toBe(3);
    expect(byre('try', '--', 'sh', '-c', 'kill -TERM $$').status).toBe(143);
    expect(byre('try', 'no-such-command-at-all').status).toBe(127);
    expect(byre('try', '/dev/null').status).toBe(126);
    expect(byre('try').status).toBe(2);
    expect(byre('try', '--keep', '--discard', 'true').status).toBe(2);
    expect(byre('try', 'echo', '--json', 'out').stdout).toBe('--json out\n');
    const json = byre('try', '--json', '--discard', '--', 'sh', '-c', 'echo out; echo x > x');
    expect(JSON.parse(json.stdout)).toMatchObject({
      status: 0,
      decision: 'discard',
      changes: [{ kind: 'added', path: 'x', size: 2 }],
    });
    expect(json.stderr).toBe('out\n');
  });

  test('a signal to byre reaches it', async () => {
    const child = spawn(
      process.execPath,
      [program, 'try', '--discard', '--', 'sh', '-c', 'trap "exit 9" TERM; echo up; while :; do sleep 0.05; done'],
      {
        cwd: real(''),
        env: environment(),
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    await new Promise((resolve) => child.stdout!.once('data', resolve));
    child.kill('SIGTERM');
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(9);
  });

  test('two at once in one directory', async () => {
    writeFileSync(real('a'), 'a');
    const run = (script: string) =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, [program, 'try', '--keep', '--', 'sh', '-c', script], {
          cwd: real(''),
          env: environment(),
          stdio: 'ignore',
        });
        child.once('exit', resolve);
      });
    expect(await Promise.all([run('sleep 0.5; echo 1 > one'), run('sleep 0.5; echo 2 > two')])).toEqual([0, 0]);
    expect(readdirSync(real(''))).toEqual(['a', 'one', 'two']);
  });

  test('a pool in the directory is not part of it', () => {
    expect(byre('init').status).toBe(0);
    writeFileSync(real('a'), 'a');
    const { stdout } = shell('--keep')('ls -A; echo b > b');
    expect(stdout).toBe('a\n');
    expect(readdirSync(real('')).sort()).toEqual(['.byre', 'a', 'b']);
    expect(existsSync(poolPath())).toBe(false);
  });
});

describe('asking', needs(existsSync('/usr/bin/script'), 'needs script(1)'), () => {
  /** Runs byre at a terminal of its own, with answers typed. */
  function atTerminal(answers: string, script: string): { status: number | null; output: string } {
    writeFileSync(path.join(work, 'script'), script);
    const line = `'${process.execPath}' '${program}' try sh '${path.join(work, 'script')}'`;
    const { status, stdout } = spawnSync('script', ['-qec', line, '/dev/null'], {
      cwd: real(''),
      env: { ...environment(), TERM: 'dumb', SHELL: '/bin/sh' },
      encoding: 'utf8',
      input: answers,
    });
    return { status, output: stdout };
  }

  beforeEach(() => {
    writeFileSync(real('a'), 'a');
    mkdirSync(real('d'));
    writeFileSync(real('d/x'), 'x');
  });

  const edits = 'echo b > b; rm -r d; mkdir e; echo f > e/f; echo g > e/g; exit 4';

  test('all', () => {
    expect(atTerminal('a\n', edits).status).toBe(4);
    expect(readdirSync(real(''))).toEqual(['a', 'b', 'e']);
  });

  test('none', () => {
    expect(atTerminal('n\n', edits).status).toBe(4);
    expect(readdirSync(real(''))).toEqual(['a', 'd']);
    expect(branches()).not.toContain('try-1');
  });

  test('path by path', () => {
    // b no; d no; d/x no; e no; e/f yes; e/g no.
    const { status } = atTerminal('p\nn\nn\nn\nn\ny\nn\n', edits);
    expect(status).toBe(4);
    expect(readdirSync(real(''))).toEqual(['a', 'd', 'e']);
    expect(readdirSync(real('e'))).toEqual(['f']);
    expect(readdirSync(real('d'))).toEqual(['x']);
  });

  test('as a branch, after a look at the text', () => {
    const { output } = atTerminal('d\nb\n', edits);
    expect(output).toContain('+++ b/e/f');
    expect(readdirSync(real(''))).toEqual(['a', 'd']);
    expect(branches()).toContain('try-1');
  });
});

describe('killed', () => {
  test('while the command runs: nothing has happened, and the work can be recovered', async () => {
    writeFileSync(real('a'), 'a');
    const before = fingerprint();
    const child = spawn(
      process.execPath,
      [program, 'try', '--keep', '--', 'sh', '-c', 'echo b > b; echo up; exec sleep 60'],
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
    expect(fingerprint()).toEqual(before);
    expect(shell('--discard')('true').stderr).toContain('a try was cut off');
    expect(byre('try', '--recover').stdout).toBe('recovered as branch try-1\n');
    expect(byre('apply', 'try-1').status).toBe(0);
    expect(readdirSync(real(''))).toEqual(['a', 'b']);
    expect(byre('try', '--recover').stdout).toBe('nothing is left over\n');
  });

  test('while importing or making the workspace', async () => {
    for (let i = 0; i < 300; i++) writeFileSync(real(`${i}`), `${i}`);
    const before = fingerprint();
    for (const ms of [60, 120, 180, 240]) {
      const child = spawn(process.execPath, [program, 'try', '--keep', '--', 'sh', '-c', 'exit 0'], {
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
    expect(shell('--discard')('ls | wc -l').stdout.trim()).toBe('300');
  });

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
      expect(shell('--branch', 'idea')(edit).status).toBe(0);
      const before = [...describeTree(real(''))];
      const run = spawnSync(process.execPath, [killed, poolPath(), 'idea', journal(), String(step)], {
        encoding: 'utf8',
      });
      isDone = run.status === 0;
      expect(isDone ? '' : run.signal, run.stderr).toBe(isDone ? '' : 'SIGKILL');
      const isHalf = JSON.parse(existsSync(journal()) ? readFileSync(journal(), 'utf8') : '{}').phase === 'applying';
      if (isHalf) {
        const next = shell('--discard')('true');
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
      expect(byre('try', '--discard', 'true').status).toBe(0);
    }
    expect(step).toBeGreaterThan(8);
  });
});

describe('races', () => {
  test('files that change, vanish and turn while they are imported', { timeout: 60_000 }, async () => {
    for (let i = 0; i < 200; i++) writeFileSync(real(`f${i}`), 'x'.repeat(5000));
    const churn = spawn(
      'sh',
      [
        '-c',
        'while :; do for i in 1 2 3 4 5 6 7 8 9; do echo y >> f$i; rm -f f1$i; mkdir -p d$i/d; echo z > d$i/d/z; rm -rf d$i; ln -sf /etc/passwd f2$i; done; done',
      ],
      {
        cwd: real(''),
        stdio: 'ignore',
      },
    );
    try {
      for (let round = 0; round < 6; round++) {
        const { status, stdout } = shell('--discard')('cat f100; find . -type l -prune -o -type f -print | wc -l');
        expect(status).toBe(0);
        expect(stdout.startsWith('x'.repeat(5000))).toBe(true);
      }
    } finally {
      churn.kill('SIGKILL');
    }
  });

  test('a directory that nobody may read', needs(process.getuid?.() !== 0, 'root reads everything'), () => {
    mkdirSync(real('closed'));
    writeFileSync(real('closed/x'), 'x');
    chmodSync(real('closed'), 0);
    expect(shell('--keep')('echo y > y').status).toBe(0);
    chmodSync(real('closed'), 0o700);
    expect(readFileSync(real('closed/x'), 'latin1')).toBe('x');
    expect(existsSync(real('y'))).toBe(true);
  });

  test('what is renamed and written here while the command runs', () => {
    mkdirSync(real('d'));
    writeFileSync(real('d/a'), 'a');
    writeFileSync(real('b'), 'b');
    const { status } = shell('--keep')(`echo fork > c; mv ${real('d')} ${real('e')}; echo real >> ${real('b')}`);
    expect(status).toBe(0);
    expect(readdirSync(real(''))).toEqual(['b', 'c', 'e']);
    expect(readFileSync(real('b'), 'latin1')).toBe('breal\n');
    renameSync(real('e'), real('d'));
    appendFileSync(real('d/a'), '!');
    expect(shell('--keep')('cat d/a > f').status).toBe(0);
    expect(readFileSync(real('f'), 'latin1')).toBe('a!');
  });
});
