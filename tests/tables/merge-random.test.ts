/** Random merges of branches with tables: whatever both did, rows and indexes fit, and rows are those that the rule asks for. */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Key, memoryDevice, openPoolSync, type Pool, type Table } from '../../src/index.ts';
import { type Act, actsOn, type Person } from './acts.ts';

const indexes = { byCity: { on: 'city' }, byEmail: { on: 'email', unique: true } };
const RUNS = Number(process.env.BYRE_RUNS ?? 200);

let pool: Pool;

beforeEach(() => {
  pool = openPoolSync(memoryDevice(), { commitEveryMs: 0 });
});

afterEach(() => {
  expect(pool.checkSync().problems).toEqual([]);
  pool.closeSync();
});

const acts = actsOn(6, ['p', 'q']);
const act = fc.oneof(
  { weight: 8, arbitrary: acts.put },
  { weight: 3, arbitrary: acts.remove },
  { weight: 1, arbitrary: acts.clear },
  { weight: 1, arbitrary: acts.drop },
  { weight: 3, arbitrary: acts.createIndex },
  { weight: 1, arbitrary: acts.dropIndex },
);
const work = fc.array(act, { maxLength: 10 });

test('random merges of branches that also make, drop and empty leave sound tables', () => {
  const perform = (table: Table<Person>, all: readonly Act[]) => {
    for (const one of all) {
      try {
        one(table);
      } catch (error) {
        expect(error).toMatchObject({ code: 'EXISTS' });
      }
    }
    return JSON.stringify([...table]);
  };
  let run = 0;
  fc.assert(
    fc.property(
      ...[work, work, work],
      fc.constantFrom('ours' as const, 'theirs' as const, undefined),
      (first, mine, other, side) => {
        const name = `s${run++}`;
        const into = pool.createBranchSync(name).table<Person>('t');
        perform(into, [(table) => table.putSync(9, {}), ...first]);
        const from = pool.forkSync(name, `${name}f`).table<Person>('t');
        const left = perform(into, mine);
        perform(from, other);
        const report = pool.mergeSync({ from: `${name}f`, into: name, ...(side && { tables: side }) });
        expect(into.checkSync()).toEqual([]);
        if (!report.merged) expect(JSON.stringify([...into])).toBe(left);
      },
    ),
    { numRuns: RUNS },
  );
});

test('random merges leave sound tables, and agree with rows merged by hand', () => {
  const person = fc.record(
    { city: fc.constantFrom('a', 'b'), email: fc.constantFrom('p', 'q', 'r', 's') },
    { requiredKeys: [] },
  );
  const writes = fc.array(fc.tuple(fc.nat({ max: 8 }), fc.option(person, { freq: 3 })), { maxLength: 12 });
  let run = 0;
  const write = (table: Table<Person>, all: Array<[number, Person | null]>) => {
    for (const [key, value] of all) {
      try {
        if (value === null) table.deleteSync(key);
        else table.putSync(key, value);
      } catch (error) {
        expect(error).toMatchObject({ code: 'EXISTS' });
      }
    }
    return new Map(table.entriesSync());
  };
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  fc.assert(
    fc.property(
      writes,
      writes,
      writes,
      fc.constantFrom('ours' as const, 'theirs' as const),
      (first, mine, other, side) => {
        const name = `r${run++}`;
        const into = pool.createBranchSync(name).table<Person>('t', { indexes });
        const base = write(into, [[99, {}], ...first]);
        const from = pool.forkSync(name, `${name}f`).table<Person>('t');
        const left = write(into, mine);
        const right = write(from, other);
        const report = pool.mergeSync({ from: `${name}f`, into: name, tables: side });
        expect(into.checkSync()).toEqual([]);
        expect(report.merged).toBe(true);
        const keys = [...new Set([...base.keys(), ...left.keys(), ...right.keys()])];
        const winner = (key: Key) => {
          const changedHere = !same(base.get(key), left.get(key));
          const changedThere = !same(base.get(key), right.get(key));
          return (changedThere && (!changedHere || side === 'theirs') ? right : left).get(key);
        };
        const emails = keys.flatMap((key) => winner(key)?.email ?? []);
        const clashes = new Set(emails).size < emails.length;
        const decided = side === 'ours' ? left : right;
        for (const key of keys) {
          const row = into.getSync(key);
          // Where rows clash some of them are as on the side that wins.
          if (clashes && !same(row, winner(key))) expect(row).toEqual(decided.get(key));
          else expect(row).toEqual(winner(key));
        }
      },
    ),
    { numRuns: RUNS },
  );
});
