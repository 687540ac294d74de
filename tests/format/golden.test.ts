/**
 * That every byre reads what the first one wrote: the golden pool of each format version is opened, proven, compared with what
 * must be in it, and written on. The golden files must never be made anew for a version that is out; see golden.ts. Callers:
 * vitest only.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkFilesSync, memoryDevice, openPoolSync, type Pool } from '../../src/index.ts';
import { expectations, findings, makeGolden } from './golden.ts';
import { PoolReader } from './reader.ts';

const golden = path.join(import.meta.dirname, 'v1.byre');
const states = ['first', 'fork', 'main'] as const;

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'byre-golden-'));
  file = path.join(directory, 'copy.byre');
  copyFileSync(golden, file);
});

afterEach(() => rmSync(directory, { recursive: true }));

function compare(pool: Pool): void {
  expect(pool.branchesSync()).toMatchObject([
    { name: 'empty', kind: 'branch' },
    { name: 'first', kind: 'snapshot' },
    { name: 'fork', kind: 'branch', quotaBytes: 64 << 20 },
    { name: 'main', kind: 'branch' },
  ]);
  expect(pool.branchSync('empty').files.readdirSync('/')).toEqual([]);
  for (const state of states) expect(findings(pool.branchSync(state))).toEqual(expectations(state));
}

test('the golden pool of version 1 is sound and holds what it must', () => {
  expect(statSync(golden).size).toBeLessThan(200 * 1024);
  const reader = new PoolReader(readFileSync(golden));
  expect(reader.superblock.getUint32(8, true)).toBe(1);
  expect(reader.branches().map(({ name }) => name)).toEqual(['empty', 'first', 'fork', 'main']);
  using pool = openPoolSync(file);
  expect(pool.lostCommit).toBe(undefined);
  expect(pool.checkSync().problems).toEqual([]);
  expect(pool.scrubSync()).toMatchObject({ ok: true, problems: [], branches: 4 });
  compare(pool);
  for (const name of states) {
    const branch = pool.branchSync(name);
    expect(checkFilesSync(branch)).toEqual([]);
    for (const table of branch.tablesSync()) {
      const values = { people: undefined, types: 'text', bytes: 'bytes' }[table] as 'text' | 'bytes' | undefined;
      expect(branch.table<never>(table, values && { values }).checkSync()).toEqual([]);
    }
  }
});

test('it can be read beside a writer, and written on', () => {
  {
    using reader = openPoolSync(file, { readOnly: true });
    compare(reader);
  }
  {
    using pool = openPoolSync(file);
    const main = pool.branchSync('main');
    main.files.writeFileSync('/new', 'new');
    main.table('people').deleteSync(['p', 1]);
    expect(pool.mergeSync({ from: 'fork', into: 'main' }).merged).toBe(true);
    pool.rollbackSync('fork', 'first');
    pool.dropSync('empty');
    pool.compactSync();
  }
  using pool = openPoolSync(file);
  expect(pool.checkSync().problems).toEqual([]);
  expect(pool.scrubSync().problems).toEqual([]);
  const main = pool.branchSync('main');
  expect(main.files.readFileSync('/new', 'utf8')).toBe('new');
  expect(main.files.readFileSync('/only in fork', 'utf8')).toBe('after the merge');
  expect(main.table('people').hasSync(['p', 1])).toBe(false);
  for (const name of ['first', 'fork'])
    expect(findings(pool.branchSync(name)).tree).toEqual(expectations('first').tree);
});

test('what made it makes the same today', () => {
  using pool = openPoolSync(memoryDevice(), { nodeBytes: 4096, commitEveryMs: 0 });
  makeGolden(pool);
  compare(pool);
});
