/** Transactions beside others that write rows, make and drop indexes, empty and drop the table: every index fits its rows in the end. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryDevice, openPoolSync, type Transaction } from '../../src/index.ts';
import { actsOn, type Person } from './acts.ts';

const acts = actsOn(8, ['p', 'q', 'r']);
const act = fc.oneof(
  { weight: 8, arbitrary: acts.put },
  { weight: 3, arbitrary: acts.remove },
  { weight: 2, arbitrary: acts.removeRange },
  { weight: 2, arbitrary: acts.batch },
  { weight: 1, arbitrary: acts.clear },
  { weight: 1, arbitrary: acts.drop },
  { weight: 2, arbitrary: acts.createIndex },
  { weight: 1, arbitrary: acts.dropIndex },
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
  expect(refused).toBeGreaterThan(0);
});
