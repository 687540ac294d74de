/** Real directories on the command line: import and export, what is in the way, what cannot be done. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandLines } from '../../tests/cli/pools.ts';

const { byre, directory, done } = commandLines();

const at = (name: string): string => path.join(directory(), name);

describe('import', () => {
  test('leaves no branch behind if it cannot be done', async () => {
    mkdirSync(at('large'));
    writeFileSync(at('large/file'), Buffer.alloc(8 << 20, 'abc'));
    await done(['limit', '--pool-limit=4M']);
    expect(await byre(['import', 'large', 'new'])).toMatchObject({ status: 4, output: '' });
    expect(await done(['branches', '-1'])).toBe('main\n');
    expect(await byre(['import', 'large'])).toMatchObject({ status: 4, output: '' });
    expect(await done(['ls'])).toBe('');
    await done(['limit', '--pool-limit=none']);
    await done(['import', 'large', 'new:/deep/in']);
    expect(await done(['ls', 'new:/deep/in'])).toBe('file\n');
  });
});

describe('export', () => {
  test('tells what it wrote, and leaves what is there alone', async () => {
    await done(['put', ':/d/f'], { input: 'xy' });
    expect(await done(['export', 'main', 'out'])).toBe('out: 1 file, 2 directories, 2 B written\n');
    expect(await byre(['export', 'main', 'out'])).toMatchObject({
      status: 4,
      output: '',
      error: `byre: ${at('out')} is not empty\n`,
    });
    writeFileSync(at('out/d/other'), 'stays');
    await done(['export', '--overwrite', 'main', 'out']);
    expect(readdirSync(at('out/d'))).toEqual(['f', 'other']);
    mkdirSync(at('empty'));
    await done(['export', ':/d', 'empty']);
    expect(readdirSync(at('empty'))).toEqual(['f']);
    expect(await byre(['export', 'main', 'out/d/f'])).toMatchObject({
      status: 4,
      error: `byre: ${at('out/d/f')} is there already and is no directory\n`,
    });
    expect(await byre(['export', ':/none', 'new'])).toMatchObject({ status: 3 });
    expect(existsSync(at('new'))).toBe(false);
  });
});
