/** Indexes: kept by every write, right after forks and transactions, read by ranges, proven by check. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { prepare } from '../core/prepare.ts';
import { remove } from '../core/tree.ts';
import type { Branch } from '../pool/branch.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { openOnSync, type Pool } from '../pool/pool.ts';
import { targetOf } from './branch-target.ts';
import { IndexLayout, TableLayout } from './ops/layout.ts';
import { Table } from './table.ts';
import { beginTransactionSync } from './transaction.ts';

interface Person {
  name?: string;
  address?: { city: string };
  tags?: string[];
  email?: string | null;
}

const indexes = {
  byCity: { on: 'address.city' },
  byTag: { on: 'tags', multi: true },
  byEmail: { on: 'email', unique: true },
  byCityAndName: { on: ['address.city', 'name'] },
};

let pool: Pool;
let branch: Branch;
let people: Table<Person>;

beforeEach(() => {
  pool = openOnSync(memoryDevice(), { commitEveryMs: 0 });
  branch = pool.branchSync('main');
  people = new Table<Person>(targetOf(branch), 'people', { indexes });
});

afterEach(() => {
  expect(pool.checkSync().problems).toEqual([]);
  pool.closeSync();
});

const fill = (table: Table<Person>) => {
  table.putSync(1, { name: 'Ada', address: { city: 'London' }, tags: ['a', 'b', 'a'], email: 'ada@x' });
  table.putSync(2, { name: 'Bo', address: { city: 'Paris' }, tags: [], email: null });
  table.putSync(3, { name: 'Cy', address: { city: 'London' }, tags: ['b'] });
};

describe('indexes', () => {
  test('are read by value, range and prefix', async () => {
    fill(people);
    expect([...people.index('byCity').keysSync()]).toEqual([1, 3, 2]);
    expect([...people.index('byCity').keysSync({ gte: 'London', lte: 'London' })]).toEqual([1, 3]);
    expect([...people.index('byCity').keysSync({ gt: 'London' })]).toEqual([2]);
    expect([...people.index('byTag').keysSync()]).toEqual([1, 1, 3]);
    expect([...people.index('byCityAndName').keysSync({ gte: ['London', 'B'] })]).toEqual([3, 2]);
    expect([...people.index('byCityAndName').keysSync({ prefix: ['London'], reverse: true })]).toEqual([3, 1]);
    expect(people.index('byEmail').getSync('ada@x')?.name).toBe('Ada');
    expect(await people.index('byEmail').get('nobody')).toBeUndefined();
    expect([...people.index('byEmail').entriesSync()].map(([key]) => key)).toEqual([2, 1]);
    expect(await people.index('byTag').count({ gte: 'b' })).toBe(2);
    expect(() => people.index('none').countSync()).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
    expect(people.checkSync()).toEqual([]);
  });

  test('follow every kind of write', () => {
    fill(people);
    people.putSync(1, { address: { city: 'Rome' } });
    people.deleteSync(3);
    people.compareAndSetSync(2, { name: 'Bo', address: { city: 'Paris' }, tags: [], email: null }, { tags: ['z'] });
    expect([...people.index('byCity').keysSync()]).toEqual([1]);
    expect([...people.index('byTag').keysSync()]).toEqual([2]);
    people.batchSync([
      { type: 'put', key: 4, value: { email: 'q' } },
      { type: 'delete', key: 1 },
    ]);
    expect([...people.index('byEmail').keysSync()]).toEqual([4]);
    people.clearSync();
    for (const name of Object.keys(indexes)) expect(people.index(name).countSync()).toBe(0);
    expect(people.checkSync()).toEqual([]);
  });

  test('unique ones refuse a second row', async () => {
    fill(people);
    const taken = expect.objectContaining({
      code: 'EXISTS',
      details: { table: 'people', index: 'byEmail', key: 9, holder: 1 },
    });
    expect(() => people.putSync(9, { email: 'ada@x' })).toThrow(taken);
    await expect(people.put(9, { email: 'ada@x' })).rejects.toEqual(taken);
    people.putSync(1, { email: 'ada@x', name: 'Ada L.' });
    expect(people.checkSync()).toEqual([]);
    const one = beginTransactionSync(branch, { durability: 'none' });
    const other = beginTransactionSync(branch, { durability: 'none' });
    one.table<Person>('people').putSync(10, { email: 'new' });
    other.table<Person>('people').putSync(11, { email: 'new' });
    one.commitSync();
    expect(() => other.commitSync()).toThrow(
      expect.objectContaining({
        code: 'CONFLICT',
        details: { keys: [{ table: 'people', part: 'index', index: 'byEmail', entry: ['new'] }] },
      }),
    );
  });

  test('are made from rows, dropped, and must be declared as they are', () => {
    const plain = new Table<Person>(targetOf(branch), 'plain');
    fill(plain);
    plain.createIndexSync('byCity', indexes.byCity);
    plain.createIndexSync('byCity', indexes.byCity);
    expect([...plain.index('byCity').keysSync()]).toEqual([1, 3, 2]);
    expect(() => plain.createIndexSync('byCity', { on: 'name' })).toThrow(expect.objectContaining({ code: 'EXISTS' }));
    expect(() => plain.createIndexSync('u', { on: 'address.city', unique: true })).toThrow(
      expect.objectContaining({ code: 'EXISTS' }),
    );
    expect(plain.indexesSync().map(({ name }) => name)).toEqual(['byCity']);
    const other = new Table<Person>(targetOf(branch), 'plain', { indexes: { byName: { on: 'name' } } });
    expect(() => other.putSync(7, {})).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
    expect(plain.checkSync()).toEqual([]);
    expect(plain.dropIndexSync('byCity')).toBe(true);
    expect(plain.dropIndexSync('byCity')).toBe(false);
    plain.putSync(8, { address: { city: 'Oslo' } });
    expect(plain.checkSync()).toEqual([]);
    expect(() => plain.putSync(9, { name: 'x' })).not.toThrow();
  });

  test('another handle learns of an index before it writes', () => {
    const other = new Table<Person>(targetOf(branch), 'plain');
    other.putSync(1, { name: 'Ada' });
    new Table<Person>(targetOf(branch), 'plain').createIndexSync('byName', { on: 'name' });
    other.putSync(2, { name: 'Bo' });
    expect([...other.index('byName').keysSync()]).toEqual([1, 2]);
    expect(other.checkSync()).toEqual([]);
  });

  test('values that cannot be keys are refused', () => {
    expect(() => people.putSync(1, { email: { x: 1 } as never })).toThrow(expect.objectContaining({ code: 'BAD_KEY' }));
    expect(() => people.putSync(1, { tags: Array.from({ length: 300 }, (_, i) => `${i}`) })).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT' }),
    );
    expect(people.countSync()).toBe(0);
  });

  test('check finds a missing and a wrong entry', () => {
    fill(people);
    const { store, root } = branch;
    const layout = new TableLayout('people', store.maxKeyBytes);
    const drop = (key: Uint8Array) =>
      branch.runSync(() => {
        prepare(store, root, { removes: [key], purpose: 'free' });
        expect(remove(store, root, key)).toBe(true);
      });
    drop(new IndexLayout(layout, 'byCity', store.maxKeyBytes).key(['London', 3]));
    expect(people.checkSync()).toEqual([{ table: 'people', problem: 'missing entry', index: 'byCity', key: 3 }]);
    drop(layout.rowKey(2).slice());
    expect(people.checkSync().map(({ problem, index }) => [problem, index])).toEqual([
      ['missing entry', 'byCity'],
      ['wrong entry', 'byCityAndName'],
      ['wrong entry', 'byEmail'],
    ]);
  });

  test('texts with zero bytes in them are not taken for those before them', () => {
    const texts = ['a', 'a\0', 'a\0b', 'ab', 'b'];
    const people = new Table<{ name: string }>(targetOf(branch), 'named', {
      indexes: { byName: { on: 'name' }, byNameOnly: { on: 'name', unique: true }, byBoth: { on: ['name', 'name'] } },
    });
    for (const name of texts) people.putSync(name, { name });
    for (const index of ['byName', 'byNameOnly']) {
      const by = people.index(index);
      expect([...by.keysSync({ lte: 'a' })]).toEqual(['a']);
      expect([...by.keysSync({ gt: 'a' })]).toEqual(texts.slice(1));
      expect([...by.keysSync({ prefix: 'a' })]).toEqual(texts.slice(0, 4));
      expect([...by.keysSync({ prefix: 'a\0' })]).toEqual(['a\0', 'a\0b']);
      expect([...by.keysSync({ prefix: ['a'] })]).toEqual(['a']);
      expect(by.countSync({ gte: 'a\0', lte: 'a\0' })).toBe(1);
      people.deleteSync('a');
      expect(by.getSync('a')).toBeUndefined();
      people.putSync('a', { name: 'a' });
    }
    expect([...people.index('byBoth').keysSync({ prefix: ['a'] })]).toEqual(['a']);
    expect([...people.index('byBoth').keysSync({ lte: ['a'] })]).toEqual(['a']);
  });

  test('random writes in branches and forks keep them right', () => {
    const person = fc.record(
      {
        name: fc.constantFrom('a', 'b', 'c'),
        address: fc.record({ city: fc.constantFrom('x', 'y') }),
        tags: fc.array(fc.constantFrom('p', 'q', 'r'), { maxLength: 3 }),
        email: fc.constantFrom('e1', 'e2', 'e3', 'e4', null),
      },
      { requiredKeys: [] },
    );
    const command = fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 6 }), fc.option(person, { freq: 4 }));
    let run = 0;
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const name = `r${run++}`;
        const first = new Table<Person>(targetOf(pool.createBranchSync(name)), 't', { indexes });
        first.putSync(0, {});
        const tables = [first];
        for (const suffix of ['f', 'g']) tables.push(new Table(targetOf(pool.forkSync(name, name + suffix)), 't'));
        for (const [at, key, value] of commands) {
          try {
            if (value === null) tables[at].deleteSync(key);
            else tables[at].putSync(key, value);
          } catch (error) {
            expect(error).toMatchObject({ code: 'EXISTS' });
          }
        }
        for (const table of tables) expect(table.checkSync()).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
