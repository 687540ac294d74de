/** A full check compares every index with its rows, whatever codec the rows have, and says which it could not compare. */
import { pack, unpack } from 'msgpackr';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { prepare } from '../../src/core/prepare.ts';
import { put, remove } from '../../src/core/tree.ts';
import { type Branch, type Codec, memoryDevice, openPoolSync, type Pool } from '../../src/index.ts';

const packed: Codec<unknown> = { name: 'msgpack', encode: pack, decode: unpack };
const text = new TextEncoder();
let pool: Pool;
let main: Branch;

beforeEach(() => {
  pool = openPoolSync(memoryDevice(), { commitEveryMs: 0 });
  main = pool.branchSync('main');
});

afterEach(() => pool.closeSync());

/** The tree's key of an entry for the text `city` of the row under the number `row`. */
function entryKey(table: string, index: string, city: string, row: number): Uint8Array {
  const number = new Uint8Array(8);
  new DataView(number.buffer).setFloat64(0, row);
  number[0] = (number[0] as number) ^ 0x80;
  const start = [0x02, ...text.encode(table), 0x00, 0x02, ...text.encode(index), 0x00];
  return Uint8Array.of(...start, 0x60, ...text.encode(city), 0x00, 0x30, ...number);
}

function plant(key: Uint8Array): void {
  main.runSync(() => {
    prepare(main.store, main.root, { puts: [key] });
    put(main.store, main.root, key, new Uint8Array(0));
  });
}

function uproot(key: Uint8Array): void {
  main.runSync(() => {
    prepare(main.store, main.root, { removes: [key] });
    expect(remove(main.store, main.root, key)).toBe(true);
  });
}

const byCity = { byCity: { on: 'city' } };

test('a missing entry and one too many are found, in branches and snapshots', async () => {
  const people = main.table('people', { indexes: byCity });
  for (let i = 0; i < 300; i++) people.putSync(i, { city: `c${i % 7}` });
  expect(await pool.check()).toMatchObject({ ok: true, problems: [], unchecked: [] });
  uproot(entryKey('people', 'byCity', 'c3', 3));
  pool.snapshotSync('main', 'kept');
  plant(entryKey('people', 'byCity', 'c3', 3));
  plant(entryKey('people', 'byCity', 'nowhere', 3));
  const expected = [
    { kind: 'face', branch: 'kept', message: 'index byCity of table people: missing entry' },
    { kind: 'face', branch: 'main', message: 'index byCity of table people: wrong entry' },
  ];
  expect(pool.checkSync()).toMatchObject({ ok: false, problems: expected });
  expect((await pool.check()).problems).toEqual(expected);
  expect((await pool.scrub()).problems).toEqual(expected);
  expect(pool.scrubSync().ok).toBe(false);
});

test('tables of other codecs are compared if the codec is given', () => {
  main.table('packed', { values: packed as Codec<{ city: string }>, indexes: byCity }).putSync(1, { city: 'x' });
  main.table('plain', { values: { ...packed, name: 'other' } }).putSync(1, 'no index');
  main.table('letters', { values: 'text' }).putSync(1, 'a');
  expect(pool.checkSync()).toMatchObject({ ok: true, unchecked: [{ branch: 'main', table: 'packed' }] });
  expect(pool.checkSync({ codecs: [packed as Codec<never>] })).toMatchObject({ ok: true, unchecked: [] });
  uproot(entryKey('packed', 'byCity', 'x', 1));
  expect(pool.checkSync({ codecs: [packed as Codec<never>] }).problems).toMatchObject([
    { message: 'index byCity of table packed: missing entry' },
  ]);
});

test('names that begin with a byte order mark stay as they are', () => {
  const bom = '\ufeff';
  const table = main.table<Record<string, string>>(`${bom}t`, { indexes: { [`${bom}i`]: { on: `${bom}f` } } });
  table.putSync(`${bom}k`, { [`${bom}f`]: `${bom}v` });
  main.table('t').putSync(1, 1);
  expect(main.tablesSync()).toEqual(['t', `${bom}t`]);
  const again = main.table<Record<string, string>>(`${bom}t`);
  expect(again.indexesSync()).toMatchObject([{ name: `${bom}i`, on: [`${bom}f`] }]);
  expect([...again.index(`${bom}i`).entriesSync()]).toEqual([[`${bom}k`, { [`${bom}f`]: `${bom}v` }]]);
  const texts = main.table<string>('texts', { values: 'text' });
  const long = `${bom}${'x'.repeat(100)}`;
  texts.putSync(long, long);
  expect([...texts]).toEqual([[long, long]]);
  expect(pool.checkSync().problems).toEqual([]);
});
