/** Pools on the command line: making, finding, damaged, locked, full. */
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
import { describe, expect, test } from 'vitest';
import { openPool } from '../../src/pool/open-pool.ts';
import { commandLines } from '../../tests/cli/pools.ts';

const { byre, directory, done, json, poolPath } = commandLines();

describe('pools', () => {
  test('are made once, and found from here upwards', async () => {
    expect(await byre(['init'])).toMatchObject({
      status: 4,
      error: `byre: ${poolPath()} is there already, and was left as it is: choose another name\n`,
    });
    expect(await json(['init', 'sub/other.byre', '--limit=8M', '--node-size=4K'])).toEqual({
      pool: path.join(directory(), 'sub/other.byre'),
    });
    expect((await json(['df', 'sub/other.byre'])).limitBytes).toBe(8 << 20);
    mkdirSync(path.join(directory(), 'a/b'), { recursive: true });
    await done(['fork', 'found'], { directory: path.join(directory(), 'a/b') });
    expect(await done(['branches', '-1'])).toBe('found\nmain\n');
    expect(await done(['branches', '-1'], { directory: '/', environment: { BYRE_POOL: poolPath() } })).toBe(
      'found\nmain\n',
    );
    expect(await done(['branches', '-1', '--pool', '../.byre'], { directory: path.join(directory(), 'a') })).toBe(
      'found\nmain\n',
    );
    expect(await done(['branches', '-1', '-p', 'sub/other.byre'])).toBe('main\n');
    expect(await done(['branches', '-1', './sub/other.byre'])).toBe('main\n');
  });

  test('are made in a directory that is named, where they are found', async () => {
    const at = (name: string) => path.join(directory(), 'named', name);
    for (const name of ['plain', 'kept/.byre', 'own/.byre', 'old']) mkdirSync(at(name), { recursive: true });
    for (const [named, file] of [
      ['plain', 'plain/.byre'],
      ['kept', 'kept/.byre/pool.byre'],
      ['own/.byre', 'own/.byre/pool.byre'],
    ] as const) {
      expect(await json(['init', at(named)])).toEqual({ pool: at(file) });
      const again = await byre(['init', at(named)]);
      expect(again).toMatchObject({ status: 4, error: expect.stringContaining(`${at(file)} is there already`) });
      await done(['fork', 'found'], { directory: at(named.split('/')[0]) });
      expect(await done(['branches', '-1', '-p', at(named)])).toBe('found\nmain\n');
    }
    await done(['init', at('old/pool.byre')]);
    expect((await byre(['init', at('old')])).status).toBe(4);
  });

  test('are meant by the whole word where a command takes one', async () => {
    mkdirSync(path.join(directory(), 'folder'));
    await done(['init', 'other']);
    await done(['init', 'folder']);
    await done(['init', 'a:b']);
    const named = { other: 'other', folder: 'folder/.byre', 'a:b': 'a:b', '~/other': 'other' };
    for (const pool of ['other', 'folder']) await done(['fork', `of-${pool}`, '-p', pool]);
    for (const [typed, file] of Object.entries(named)) {
      const options = { environment: { HOME: directory() } };
      for (const command of ['check', 'scrub', 'df', 'compact'])
        expect((await json([command, typed], options)).pool).toBe(path.join(directory(), file));
    }
    expect(await done(['branches', '-1', 'other'])).toBe('main\nof-other\n');
    expect(await done(['branches', '-1', path.join(directory(), 'folder')])).toBe('main\nof-folder\n');
    mkdirSync(path.join(directory(), 'empty'));
    for (const command of ['check', 'scrub', 'df', 'compact', 'branches']) {
      for (const [typed, where] of [
        ['main', 'at'],
        ['.byre:main', 'at'],
        ['empty', 'in'],
      ] as const) {
        expect(await byre([command, typed])).toMatchObject({
          status: 3,
          output: '',
          error: `byre: there is no pool ${where} ${path.join(directory(), typed)}: make one with 'byre init', or check the path\n`,
        });
      }
      expect(await byre([command, ''])).toMatchObject({ status: 2, output: '' });
      expect((await byre([command, 'other', '-p', 'folder'])).error).toMatch(/a command works on one pool/);
    }
  });

  test('that are missing or none are told as such', async () => {
    const none = await byre(['ls'], { directory: '/', environment: { XDG_STATE_HOME: directory() } });
    expect(none).toMatchObject({ status: 3, output: '' });
    expect(none.error).toMatch(
      /there is no pool for \/: make one with 'byre init', or name one with --pool or BYRE_POOL/,
    );
    const absent = await byre(['ls', './no.byre:main']);
    expect(absent).toMatchObject({ status: 3 });
    expect(absent.error).toMatch(/there is no pool at .*no\.byre/);
    writeFileSync(path.join(directory(), 'text.byre'), 'this is text\n'.repeat(1000));
    const text = await byre(['ls', 'text.byre']);
    expect(text).toMatchObject({ status: 3 });
    expect(text.error).toMatch(/not a byre pool/);
    expect((await byre(['ls', '--pool', './a.byre', './b.byre:main'])).error).toMatch(/a command works on one pool/);
  });

  test('that are damaged are told as such', async () => {
    await done(['put', 'main:/f'], { input: 'x'.repeat(100_000) });
    const damaged = path.join(directory(), 'damaged.byre');
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
    expect(lost.error).toMatch(/^byre: warning: commit \d+, the newest, is not whole; this is the one before it/);
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
    expect(await done(['check'])).toMatch(/all is well/);
    expect(await done(['scrub'])).toMatch(/all is well/);
    expect(await done(['df'])).toMatch(/^used +\d/m);
    const waiting = byre(['fork', 'x', '--wait', '20']);
    setTimeout(() => pool.closeSync(), 100);
    expect(await waiting).toMatchObject({ status: 0 });
    for (const line of [
      ['fork', 'y'],
      ['apply', 'main'],
      ['mount', 'main', 'out'],
    ])
      expect((await byre([...line, '--wait=soon'])).error).toMatch(/--wait takes a number of seconds, not 'soon'/);
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

test('a symbolic link to a pool is the pool', async () => {
  symlinkSync('.byre', path.join(directory(), 'link.byre'));
  await done(['fork', 'link.byre:main', 'by-link']);
  expect(await done(['branches', '-1'])).toBe('by-link\nmain\n');
  expect(existsSync(`${poolPath()}.lock`)).toBe(false);
});
