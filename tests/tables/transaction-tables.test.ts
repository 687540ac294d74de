/** Transactions beside others that write rows, make and drop indexes, empty and drop the table: every index fits its rows in the end. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryDevice, openPoolSync, type Table, type Transaction } from '../../src/index.ts';

interface Person {
  readonly city?: string;
  readonly name?: string;
}

type Act = (table: Table<Person>) => unknown;

const key = fc.nat({ max: 8 });
const person = fc.record(
  { city: fc.constantFrom('a', 'b'), name: fc.constantFrom('p', 'q', 'r') },
  { requiredKeys: [] },
);
const index = fc.constantFrom('x', 'y');
const row = fc.tuple(key, person).map(([one, value]) => ({ type: 'put' as const, key: one, value }));
const removal = key.map((one) => ({ type: 'delete' as const, key: one }));
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(key, person).map(
      ([one, to]): Act =>
        (table) =>
          table.putSync(one, to),
    ),
  },
  {
    weight: 3,
    arbitrary: key.map(
      (one): Act =>
        (table) =>
          table.deleteSync(one),
    ),
  },
  {
    weight: 2,
    arbitrary: key.map(
      (one): Act =>
        (table) =>
          table.deleteRangeSync({ gte: one, limit: 2 }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.array(fc.oneof(row, removal), { maxLength: 30 }).map(
      (all): Act =>
        (table) =>
          table.batchSync(all),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Act>((table) => table.clearSync()) },
  { weight: 1, arbitrary: fc.constant<Act>((table) => table.dropSync()) },
  {
    weight: 2,
    arbitrary: fc.tuple(index, fc.constantFrom('city', 'name'), fc.boolean()).map(
      ([name, on, unique]): Act =>
        (table) =>
          table.createIndexSync(name, { on, unique }),
    ),
  },
  {
    weight: 1,
    arbitrary: index.map(
      (name): Act =>
        (table) =>
          table.dropIndexSync(name),
    ),
  },
);
/** Who acts: nobody's transaction, or one of two. */
const step = fc.record({ who: fc.nat({ max: 2 }), act, ends: fc.nat({ max: 3 }) });

test.each(['snapshot', 'serializable'] as const)('at isolation %s', { timeout: 120_000 }, (isolation) => {
  let [committed, refused] = [0, 0];
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      using pool = openPoolSync(memoryDevice(), { commitEveryMs: 0 });
      const main = pool.branchSync('main');
      const outside = main.table<Person>('people', { indexes: { x: { on: 'city' } } });
      for (let i = 0; i < 6; i++) outside.putSync(i, { city: 'a', name: 'p' });
      const open: (Transaction | undefined)[] = [];
      for (const { who, act, ends } of steps) {
        const begun =
          who === 0 ? undefined : (open[who] ?? main.beginTransactionSync({ isolation, durability: 'none' }));
        open[who] = begun;
        try {
          act(begun === undefined ? main.table<Person>('people') : begun.table<Person>('people'));
        } catch (error) {
          expect(error).toMatchObject({ code: 'EXISTS' });
        }
        if (begun === undefined || ends > 0) continue;
        open[who] = undefined;
        try {
          begun.commitSync();
          committed++;
        } catch (error) {
          expect(error).toMatchObject({ code: 'CONFLICT' });
          refused++;
        }
        expect(main.table('people').checkSync()).toEqual([]);
      }
      for (const one of open) one?.abort();
      expect(pool.checkSync().problems).toEqual([]);
    }),
    { numRuns: Number(process.env.BYRE_RUNS ?? 150) },
  );
  expect(committed).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(2);
});
