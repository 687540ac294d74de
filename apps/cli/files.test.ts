/** Files of a branch on the command line: put, ls, cat, stat, rm, diff. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesOf } from '../../src/files/index.ts';
import { openPool } from '../../src/pool/open-pool.ts';
import { commandLines } from '../../tests/cli/pools.ts';
import { needs } from '../../tests/needs.ts';

const hasPatch = spawnSync('patch', ['--version']).status === 0;

const { byre, directory, done, json, poolPath } = commandLines();

describe('files', () => {
  test('are listed however deep they lie, and however many there are', async () => {
    const pool = await openPool(poolPath());
    const files = filesOf(await pool.branch('main'));
    files.mkdirSync('/d');
    for (let level = 1; level < 5_000; level++) {
      files.mkdirSync('/above');
      files.renameSync('/d', '/above/d');
      files.renameSync('/above', '/d');
    }
    for (let n = 0; n < 600; n++) files.mkdirSync(`/many/${n}/below`, { recursive: true });
    const expected = files.readdirSync('/many', { recursive: true }).sort();
    await pool.close();
    expect((await done(['ls', '-R', ':/d'])).split('\n')).toHaveLength(5_000);
    expect((await done(['ls', '-R', ':/many'])).trim().split('\n').sort()).toEqual(expected);
  });

  test('are put, listed, shown and removed', async () => {
    await done(['put', 'main:/a/b/c.txt'], { input: 'hello\n' });
    expect(await done(['cat', ':/a/b/c.txt'])).toBe('hello\n');
    writeFileSync(path.join(directory(), 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
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
    await done(['fork', 'other']);
    expect(await byre(['rm', ':/bare', 'other:/bare', 'other:/none'])).toMatchObject({ status: 3 });
    await done(['rm', ':/bare', 'other:/bare', ':/bare']);
    await done(['put', 'run.sh', 'main:/bare']);
    await done(['drop', '-y', 'other']);
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
    const { text } = JSON.parse((await byre(['diff', '-t', 'w:/docs', '--json'])).output);
    expect(text).toBe('--- a/docs/a\n+++ b/docs/a\n@@ -1,3 +1,3 @@\n one\n-two\n+zwei\n three\n');
    const { changes } = JSON.parse((await byre(['diff', 'w', '--json'])).output);
    expect(changes.map(({ kind, path: name }: { kind: string; path: string }) => `${kind} ${name}`)).toEqual([
      'changed /docs/a',
      'renamed /docs/c',
      'removed /gone',
      'added /new',
    ]);
    expect(changes[0]).toMatchObject({ from: null, path: '/docs/a' });
    expect(changes[1]).toMatchObject({ from: '/docs/b', path: '/docs/c' });
    await done(['put', ':/elsewhere'], { input: '' });
    expect((await byre(['diff', '--since-fork', 'w'])).output).not.toContain('elsewhere');
    expect((await byre(['diff', 'w'])).output).toContain('- elsewhere');
    expect((await byre(['diff', '--since-fork', 'main'])).error).toMatch(/was not forked/);
    expect((await byre(['diff', 'main:/a', 'w:/b'])).status).toBe(2);
  });

  test('that differ are told at a path, whatever leads there on either side', async () => {
    await done(['put', ':/docs/a'], { input: 'a' });
    await done(['put', ':/same'], { input: 's' });
    const pool = await openPool(poolPath());
    const main = filesOf(await pool.branch('main'));
    main.symlinkSync('docs', '/link');
    main.symlinkSync('nowhere', '/dangling');
    await pool.fork('main', 'w');
    await pool.close();
    await done(['rm', 'w:/docs/a']);
    await done(['put', 'w:/docs/b'], { input: 'b' });
    const both = { status: 1, output: '- docs/a (1 B)\n+ docs/b (1 B)\n' };
    for (const at of ['/docs', '/docs/', '//docs/.', '/link/', '/link/../docs', '/']) {
      expect(await byre(['diff', `w:${at}`])).toMatchObject(both);
    }
    expect(await byre(['diff', 'w:/docs/a'])).toMatchObject({ status: 1, output: '- docs/a (1 B)\n' });
    expect(await byre(['diff', 'w:/link/b'])).toMatchObject({ status: 1, output: '+ docs/b (1 B)\n' });
    for (const at of ['/same', '/link', '/dangling']) {
      expect(await byre(['diff', `w:${at}`])).toMatchObject({ status: 0, output: '' });
    }
    for (const at of ['/nope', '/docs/c', '/same/x', '/dangling/x', '/docs/a/x']) {
      expect(await byre(['diff', `w:${at}`])).toMatchObject({
        status: 3,
        output: '',
        error: `byre: ${at} is in neither of the two: no such file or directory\n`,
      });
    }
  });
});

test('texts that differ can be patched, whatever the names and the bytes', {
  ...needs(hasPatch, 'needs patch'),
}, async () => {
  const names = [
    'a b',
    'new\nline',
    'tab\there',
    'quo"te',
    'back\\slash',
    'é',
    '\ufeffmark',
    Buffer.from([0x66, 0xff]),
  ];
  const pool = await openPool(poolPath());
  const files = filesOf(await pool.branch('main'));
  const at = (name: string | Buffer) => Buffer.concat([Buffer.from('/'), Buffer.from(name)]);
  for (const name of names) files.writeFileSync(at(name), '\ufeffone\r\ntwo\n');
  const fork = filesOf(await pool.fork('main', 'w'));
  for (const name of names) fork.writeFileSync(at(name), Buffer.from([0x6f, 0xe9, 0x0a]));
  await pool.close();
  const { bytes } = await byre(['diff', '--text', 'w']);
  const target = path.join(directory(), 'patched');
  mkdirSync(target);
  const here = (name: string | Buffer) => Buffer.concat([Buffer.from(target), at(name)]);
  for (const name of names) writeFileSync(here(name), '\ufeffone\r\ntwo\n');
  const patched = spawnSync('patch', ['-p1', '--binary'], { cwd: target, input: bytes });
  expect([patched.status, patched.stderr.toString()]).toEqual([0, '']);
  for (const name of names) expect(readFileSync(here(name))).toEqual(Buffer.from([0x6f, 0xe9, 0x0a]));
});

test('rows that differ are told', async () => {
  await done(['set', ':users', 'ada', '{"age":36}']);
  await done(['set', ':users', '7', '"old"']);
  await done(['fork', 'w']);
  await done(['set', 'w:users', 'ada', '{"age":37}']);
  await done(['del', 'w:users', '7']);
  await done(['set', 'w:more', '[1,"a"]', '"\\u001b[31mred"']);
  const told = await byre(['diff', 'w']);
  expect(told).toMatchObject({ status: 1, error: '' });
  expect(told.output).toBe(
    'table more:\n+ [1,"a"] "\\u001b[31mred"\ntable users:\n- 7\n~ "ada" {"age":36} -> {"age":37}\n',
  );
  expect((await byre(['diff', '--since-fork', 'w'])).output).toBe(told.output);
  expect((await byre(['diff', '-s', 'w'])).output).toBe(
    'table more: 1 row added\ntable users: 1 row changed, 1 row removed\n',
  );
  expect(JSON.parse((await byre(['diff', 'w', '--json'])).output).rows).toEqual([
    { table: 'more', kind: 'added', key: [1, 'a'], value: '\u001b[31mred' },
    { table: 'users', kind: 'removed', key: 7, before: 'old' },
    { table: 'users', kind: 'changed', key: 'ada', before: { age: 36 }, value: { age: 37 } },
  ]);
  expect(await byre(['diff', 'w:/'])).toMatchObject({ status: 0, output: '' });
});
