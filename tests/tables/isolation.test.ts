/** Isolation of transactions: the Hermitage interleavings, and random list-append histories, at each level. */
import { describe, expect, test } from 'vitest';
import { isByreError } from '../../src/errors.ts';
import type { Branch } from '../../src/pool/branch.ts';
import { memoryDevice } from '../../src/pool/memory-device.ts';
import { openOnSync, type Pool } from '../../src/pool/pool.ts';
import { targetOf } from '../../src/tables/branch-target.ts';
import { Table } from '../../src/tables/table.ts';
import { beginTransaction, type Transaction } from '../../src/tables/transaction.ts';
import { type Interleaving, interleavings, type Level, type Step } from './hermitage.ts';
import { forbidden, judge } from './history.ts';
import { runWorkload, type Session } from './workload.ts';

const levels: readonly Level[] = ['snapshot', 'serializable'];

async function onBranch<T>(work: (branch: Branch, pool: Pool) => Promise<T>): Promise<T> {
  const pool = openOnSync(memoryDevice(), { commitEveryMs: 0 });
  try {
    return await work(pool.branchSync('main'), pool);
  } finally {
    pool.closeSync();
  }
}

async function refusedWithConflict(commit: () => Promise<void>): Promise<boolean> {
  try {
    await commit();
    return false;
  } catch (error) {
    if (isByreError(error) && error.code === 'CONFLICT') return true;
    throw error;
  }
}

async function runStep(transaction: Transaction, level: Level, step: Step): Promise<void> {
  const table = transaction.table<number>('test');
  if ('put' in step) await table.put(...step.put);
  else if ('get' in step) expect(await table.get(step.get)).toBe(step.sees);
  else if ('where' in step) {
    const rows: unknown[] = [];
    for await (const [key, value] of table.entries()) if (step.where(value, key as number)) rows.push([key, value]);
    expect(rows).toEqual(step.sees);
  } else if ('deleteWhere' in step) {
    let count = 0;
    for await (const [key, value] of table.entries()) {
      if (step.deleteWhere(value, key as number) && (await table.delete(key))) count++;
    }
    expect(count).toBe(step.count);
  } else if ('add' in step) {
    for await (const [key, value] of table.entries()) await table.put(key, value + step.add);
  } else if ('abort' in step) transaction.abort();
  else if ('commit' in step) {
    expect(await refusedWithConflict(() => transaction.commit())).toBe(step.commit.includes(level));
  }
}

async function runInterleaving(
  branch: Branch,
  level: Level,
  { steps, after }: Interleaving,
  between = () => {},
): Promise<void> {
  const table = new Table<number>(targetOf(branch), 'test');
  for (const [key, value] of [
    [1, 10],
    [2, 20],
  ])
    table.putSync(key, value);
  const transactions = new Map<string, Transaction>();
  for (const [at, step] of steps.entries()) {
    between();
    if ('begin' in step)
      transactions.set(step.by, await beginTransaction(branch, { isolation: level, durability: 'none' }));
    else {
      try {
        await runStep(transactions.get(step.by)!, level, step);
      } catch (error) {
        throw new Error(`step ${at}: ${JSON.stringify(step)}`, { cause: error });
      }
    }
  }
  expect([...table]).toEqual(after[level]);
}

describe.each(levels)('Hermitage, %s', (level) => {
  test.each(interleavings)('$name', async (interleaving) => {
    await onBranch((branch) => runInterleaving(branch, level, interleaving));
  });

  test.each(interleavings)('$name, with others writing elsewhere', async (interleaving) => {
    await onBranch(async (branch) => {
      const noise = new Table<number>(targetOf(branch), 'noise');
      for (let i = 0; i < 3000; i++) noise.putSync(i, i);
      let turn = 0;
      await runInterleaving(branch, level, interleaving, () => noise.putSync((turn++ * 997) % 3000, -turn));
    });
  });
});

/** Lists in rows; every append reads the row and writes it, as a program would. */
function sessionsOn(branch: Branch, level: Level): () => Promise<Session> {
  return async () => {
    const transaction = await beginTransaction(branch, { isolation: level, durability: 'none' });
    const table = transaction.table<number[]>('lists');
    const read = async (key: string) => (await table.get(key)) ?? [];
    return {
      read,
      append: async (key, element) => table.put(key, [...(await read(key)), element]),
      commit: async () => !(await refusedWithConflict(() => transaction.commit())),
      abort: () => transaction.abort(),
    };
  };
}

describe.each(levels)('random histories, %s', (level) => {
  const seeds = Array.from({ length: Number(process.env.BYRE_SEEDS ?? 8) }, (_, i) => i + 1);
  test.each(seeds)('seed %i', async (seed) => {
    await onBranch(async (branch, pool) => {
      const options = { seed, transactions: 150, keys: 5, sessions: 5, operations: 5 };
      const history = await runWorkload(sessionsOn(branch, level), options);
      expect(forbidden(level, judge(history))).toEqual([]);
      expect(history.filter(({ outcome }) => outcome === 'committed').length).toBeGreaterThan(20);
      await pool.commit();
    });
  });

  test('snapshot isolation is no stronger than it says', async () => {
    if (level === 'serializable') return;
    const kinds = new Set<string>();
    for (const seed of seeds) {
      await onBranch(async (branch) => {
        const options = { seed, transactions: 150, keys: 5, sessions: 5, operations: 5 };
        for (const { kind } of judge(await runWorkload(sessionsOn(branch, level), options))) kinds.add(kind);
      });
    }
    expect([...kinds]).toEqual(['G2']);
  });
});
