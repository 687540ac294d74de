/** The general commands, run in this process on real pools: what they do, print and refuse. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { filesOf } from '../../src/files/index.ts';
import { openPool } from '../../src/pool/open-pool.ts';
import { ask, type RunOptions, run, scratch } from '../../tests/cli/command-line.ts';

const { directory: top, remove } = scratch();
afterAll(remove);

let directory = '';
let count = 0;

const byre = (args: readonly string[], options: Partial<RunOptions> = {}) => run(args, { directory, ...options });

/** Runs a command that must succeed, and say nothing on standard error. */
async function done(args: readonly string[], options: Partial<RunOptions> = {}): Promise<string> {
  const { status, output, error } = await byre(args, options);
  expect({ args, status, error }).toEqual({ args, status: 0, error: '' });
  return output;
}

async function json(args: readonly string[], options: Partial<RunOptions> = {}) {
  return JSON.parse(await done([...args, '--json'], options));
}

const poolPath = () => path.join(directory, '.byre');

beforeEach(async () => {
  directory = path.join(top, String(count++));
  mkdirSync(directory);
  await done(['init']);
});

describe('pools', () => {
  test('are made once, and found from here upwards', async () => {
    expect(await byre(['init'])).toMatchObject({
      status: 4,
      error: `byre: ${poolPath()} is there already, and was left as it is: choose another name\n`,
    });
    expect(await json(['init', 'sub/other.byre', '--limit=8M', '--node-size=4K'])).toEqual({
      pool: path.join(directory, 'sub/other.byre'),
    });
    expect((await json(['df', 'sub/other.byre'])).limitBytes).toBe(8 << 20);
    mkdirSync(path.join(directory, 'a/b'), { recursive: true });
    await done(['fork', 'found'], { directory: path.join(directory, 'a/b') });
    expect(await done(['branches', '-1'])).toBe('found\nmain\n');
    expect(await done(['branches', '-1'], { directory: '/', environment: { BYRE_POOL: poolPath() } })).toBe(
      'found\nmain\n',
    );
    expect(await done(['branches', '-1', '--pool', '../.byre'], { directory: path.join(directory, 'a') })).toBe(
      'found\nmain\n',
    );
    expect(await done(['branches', '-1', '-p', 'sub/other.byre'])).toBe('main\n');
    expect(await done(['branches', '-1', './sub/other.byre'])).toBe('main\n');
  });

  test('that are missing or none are told as such', async () => {
    const none = await byre(['ls'], { directory: '/', environment: { XDG_STATE_HOME: directory } });
    expect(none).toMatchObject({ status: 3, output: '' });
    expect(none.error).toMatch(
      /there is no pool for \/: make one with 'byre init', or name one with --pool or BYRE_POOL/,
    );
    const absent = await byre(['ls', './no.byre:main']);
    expect(absent).toMatchObject({ status: 3 });
    expect(absent.error).toMatch(/there is no pool at .*no\.byre/);
    writeFileSync(path.join(directory, 'text.byre'), 'this is text\n'.repeat(1000));
    const text = await byre(['ls', 'text.byre']);
    expect(text).toMatchObject({ status: 3 });
    expect(text.error).toMatch(/not a byre pool/);
    expect((await byre(['ls', '--pool', './a.byre', './b.byre:main'])).error).toMatch(/a command works on one pool/);
  });

  test('that are damaged are told as such', async () => {
    await done(['put', 'main:/f'], { input: 'x'.repeat(100_000) });
    const damaged = path.join(directory, 'damaged.byre');
    copyFileSync(poolPath(), damaged);
    truncateSync(damaged, 8192);
    const short = await byre(['ls', damaged]);
    expect(short).toMatchObject({ status: 5, output: '' });
    expect(short.error).toMatch(/damaged/);

    const bytes = readFileSync(poolPath());
    // The content lies in whole pages of x.
    const at = bytes.indexOf('x'.repeat(4096));
    bytes[at + 100] = 0;
    writeFileSync(damaged, bytes);
    expect((await byre(['cat', `${damaged}:main:/f`])).status).toBe(5);
    expect((await byre(['check', damaged])).status).toBe(0);
    const scrubbed = await byre(['scrub', damaged]);
    expect(scrubbed).toMatchObject({ status: 1, error: '' });
    expect(scrubbed.output).toMatch(/^main:\/f: page \d+ \(data\) is damaged\n.*: 1 problem \(/);
    const report = JSON.parse((await byre(['scrub', damaged, '--json'])).output);
    expect(report).toMatchObject({ ok: false, problems: [{ kind: 'damaged', branch: 'main', path: '/f' }] });
  });

  test('that lost their newest commit say so with every command', async () => {
    await done(['put', 'main:/f'], { input: 'one' });
    await done(['put', 'main:/f'], { input: 'two' });
    const bytes = readFileSync(poolPath());
    const newest = Number(bytes.readBigUInt64LE(16)) > Number(bytes.readBigUInt64LE(4096 + 16)) ? 0 : 4096;
    const directoryPage = bytes.readUInt32LE(newest + 48);
    bytes.fill(0xff, directoryPage * 4096, (directoryPage + 1) * 4096);
    writeFileSync(poolPath(), bytes);
    const lost = await byre(['branches', '-1']);
    expect(lost).toMatchObject({ status: 0, output: 'main\n' });
    expect(lost.error).toMatch(/^byre: warning: commit \d+, the newest, is damaged; this is the one before it/);
    const asJson = await byre(['branches', '--json']);
    expect(JSON.parse(asJson.error)).toMatchObject({ warning: { code: 'LOST_COMMIT' } });
    JSON.parse(asJson.output);
  });

  test('that another process writes are waited for, and read meanwhile', async () => {
    const pool = await openPool(poolPath(), { create: false });
    const refused = await byre(['fork', 'x', '--wait=0']);
    expect(refused).toMatchObject({ status: 4, output: '' });
    expect(refused.error).toMatch(
      /is being written by process \d+ on .* \(.*\), since .*: wait for its end, or longer with --wait=SECONDS/,
    );
    expect(await done(['branches', '-1'])).toBe('main\n');
    const waiting = byre(['fork', 'x', '--wait', '20']);
    setTimeout(() => pool.closeSync(), 100);
    expect(await waiting).toMatchObject({ status: 0 });
    expect((await byre(['fork', 'y', '--wait=soon'])).error).toMatch(/--wait takes a number of seconds, not 'soon'/);
  });
});

describe('branches', () => {
  test('are forked, snapshotted, renamed and listed', async () => {
    await done(['fork', 'one']);
    await done(['fork', 'one', 'two']);
    expect(await json(['snapshot', 'one', 'state'])).toMatchObject({ name: 'state', kind: 'snapshot', from: 'one' });
    await done(['rename', 'two', 'zwei']);
    const list = await json(['branches']);
    expect(list.map(({ name, kind, parent }: never) => [name, kind, parent])).toEqual([
      ['main', 'branch', undefined],
      ['one', 'branch', 'main'],
      ['state', 'snapshot', 'one'],
      ['zwei', 'branch', 'one'],
    ]);
    expect(await done(['branches'])).toMatch(/^main +branch +20.*\none +branch .* from main\nstate +snapshot /);
    expect(await done(['branches', '-z'])).toBe('main\0one\0state\0zwei\0');
    expect(await byre(['fork', 'one', 'zwei'])).toMatchObject({ status: 4 });
    expect(await byre(['fork', 'none', 'new'])).toMatchObject({ status: 3 });
    expect((await byre(['fork', 'none', 'new'])).error).toMatch(/'byre branches' lists them/);
    expect((await byre(['fork', 'a/b'])).status).toBe(2);
    expect((await byre(['fork'])).error).toMatch(/NEW is missing/);
    expect((await byre(['fork', 'a', 'b', 'c'])).error).toMatch(/what is 'c' for\?/);
    expect((await byre(['fork', 'main:/x', 'b'])).error).toMatch(/has a path/);
  });

  test('are not dropped with what only they have unless that is meant', async () => {
    await done(['fork', 'same']);
    await done(['drop', 'same']);
    await done(['fork', 'own']);
    await done(['put', 'own:/f'], { input: 'content' });
    const refused = await byre(['drop', 'own']);
    expect(refused).toMatchObject({ status: 4 });
    expect(refused.error).toMatch(
      /no other branch or snapshot is as own is: .* are its alone; nothing was done: give --yes if that is meant/,
    );
    const no = await byre(['drop', 'own'], { answers: ['n'] });
    expect(no).toMatchObject({ status: 4, error: 'byre: nothing was done\n' });
    expect(no.questions).toHaveLength(1);
    expect(await byre(['drop', 'own'], { answers: [] })).toMatchObject({ status: 4 });
    expect(await byre(['drop', 'own', 'none', '--yes'])).toMatchObject({ status: 3 });
    expect(await done(['branches', '-1'])).toBe('main\nown\n');
    await done(['fork', 'own', 'twin']);
    // What the twins have is lost with the second of them.
    expect(await byre(['drop', 'own', 'twin'])).toMatchObject({ status: 4 });
    expect(await done(['branches', '-1'])).toBe('main\ntwin\n');
    expect(await byre(['drop', 'twin'], { answers: ['yes'] })).toMatchObject({ status: 0 });
    expect(await done(['branches', '-1'])).toBe('main\n');
    expect((await byre(['drop'])).error).toMatch(/BRANCH is missing/);
    expect((await byre(['drop', ':'])).status).toBe(2);
  });

  test('are lost even if others hold their pages as old states', async () => {
    await done(['put', ':/f'], { input: 'x' });
    await done(['fork', 'w']);
    await done(['rm', 'w:/f']);
    expect(await byre(['drop', 'main'])).toMatchObject({ status: 4 });
  });

  test('roll back, and keep what they had if asked', async () => {
    await done(['put', 'main:/f'], { input: 'one' });
    await done(['snapshot', 'before']);
    expect(await byre(['rollback', 'before'])).toMatchObject({ status: 0 });
    await done(['put', 'main:/f'], { input: 'two' });
    expect((await byre(['rollback', 'before'])).error).toMatch(/nothing was done: give --yes or --keep=NAME/);
    expect(await done(['cat', 'main:/f'])).toBe('two');
    expect(await json(['rollback', '--keep=after', 'main', 'before'])).toEqual({
      name: 'main',
      to: 'before',
      kept: 'after',
    });
    expect(await done(['cat', 'main:/f'])).toBe('one');
    expect(await done(['cat', 'after:/f'])).toBe('two');
    expect((await byre(['rollback', 'before', 'main', '--yes'])).error).toMatch(/is a snapshot/);
  });

  test('have quotas and reservations, pools a limit', async () => {
    await done(['limit', '--quota=1M', '--reserve=64K']);
    await done(['limit', '--pool-limit=16M']);
    expect(await json(['limit'])).toMatchObject({
      limitBytes: 16 << 20,
      branch: { name: 'main', quotaBytes: 1 << 20, reservationBytes: 64 << 10 },
    });
    expect(await done(['limit'])).toBe(
      'limit of the pool  16 MiB\nquota of main      1.0 MiB\nreserved for main  64 KiB\n',
    );
    const full = await byre(['put', 'main:/f'], { input: Buffer.alloc(32 << 20, 1) });
    expect(full).toMatchObject({ status: 4, output: '' });
    expect(full.error).toMatch(/ENOSPC|space|full/);
    expect(await done(['ls'])).toBe('');
    await done(['limit', 'main', '--quota=none', '--reserve=none', '--pool-limit=none']);
    expect(await json(['limit'])).not.toHaveProperty('limitBytes');
    expect((await byre(['limit', '--quota=much'])).error).toMatch(/--quota takes a size such as/);
    expect(await byre(['limit', 'none', '--quota=1M'])).toMatchObject({ status: 3 });
  });
});

describe('files', () => {
  test('are put, listed, shown and removed', async () => {
    await done(['put', 'main:/a/b/c.txt'], { input: 'hello\n' });
    expect(await done(['cat', ':/a/b/c.txt'])).toBe('hello\n');
    writeFileSync(path.join(directory, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
    await done(['put', 'run.sh', 'main:/a/']);
    await done(['put', 'run.sh', 'main:/a/b']);
    await done(['put', 'run.sh', 'main:/bare', '--mode=600']);
    expect(await done(['ls', '-R'])).toBe('a\na/b\na/b/c.txt\na/b/run.sh\na/run.sh\nbare\n');
    expect(await done(['ls', '-l', ':/bare'])).toMatch(/^-rw------- +1 +\d+ +\d+ +10 B +20\d\d-.* \/bare\n$/);
    expect(await done(['ls', '-z', ':/a'])).toBe('b\0run.sh\0');
    expect(await done(['ls', ':/a', ':/a/b'])).toBe('main:/a:\nb\nrun.sh\n\nmain:/a/b:\nc.txt\nrun.sh\n');
    expect(await done(['ls', ':/a'], { columns: 80, environment: { NO_COLOR: '1' } })).toBe('b/\nrun.sh\n');
    expect(await done(['ls', ':/a'], { columns: 80 })).toBe('\x1b[34mb\x1b[0m/\n\x1b[32mrun.sh\x1b[0m\n');
    const [stats] = await json(['stat', ':/a/run.sh']);
    expect(stats).toMatchObject({ type: 'file', mode: '0755', size: 10, links: 1, paths: [{ path: '/a/run.sh' }] });
    expect(await done(['stat', ':/a/run.sh'])).toMatch(/^main:\/a\/run.sh\n {2}type {6}file\n {2}inode/);
    expect(await json(['cat', ':/bare'])).toMatchObject([{ path: '/bare', size: 10, content: '#!/bin/sh\n' }]);
    expect(await json(['ls', '-d', ':/a'])).toMatchObject([{ branch: 'main', name: '/a', type: 'directory' }]);

    expect(await byre(['rm', ':/a'])).toMatchObject({ status: 4 });
    expect(await byre(['rm', ':/bare', ':/none'])).toMatchObject({ status: 3 });
    expect(await done(['ls'])).toBe('a\nbare\n');
    expect(await json(['rm', '-rf', ':/a', ':/bare', ':/none'])).toEqual({
      removed: [
        { branch: 'main', path: '/a' },
        { branch: 'main', path: '/bare' },
      ],
    });
    expect(await done(['ls'])).toBe('');
    expect((await byre(['rm', 'main'])).error).toMatch(/is a whole branch/);
    expect((await byre(['rm', '-r', 'main:/'])).status).toBe(2);
  });

  test('of any bytes, and names of any bytes, come out as they went in', async () => {
    const bytes = Buffer.from(Array.from({ length: 1_300_000 }, (_, at) => (at * 7919) & 0xff));
    await done(['put', 'main:/binary'], { input: bytes });
    expect((await byre(['cat', ':/binary'])).bytes.equals(bytes)).toBe(true);
    const [shown] = await json(['cat', ':/binary']);
    expect(Buffer.from(shown.contentBase64, 'base64').equals(bytes)).toBe(true);
    const name = Buffer.from([0x1b, 0x5b, 0x33, 0x31, 0x6d, 0xff, 0x0a]);
    const pool = await openPool(poolPath());
    filesOf(await pool.branch('main')).writeFileSync(Buffer.concat([Buffer.from('/'), name]), 'x');
    await pool.close();
    expect((await byre(['ls', '-z'])).bytes).toEqual(Buffer.concat([name, Buffer.from('\0binary\0')]));
    expect(await done(['ls'], { columns: 80, environment: { NO_COLOR: '1' } })).toBe('\\x1b[31m\\xff\\n\nbinary\n');
    const [first] = await json(['ls']);
    expect(Buffer.from(first.nameBase64, 'base64')).toEqual(name);
  });

  test('are what links lead to, but for those that name the link', async () => {
    const pool = await openPool(poolPath());
    const files = filesOf(await pool.branch('main'));
    files.mkdirSync('/dir');
    files.writeFileSync('/dir/file', 'linked');
    files.symlinkSync('/dir', '/link');
    files.symlinkSync('nowhere', '/dangling');
    await pool.close();
    expect(await done(['cat', ':/link/file'])).toBe('linked');
    expect(await done(['ls', ':/link'])).toBe('file\n');
    expect(await done(['ls', '-l', ':/link'])).toMatch(/^lrwxrwxrwx .* \/link -> \/dir\n$/);
    expect(await json(['stat', ':/link'])).toMatchObject([{ type: 'symlink', target: '/dir' }]);
    expect(await json(['stat', '-L', ':/link'])).toMatchObject([{ type: 'directory' }]);
    await done(['put', ':/link/new'], { input: '1' });
    expect(await done(['ls', ':/dir'])).toBe('file\nnew\n');
    const dangling = await byre(['cat', ':/dangling']);
    expect(dangling).toMatchObject({ status: 3, error: 'byre: main:/dangling: no such file or directory\n' });
    expect((await byre(['cat', ':/dir'])).error).toMatch(/main:\/dir is a directory: 'byre ls' lists it/);
    expect((await byre(['cat', ':/dir/file/x'])).error).toBe('byre: main:/dir/file/x: not a directory\n');
    expect(await byre(['cat'])).toMatchObject({ status: 2 });
  });

  test('are not put where they cannot be', async () => {
    await done(['put', ':/f'], { input: 'old' });
    await done(['snapshot', 's']);
    expect(await byre(['put', 's:/f'], { input: 'new' })).toMatchObject({ status: 4 });
    expect((await byre(['rm', 's:/f'])).error).toMatch(/'s' is a snapshot, .*'byre fork SNAPSHOT BRANCH'/);
    expect((await byre(['put', 'main'], { input: '' })).error).toMatch(/'main' has no path: write BRANCH:\/PATH/);
    expect((await byre(['put', ':/'], { input: '' })).error).toMatch(/is a directory: give the path of a file/);
    expect(await byre(['put', 'absent', ':/x'])).toMatchObject({ status: 3 });
    expect((await byre(['put', '.', ':/x'])).error).toMatch(/'byre import' takes those/);
    expect((await byre(['put', ':/x', '--mode=rw'], { input: '' })).status).toBe(2);
    const broken = new AbortController();
    broken.abort();
    expect(await byre(['put', ':/f'], { input: 'new', signal: broken.signal })).toMatchObject({
      status: 130,
      error: '',
    });
    expect(await done(['cat', ':/f'])).toBe('old');
    expect(await done(['cat', 's:/f'])).toBe('old');
  });

  test('that differ are told, with their text', async () => {
    await done(['put', ':/docs/a'], { input: 'one\ntwo\nthree\n' });
    await done(['put', ':/docs/b'], { input: 'b\n' });
    await done(['put', ':/gone'], { input: 'x' });
    expect(await byre(['diff', 'main', 'main'])).toMatchObject({ status: 0, output: '', error: '' });
    await done(['fork', 'w']);
    await done(['put', 'w:/docs/a'], { input: 'one\nzwei\nthree\n' });
    await done(['rm', 'w:/gone']);
    await done(['put', 'w:/new'], { input: Buffer.from([0, 1, 2]) });
    const pool = await openPool(poolPath());
    filesOf(await pool.branch('w')).renameSync('/docs/b', '/docs/c');
    await pool.close();
    expect(await byre(['diff', 'w'])).toMatchObject({
      status: 1,
      error: '',
      output: '~ docs/a (14 B -> 15 B)\n> docs/b -> docs/c (2 B)\n- gone (1 B)\n+ new (3 B)\n',
    });
    expect((await byre(['diff', '-s', 'w'])).output).toMatch(/1 added, 1 changed, 1 renamed, 1 removed/);
    expect((await byre(['diff', '-z', 'w:/docs'])).output).toBe('docs/a\0docs/c\0');
    expect((await byre(['diff', '-t', 'main', 'w:/docs'])).output).toBe(
      '--- a/docs/a\n+++ b/docs/a\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n',
    );
    expect((await byre(['diff', '-t', 'w:/new'])).output).toBe('a/new and b/new differ\n');
    const coloured = await byre(['diff', '-t', 'w:/docs/a'], { columns: 80 });
    expect(coloured.output).toContain('\x1b[31m-two\x1b[0m\n\x1b[32m+zwei\x1b[0m\n');
    const { changes } = JSON.parse((await byre(['diff', 'w', '--json'])).output);
    expect(changes.map(({ kind, path: name }: { kind: string; path: string }) => `${kind} ${name}`)).toEqual([
      'changed docs/a',
      'renamed docs/c',
      'removed gone',
      'added new',
    ]);
    await done(['put', ':/elsewhere'], { input: '' });
    expect((await byre(['diff', '--since-fork', 'w'])).output).not.toContain('elsewhere');
    expect((await byre(['diff', 'w'])).output).toContain('- elsewhere');
    expect((await byre(['diff', '--since-fork', 'main'])).error).toMatch(/was not forked/);
    expect((await byre(['diff', 'main:/a', 'w:/b'])).status).toBe(2);
  });
});

test('space is accounted for, and given back', async () => {
  await done(['put', ':/big'], { input: Buffer.alloc(3 << 20, 7) });
  await done(['fork', 'w']);
  const before = await json(['df']);
  expect(before.branches).toMatchObject([
    { name: 'main', exclusiveBytes: 0 },
    { name: 'w', exclusiveBytes: 0 },
  ]);
  expect(before.branches[0].sharedBytes).toBeGreaterThan(3 << 20);
  expect(await json(['df', '-s'])).not.toHaveProperty('branches');
  expect(await done(['df'])).toMatch(
    /^pool .*\nfile .*\nused +3\.\d MiB\n[\s\S]*BRANCH +REFERENCED +SHARED +EXCLUSIVE/,
  );
  await done(['rm', ':/big']);
  await done(['drop', '-y', 'w']);
  const bytes = statSync(poolPath()).size;
  expect(await json(['compact'])).toHaveProperty('movedPages');
  expect(statSync(poolPath()).size).toBeLessThan(bytes);
  expect(await done(['check'])).toMatch(/all is well \(1 branch, /);
  expect(await json(['scrub'])).toMatchObject({ ok: true, problems: [] });
});

describe('asked by another process', () => {
  test('commands use its directory, its environment and the open pool', async () => {
    const pool = await openPool(poolPath(), { create: false });
    const asked = (args: string[], options: Partial<RunOptions> = {}) =>
      ask(pool, poolPath(), args, { directory, ...options });
    expect(await asked(['put', 'main:/f'], { input: 'text' })).toMatchObject({ status: 0, error: '' });
    expect(pool.dirty).toBe(false);
    writeFileSync(path.join(directory, 'local'), 'local');
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
    const { runCommand } = await import('./served.ts');
    const status = await runCommand({
      request: { arguments: ['put', ':/f', '--mode=640'], directory, environment: {} },
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

test('a symbolic link to a pool is the pool', async () => {
  symlinkSync('.byre', path.join(directory, 'link.byre'));
  await done(['fork', 'link.byre:main', 'by-link']);
  expect(await done(['branches', '-1'])).toBe('by-link\nmain\n');
  expect(existsSync(`${poolPath()}.lock`)).toBe(false);
});
