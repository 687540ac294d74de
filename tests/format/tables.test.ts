/** That docs/format.md is right about tables: a reader written from it alone finds the rows and entries that byre has. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Key, openPoolSync } from '../../src/index.ts';
import { bytesOfImage, emptyImage } from '../simulation/image.ts';
import { recordingDevice } from '../simulation/recording-device.ts';
import { PoolReader } from './reader.ts';
import { openKey, tablesOf } from './table-reader.ts';

const keys: Key[] = [
  ...[null, false, true, Number.NaN, -Infinity, -1.5, -0, 0, 7, Infinity, -(2n ** 80n), -1n, 0n, 255n, 256n],
  ...[
    new Date(0),
    new Date(-5),
    Uint8Array.of(),
    Uint8Array.of(0, 255, 0),
    '',
    'a\0b',
    '\uffff',
    '😀',
    '\ud800',
    '\ufeff',
  ],
  ...[[], [[]], ['eu', 7], ['a\0', Uint8Array.of(0), [null, [1n]], new Date(3)]],
];

for (const nodeBytes of [4096, 8192]) {
  test(`tables by the book, nodes of ${nodeBytes} bytes`, () => {
    const recording = recordingDevice(emptyImage);
    const pool = openPoolSync(recording.device, { commitEveryMs: 0, nodeBytes });
    const main = pool.branchSync('main');
    const indexes = {
      byCity: { on: ['land', 'city'] },
      byMail: { on: 'mail', unique: true },
      byTag: { on: 'tags', multi: true },
    };
    const people = main.table<Record<string, unknown>>('people', { indexes });
    for (const [at, key] of keys.entries()) {
      people.putSync(key, { land: at % 3, city: `c${at}`, mail: `m${at}`, tags: ['x', `t${at % 4}`, 'x'] });
    }
    people.putSync('partly', { land: 1, mail: null });
    const sizes = [0, 10, 3000, 524_284, 524_285, 524_288 + 524_276, 2_000_000];
    const blobs = main.table<Uint8Array>('blobs', { values: 'bytes' });
    for (const size of sizes)
      blobs.putSync(
        size,
        new Uint8Array(size).map((_, i) => i * 31 + size),
      );
    blobs.putSync(3000, new Uint8Array(1_000_000));
    blobs.deleteSync(2_000_000);
    pool.commitSync();
    const reader = new PoolReader(bytesOfImage(recording.image()));
    const [branch] = reader.branches();
    const stored = tablesOf(reader, (branch as NonNullable<typeof branch>).root);
    expect(stored.map(({ name }) => name)).toEqual(['blobs', 'people']);
    const [first, second] = stored as [(typeof stored)[0], (typeof stored)[0]];
    expect(first.record).toEqual({ format: 1, values: 'bytes', indexes: {}, long: true });
    for (const [at, [key, value]] of [...blobs].entries()) {
      expect(first.rows[at]?.key).toBe(key);
      expect(Buffer.compare(first.rows[at]?.value as Uint8Array, value), `${key}`).toBe(0);
    }
    expect(first.rows).toHaveLength(sizes.length - 1);
    expect(second.record).toEqual({
      format: 1,
      values: 'json',
      indexes: Object.fromEntries(people.indexesSync().map(({ name, ...index }) => [name, index])),
    });
    const rows = second.rows.map(({ key, value }) => [key, JSON.parse(new TextDecoder().decode(value))]);
    expect(rows).toStrictEqual([...people]);
    for (const index of Object.keys(indexes)) {
      const found = second.entries.get(index) ?? [];
      expect(found.map(({ primary }) => primary)).toStrictEqual([...people.index(index).keysSync()]);
    }
    expect(second.entries.get('byMail')?.find(({ parts }) => parts[0] === 'm3')?.primary).toEqual(keys[3]);
    pool.closeSync();
  });
}

test('the example of the book, and any key', () => {
  const recording = recordingDevice(emptyImage);
  const pool = openPoolSync(recording.device, { commitEveryMs: 0 });
  const table = pool.branchSync('main').table('t');
  pool.createBranchSync('empty');
  const key = fc.oneof(fc.double(), fc.bigInt(), fc.string({ unit: 'binary' }), fc.uint8Array(), fc.array(fc.string()));
  fc.assert(
    fc.property(key, (one) => {
      table.clearSync();
      table.putSync(one, 1);
      const [, row] = pool.diffSync('main', 'empty');
      expect(openKey((row as NonNullable<typeof row>).key.subarray(4))).toStrictEqual([...table.keysSync()][0]);
    }),
  );
  expect(openKey(Uint8Array.from(Buffer.from('70606575003' + '0c01c000000000000', 'hex')))).toEqual(['eu', 7]);
  pool.closeSync();
});
