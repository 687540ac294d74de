/** Real directories on the command line: import and export, what is in the way, what cannot be done. */
import { mkdirSync, writeFileSync } from 'node:fs';
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
