/** Change feeds: what they tell, who may cause it, and that they end and leave nothing behind. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Branch } from '../pool/branch.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { openOnSync, type Pool } from '../pool/pool.ts';
import { type RowChange, type Table, tableOf, transaction } from './index.ts';

let pool: Pool;
let branch: Branch;
let table: Table<number>;

beforeEach(() => {
  pool = openOnSync(memoryDevice(), { commitEveryMs: 0 });
  branch = pool.branchSync('main');
  table = tableOf<number>(branch, 't');
  for (let i = 0; i < 2000; i++) table.putSync(i, i);
});

afterEach(() => {
  expect(pool.checkSync().problems).toEqual([]);
  pool.closeSync();
});

async function nextOf<Value>(feed: AsyncIterator<RowChange<Value>[]>): Promise<RowChange<Value>[]> {
  const { value, done } = await feed.next();
  expect(done).toBe(false);
  return value;
}

describe('watch', () => {
  test('tells inserts, changes and deletes of its range, from its making on', async () => {
    const feed = table.watch({ gte: 100, lt: 5000 });
    table.putSync(5, -5);
    table.putSync(100, -100);
    table.deleteSync(101);
    table.putSync(4000, 4000);
    table.putSync(102, 102);
    expect((await nextOf(feed)).concat(await nextOf(feed))).toEqual([
      { type: 'change', key: 100, value: -100, before: 100 },
      { type: 'delete', key: 101, before: 101 },
      { type: 'insert', key: 4000, value: 4000 },
    ]);
    const waiting = feed.next();
    await table.put(200, -1);
    expect((await waiting).value).toEqual([{ type: 'change', key: 200, value: -1, before: 200 }]);
    await feed.return();
    expect((await feed.next()).done).toBe(true);
  });

  test('whoever makes the change', async () => {
    const feed = table.watch();
    await transaction(branch, (tx) => tx.table('t').put(1, -1), { durability: 'none' });
    expect(await nextOf(feed)).toEqual([{ type: 'change', key: 1, value: -1, before: 1 }]);
    pool.snapshotSync('main', 's');
    table.deleteSync(1);
    expect(await nextOf(feed)).toEqual([{ type: 'delete', key: 1, before: -1 }]);
    pool.rollbackSync('main', 's');
    expect(await nextOf(feed)).toEqual([{ type: 'insert', key: 1, value: -1 }]);
    const other = tableOf<number>(pool.forkSync('main', 'f'), 't');
    other.putSync(7, -7);
    tableOf(branch, 'elsewhere').putSync(1, 1);
    const waiting = feed.next();
    pool.mergeSync({ from: 'f', into: 'main' });
    expect((await waiting).value).toEqual([{ type: 'change', key: 7, value: -7, before: 7 }]);
    await feed.return();
  });

  test('ends by break, by its signal, and while it waits', async () => {
    const ballast = tableOf<string>(branch, 'ballast');
    for (let i = 0; i < 300; i++) ballast.putSync(i, 'x'.repeat(1500));
    const controller = new AbortController();
    const feed = table.watch({ signal: controller.signal });
    const waiting = feed.next();
    controller.abort();
    expect((await waiting).done).toBe(true);
    expect((await table.watch({ signal: AbortSignal.abort() }).next()).done).toBe(true);
    for await (const changes of tapped(ballast.watch())) {
      expect(changes).toHaveLength(1);
      break;
    }
    ballast.clearSync();
    await pool.commit();
    await pool.commit();
    expect(pool.space().usedBytes).toBeLessThan(300_000);
    function tapped(one: ReturnType<typeof ballast.watch>) {
      ballast.putSync(1, 'y');
      return one;
    }
  });

  test('changes between two states, at a cost of what differs', async () => {
    const before = pool.snapshotSync('main', 'before');
    expect(table.changesSinceSync(before)).toEqual([]);
    table.putSync(5, -5);
    table.deleteSync(1500);
    table.putSync(9000, 9);
    tableOf(branch, 'other').putSync(5, 5);
    expect(table.changesSinceSync(before)).toEqual([
      { type: 'change', key: 5, value: -5, before: 5 },
      { type: 'delete', key: 1500, before: 1500 },
      { type: 'insert', key: 9000, value: 9 },
    ]);
    expect(await table.changesSince(before, { gt: 5, lte: 1500 })).toHaveLength(1);
    expect(tableOf<number>(before, 't').changesSinceSync(branch, { gt: 1500 })).toEqual([
      { type: 'delete', key: 9000, before: 9 },
    ]);
    expect(tableOf(branch, 'other').changesSinceSync(before)).toEqual([{ type: 'insert', key: 5, value: 5 }]);
  });

  test('a replica that follows a feed is the table', async () => {
    const replica = new Map(table.entriesSync());
    const feed = table.watch();
    const follow = (async () => {
      for await (const changes of feed) {
        for (const change of changes) {
          if (change.type === 'delete') replica.delete(change.key);
          else replica.set(change.key, change.value);
        }
      }
    })();
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 20; i++) table.putSync((round * 37 + i * 91) % 3000, round);
      await table.deleteRange({ gte: round * 10, limit: 3 });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    await feed.return();
    await follow;
    expect([...replica].sort(([a], [b]) => Number(a) - Number(b))).toEqual([...table]);
  });
});
