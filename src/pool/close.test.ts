/** A pool may be closed at any moment: while a commit is in flight, too. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { prepare } from '../core/prepare.ts';
import { get, put } from '../core/tree.ts';
import { openPoolSync } from './open-pool.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'byre-close-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('closeSync finishes a commit that is in flight, and gives the lock up', async () => {
  const file = path.join(directory, 'pool');
  const key = Uint8Array.of(1, 2);
  const pool = openPoolSync(file, { commitEveryMs: 0 });
  const main = pool.branchSync('main');
  main.runSync(() => {
    prepare(main.store, main.root, { puts: [key] });
    put(main.store, main.root, key, Uint8Array.of(7));
  });
  const committed = pool.commit();
  pool.closeSync();
  await committed;
  expect(existsSync(`${file}.lock`)).toBe(false);
  const again = openPoolSync(file);
  const branch = again.branchSync('main');
  expect(branch.runSync(() => get(branch.store, branch.root, key))).toEqual(Uint8Array.of(7));
  again.closeSync();
});

test('a key that cannot be is refused before anything changes, and the pool goes on', () => {
  const pool = openPoolSync(path.join(directory, 'keys'), { commitEveryMs: 0 });
  const main = pool.branchSync('main');
  const good = Uint8Array.of(1);
  for (const bad of [new Uint8Array(0), new Uint8Array(main.store.maxKeyBytes + 1)]) {
    const operation = () => {
      prepare(main.store, main.root, { puts: [good, bad] });
      put(main.store, main.root, good, good);
      put(main.store, main.root, bad, good);
    };
    expect(() => main.runSync(operation)).toThrow(expect.objectContaining({ code: 'BAD_KEY' }));
  }
  expect(main.runSync(() => get(main.store, main.root, good))).toBeUndefined();
  expect(pool.checkSync().problems).toEqual([]);
  pool.closeSync();
});
