/** Transactions: commit, abort, conflicts and what they name, savepoints, retries, durability, and what they leave behind. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Branch } from '../pool/branch.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { openPoolSync } from '../pool/open-pool.ts';
import { openOnSync, type Pool } from '../pool/pool.ts';
import { targetOf } from './branch-target.ts';
import { Table } from './table.ts';
import { beginTransactionSync, transaction, transactionSync } from './transaction.ts';

let pool: Pool;
let branch: Branch;
let users: Table<string>;
let orders: Table<number>;

beforeEach(() => {
  pool = openOnSync(memoryDevice(), { commitEveryMs: 0 });
  branch = pool.branchSync('main');
  users = new Table(targetOf(branch), 'users');
  orders = new Table(targetOf(branch), 'orders');
  users.putSync('ada', 'Ada');
});

afterEach(() => {
  const { problems } = pool.checkSync();
  expect(problems).toEqual([]);
  pool.closeSync();
});

describe('transactions', () => {
  test('several tables, all or none', async () => {
    const result = await transaction(branch, async (tx) => {
      await tx.table<string>('users').put('bo', 'Bo');
      await tx.table<number>('orders').put(1, 10);
      expect(await tx.table<string>('users').get('bo')).toBe('Bo');
      expect(users.getSync('bo')).toBeUndefined();
      return 7;
    });
    expect(result).toBe(7);
    expect(users.getSync('bo')).toBe('Bo');
    expect(orders.getSync(1)).toBe(10);
    await expect(
      transaction(branch, async (tx) => {
        await tx.table('users').put('cy', 'Cy');
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(users.getSync('cy')).toBeUndefined();
  });

  test('the Sync form', () => {
    expect(transactionSync(branch, (tx) => tx.table<string>('users').getSync('ada'))).toBe('Ada');
    transactionSync(branch, (tx) => tx.table('users').putSync('ada', 'A'));
    expect(users.getSync('ada')).toBe('A');
    expect(() => transactionSync(branch, async (tx) => tx.table('users').put('ada', 'B'))).toThrow(/asynchronous/);
    expect(users.getSync('ada')).toBe('A');
  });

  test('a conflict names the keys, and nothing of the transaction happens', async () => {
    const tx = beginTransactionSync(branch, { durability: 'none' });
    tx.table('users').putSync('ada', 'A');
    tx.table('users').putSync(['new', 1], 'N');
    tx.table('orders').putSync(5, 5);
    users.putSync('ada', 'B');
    users.putSync(['new', 1], 'B');
    await expect(tx.commit()).rejects.toMatchObject({
      code: 'CONFLICT',
      details: {
        keys: [
          { table: 'users', part: 'row', key: 'ada' },
          { table: 'users', part: 'row', key: ['new', 1] },
        ],
      },
    });
    expect(orders.getSync(5)).toBeUndefined();
    expect(users.getSync('ada')).toBe('B');
    await expect(tx.commit()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(() => tx.table('users')).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  test('retries run the work again', async () => {
    let runs = 0;
    await transaction(
      branch,
      async (tx) => {
        runs++;
        const mine = tx.table<string>('users');
        const value = await mine.get('ada');
        if (runs < 3) users.putSync('ada', `${value}!`);
        await mine.put('ada', `${value}?`);
      },
      { retries: 2 },
    );
    expect(runs).toBe(3);
    expect(users.getSync('ada')).toBe('Ada!!?');
  });

  test('concurrent counters with retries lose nothing', async () => {
    await Promise.all(
      Array.from({ length: 30 }, () =>
        transaction(
          branch,
          async (tx) => {
            const table = tx.table<number>('orders');
            await table.put('n', ((await table.get('n')) ?? 0) + 1);
          },
          { retries: 1000, durability: 'none' },
        ),
      ),
    );
    expect(orders.getSync('n')).toBe(30);
  });

  test('savepoints are nested forks', () => {
    const tx = beginTransactionSync(branch, { durability: 'none' });
    const mine = tx.table<string>('users');
    mine.putSync('a', '1');
    const first = tx.savepointSync();
    mine.putSync('b', '2');
    const second = tx.savepointSync();
    mine.putSync('c', '3');
    second.rollbackSync();
    expect([...mine.keysSync()]).toEqual(['a', 'ada', 'b']);
    mine.putSync('d', '4');
    second.rollbackSync();
    expect([...mine.keysSync()]).toEqual(['a', 'ada', 'b']);
    mine.putSync('e', '5');
    second.release();
    expect(() => second.rollbackSync()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect([...mine.keysSync()]).toEqual(['a', 'ada', 'b', 'e']);
    first.rollbackSync();
    expect([...mine.keysSync()]).toEqual(['a', 'ada']);
    mine.putSync('f', '6');
    tx.savepointSync();
    mine.putSync('g', '7');
    users.putSync('z', 'elsewhere');
    tx.commitSync();
    expect([...users.keysSync()]).toEqual(['a', 'ada', 'f', 'g', 'z']);
  });

  test('batches and ranges inside a transaction are part of it', () => {
    orders.batchSync(Array.from({ length: 500 }, (_, key) => ({ type: 'put', key, value: key })));
    const tx = beginTransactionSync(branch, { durability: 'none' });
    const mine = tx.table<number>('orders');
    expect(mine.deleteRangeSync({ gte: 100 })).toBe(400);
    mine.batchSync(Array.from({ length: 100 }, (_, key) => ({ type: 'put', key: key + 1000, value: key })));
    expect(mine.countSync()).toBe(200);
    expect(orders.countSync()).toBe(500);
    users.putSync('bo', 'Bo');
    tx.commitSync();
    expect(orders.countSync()).toBe(200);
    const late = beginTransactionSync(branch, { durability: 'none' });
    late.table<number>('orders').deleteRangeSync({ lt: 10 });
    orders.putSync(5, -5);
    expect(() => late.commitSync()).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
  });

  test('large values go over as they are', () => {
    const blobs = new Table<Uint8Array>(targetOf(branch), 'blobs', { values: 'bytes' });
    const tx = beginTransactionSync(branch, { durability: 'none' });
    const mine = tx.table<Uint8Array>('blobs', { values: 'bytes' });
    mine.putSync('x', new Uint8Array(300_000).fill(7));
    users.putSync('bo', 'Bo');
    tx.commitSync();
    expect(Buffer.compare(blobs.getSync('x') as Uint8Array, new Uint8Array(300_000).fill(7))).toBe(0);
  });

  test('indexes made and rows written at once conflict', () => {
    orders.putSync(1, 1);
    const tx = beginTransactionSync(branch, { durability: 'none' });
    tx.table<number>('orders').putSync(2, 2);
    orders.createIndexSync('byAmount', { on: 'amount' });
    expect(() => tx.commitSync()).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
    for (const count of [2, 40]) {
      const removing = beginTransactionSync(branch, { durability: 'none' });
      const keys = Array.from({ length: count }, (_, key) => ({ type: 'delete' as const, key }));
      removing.table('orders').batchSync(keys);
      orders.createIndexSync(`by${count}`, { on: 'amount' });
      expect(() => removing.commitSync()).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
    }
    const clearing = beginTransactionSync(branch, { durability: 'none' });
    clearing.table('orders').clearSync();
    orders.createIndexSync('byNothing', { on: 'amount' });
    expect(() => clearing.commitSync()).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
    expect(orders.checkSync()).toEqual([]);
  });

  test('durability', async () => {
    const before = pool.commitNumber;
    await transaction(branch, (tx) => tx.table('users').put('x', '1'), { durability: 'none' });
    expect(pool.commitNumber).toBe(before);
    await transaction(branch, (tx) => tx.table('users').put('y', '1'));
    expect(pool.commitNumber).toBeGreaterThan(before);
    const after = pool.commitNumber;
    await transaction(branch, (tx) => tx.table('users').get('y'));
    expect(pool.commitNumber).toBe(after);
  });

  test('concurrent durable transactions share commits', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'byre-'));
    const file = openPoolSync(path.join(directory, 'pool'), { commitEveryMs: 0 });
    try {
      const main = file.branchSync('main');
      new Table(targetOf(main), 'users').putSync('first', '1');
      const before = file.commitNumber;
      const all = Array.from({ length: 64 }, (_, i) => transaction(main, (tx) => tx.table('users').put(i, '1')));
      await Promise.all(all);
      expect(file.commitNumber - before).toBeLessThan(10);
      expect(file.dirty).toBe(false);
    } finally {
      file.closeSync();
      rmSync(directory, { recursive: true });
    }
  });

  test('those that end together share one commit, unless they ask for it at once', async () => {
    const commits = async (durability: 'group' | 'immediate') => {
      const before = pool.commitNumber;
      await Promise.all(
        Array.from({ length: 64 }, (_, i) =>
          transaction(branch, (tx) => tx.table('users').put(i, '1'), { durability }),
        ),
      );
      expect(pool.dirty).toBe(false);
      return pool.commitNumber - before;
    };
    expect(await commits('group')).toBe(1);
    expect(await commits('immediate')).toBeGreaterThan(1);
  });

  test('refuses options that it does not know', async () => {
    const refused = expect.objectContaining({ code: 'BAD_ARGUMENT' });
    expect(() => beginTransactionSync(branch, { isolation: 'none' as never })).toThrow(refused);
    expect(() => beginTransactionSync(branch, { retry: 1 } as never)).toThrow(refused);
    await expect(transaction(branch, () => 1, { retries: -1 })).rejects.toEqual(refused);
    const snapshot = pool.snapshotSync('main', 's');
    expect(() => beginTransactionSync(snapshot)).toThrow(expect.objectContaining({ code: 'READ_ONLY' }));
  });

  test('leave nothing behind', async () => {
    pool.commitSync();
    pool.commitSync();
    const before = pool.space().usedBytes;
    for (let i = 0; i < 200; i++) {
      const tx = beginTransactionSync(branch, { durability: 'none' });
      const save = tx.savepointSync();
      tx.table('users').putSync('ada', `${i}`);
      if (i % 3 === 0) save.rollbackSync();
      if (i % 2 === 0) tx.abort();
      else tx.commitSync();
    }
    pool.commitSync();
    pool.commitSync();
    expect(pool.space().usedBytes - before).toBeLessThan(100_000);
  });
});
