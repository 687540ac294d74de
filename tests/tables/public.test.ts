/** The tables face as users reach it: through the public entry, on a file, with files in the same transaction. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pack, unpack } from 'msgpackr';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPool, openPoolSync } from '../../src/index.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'byre-tables-'));
  file = path.join(directory, 'pool.byre');
});

afterEach(() => rmSync(directory, { recursive: true }));

test('tables and transactions through the public entry, and after reopening', async () => {
  {
    await using pool = await openPool(file);
    const main = await pool.branch('main');
    const users = main.table<{ name: string }>('users', { indexes: { byName: { on: 'name' } } });
    await users.put(['eu', 1], { name: 'Ada' });
    await main.transaction(async (tx) => {
      await tx.table<{ name: string }>('users').put(['eu', 2], { name: 'Bo' });
      await tx.branch.files.promises.writeFile('/log', 'Bo came');
    });
    const packed = main.table<unknown>('packed', { values: { name: 'msgpack', encode: pack, decode: unpack } });
    await packed.put('x', { when: new Date(0), list: [1, 2] });
    expect(await main.tables()).toEqual(['packed', 'users']);
  }
  using pool = openPoolSync(file);
  const main = pool.branchSync('main');
  expect(main.tablesSync()).toEqual(['packed', 'users']);
  expect([...main.table('users').keysSync()]).toEqual([
    ['eu', 1],
    ['eu', 2],
  ]);
  expect([...main.table('users').index('byName').keysSync()]).toEqual([
    ['eu', 1],
    ['eu', 2],
  ]);
  expect(main.files.readFileSync('/log', 'utf8')).toBe('Bo came');
  expect(() => main.table('packed').getSync('x')).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  const packed = main.table('packed', { values: { name: 'msgpack', encode: pack, decode: unpack } });
  expect(packed.getSync('x')).toEqual({ when: new Date(0), list: [1, 2] });
  const fork = pool.forkSync('main', 'try');
  fork.table('users').clearSync();
  expect(main.table('users').countSync()).toBe(2);
  const snapshot = pool.snapshotSync('main', 'kept');
  main.table('users').dropSync();
  expect(snapshot.table('users').countSync()).toBe(2);
  expect([...snapshot.table('users').valuesSync()]).toHaveLength(2);
  expect(() => snapshot.table('users').putSync(1, {})).toThrow(expect.objectContaining({ code: 'READ_ONLY' }));
  expect(main.tablesSync()).toEqual(['packed']);
});
