/** The life of a small pool: made, written, closed, opened again. More is proven in tests/pool. */
import { expect, test } from 'vitest';
import { prepare } from '../core/prepare.ts';
import { get, put } from '../core/tree.ts';
import type { Branch } from './branch.ts';
import { memoryDevice } from './memory-device.ts';
import { openOn, openOnSync } from './pool.ts';

const text = (s: string) => new TextEncoder().encode(s);

function set(branch: Branch, key: string, value: string): void {
  branch.runSync(() => {
    prepare(branch.store, branch.root, { puts: [text(key)] });
    put(branch.store, branch.root, text(key), text(value));
  });
}

const read = (branch: Branch, key: string) => branch.runSync(() => get(branch.store, branch.root, text(key)));

test('a new pool has an empty branch main, which keeps what is put', () => {
  const device = memoryDevice();
  const pool = openOnSync(device, {});
  set(pool.branchSync('main'), 'a', '1');
  expect(read(pool.branchSync('main'), 'a')).toEqual(text('1'));
  expect(read(pool.branchSync('main'), 'b')).toBeUndefined();
  pool.closeSync();
  const again = openOnSync(device, {});
  expect(read(again.branchSync('main'), 'a')).toEqual(text('1'));
  expect(again.checkSync().problems).toEqual([]);
});

test('forks go their own ways, snapshots stay, rollback returns', async () => {
  const pool = await openOn(memoryDevice(), {});
  const main = await pool.branch('main');
  set(main, 'a', '1');
  await pool.snapshot('main', 'seed');
  const fork = await pool.fork('main', 'fork');
  set(main, 'a', '2');
  set(fork, 'a', '3');
  expect([main, fork, await pool.branch('seed')].map((branch) => read(branch, 'a'))).toEqual(['2', '3', '1'].map(text));
  expect(() => set(pool.branchSync('seed'), 'a', '4')).toThrow(expect.objectContaining({ code: 'READ_ONLY' }));
  await pool.rollback('main', 'seed');
  expect(read(main, 'a')).toEqual(text('1'));
  await pool.drop('fork');
  expect(() => fork.root).toThrow(expect.objectContaining({ code: 'NO_SUCH_BRANCH' }));
  expect((await pool.branches()).map(({ name, kind }) => [name, kind])).toEqual([
    ['main', 'branch'],
    ['seed', 'snapshot'],
  ]);
  expect((await pool.check()).problems).toEqual([]);
  await pool.close();
});

test('a renewed branch is the same to all, but lost to whoever had it open', async () => {
  const device = memoryDevice();
  const pool = await openOn(device, {});
  const main = await pool.branch('main');
  set(main, 'a', '1');
  const old = await pool.fork('main', 'work');
  await pool.limit('work', { quotaBytes: 1 << 20, reservationBytes: 1 << 19 });
  set(old, 'b', '2');
  set(main, 'c', '3');
  const before = (await pool.branches()).find(({ name }) => name === 'work');
  const told = new Promise<void>((resolve) => old.onChange(resolve));
  const renewed = await pool.renew('work');
  await told;
  expect(() => old.root).toThrow(expect.objectContaining({ code: 'NO_SUCH_BRANCH' }));
  expect(await pool.branch('work')).toBe(renewed);
  expect((await pool.branches()).find(({ name }) => name === 'work')).toEqual(before);
  set(renewed, 'd', '4');
  await pool.commit();
  expect((await pool.check()).problems).toEqual([]);
  await pool.close();
  const again = await openOn(device, {});
  expect((await again.branches()).find(({ name }) => name === 'work')).toMatchObject({ parent: 'main' });
  expect(await again.merge({ from: 'work', into: 'main' })).toMatchObject({ merged: true, changes: 2 });
  await again.drop('work');
  expect((await again.check()).problems).toEqual([]);
  await expect(again.renew('work')).rejects.toMatchObject({ code: 'NO_SUCH_BRANCH' });
  await expect(again.snapshot('main', 'seed').then(() => again.renew('seed'))).rejects.toMatchObject({
    code: 'READ_ONLY',
  });
  await again.close();
});

test('wrong names, options and handles are refused with what to do', async () => {
  const pool = await openOn(memoryDevice(), {});
  await expect(pool.branch('nobody')).rejects.toMatchObject({ code: 'NO_SUCH_BRANCH' });
  await expect(pool.createBranch('main')).rejects.toMatchObject({ code: 'EXISTS' });
  for (const name of ['', 'a/b', 'a:b', '.', 'x'.repeat(256)]) {
    await expect(pool.createBranch(name)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  }
  await expect(openOn(memoryDevice(), { cacheByte: 1 } as object)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  await expect(openOn(memoryDevice(), { create: false })).rejects.toMatchObject({ code: 'NO_SUCH_POOL' });
  await pool.close();
  await expect(pool.branch('main')).rejects.toMatchObject({ code: 'CLOSED' });
});

test('a fork is not adopted by a snapshot, nor past a quota', async () => {
  const pool = await openOn(memoryDevice(), {});
  await pool.snapshot('main', 'seed');
  const seed = await pool.branch('seed');
  const held = await pool.forkUnnamed(seed);
  set(held, 'a', '1');
  await expect(pool.adopt(seed, held)).rejects.toMatchObject({ code: 'READ_ONLY' });
  const main = await pool.branch('main');
  await pool.limit('main', { quotaBytes: 64 * 1024 });
  const large = await pool.forkUnnamed(main);
  for (let n = 0; n < 200; n++) set(large, `key ${n}`, 'x'.repeat(1000));
  await expect(pool.adopt(main, large)).rejects.toMatchObject({ code: 'EDQUOT' });
  expect(read(main, 'key 1')).toBeUndefined();
  for (const fork of [held, large]) await pool.release(fork);
  expect((await pool.check()).problems).toEqual([]);
  await pool.close();
});

test('a limit is for a pool that is open and can be written', () => {
  const device = memoryDevice();
  const pool = openOnSync(device, {});
  pool.setLimit(16 << 20);
  pool.closeSync();
  expect(() => pool.setLimit(32 << 20)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  const reader = openOnSync(device, { readOnly: true });
  expect(() => reader.setLimit(32 << 20)).toThrow(expect.objectContaining({ code: 'READ_ONLY' }));
  expect(reader.space().limitBytes).toBe(16 << 20);
  reader.closeSync();
});

test('a superblock that the file ends within is damaged, even if only a zero is missing', () => {
  const device = memoryDevice();
  const pool = openOnSync(device, { commitEveryMs: 0 });
  const last = new Uint8Array(1);
  for (let n = 0; pool.commitNumber % 2 === 0 || last[0] !== 0 || n === 0; n++) {
    set(pool.branchSync('main'), 'a', `${n}`);
    pool.commitSync();
    device.performSync({ kind: 'read', offset: 8191, target: last });
  }
  device.performSync({ kind: 'resize', bytes: 8191 });
  // The commit before needs what is cut off, too.
  expect(() => openOnSync(device, {})).toThrow(expect.objectContaining({ code: 'DAMAGED' }));
  expect(device.bytes).toBe(8191);
});
