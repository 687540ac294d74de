/**
 * Every method of a table, in both forms, against a plain list in the order of `bytewise`, which is another codec's: on a branch, on a
 * fork, on a snapshot's fork, in a transaction, and after reopening.
 */
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BatchOperation,
  type Branch,
  type Key,
  memoryDevice,
  openPoolSync,
  type RangeOptions,
  type Table,
} from '../../src/index.ts';

const bytewise = createRequire(import.meta.url)('bytewise') as { encode(value: unknown): Buffer };
const RUNS = Number(process.env.BYRE_RUNS ?? 50);

/** Few keys, so that they meet; of types that bytewise orders as byre does. */
const scalar = fc.constantFrom<Key[]>(
  ...[null, false, true, -Infinity, -2.5, 0, 1, 7, 1e300, new Date(-1), new Date(5)],
  ...[Uint8Array.of(), Uint8Array.of(0, 1), Uint8Array.of(255), '', 'a', 'a\0', 'ab', 'b', '\uffff', '😀'],
);
const key: fc.Arbitrary<Key> = fc.oneof(
  { weight: 3, arbitrary: scalar },
  { weight: 2, arbitrary: fc.array(scalar, { maxLength: 2 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 400 }) },
);
const value = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('x'.repeat(400), 'y'.repeat(3000)));
const bound = fc.record({ gt: key, gte: key, lt: key, lte: key }, { requiredKeys: [] });
const prefix = fc.constantFrom<Array<NonNullable<RangeOptions['prefix']>>>(
  '',
  'a',
  Uint8Array.of(0),
  [],
  ['a'],
  [null],
);
const range: fc.Arbitrary<RangeOptions> = fc.oneof(
  { weight: 3, arbitrary: bound },
  { weight: 1, arbitrary: fc.record({ prefix }) },
);
const shown = fc.tuple(range, fc.boolean(), fc.option(fc.nat({ max: 5 }), { nil: undefined }));
const operation = fc.oneof(
  fc.record({ type: fc.constant('put' as const), key, value }),
  fc.record({ type: fc.constant('delete' as const), key }),
) as fc.Arbitrary<BatchOperation<unknown>>;

const toBuffers = (one: Key): unknown =>
  one instanceof Uint8Array ? Buffer.from(one) : Array.isArray(one) ? one.map(toBuffers) : one;
const place = (one: Key): string => bytewise.encode(toBuffers(one)).toString('latin1');

/** What a table is: rows by the place of their keys. */
class Model {
  readonly rows = new Map<string, [Key, unknown]>();

  get(one: Key): unknown {
    return this.rows.get(place(one))?.[1];
  }

  set(one: Key, to: unknown): void {
    if (to === undefined) this.rows.delete(place(one));
    else this.rows.set(place(one), [one, to]);
  }

  within({ gt, gte, lt, lte, prefix: begin, reverse, limit }: RangeOptions): [Key, unknown][] {
    const begins = (one: Key): boolean => {
      if (begin === undefined) return true;
      if (typeof begin === 'string') return typeof one === 'string' && one.startsWith(begin);
      if (begin instanceof Uint8Array) return one instanceof Uint8Array && begin.every((byte, i) => one[i] === byte);
      return Array.isArray(one) && begin.every((each, i) => i < one.length && place(one[i]) === place(each));
    };
    const found = [...this.rows.entries()]
      .filter(([at]) => gt === undefined || at > place(gt))
      .filter(([at]) => gte === undefined || at >= place(gte))
      .filter(([at]) => lt === undefined || at < place(lt))
      .filter(([at]) => lte === undefined || at <= place(lte))
      .filter(([, [one]]) => begins(one))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, row]) => row);
    return (reverse ? found.reverse() : found).slice(0, limit);
  }
}

type Act = (table: Table<unknown>, model: Model, wait: boolean) => Promise<void>;

