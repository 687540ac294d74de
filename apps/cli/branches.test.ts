/** Branches on the command line: forks, snapshots, what is lost and what is not, limits. */
import { describe, expect, test } from 'vitest';
import { commandLines } from '../../tests/cli/pools.ts';

const { byre, done, json } = commandLines();

describe('branches', () => {
  test('are forked, snapshotted, renamed and listed', async () => {
    await done(['fork', 'one']);
    await done(['fork', 'one', 'two']);
    expect(await json(['snapshot', 'one', 'state'])).toMatchObject({ name: 'state', kind: 'snapshot', from: 'one' });
    await done(['rename', 'two', 'zwei']);
    const list = await json(['branches']);
    expect(list.map(({ name, kind, parent }: never) => [name, kind, parent])).toEqual([
      ['main', 'branch', null],
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
    // What the twins have is lost with the second of them: neither goes unasked, in whatever order they are named.
    for (const names of [
      ['own', 'twin'],
      ['twin', 'main', 'own'],
    ]) {
      const both = await byre(['drop', ...names]);
      expect(both).toMatchObject({ status: 4 });
      expect(both.error).toMatch(
        /no branch or snapshot that stays is as own is; .* as twin is; nothing was done|as twin is; .* as own is; nothing/,
      );
      const told = await byre(['drop', ...names], { answers: ['no'] });
      expect(told).toMatchObject({ status: 4, error: 'byre: nothing was done\n' });
      expect(told.questions).toHaveLength(1);
      expect(told.questions[0]).toMatch(/Drop all of them\? \[y\/N\] $/);
    }
    expect(await done(['branches', '-1'])).toBe('main\nown\ntwin\n');
    await done(['drop', 'own', 'own']);
    expect(await done(['branches', '-1'])).toBe('main\ntwin\n');
    await done(['fork', 'other']);
    await done(['put', 'other:/f'], { input: 'more' });
    expect(await byre(['drop', 'twin', 'other'], { answers: ['yes'] })).toMatchObject({ status: 0 });
    expect(await done(['branches', '-1'])).toBe('main\n');
    await done(['fork', 'twice']);
    expect(await json(['drop', '-y', 'twice', 'twice'])).toEqual({ dropped: [{ name: 'twice' }] });
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
    const refused = await byre(['rollback', 'before', 'main', '--keep=kept']);
    expect(refused).toMatchObject({ status: 4, error: expect.stringMatching(/is a snapshot/) });
    expect(await done(['branches', '-1'])).toBe('after\nbefore\nmain\n');
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
    expect((await json(['limit'])).limitBytes).toBe(null);
    expect((await byre(['limit', '--quota=much'])).error).toMatch(/--quota takes a size such as/);
    // All of them or none.
    expect(await byre(['limit', '--pool-limit=8M', '--reserve=1G'])).toMatchObject({ status: 4 });
    expect((await json(['limit'])).limitBytes).toBe(null);
    expect((await json(['limit'])).branch).toEqual({ name: 'main', quotaBytes: null, reservationBytes: null });
    expect((await json(['df'])).limitBytes).toBe(null);
    expect(await byre(['limit', 'none', '--quota=1M'])).toMatchObject({ status: 3 });
    expect(await byre(['limit', 'none', '--pool-limit=8M'])).toMatchObject({ status: 3 });
    expect((await json(['limit'])).limitBytes).toBe(null);
  });

  test('are named alone where files are of no use', async () => {
    await done(['fork', 'one']);
    for (const line of ['mount :/src out', 'mount one:/src out', 'tables one:/src', 'merge one:/src', 'drop one:/src'])
      expect(await byre(line.split(' '))).toMatchObject({ status: 2, error: expect.stringMatching(/has a path/) });
  });

  test("a pool's limit needs no branch main", async () => {
    await done(['rename', 'main', 'trunk']);
    expect(await json(['limit', '--pool-limit=16M'])).toEqual({ pool: expect.any(String), limitBytes: 16 << 20 });
    expect(await byre(['limit'])).toMatchObject({ status: 3 });
  });
});
