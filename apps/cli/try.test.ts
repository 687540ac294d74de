/** `byre try` and `byre apply` as people use them: real processes, real directories. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../src/host/native.ts';
import {
  branches,
  byre,
  environment,
  fingerprint,
  forms,
  home,
  meanwhile,
  poolPath,
  program,
  real,
  shell,
  untilSilent,
  useTrials,
  work,
} from '../../tests/cli/trials.ts';
import { compareTrees } from '../../tests/host/compare-trees.ts';
import { hostileNames, makeSampleTree } from '../../tests/host/sample-tree.ts';
import { needsMount } from '../../tests/mount/mounted.ts';
import { needs } from '../../tests/needs.ts';

useTrials();

const destruction = `
  echo more >> src/a.ts; rm -rf names; mv src/deep moved; mkdir -p new/dir; echo new > new/dir/file; ln small.txt again;
  chmod 600 program; truncate -s 100 src/large; ln -s nowhere newlink; rm -f fifo`;

for (const { form, options, needed } of forms) {
  describe(form, { timeout: 60_000, ...needed }, () => {
    /** For commands that write beside the directory, which is in the way of being confined. */
    const beside = () => (form === 'mounted and confined' ? ['--writable', work] : []);

    describe('discard', () => {
      beforeEach(() => makeSampleTree(real('')));

      test('leaves everything as it was, to the nanosecond', () => {
        const before = fingerprint();
        expect(shell(...options, '--discard')(destruction)).toMatchObject({ status: 0 });
        expect(shell(...options, '--discard')('exit 7')).toMatchObject({ status: 7 });
        expect(fingerprint()).toEqual(before);
        expect(branches()).toEqual(['main', expect.stringMatching(/^real@\d+$/)]);
        expect(readdirSync(home()).filter((name) => name.startsWith('work'))).toEqual([]);
      });

      test(
        'leaves access times, too, of files and of directories',
        needs(native() !== undefined, 'needs koffi'),
        () => {
          // As a kernel would bring it up to date that does so once a day.
          execFileSync('touch', ['-a', '-d', '2 days ago', real('src'), real('src/a.ts'), real('')]);
          const times = () => ['src', 'src/a.ts', ''].map((name) => lstatSync(real(name)).atimeMs);
          const before = times();
          expect(shell(...options, '--discard')('ls -R >/dev/null; cat src/a.ts >/dev/null')).toMatchObject({
            status: 0,
          });
          expect(times()).toEqual(before);
          writeFileSync(real('src/new'), 'new');
          execFileSync('touch', ['-a', '-d', '2 days ago', real('src')]);
          const [again] = times();
          expect(shell(...options, '--discard')('true')).toMatchObject({ status: 0 });
          expect(times()[0]).toBe(again);
        },
      );

      test('the command sees all that there is', () => {
        symlinkSync('../copy', real('out'));
        rmSync(real('out'));
        mkdirSync(path.join(work, 'copy'));
        expect(shell(...options, ...beside(), '--discard')(`cp -a . ${work}/copy/`).status).toBe(0);
        expect(compareTrees(real(''), path.join(work, 'copy'))).toEqual([]);
      });
    });

    describe('keep', () => {
      test('gives exactly what the command did', () => {
        makeSampleTree(real(''));
        execFileSync('cp', ['-a', real(''), path.join(work, 'other')]);
        expect(shell(...options, '--keep')(destruction)).toMatchObject({ status: 0 });
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
        const { status, stderr } = shell(
          ...options,
          '--keep',
        )('cd names && for f in ./* ./...; do echo changed >> "$f"; done; mv ./--help ./-renamed');
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

      test('a file that is replaced, as programs save, has changed in what differs', () => {
        writeFileSync(real('a'), 'old');
        const { stdout } = byre('try', ...options, '--json', '--keep', '--', 'sh', '-c', 'printf new > b; mv b a');
        expect(JSON.parse(stdout).changes).toMatchObject([
          { kind: 'changed', path: '/a', size: 3, aspects: ['content', 'time'] },
        ]);
        expect(readFileSync(real('a'), 'latin1')).toBe('new');
      });

      test('twice in a row, and the second import reads only what changed', () => {
        writeFileSync(real('a'), 'a');
        expect(shell(...options, '--keep')('echo 1 > b').status).toBe(0);
        expect(shell(...options, '--keep')('echo 2 > b; rm a').status).toBe(0);
        expect(readdirSync(real(''))).toEqual(['b']);
        expect(readFileSync(real('b'), 'latin1')).toBe('2\n');
      });

      test('refuses to overwrite what changed here meanwhile', async () => {
        writeFileSync(real('a'), 'a');
        writeFileSync(real('b'), 'b');
        const refused = await meanwhile([...options, '--keep'], 'echo fork > a; rm b', () =>
          writeFileSync(real('a'), 'real\n'),
        );
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
        expect(shell(...options, '--branch', 'idea')('echo b >> a; mkdir d; echo x > d/x').status).toBe(0);
        expect(readFileSync(real('a'), 'latin1')).toBe('a\n');
        const shown = byre('diff', '--json', 'idea');
        expect(shown.status).toBe(1);
        expect(JSON.parse(shown.stdout)).toMatchObject({ from: 'real@1', to: 'idea' });
        expect(byre('diff', 'idea').stdout).toMatch(/^~ a .*\n\+ d\/\n\+ d\/x .*\n$/);
        expect(byre('diff', '-1', 'idea:/d').stdout).toBe('d\nd/x\n');
        expect(byre('diff', '-1', 'main', 'idea').stdout).toBe('a\nd\nd/x\n');
        // The state itself is no try.
        expect(byre('diff', '-1', 'real@1').stdout).toBe('a\n');
        expect(shell(...options, '--from', 'idea', '--branch', 'more')('cat a; echo c >> a').stdout).toBe('a\nb\n');
        const dry = JSON.parse(byre('apply', '--dry-run', '--json', 'more').stdout);
        expect(dry.changes.map(({ kind, path: name }: Record<string, string>) => `${kind} ${name}`)).toEqual([
          'changed /a',
          'added /d',
          'added /d/x',
        ]);
        expect(byre('apply', '--drop', 'more')).toMatchObject({ status: 0 });
        expect(readFileSync(real('a'), 'latin1')).toBe('a\nb\nc\n');
        expect(readFileSync(real('d/x'), 'latin1')).toBe('x\n');
        expect(branches()).toContain('idea');
        expect(branches()).not.toContain('more');
      });

      test('is what becomes of changes when nobody decides', () => {
        const { status, stderr } = shell(...options)('echo b > b');
        expect(status).toBe(0);
        expect(stderr).toContain('kept as branch try-1');
        expect(readdirSync(real(''))).toEqual(['a']);
      });

      test('later imports leave a kept branch its own beginning', () => {
        shell(...options, '--branch', 'idea')('echo idea > b');
        writeFileSync(real('c'), 'c');
        expect(shell(...options, '--discard')('true').status).toBe(0);
        expect(byre('apply', 'idea').status).toBe(0);
        expect(readdirSync(real(''))).toEqual(['a', 'b', 'c']);
      });

      test('has what its try began with for its past', () => {
        const parents = () =>
          (JSON.parse(byre('branches', '--json').stdout) as Array<Record<'name' | 'parent', string>>)
            .filter(({ name }) => name === 'idea' || name === 'more' || name === 'other')
            .map(({ name, parent }) => [name, parent]);
        writeFileSync(real('untouched'), 'u');
        writeFileSync(real('lines'), '1\n2\n3\n4\n5\n');
        shell(...options, '--branch', 'idea')('sed -i s/1/one/ lines; echo b >> a');
        shell(...options, '--from', 'idea', '--branch', 'more')('echo c >> a');
        shell(...options, '--branch', 'other')('sed -i s/5/five/ lines; echo d > d');
        expect(parents()).toEqual([
          ['idea', 'real@1'],
          ['more', 'idea'],
          // What was written the moment before it was imported may be looked at again.
          ['other', expect.stringMatching(/^real@[12]$/)],
        ]);
        expect(byre('diff', '-1', '--since-fork', 'idea').stdout).toBe('a\nlines\n');
        expect(byre('diff', '-1', '--since-fork', 'more').stdout).toBe('a\n');
        expect(byre('diff', '-1', '--since-fork', 'other').stdout).toBe('d\nlines\n');
        // What idea has done since is no conflict with what lies on top of it.
        expect(byre('merge', 'more', 'idea')).toMatchObject({ status: 0, stdout: 'merged more into idea\n' });
        expect(byre('fork', 'real@1', 'both').status).toBe(0);
        for (const from of ['idea', 'other']) {
          expect(byre('merge', from, 'both')).toMatchObject({ status: 0, stdout: `merged ${from} into both\n` });
        }
        expect(byre('cat', 'both:/lines').stdout).toBe('one\n2\n3\n4\nfive\n');
        expect(byre('cat', 'both:/a').stdout).toBe('a\nb\nc\n');
        expect(byre('apply', 'both')).toMatchObject({ status: 0 });
        expect(readdirSync(real(''))).toEqual(['a', 'd', 'lines', 'untouched']);
      });

      test('names are not taken twice', () => {
        shell(...options, '--branch', 'idea')('echo 1 > b');
        expect(shell(...options, '--branch', 'idea')('echo 2 > b')).toMatchObject({ status: 125 });
      });
    });

    describe('the command', () => {
      test('its status, its streams, its signals', async () => {
        expect(byre('try', ...options, 'true').status).toBe(0);
        expect(byre('try', ...options, 'sh', '-c', 'exit 3').status).toBe(3);
        expect(byre('try', ...options, '--', 'sh', '-c', 'kill -TERM $$').status).toBe(143);
        expect(byre('try', ...options, 'no-such-command-at-all').status).toBe(127);
        expect(byre('try', ...options, '/dev/null').status).toBe(126);
        expect(byre('try').status).toBe(125);
        expect(byre('try', ...options, '--keep', '--discard', 'true').status).toBe(125);
        expect(byre('try', ...options, 'echo', '--json', 'out').stdout).toBe('--json out\n');
        const json = byre('try', ...options, '--json', '--discard', '--', 'sh', '-c', 'echo out; echo x > x');
        expect(JSON.parse(json.stdout)).toMatchObject({
          status: 0,
          decision: 'discard',
          changes: [{ kind: 'added', path: '/x', size: 2 }],
        });
        expect(json.stderr).toBe('out\n');
      });

      test('a signal to byre reaches it', async () => {
        const child = spawn(
          process.execPath,
          [
            program,
            'try',
            ...options,
            '--discard',
            '--',
            'sh',
            '-c',
            'trap "exit 9" TERM; echo up; while :; do sleep 0.05; done',
          ],
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
            const child = spawn(process.execPath, [program, 'try', ...options, '--keep', '--', 'sh', '-c', script], {
              cwd: real(''),
              env: environment(),
              stdio: 'ignore',
            });
            child.once('exit', resolve);
          });
        expect(await Promise.all([run('sleep 0.5; echo 1 > one'), run('sleep 0.5; echo 2 > two')])).toEqual([0, 0]);
        expect(readdirSync(real(''))).toEqual(['a', 'one', 'two']);
      });

      test('a mount in the directory whose server is gone is passed over, with a word', needsMount, () => {
        mkdirSync(real('gone'));
        writeFileSync(real('a'), 'a');
        const fuse = openSync('/dev/fuse', 'r+');
        const mountOptions = 'fd=3,rootmode=40000,user_id=0,group_id=0';
        try {
          const args = ['-i', '-t', 'fuse', '-o', mountOptions, work, real('gone')];
          expect(spawnSync('mount', args, { stdio: ['ignore', 'ignore', 'inherit', fuse] }).status).toBe(0);
        } finally {
          closeSync(fuse);
        }
        try {
          const { status, stderr } = shell(...options, '--keep')('echo b > b');
          expect({ status, stderr }).toMatchObject({
            status: 0,
            stderr: expect.stringContaining('gone: it is a mount whose server is gone'),
          });
        } finally {
          spawnSync('umount', ['-l', real('gone')]);
        }
        expect(readdirSync(real('')).sort()).toEqual(['a', 'b', 'gone']);
      });

      test('a pool in the directory is not part of it', async () => {
        expect(byre('init').status).toBe(0);
        writeFileSync(real('a'), 'a');
        const { stdout } = shell(...options, '--keep')('ls -A; echo b > b');
        expect(stdout).toBe('a\n');
        await untilSilent();
        expect(readdirSync(real('')).sort()).toEqual(['.byre', 'a', 'b']);
        expect(existsSync(poolPath())).toBe(false);
      });
    });
  });
}

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