async function collect<T>(items: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const acts: Array<fc.Arbitrary<Act>> = [
  fc.tuple(key, value).map(([one, to]) => async (table, model, wait) => {
    if (wait) await table.put(one, to);
    else table.putSync(one, to);
    model.set(one, to);
  }),
  fc.tuple(key, value).map(([one, to]) => async (table, model, wait) => {
    const isNew = model.get(one) === undefined;
    expect(wait ? await table.putIfAbsent(one, to) : table.putIfAbsentSync(one, to)).toBe(isNew);
    if (isNew) model.set(one, to);
  }),
  fc
    .tuple(key, fc.option(value, { nil: undefined }), fc.option(value, { nil: undefined }), fc.boolean())
    .map(([one, guess, next, isRight]) => async (table, model, wait) => {
      const now = model.get(one);
      const expected = isRight ? now : guess;
      const done = wait ? await table.compareAndSet(one, expected, next) : table.compareAndSetSync(one, expected, next);
      expect(done).toBe(expected === now && (now !== undefined || next !== undefined));
      if (done) model.set(one, next);
    }),
  key.map((one) => async (table, model, wait) => {
    const isThere = model.get(one) !== undefined;
    expect(wait ? await table.has(one) : table.hasSync(one)).toBe(isThere);
    expect(wait ? await table.get(one) : table.getSync(one)).toBe(model.get(one));
    expect(wait ? await table.delete(one) : table.deleteSync(one)).toBe(isThere);
    model.set(one, undefined);
  }),
  fc.array(key, { maxLength: 40 }).map((keys) => async (table, model, wait) => {
    expect(wait ? await table.getMany(keys) : table.getManySync(keys)).toEqual(keys.map((one) => model.get(one)));
  }),
  fc.array(operation, { maxLength: 60 }).map((operations) => async (table, model, wait) => {
    if (wait) await table.batch(operations);
    else table.batchSync(operations);
    for (const one of operations) model.set(one.key, one.type === 'put' ? one.value : undefined);
  }),
  fc.tuple(shown, fc.boolean()).map(([[bounds, reverse, limit], isAll]) => async (table, model, wait) => {
    const options = { ...bounds, ...(reverse && { reverse }), ...(limit !== undefined && !isAll && { limit }) };
    const gone = model.within(options);
    expect(wait ? await table.deleteRange(options) : table.deleteRangeSync(options)).toBe(gone.length);
    for (const [one] of gone) model.set(one, undefined);
  }),
  shown.map(([bounds, reverse, limit]) => async (table, model, wait) => {
    const options = { ...bounds, ...(reverse && { reverse }), ...(limit !== undefined && { limit }) };
    const rows = model.within(options);
    expect(await collect(wait ? table.entries(options) : table.entriesSync(options))).toStrictEqual(rows);
    expect(await collect(wait ? table.keys(options) : table.keysSync(options))).toStrictEqual(rows.map(([one]) => one));
    expect(await collect(wait ? table.values(options) : table.valuesSync(options))).toEqual(rows.map(([, to]) => to));
    expect(wait ? await table.count(options) : table.countSync(options)).toBe(rows.length);
  }),
  fc.constant(async (table, model, wait) => {
    if (wait) await table.clear();
    else table.clearSync();
    model.rows.clear();
  }),
];
const act = fc.oneof(...acts.map((arbitrary, i) => ({ weight: i === acts.length - 1 ? 1 : 8, arbitrary })));

const states = {
  branch: (main: Branch) => main,
  fork: (main: Branch) => main.pool.forkSync('main', 'fork') as Branch,
  'fork of a snapshot': (main: Branch) => {
    main.pool.snapshotSync('main', 'kept');
    return main.pool.forkSync('kept', 'fork') as Branch;
  },
};

test.each(Object.keys(states) as Array<keyof typeof states>)('a table on a %s', { timeout: 120_000 }, async (state) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(act, fc.boolean(), fc.nat({ max: 9 })), { minLength: 1, maxLength: 40 }),
      async (steps) => {
        const device = memoryDevice();
        let pool = openPoolSync(device, { commitEveryMs: 0, nodeBytes: 4096, cacheBytes: 1 << 20 });
        const model = new Model();
        const main = pool.branchSync('main');
        const before = Array.from({ length: 300 }, (_, i) => ({ type: 'put' as const, key: i, value: i }));
        main.table('rows').batchSync(before);
        for (const one of before) model.set(one.key, one.value);
        let branch = states[state](main);
        for (const [one, wait, also] of steps) {
          const table = branch.table('rows');
          if (also === 0) {
            const tx = branch.beginTransactionSync({ durability: 'none', isolation: 'serializable' });
            await one(tx.table('rows'), model, wait);
            tx.commitSync();
          } else await one(table, model, wait);
          if (also === 1) pool.commitSync();
          if (also !== 2) continue;
          const { name } = branch;
          pool.closeSync();
          pool = openPoolSync(device, { commitEveryMs: 0 });
          branch = pool.branchSync(name as string);
        }
        expect([...branch.table('rows')]).toStrictEqual(model.within({}));
        expect(pool.checkSync().problems).toEqual([]);
        pool.closeSync();
      },
    ),
    { numRuns: RUNS },
  );
});
