/**
 * Random list-append histories that end in a crash: what was acknowledged as durable is there, whole and in order, and what is
 * there besides is a beginning of what was done. Callers: vitest only.
 */
import { describe, expect, test } from 'vitest';
import { isByreError } from '../../src/errors.ts';
import { openOn, openOnSync } from '../../src/pool/pool.ts';
import { beginTransaction, type Durability, tableOf } from '../../src/tables/index.ts';
import { crashImages } from '../simulation/crash-images.ts';
import { emptyImage, imageDevice } from '../simulation/image.ts';
import { recordingDevice } from '../simulation/recording-device.ts';
import { forbidden, judge, type Operation, type RecordedTransaction } from './history.ts';
import { runWorkload, type Session } from './workload.ts';

const KEYS = 4;

/** Where in the device's journal a transaction's commit was acknowledged as durable. */
type Acknowledged = Map<string, number>;

/** The history as it looks after a crash at a step, with the lists that were found then. */
function afterCrash(
  history: readonly RecordedTransaction[],
  acknowledged: Acknowledged,
  step: number,
  lists: ReadonlyMap<string, readonly number[]>,
): RecordedTransaction[] {
  const survived = new Set(history.filter(({ name }) => (acknowledged.get(name) ?? Number.POSITIVE_INFINITY) <= step));
  const seen = new Set([...lists].flatMap(([key, list]) => list.map((element) => `${key} ${element}`)));
  const note = ({ operations }: RecordedTransaction) => {
    for (const operation of operations) {
      if (operation.kind === 'read') for (const element of operation.list) seen.add(`${operation.key} ${element}`);
    }
  };
  for (const one of survived) note(one);
  // Whoever wrote what a survivor has seen must have survived, too.
  for (let grew = true; grew; ) {
    grew = false;
    for (const one of history) {
      if (one.outcome !== 'committed' || survived.has(one)) continue;
      const isSeen = one.operations.some(
        ({ kind, ...at }) => kind === 'append' && seen.has(`${at.key} ${(at as { element: number }).element}`),
      );
      if (!isSeen) continue;
      survived.add(one);
      note(one);
      grew = true;
    }
  }
  const appends = ({ kind }: Operation) => kind === 'append';
  const told = history.map(
    (one): RecordedTransaction =>
      survived.has(one) ? one : { ...one, outcome: 'aborted', operations: one.operations.filter(appends) },
  );
  const reads = [...lists].map(([key, list]): Operation => ({ kind: 'read', key, list }));
  return [...told, { name: 'after the crash', outcome: 'committed', operations: reads, began: 1e9, ended: 1e9 + 1 }];
}

describe.each(['snapshot', 'serializable'] as const)('crashes, %s', (isolation) => {
  test.each([1, 2, 3])('seed %i', { timeout: 120_000 }, async (seed) => {
    const recording = recordingDevice(emptyImage, { waits: seed % 2 === 0 });
    const pool = await openOn(recording.device, { commitEveryMs: 0 });
    const branch = await pool.branch('main');
    const acknowledged: Acknowledged = new Map();
    let begun = 0;
    const begin = async (): Promise<Session> => {
      const name = `T${++begun}`;
      let wrote = false;
      const durability = (['group', 'immediate', 'none'] as const)[begun % 3] as Durability;
      const transaction = await beginTransaction(branch, { isolation, durability });
      const table = transaction.table<number[]>('lists');
      const read = async (key: string) => (await table.get(key)) ?? [];
      return {
        read,
        append: async (key, element) => {
          wrote = true;
          await table.put(key, [...(await read(key)), element]);
        },
        abort: () => transaction.abort(),
        async commit() {
          try {
            await transaction.commit();
          } catch (error) {
            if (isByreError(error) && error.code === 'CONFLICT') return false;
            throw error;
          }
          // One that only read has nothing to make durable, and may have read what is not yet.
          if (wrote && durability !== 'none') acknowledged.set(name, recording.journal.steps.length);
          return true;
        },
      };
    };
    const history = await runWorkload(begin, { seed, transactions: 90, keys: KEYS, sessions: 4, operations: 5 });
    await pool.close();
    history.pop();
    let images = 0;
    for (const { step, description, image } of crashImages(recording.journal, { seed, variantsPerStep: 1 })) {
      images++;
      if (images % 5 !== seed % 5) continue;
      const reopened = openOnSync(imageDevice(image), { commitEveryMs: 0 });
      const table = tableOf<number[]>(reopened.branchSync('main'), 'lists');
      const lists = new Map(Array.from({ length: KEYS }, (_, i) => [`k${i}`, table.getSync(`k${i}`) ?? []]));
      const anomalies = forbidden(isolation, judge(afterCrash(history, acknowledged, step, lists)));
      expect(anomalies, `crash at step ${step}: ${description}`).toEqual([]);
      expect(table.checkSync()).toEqual([]);
      reopened.closeSync();
    }
    expect(images).toBeGreaterThan(50);
    expect(acknowledged.size).toBeGreaterThan(8);
  });
});

test.each(['none', 'group', 'immediate', 'mixed'] as const)('a crash leaves a prefix, durability %s', async (kind) => {
  const recording = recordingDevice(emptyImage, { waits: true });
  const pool = await openOn(recording.device, { commitEveryMs: 0 });
  const branch = await pool.branch('main');
  const kinds = ['immediate', 'none', 'group', 'none', 'none'] as const;
  /** By transaction: the step of the journal at which it was told to be durable. */
  const told: number[] = [];
  const ended: Promise<void>[] = [];
  for (let i = 0; i < 40; i++) {
    const durability = kind === 'mixed' ? kinds[i % kinds.length] : kind;
    const one = await beginTransaction(branch, { ...(durability && { durability }) });
    await one.table('rows').put(i, 'x'.repeat(100 * (i % 7)));
    await one.table('last').put('last', i);
    const commit = one.commit().then(() => {
      if (durability !== 'none') told[i] = recording.journal.steps.length;
    });
    ended.push(commit);
    // Some go on while the one before is being written.
    if (i % 3 === 0) await commit;
    else while (tableOf(branch, 'rows').hasSync(i) === false) await new Promise((resolve) => setImmediate(resolve));
    if (kind === 'none' && i % 10 === 9) await pool.commit();
  }
  await Promise.all(ended);
  await pool.close();
  let images = 0;
  for (const { step, description, image } of crashImages(recording.journal, { seed: 1, variantsPerStep: 1 })) {
    images++;
    const reopened = openOnSync(imageDevice(image), { commitEveryMs: 0 });
    const main = reopened.branchSync('main');
    const rows = [...tableOf(main, 'rows').keysSync()];
    expect(rows, description).toEqual(rows.map((_, at) => at));
    expect(tableOf(main, 'last').getSync('last')).toBe(rows.length === 0 ? undefined : rows.length - 1);
    const durable = told.findLastIndex((at) => at !== undefined && at <= step) + 1;
    expect(rows.length, `${description} at step ${step}`).toBeGreaterThanOrEqual(durable);
    reopened.closeSync();
  }
  expect(images).toBeGreaterThan(20);
});
