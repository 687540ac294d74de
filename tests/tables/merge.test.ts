/** Merges of branches with tables: row by row, with conflicts as data, resolvers, and indexes that fit the merged rows. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type Branch,
  memoryDevice,
  openPoolSync,
  type Pool,
  type RowConflict,
  type RowResolver,
  showKey,
  type Table,
} from '../../src/index.ts';

interface Person {
  name?: string;
  city?: string;
  email?: string;
}

const indexes = { byCity: { on: 'city' }, byEmail: { on: 'email', unique: true } };

let pool: Pool;
let main: Branch;
let fork: Branch;
let ours: Table<Person>;
let theirs: Table<Person>;

beforeEach(() => {
  pool = openPoolSync(memoryDevice(), { commitEveryMs: 0 });
  main = pool.branchSync('main');
  ours = main.table<Person>('people', { indexes });
  for (let i = 0; i < 200; i++) ours.putSync(i, { name: `n${i}`, city: `c${i % 5}`, email: `e${i}` });
  fork = pool.forkSync('main', 'fork');
  theirs = fork.table<Person>('people');
});

afterEach(() => {
  for (const { name } of pool.branchesSync()) {
    const branch = pool.branchSync(name);
    for (const table of branch.tablesSync()) expect(branch.table(table).checkSync()).toEqual([]);
  }
  expect(pool.checkSync().problems).toEqual([]);
  pool.closeSync();
});

const shown = (keys: ReadonlyArray<{ readonly key: Uint8Array }>) => keys.map(({ key }) => showKey(key));

describe('merge', () => {
  test('rows of both sides', () => {
    ours.putSync(1, { name: 'ours', city: 'x' });
    ours.deleteSync(3);
    theirs.putSync(2, { name: 'theirs', city: 'y' });
    theirs.putSync(500, { city: 'x', email: 'new' });
    theirs.deleteSync(4);
    expect(pool.mergeSync({ from: 'fork', into: 'main' }).merged).toBe(true);
    expect(ours.getSync(1)).toEqual({ name: 'ours', city: 'x' });
    expect(ours.getSync(2)).toEqual({ name: 'theirs', city: 'y' });
    expect(ours.hasSync(3) || ours.hasSync(4)).toBe(false);
    expect([...ours.index('byCity').keysSync({ gte: 'x' })]).toEqual([1, 500, 2]);
  });

  test('a table made by both is one table', () => {
    main.table('new').putSync('a', 1);
    fork.table('new').putSync('b', 2);
    expect(pool.mergeSync({ from: 'fork', into: 'main' }).merged).toBe(true);
    expect([...main.table('new')]).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  test('conflicts are data, and then nothing happens', () => {
    ours.putSync(1, { name: 'ours' });
    theirs.putSync(1, { name: 'theirs' });
    theirs.putSync(2, { name: 'theirs' });
    const report = pool.mergeSync({ from: 'fork', into: 'main' });
    expect(report.merged).toBe(false);
    expect(shown(report.conflicts)).toEqual([{ table: 'people', part: 'row', key: 1 }]);
    expect(ours.getSync(2)?.name).toBe('n2');
  });

  test.each(['ours', 'theirs'] as const)('resolved by %s', (side) => {
    ours.putSync(1, { name: 'ours', city: 'ours', email: 'o' });
    theirs.putSync(1, { name: 'theirs', city: 'theirs', email: 't' });
    ours.deleteSync(2);
    theirs.putSync(2, { city: 'back' });
    expect(pool.mergeSync({ from: 'fork', into: 'main', tables: side }).merged).toBe(true);
    expect(ours.getSync(1)?.name).toBe(side);
    expect(ours.hasSync(2)).toBe(side === 'theirs');
    expect([...ours.index('byCity').keysSync({ gte: 'ours', lte: 'theirs' })]).toEqual([1]);
  });

  test('resolved by a function', async () => {
    ours.putSync(1, { name: 'A', city: 'x' });
    theirs.putSync(1, { name: 'B', city: 'y' });
    ours.putSync(2, { name: 'A' });
    theirs.deleteSync(2);
    const asked: unknown[] = [];
    const report = await pool.merge({
      from: 'fork',
      into: 'main',
      tables: {
        people: (conflict) => {
          asked.push(conflict);
          const { ours, theirs } = conflict as { ours?: Person; theirs?: Person };
          return theirs === undefined ? 'delete' : { put: { name: `${ours?.name}${theirs.name}`, city: 'z' } };
        },
      },
    });
    expect(report.merged).toBe(true);
    expect(asked).toMatchObject([
      { table: 'people', key: 1, base: { name: 'n1' }, ours: { name: 'A' }, theirs: { name: 'B' } },
      { key: 2, theirs: undefined },
    ]);
    expect(ours.getSync(1)).toEqual({ name: 'AB', city: 'z' });
    expect(ours.hasSync(2)).toBe(false);
    expect([...ours.index('byCity').keysSync({ gte: 'x' })]).toEqual([1]);
  });

  test('two rows that claim one unique entry are a conflict, which a side or a function decides', async () => {
    ours.putSync(300, { email: 'same' });
    theirs.putSync(301, { email: 'same' });
    theirs.putSync(302, { email: 'other' });
    const report = pool.mergeSync({ from: 'fork', into: 'main' });
    expect(report.merged).toBe(false);
    expect(shown(report.conflicts)).toEqual([{ table: 'people', part: 'index', index: 'byEmail', entry: ['same'] }]);
    expect(ours.hasSync(302)).toBe(false);
    const outcome = async (tables: 'ours' | 'theirs' | RowResolver) => {
      pool.forkSync('main', 'into');
      const { merged } = await pool.merge({ from: 'fork', into: 'into', tables });
      const table = pool.branchSync('into').table<Person>('people');
      expect(table.checkSync()).toEqual([]);
      const rows = [...table.entriesSync({ gte: 300 })].map(([key, { email }]) => [key, email]);
      pool.dropSync('into');
      return merged ? rows : undefined;
    };
    expect(await outcome('ours')).toEqual([
      [300, 'same'],
      [302, 'other'],
    ]);
    expect(await outcome('theirs')).toEqual([
      [301, 'same'],
      [302, 'other'],
    ]);
    const asked: RowConflict[] = [];
    const renamed = await outcome((conflict) => {
      asked.push(conflict);
      return conflict.key === 300 ? { put: { email: 'same too' } } : 'conflict';
    });
    expect(renamed).toEqual([
      [300, 'same too'],
      [301, 'same'],
      [302, 'other'],
    ]);
    const clash = { index: 'byEmail', entry: ['same'], rows: [300, 301] };
    expect(asked).toEqual([
      { table: 'people', key: 300, base: undefined, ours: { email: 'same' }, theirs: undefined, clash },
    ]);
    expect(await outcome(() => 'delete')).toEqual([
      [301, 'same'],
      [302, 'other'],
    ]);
    expect(await outcome(() => ({ put: { email: 'same' } }))).toBeUndefined();
  });

  test('what a row gets back by a decision may clash with another row, which is decided, too', () => {
    // Ours gives e1 to 300. Theirs gives e2 to 1, and e1 of theirs stays there: deciding for ours gives 1 its own back.
    theirs.putSync(2, { email: 'free' });
    theirs.putSync(1, { email: 'e2' });
    theirs.putSync(400, { email: 'e1' });
    ours.putSync(300, { email: 'free' });
    for (const side of ['ours', 'theirs'] as const) {
      pool.forkSync('main', side);
      expect(pool.mergeSync({ from: 'fork', into: side, tables: side }).merged).toBe(true);
    }
    const emails = (name: string) => {
      const table = pool.branchSync(name).table<Person>('people');
      return [1, 2, 300, 400].map((key) => table.getSync(key)?.email);
    };
    expect(emails('ours')).toEqual(['e1', 'e2', 'free', undefined]);
    expect(emails('theirs')).toEqual(['e2', 'free', undefined, 'e1']);
  });

  test('rows that a new unique index of the other branch forbids are a conflict', () => {
    ours.createIndexSync('byName', { on: 'name', unique: true });
    theirs.putSync(500, { name: 'n7' });
    const report = pool.mergeSync({ from: 'fork', into: 'main' });
    expect(shown(report.conflicts)).toEqual([{ table: 'people', part: 'index', index: 'byName', entry: ['n7'] }]);
    expect(pool.mergeSync({ from: 'fork', into: 'main', tables: 'theirs' }).merged).toBe(false);
    expect(pool.mergeSync({ from: 'fork', into: 'main', tables: 'ours' }).merged).toBe(true);
    expect(ours.index('byName').getSync('n7')).toEqual({ name: 'n7', city: 'c2', email: 'e7' });
    expect(ours.hasSync(500)).toBe(false);
  });

  test('a row that comes back finds its unique entry with another one', () => {
    ours.putSync(1, {});
    ours.putSync(300, { email: 'e1' });
    theirs.putSync(1, { city: 'a', email: 'e1' });
    const report = pool.mergeSync({
      from: 'fork',
      into: 'main',
      tables: { people: ({ clash }) => (clash ? 'conflict' : 'theirs') },
    });
    expect(shown(report.conflicts)).toEqual([{ table: 'people', part: 'index', index: 'byEmail', entry: ['e1'] }]);
    pool.forkSync('main', 'other');
    expect(pool.mergeSync({ from: 'fork', into: 'other', tables: 'theirs' }).merged).toBe(true);
    expect(pool.branchSync('other').table<Person>('people').index('byEmail').getSync('e1')).toEqual({
      city: 'a',
      email: 'e1',
    });
    expect(pool.mergeSync({ from: 'fork', into: 'main', tables: 'ours' }).merged).toBe(true);
  });

  test('a unique entry goes to the row that still claims it', () => {
    ours.putSync(1, { email: 'moved' });
    ours.putSync(300, { email: 'e1' });
    theirs.deleteSync(1);
    expect(pool.mergeSync({ from: 'fork', into: 'main', tables: 'theirs' }).merged).toBe(true);
    expect([...ours.index('byEmail').keysSync({ gte: 'e1', lte: 'e1' })]).toEqual([300]);
    expect(ours.index('byEmail').getSync('moved')).toBeUndefined();
  });

  test('indexes that one side made or dropped', () => {
    ours.createIndexSync('byName', { on: 'name' });
    ours.dropIndexSync('byCity');
    theirs.putSync(400, { name: 'zz', city: 'q' });
    theirs.deleteSync(5);
    expect(pool.mergeSync({ from: 'fork', into: 'main' }).merged).toBe(true);
    expect(ours.indexesSync().map(({ name }) => name)).toEqual(['byEmail', 'byName']);
    expect([...ours.index('byName').keysSync({ gte: 'zz' })]).toEqual([400]);
    expect(pool.mergeSync({ from: 'main', into: 'fork' }).merged).toBe(true);
    expect([...theirs.index('byName').keysSync({ gte: 'zz' })]).toEqual([400]);
  });

  test('an index that both made alike fits the rows of both', () => {
    for (const table of [ours, theirs]) table.createIndexSync('byName', { on: 'name' });
    theirs.deleteSync(5);
    theirs.putSync(6, { name: 'theirs' });
    ours.putSync(7, { name: 'ours' });
    ours.deleteSync(8);
    pool.forkSync('main', 'other');
    expect(pool.mergeSync({ from: 'fork', into: 'main' }).merged).toBe(true);
    expect(pool.mergeSync({ from: 'other', into: 'fork' }).merged).toBe(true);
    expect([...ours.index('byName').keysSync({ prefix: 'n' })]).toHaveLength(196);
    expect([...ours.index('byName').keysSync({ gte: 'o' })]).toEqual([7, 6]);
  });

  test('a table dropped by one and written by the other is a conflict', () => {
    ours.dropSync();
    theirs.putSync(1000, { city: 'x' });
    const report = pool.mergeSync({ from: 'fork', into: 'main' });
    expect(shown(report.conflicts)).toEqual([{ table: 'people', part: 'record' }]);
    expect(main.tablesSync()).toEqual([]);
  });

  test('many conflicts at once', { timeout: 60_000 }, () => {
    const rows = (email: string) =>
      Array.from({ length: 3000 }, (_, i) => ({
        type: 'put' as const,
        key: i,
        value: { city: email, email: `${email}${i}` },
      }));
    ours.batchSync(rows('o'));
    theirs.batchSync(rows('t'));
    const clash = (from: number) =>
      Array.from({ length: 3000 }, (_, i) => ({ type: 'put' as const, key: from + i, value: { email: `same${i}` } }));
    ours.batchSync(clash(10_000));
    theirs.batchSync(clash(20_000));
    expect(pool.mergeSync({ from: 'fork', into: 'main' }).conflicts).toHaveLength(6000);
    expect(pool.mergeSync({ from: 'fork', into: 'main', tables: 'theirs' }).merged).toBe(true);
    expect(ours.countSync()).toBe(6000);
    expect(ours.index('byEmail').getSync('t5')).toEqual({ city: 't', email: 't5' });
  });
});
