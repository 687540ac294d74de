/**
 * Tables on a device that can only be waited for, with a cache that is far too small: operations fault and run again, jobs
 * interleave, and everything must still be as if one had come after the other. Callers: vitest only.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Branch } from '../../src/pool/branch.ts';
import { openOn, type Pool } from '../../src/pool/pool.ts';
import { type Table, tableOf, transaction } from '../../src/tables/index.ts';
import { emptyImage } from '../simulation/image.ts';
import { recordingDevice } from '../simulation/recording-device.ts';

const ROWS = 4000;
let pool: Pool;
let branch: Branch;
let table: Table<{ n: number; text: string }>;
const text = 'x'.repeat(700);
const row = (n: number) => ({ n, text });

beforeEach(async () => {
  pool = await openOn(recordingDevice(emptyImage, { waits: true }).device, { commitEveryMs: 0, cacheBytes: 0 });
  branch = await pool.branch('main');
  table = tableOf(branch, 'rows', { indexes: { byN: { on: 'n' } } });
  await table.batch(Array.from({ length: ROWS }, (_, key) => ({ type: 'put', key, value: row(key % 100) })));
  await pool.commit();
});

afterEach(async () => {
  expect(await table.check()).toEqual([]);
  expect((await pool.check()).problems).toEqual([]);
  await pool.close();
});

async function keysOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const keys: Item[] = [];
  for await (const item of items) keys.push(item);
  return keys;
}

describe('a device that waits', () => {
  test('many writes, batches, reads and commits at once', async () => {
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < 150; i++) {
      work.push(table.put(ROWS + i, row(1000 + i)));
      if (i % 10 === 0) work.push(table.delete(i * 20), table.get(i));
      if (i % 50 === 0)
        work.push(table.batch([10_000 + i, 10_001 + i].map((key) => ({ type: 'put', key, value: row(7) }))));
      if (i % 40 === 0) work.push(pool.commit());
    }
    await Promise.all(work);
    expect(await table.count({ gte: ROWS, lt: 10_000 })).toBe(150);
    expect(await table.count({ gte: 10_000 })).toBe(6);
    expect(await table.count({ lt: ROWS })).toBe(ROWS - 15);
    expect(await table.index('byN').count({ gte: 1000 })).toBe(150);
  });

  test('iterations show one state while everything changes', async () => {
    const iterations = [keysOf(table.keys()), keysOf(table.keys({ reverse: true })), keysOf(table.index('byN').keys())];
    const writes = (async () => {
      for (let i = 0; i < 40; i++) await table.put(i * 100 + 0.5, row(i));
      await table.deleteRange({ gte: 1000, lt: 1200 });
    })();
    const [forward = [], backward = [], byIndex = []] = await Promise.all(iterations);
    await writes;
    for (const keys of [forward, backward.reverse()]) {
      // Each began at some moment of the writing, and shows that moment whole: rows in between were put in order.
      const between = keys.filter((key) => !Number.isInteger(key));
      expect(between).toEqual(Array.from({ length: between.length }, (_, i) => i * 100 + 0.5));
      expect(keys.length - between.length).toBe(between.length === 40 && keys.length < ROWS ? ROWS - 202 : ROWS);
    }
    expect(byIndex.length).toBeGreaterThanOrEqual(ROWS);
  });

  test('transactions that collide lose nothing', async () => {
    const counters = Array.from({ length: 40 }, (_, i) =>
      transaction(
        branch,
        async (tx) => {
          const mine = tx.table<{ n: number; text: string }>('rows');
          const key = (i % 4) * 900;
          const { n } = (await mine.get(key)) ?? row(0);
          await mine.put(key, row(n + 1));
          await mine.put(`log ${i}`, row(i));
        },
        {
          retries: 1000,
          durability: i % 5 === 0 ? 'group' : 'none',
          isolation: i % 2 === 0 ? 'snapshot' : 'serializable',
        },
      ),
    );
    await Promise.all(counters);
    for (let key = 0; key < 4; key++) expect((await table.get(key * 900))?.n).toBe(((key * 900) % 100) + 10);
    expect(await table.count({ prefix: 'log ' })).toBe(40);
  });
});
