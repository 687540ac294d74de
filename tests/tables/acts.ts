/**
 * Things that random tests do to a table of persons, as values that fast-check chooses among.
 * Tests must expect EXISTS of every act: of two rows with the same entry in a unique index, and of an index that is otherwise defined.
 */
import fc from 'fast-check';
import type { Table } from '../../src/index.ts';

export interface Person {
  readonly city?: string;
  readonly name?: string;
  readonly email?: string;
}

export type Act = (table: Table<Person>) => unknown;

/** The keys of persons are numbers up to `last`. */
export function actsOn(last: number, names: readonly string[]) {
  const key = fc.nat({ max: last });
  const person = fc.record({ city: fc.constantFrom('a', 'b'), name: fc.constantFrom(...names) }, { requiredKeys: [] });
  const index = fc.constantFrom('x', 'y');
  const row = fc.tuple(key, person).map(([one, value]) => ({ type: 'put' as const, key: one, value }));
  const removal = key.map((one) => ({ type: 'delete' as const, key: one }));
  const define = fc.tuple(index, fc.constantFrom('city', 'name'), fc.boolean());
  return {
    put: row.map(
      ({ key, value }): Act =>
        (table) =>
          table.putSync(key, value),
    ),
    remove: key.map(
      (one): Act =>
        (table) =>
          table.deleteSync(one),
    ),
    removeRange: key.map(
      (one): Act =>
        (table) =>
          table.deleteRangeSync({ gte: one, limit: 2 }),
    ),
    batch: fc.array(fc.oneof(row, removal), { maxLength: 30 }).map(
      (all): Act =>
        (table) =>
          table.batchSync(all),
    ),
    clear: fc.constant<Act>((table) => table.clearSync()),
    drop: fc.constant<Act>((table) => table.dropSync()),
    createIndex: define.map(
      ([name, on, unique]): Act =>
        (table) =>
          table.createIndexSync(name, { on, unique }),
    ),
    dropIndex: index.map(
      (name): Act =>
        (table) =>
          table.dropIndexSync(name),
    ),
  };
}
