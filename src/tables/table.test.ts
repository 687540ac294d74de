/** Tables on a branch: every method, both forms, against a plain model. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Branch } from '../pool/branch.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { openOnSync, type Pool } from '../pool/pool.ts';
import { targetOf } from './branch-target.ts';
import { Table, type TableOptions } from './table.ts';

let pool: Pool;
let branch: Branch;

beforeEach(() => {
  pool = openOnSync(memoryDevice(), { commitEveryMs: 0 });
  branch = pool.branchSync('main');
});

afterEach(() => pool.closeSync());

function tableOf<Value>(name: string, options?: TableOptions<Value>, on = branch): Table<Value> {
  return new Table<Value>(targetOf(on), name, options);
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe('rows', () => {
  test('get, put, has, delete', async () => {
    const table = tableOf<{ name: string }>('users');
    expect(table.getSync(1)).toBeUndefined();
    expect(table.hasSync(1)).toBe(false);
    table.putSync(1, { name: 'Ada' });
    await table.put(2, { name: 'Bo' });
    expect(await table.get(1)).toEqual({ name: 'Ada' });
    expect(table.getSync(2)).toEqual({ name: 'Bo' });
    expect(await table.has(2)).toBe(true);
    expect(await table.delete(2)).toBe(true);
    expect(table.deleteSync(2)).toBe(false);
    expect(table.getSync(2)).toBeUndefined();
  });

  test('putIfAbsent and compareAndSet', async () => {
    const table = tableOf<number>('n');
    expect(table.putIfAbsentSync('a', 1)).toBe(true);
    expect(await table.putIfAbsent('a', 2)).toBe(false);
    expect(table.compareAndSetSync('a', 2, 3)).toBe(false);
    expect(await table.compareAndSet('a', 1, 3)).toBe(true);
    expect(table.compareAndSetSync('b', undefined, 5)).toBe(true);
    expect(table.compareAndSetSync('b', undefined, 6)).toBe(false);
    expect(table.compareAndSetSync('b', 5, undefined)).toBe(true);
    expect(table.compareAndSetSync('b', undefined, undefined)).toBe(false);
    expect([...table]).toEqual([['a', 3]]);
  });

  test('values of every size come back, and give their pages back', () => {
    const table = tableOf<Uint8Array>('blobs', { values: 'bytes' });
    for (const size of [0, 1, 1983, 1984, 1985, 4092, 4093, 100_000, 524_284, 524_285]) {
      const value = new Uint8Array(size).map((_, i) => i * 7 + size);
      table.putSync('x', value);
      expect(Buffer.compare(table.getSync('x')!, value)).toBe(0);
      expect([...table.entriesSync()].map(([key, one]) => [key, Buffer.compare(one, value)])).toEqual([['x', 0]]);
    }
    table.putSync('x', new Uint8Array(1));
    pool.commitSync();
    pool.commitSync();
    expect(pool.space().usedBytes).toBeLessThan(100_000);
  });

  test('a handle must name the codec that the table has', () => {
    tableOf('t').putSync(1, 'x');
    const refused = expect.objectContaining({ code: 'BAD_ARGUMENT' });
    const other = tableOf<string>('t', { values: 'text' });
    expect(() => other.getSync(1)).toThrow(refused);
    expect(() => other.putSync(1, 'y')).toThrow(refused);
    expect(() => [...other]).toThrow(refused);
    expect(() => tableOf('t', { value: 'text' } as never)).toThrow(refused);
    expect(() => tableOf('')).toThrow(refused);
    expect(() => tableOf('a\0b')).toThrow(refused);
    expect(() => tableOf('\ud800')).toThrow(refused);
  });

  test('keys that are too long are refused before anything is written', () => {
    const table = tableOf<number>('t');
    const bad = expect.objectContaining({ code: 'BAD_KEY' });
    expect(() => table.putSync('x'.repeat(1100), 1)).toThrow(bad);
    expect(() =>
      table.batchSync([
        { type: 'put', key: 1, value: 1 },
        { type: 'put', key: 'x'.repeat(1100), value: 1 },
      ]),
    ).toThrow(bad);
    expect([...table]).toEqual([]);
  });

  test('tables do not see each other', () => {
    const names = ['a', 'ab', 'a b', 'ä', 'b'];
    for (const name of names) tableOf(name).putSync('k', name);
    for (const name of names) expect([...tableOf(name)]).toEqual([['k', name]]);
    tableOf('a').clearSync();
    expect(tableOf('ab').countSync()).toBe(1);
    expect(tableOf('b').dropSync()).toBe(true);
    expect(tableOf('b').dropSync()).toBe(false);
    expect(tableOf('ä').countSync()).toBe(1);
  });
});

describe('ranges', () => {
  const keys = Array.from({ length: 3000 }, (_, i) => i);

  test('bounds, reverse, limit, prefix, count, both forms', async () => {
    const table = tableOf<number>('n');
    table.batchSync(keys.map((key) => ({ type: 'put', key, value: key * 2 })));
    const ranges = [
      {},
      { reverse: true },
      { gte: 100, lt: 2000 },
      { gt: 100, lte: 2000, reverse: true },
      { gte: 100, limit: 7 },
      { lt: 100, limit: 7, reverse: true },
      { gte: 5, lt: 5 },
      { gt: 7, lt: 6 },
      { limit: 0 },
      { gte: 2990, limit: 100 },
    ];
    for (const range of ranges) {
      let expected = keys.filter(
        (key) =>
          key >= (range.gte ?? 0) && key > (range.gt ?? -1) && key < (range.lt ?? 1e9) && key <= (range.lte ?? 1e9),
      );
      if (range.reverse) expected.reverse();
      expected = expected.slice(0, range.limit ?? 1e9);
      expect([...table.keysSync(range)]).toEqual(expected);
      expect(await collect(table.keys(range))).toEqual(expected);
      expect([...table.valuesSync(range)]).toEqual(expected.map((key) => key * 2));
      expect(await collect(table.entries(range))).toEqual(expected.map((key) => [key, key * 2]));
      expect(table.countSync(range)).toBe(expected.length);
      expect(await table.count(range)).toBe(expected.length);
    }
    expect(() => table.keysSync({ from: 1 } as never).next()).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT' }),
    );
  });

  test('prefixes of arrays, strings and bytes', () => {
    const table = tableOf<number>('p');
    for (const key of [['a'], ['a', 1], ['a', 2, 'x'], ['ab'], ['b'], 'a', 'ab', 'b', Uint8Array.of(1, 2)])
      table.putSync(key, 0);
    expect([...table.keysSync({ prefix: ['a'] })]).toEqual([['a'], ['a', 1], ['a', 2, 'x']]);
    expect([...table.keysSync({ prefix: ['a'], gt: ['a', 1] })]).toEqual([['a', 2, 'x']]);
    expect([...table.keysSync({ prefix: 'a' })]).toEqual(['a', 'ab']);
    expect([...table.keysSync({ prefix: Uint8Array.of(1) })]).toEqual([Uint8Array.of(1, 2)]);
    expect([...table.keysSync({ prefix: [] })]).toHaveLength(5);
  });

  test('an iteration does not see later writes, and gives its fork back', async () => {
    const table = tableOf<number>('n');
    table.batchSync(keys.map((key) => ({ type: 'put', key, value: key })));
    const seen: number[] = [];
    for (const [key, value] of table.entriesSync()) {
      seen.push(value);
      table.putSync(key, -1);
      if (typeof key === 'number') table.deleteSync(key + 1);
    }
    expect(seen).toEqual(keys);
    const iterator = table.entries();
    await iterator.next();
    table.clearSync();
    await iterator.return();
    expect(table.countSync()).toBe(0);
    await pool.commit();
    await pool.commit();
    expect(pool.space().usedBytes).toBeLessThan(100_000);
  });

  test('deleteRange', async () => {
    const table = tableOf<number>('n');
    table.batchSync(keys.map((key) => ({ type: 'put', key, value: key })));
    expect(await table.deleteRange({ gte: 10, lt: 20 })).toBe(10);
    expect(table.deleteRangeSync({ gte: 15, limit: 5 })).toBe(5);
    expect(table.deleteRangeSync({ reverse: true, limit: 2 })).toBe(2);
    expect(table.countSync()).toBe(3000 - 17);
    expect([...table.keysSync({ gte: 8, limit: 4 })]).toEqual([8, 9, 25, 26]);
  });
});

describe('against a model', () => {
  const key = fc.oneof(
    fc.integer({ min: 0, max: 40 }),
    fc.string({ maxLength: 2 }),
    fc.constantFrom(null, true, [1, 'a']),
  );
  const command = fc.oneof(
    fc.tuple(fc.constant('put' as const), key, fc.string({ maxLength: 300 })),
    fc.tuple(fc.constant('delete' as const), key, fc.constant('')),
    fc.tuple(fc.constant('putIfAbsent' as const), key, fc.string({ maxLength: 3000 })),
    fc.tuple(fc.constant('commit' as const), key, fc.constant('')),
  );

  test('random commands', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        using own = openOnSync(memoryDevice(), { commitEveryMs: 0 });
        const table = tableOf<string>('t', { values: 'text' }, own.branchSync('main'));
        const model = new Map<string, string>();
        for (const [name, at, value] of commands) {
          const id = JSON.stringify(at);
          if (name === 'put') {
            table.putSync(at, value);
            model.set(id, value);
          } else if (name === 'delete') {
            expect(table.deleteSync(at)).toBe(model.delete(id));
          } else if (name === 'putIfAbsent') {
            expect(table.putIfAbsentSync(at, value)).toBe(!model.has(id));
            if (!model.has(id)) model.set(id, value);
          } else own.commitSync();
        }
        const rows = [...table.entriesSync()];
        expect(new Map(rows.map(([at, value]) => [JSON.stringify(at), value]))).toEqual(model);
        expect([...table.keysSync({ reverse: true })].reverse()).toEqual(rows.map(([at]) => at));
      }),
      { numRuns: 60 },
    );
  });
});
