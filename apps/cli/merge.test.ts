/** `byre merge`: what comes together, and conflicts as data. */
import { describe, expect, test } from 'vitest';
import { commandLines } from '../../tests/cli/pools.ts';

const { byre, done } = commandLines();

describe('merging', () => {
  async function twoBranches() {
    await done(['put', ':/text'], { input: 'one\ntwo\nthree\n' });
    await done(['put', ':/both'], { input: 'base\n' });
    await done(['set', ':users', 'ada', '{"age":36}']);
    await done(['fork', 'w']);
  }

  test('brings changes together, line by line and row by row', async () => {
    await twoBranches();
    await done(['put', ':/text'], { input: 'zero\none\ntwo\nthree\n' });
    await done(['put', 'w:/text'], { input: 'one\ntwo\nthree\nfour\n' });
    await done(['put', 'w:/new'], { input: 'new' });
    await done(['set', ':users', 'bob', '{"age":1}']);
    await done(['set', 'w:users', 'eve', '{"age":2}']);
    expect(await done(['merge', 'w'])).toBe('merged w into main\n');
    expect(await done(['cat', ':/text'])).toBe('zero\none\ntwo\nthree\nfour\n');
    expect(await done(['ls'])).toBe('both\nnew\ntext\n');
    expect(await done(['get', ':users', 'ada', 'bob', 'eve'])).toBe('{"age":36}\n{"age":1}\n{"age":2}\n');
    expect(await done(['merge', 'w'])).toBe('main has all of w already\n');
    expect(await done(['merge', 'main', 'w'])).toBe('merged main into w\n');
    expect(await byre(['diff', 'w'])).toMatchObject({ status: 0 });
    expect(await done(['check'])).toMatch(/all is well/);
  });

  test('leaves conflicts as data, or settles them as told', async () => {
    await twoBranches();
    await done(['put', ':/both'], { input: 'ours\n' });
    await done(['put', 'w:/both'], { input: 'theirs\n' });
    await done(['set', ':users', 'ada', '{"age":37}']);
    await done(['set', 'w:users', 'ada', '{"age":38}']);
    const failed = await byre(['merge', 'w']);
    expect(failed).toMatchObject({ status: 1, error: '' });
    expect(failed.output).toBe(
      '! /both: both changed its content\n! table users: "ada": both changed the row\nnothing was merged: 2 conflicts; --strategy=ours or theirs decides, or change a branch\n',
    );
    const report = JSON.parse((await byre(['merge', 'w', '--json'])).output);
    expect(report).toMatchObject({ from: 'w', into: 'main', merged: false });
    expect(report.conflicts).toMatchObject([
      { kind: 'content', path: '/both', base: { size: 5 }, ours: { size: 5 }, theirs: { size: 7 }, taken: null },
      { kind: 'row', table: 'users', key: 'ada' },
    ]);
    expect(await done(['cat', ':/both'])).toBe('ours\n');
    await done(['fork', 'main', 'copy']);
    expect(await done(['merge', 'w', 'copy', '--strategy=ours'])).toMatch(
      /both changed its content; ours was taken\nmerged w into copy/,
    );
    expect(await done(['cat', 'copy:/both'])).toBe('ours\n');
    expect(await done(['get', 'copy:users', 'ada'])).toBe('{"age":37}\n');
    expect(await done(['merge', 'w', '-s', 'theirs'])).toMatch(
      /theirs was taken\nmerged w into main, 1 conflict settled\n/,
    );
    expect(await done(['cat', ':/both'])).toBe('theirs\n');
    expect(await done(['get', ':users', 'ada'])).toBe('{"age":38}\n');
  });

  test('is refused where it makes no sense', async () => {
    await twoBranches();
    await done(['snapshot', 's']);
    await done(['init', 'two.byre']);
    expect((await byre(['merge', 'main'])).status).toBe(2);
    expect((await byre(['merge', 'w', 's'])).status).toBe(4);
    expect((await byre(['merge', 'w', '--strategy=mine'])).error).toMatch(
      /--strategy is ours, theirs or fail, not 'mine'/,
    );
    expect((await byre(['merge', 'none'])).status).toBe(3);
    expect(await done(['merge', 'w', '--base=s'])).toBe('main has all of w already\n');
  });
});
