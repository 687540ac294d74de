/** A reader beside a writer sees whole commits, and is told when its own has been overwritten. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { prepare } from '../core/prepare.ts';
import { get, put } from '../core/tree.ts';
import type { Branch } from './branch.ts';
import { openPool } from './open-pool.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

const key = (n: number) => Uint8Array.of(1, n >>> 8, n & 255);

async function write(branch: Branch, from: number, to: number, byte: number): Promise<void> {
  for (let n = from; n < to; n++) {
    await branch.run(() => {
      prepare(branch.store, branch.root, { puts: [key(n)] });
      put(branch.store, branch.root, key(n), new Uint8Array(500).fill(byte));
    });
  }
}

test('refresh shows the newest commit, and overwritten pages are never taken for true ones', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'byre-refresh-'));
  directories.push(directory);
  const path = join(directory, 'pool');
  const writer = await openPool(path, { commitEveryMs: 0 });
  const main = await writer.branch('main');
  await write(main, 0, 2000, 1);
  await writer.commit();

  const reader = await openPool(path, { readOnly: true, cacheBytes: 0 });
  const seen = await reader.branch('main');
  expect(await seen.run(() => get(seen.store, seen.root, key(7))?.[0])).toBe(1);
  await expect(seen.run(() => prepare(seen.store, seen.root, { puts: [key(1)] }))).rejects.toMatchObject({
    code: 'READ_ONLY',
  });
  for (let round = 2; round < 6; round++) {
    await write(main, 0, 2000, round);
    await writer.commit();
  }
  let stale = 0;
  for (let n = 0; n < 2000; n++) {
    try {
      expect(await seen.run(() => get(seen.store, seen.root, key(n))?.[0])).toBe(1);
    } catch (error) {
      expect(error).toMatchObject({ code: 'STALE' });
      stale++;
    }
  }
  expect(stale).toBeGreaterThan(0);
  expect(await reader.refresh()).toBe(true);
  expect(await reader.refresh()).toBe(false);
  for (let n = 0; n < 2000; n++) expect(await seen.run(() => get(seen.store, seen.root, key(n))?.[0])).toBe(5);
  await reader.close();
  await writer.close();
});

test('a reader proves and measures the commit that it sees, beside a writer with forks of its own', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'byre-refresh-'));
  directories.push(directory);
  const path = join(directory, 'pool');
  const writer = await openPool(path, { commitEveryMs: 0 });
  const main = await writer.branch('main');
  await write(main, 0, 500, 1);
  await writer.fork('main', 'other');
  const held = await writer.forkUnnamed(main);
  await write(main, 0, 300, 2);
  await writer.commit();

  const reader = await openPool(path, { readOnly: true });
  expect(reader.space().usedBytes).toBeGreaterThanOrEqual(writer.space().usedBytes);
  for (let round = 3; round < 6; round++) {
    expect(await reader.scrub()).toMatchObject({ ok: true, problems: [] });
    expect(reader.space()).toMatchObject({ usedBytes: writer.space().usedBytes - writer.space().heldBytes });
    expect(await reader.usage()).toEqual(await writer.usage());
    await write(await writer.branch('other'), 0, 100 * round, round);
    await writer.commit();
    await writer.commit();
    expect(await reader.refresh()).toBe(true);
  }
  await writer.release(held);
  await reader.close();
  await writer.close();
});
