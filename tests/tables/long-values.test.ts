/** Values of more than one cell: every way to write, read, compare, merge, index and lose them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { prepare } from '../../src/core/prepare.ts';
import { remove } from '../../src/core/tree.ts';
import { type Branch, memoryDevice, openPoolSync, type Pool, type Table } from '../../src/index.ts';
import { ByreLevel } from '../../src/level/index.ts';
import { openOn, openOnSync } from '../../src/pool/pool.ts';
import { tableOf } from '../../src/tables/index.ts';
import { crashImages } from '../simulation/crash-images.ts';
import { emptyImage, imageDevice } from '../simulation/image.ts';
import { recordingDevice } from '../simulation/recording-device.ts';
import { randomFrom } from './workload.ts';

const CELL = 524_284;
const MIB = 2 ** 20;
let pool: Pool;
let main: Branch;
let table: Table<Uint8Array>;

/** Bytes that tell where they are from. */
function bytes(length: number, seed = 1): Uint8Array {
  const made = new Uint8Array(length);
  const words = new Uint32Array(made.buffer, 0, length >>> 2);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + seed, 0x9e3779b1);
  return made;
}

const same = (a: Uint8Array | undefined, b: Uint8Array | undefined) =>
  a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
const opened = (branch: Branch) => branch.table<Uint8Array>('blobs', { values: 'bytes' });

beforeEach(() => {
  pool = openPoolSync(memoryDevice(), { commitEveryMs: 0, cacheBytes: 4 * MIB });
  main = pool.branchSync('main');
  table = opened(main);
});

afterEach(() => {
  expect(pool.checkSync().problems).toEqual([]);
  pool.closeSync();
});

describe('a row', () => {
  test('has a value of any length up to a GiB', async () => {
    for (const length of [CELL, CELL + 1, 524_288, MIB, MIB + CELL - 8, MIB + CELL - 7, 20 * MIB + 3]) {
      table.putSync('a', bytes(length));
      expect(same(table.getSync('a'), bytes(length)), `${length}`).toBe(true);
      await table.put('b', bytes(length, 2));
      expect(same(await table.get('b'), bytes(length, 2)), `${length}`).toBe(true);
    }
    expect(table.hasSync('a')).toBe(true);
    // Not that much memory, only the claim.
    const tooLong = Object.defineProperty(new Uint8Array(1), 'length', { value: 2 ** 30 + 1 });
    expect(() => table.putSync('c', tooLong)).toThrow(expect.objectContaining({ code: 'VALUE_TOO_LARGE' }));
    expect(pool.checkSync().problems).toEqual([]);
    table.putSync('a', bytes(3));
    expect(await table.delete('b')).toBe(true);
    expect(await table.delete('b')).toBe(false);
    // Forks are released soon after, not before.
    await new Promise((resolve) => setImmediate(resolve));
    pool.commitSync();
    // What a commit frees, the next one gives back.
    main.table('other').putSync(1, 1);
    pool.commitSync();
    expect(pool.space().usedBytes).toBeLessThan(MIB);
  });

  test('comes by every way of reading', async () => {
    table.putSync(1, bytes(MIB, 1));
    table.putSync(2, bytes(10, 2));
    table.putSync(3, bytes(2 * MIB, 3));
    const lengths = [MIB, 10, 2 * MIB];
    expect(table.getManySync([1, 2, 3, 4]).map((one) => one?.length)).toEqual([...lengths, undefined]);
    expect(
      (await table.getMany(Array.from({ length: 40 }, (_, i) => i))).slice(1, 4).map((one) => one?.length),
    ).toEqual(lengths);
    expect([...table.valuesSync()].map((one) => one.length)).toEqual(lengths);
    expect([...table.entriesSync({ reverse: true })].map(([key, one]) => [key, one.length])).toEqual([
      [3, 2 * MIB],
      [2, 10],
      [1, MIB],
    ]);
    for await (const [key, one] of table) if (key === 3) expect(same(one, bytes(2 * MIB, 3))).toBe(true);
    const snapshot = opened(pool.snapshotSync('main', 'kept'));
    table.clearSync();
    expect(same(snapshot.getSync(3), bytes(2 * MIB, 3))).toBe(true);
    expect((await snapshot.getMany([1, 2])).map((one) => one?.length)).toEqual([MIB, 10]);
    expect(snapshot.checkSync()).toEqual([]);
  });

  test('is compared as a whole', async () => {
    const [old, next] = [bytes(2 * MIB), bytes(2 * MIB, 5)];
    expect(table.putIfAbsentSync('a', old)).toBe(true);
    expect(await table.putIfAbsent('a', next)).toBe(false);
    const almost = old.slice();
    almost[2 * MIB - 1] ^= 1;
    expect(table.compareAndSetSync('a', almost, next)).toBe(false);
    expect(table.compareAndSetSync('a', undefined, next)).toBe(false);
    expect(table.compareAndSetSync('a', bytes(3), next)).toBe(false);
    expect(await table.compareAndSet('a', old, next)).toBe(true);
    expect(table.compareAndSetSync('a', next, bytes(3))).toBe(true);
    expect(table.compareAndSetSync('a', bytes(3), old)).toBe(true);
    expect(table.compareAndSetSync('a', old, undefined)).toBe(true);
    expect(table.countSync()).toBe(0);
  });

  test('has entries in indexes', () => {
    const people = main.table<{ city: string; photo: string }>('people', { indexes: { byCity: { on: 'city' } } });
    const photo = 'x'.repeat(700_000);
    people.putSync(1, { city: 'a', photo });
    people.putSync(2, { city: 'a', photo: '' });
    people.putSync(1, { city: 'b', photo });
    expect(people.index('byCity').getSync('b')).toEqual({ city: 'b', photo });
    people.createIndexSync('byPhoto', { on: 'none' });
    people.deleteSync(1);
    expect([...people.index('byCity').keysSync()]).toEqual([2]);
    people.batchSync([
      { type: 'put', key: 3, value: { city: 'c', photo } },
      { type: 'delete', key: 2 },
    ]);
    expect([...people.index('byCity').entriesSync()]).toEqual([[3, { city: 'c', photo }]]);
  });

  test('that is damaged is told of', () => {
    table.putSync('a', bytes(2 * MIB));
    table.putSync('b', bytes(10));
    const pieces = pool
      .diffSync('main', pool.createBranchSync('empty').name as string)
      .filter(({ key }) => key.includes(3, 6));
    expect(pieces.length).toBeGreaterThan(2);
    pool.snapshotSync('main', 'whole');
    main.runSync(() => removePiece(main, pieces.at(-1)?.key as Uint8Array));
    expect(() => table.getSync('a')).toThrow(expect.objectContaining({ code: 'DAMAGED' }));
    expect(table.checkSync()).toEqual([{ problem: 'unreadable row', table: 'blobs', key: 'a' }]);
    pool.rollbackSync('main', 'whole');
    const row = pool.diffSync('main', 'empty').find(({ key }) => key.at(-1) === 0x61)?.key as Uint8Array;
    main.runSync(() => removePiece(main, row));
    expect(table.checkSync()).toEqual([{ problem: 'a long value without a row', table: 'blobs' }]);
    pool.rollbackSync('main', 'whole');
  });
});

describe('random work', () => {
  test.each([1, 2, 3])('seed %i', { timeout: 60_000 }, (seed) => {
    const random = randomFrom(seed);
    const model = new Map<number, [length: number, seed: number]>();
    const sizes = [0, 5, 3000, CELL, CELL + 1, MIB + 5];
    const value = () => [sizes[random(sizes.length)] as number, random(100)] as [number, number];
    for (let step = 0; step < 120; step++) {
      const key = random(6);
      const one = value();
      const now = model.get(key);
      const acts = [
        () => {
          table.putSync(key, bytes(...one));
          model.set(key, one);
        },
        () => {
          expect(table.putIfAbsentSync(key, bytes(...one))).toBe(now === undefined);
          if (now === undefined) model.set(key, one);
        },
        () => {
          const expected = random(2) === 0 ? now : value();
          const isMet = same(expected && bytes(...expected), now && bytes(...now));
          expect(table.compareAndSetSync(key, expected && bytes(...expected), bytes(...one))).toBe(isMet);
          if (isMet) model.set(key, one);
        },
        () => {
          expect(table.deleteSync(key)).toBe(now !== undefined);
          model.delete(key);
        },
        () => {
          const more = value();
          table.batchSync([
            { type: 'put', key, value: bytes(...one) },
            { type: 'delete', key: 7 },
            { type: 'put', key: 8, value: bytes(...more) },
          ]);
          model.set(key, one).set(8, more).delete(7);
        },
        () => {
          const gone = [...model.keys()].filter((each) => each >= key && each < key + 2);
          expect(table.deleteRangeSync({ gte: key, lt: key + 2 })).toBe(gone.length);
          for (const each of gone) model.delete(each);
        },
      ];
      (acts[random(acts.length)] as () => void)();
      if (step % 10 === 0) expect(table.checkSync()).toEqual([]);
    }
    const found = [...table.entriesSync()];
    expect(found.map(([key]) => key)).toEqual([...model.keys()].sort((a, b) => a - b));
    for (const [key, one] of found)
      expect(same(one, bytes(...(model.get(key as number) as [number, number])))).toBe(true);
    table.clearSync();
    pool.commitSync();
    pool.commitSync();
    expect(pool.space().usedBytes).toBeLessThan(MIB);
  });
});

describe('branches', () => {
  let fork: Table<Uint8Array>;

  beforeEach(() => {
    table.putSync('both', bytes(MIB, 1));
    table.putSync('mine', bytes(MIB, 2));
    table.putSync('theirs', bytes(MIB, 3));
    fork = opened(pool.forkSync('main', 'fork'));
    table.putSync('mine', bytes(2 * MIB, 4));
    fork.putSync('theirs', bytes(2 * MIB, 5));
    fork.putSync('new', bytes(2 * MIB, 6));
  });

  test('are told apart row by row', () => {
    const changes = fork.changesSinceSync(main);
    expect(changes.map(({ type, key }) => [type, key])).toEqual([
      ['change', 'mine'],
      ['insert', 'new'],
      ['change', 'theirs'],
    ]);
    expect(changes.every((change) => change.type !== 'insert' || same(change.value, bytes(2 * MIB, 6)))).toBe(true);
  });

  test('are merged', () => {
    expect(pool.mergeSync({ from: 'fork', into: 'main' }).merged).toBe(true);
    expect(same(table.getSync('mine'), bytes(2 * MIB, 4))).toBe(true);
    expect(same(table.getSync('theirs'), bytes(2 * MIB, 5))).toBe(true);
    expect(same(table.getSync('new'), bytes(2 * MIB, 6))).toBe(true);
  });

  test.each(['ours', 'theirs', 'put', 'short', 'delete'] as const)('are merged where both changed a row: %s', (how) => {
    table.putSync('both', bytes(3 * MIB, 7));
    fork.putSync('both', bytes(4 * MIB, 8));
    expect(pool.mergeSync({ from: 'fork', into: 'main' }).merged).toBe(false);
    const put = { put: bytes(5 * MIB, 9) };
    const made = { ours: 'ours', theirs: 'theirs', put, short: { put: bytes(9, 9) }, delete: 'delete' } as const;
    const seen: unknown[] = [];
    const tables = ({ base, ours, theirs }: Record<'base' | 'ours' | 'theirs', unknown>) => {
      seen.push(...[base, ours, theirs].map((side) => (side as Uint8Array).length));
      return made[how];
    };
    expect(pool.mergeSync({ from: 'fork', into: 'main', tables }).merged).toBe(true);
    expect(seen).toEqual([MIB, 3 * MIB, 4 * MIB]);
    const expected = {
      ours: bytes(3 * MIB, 7),
      theirs: bytes(4 * MIB, 8),
      put: put.put,
      short: bytes(9, 9),
      delete: undefined,
    };
    expect(same(table.getSync('both'), expected[how])).toBe(true);
    expect(table.checkSync()).toEqual([]);
  });

  test('one side removed what the other wrote', () => {
    table.deleteSync('both');
    fork.putSync('both', bytes(2 * MIB, 8));
    pool.forkSync('main', 'other');
    expect(pool.mergeSync({ from: 'fork', into: 'main', tables: 'theirs' }).merged).toBe(true);
    expect(same(table.getSync('both'), bytes(2 * MIB, 8))).toBe(true);
    expect(pool.mergeSync({ from: 'fork', into: 'other', tables: 'ours' }).merged).toBe(true);
    expect(opened(pool.branchSync('other')).hasSync('both')).toBe(false);
  });

  test('rows that clash are decided with their pieces', () => {
    const unique = { byName: { on: 'name', unique: true } };
    const people = main.table<{ name: string; photo: string }>('people', { indexes: unique });
    people.putSync(0, { name: 'zero', photo: '' });
    pool.forkSync('main', 'side');
    const others = pool.branchSync('side').table<{ name: string; photo: string }>('people');
    people.putSync(1, { name: 'same', photo: 'x'.repeat(MIB) });
    others.putSync(2, { name: 'same', photo: 'y'.repeat(MIB) });
    for (const side of ['ours', 'theirs'] as const) {
      pool.forkSync('main', side);
      expect(pool.mergeSync({ from: 'side', into: side, tables: side }).merged).toBe(true);
      const merged = pool.branchSync(side).table('people');
      expect([...merged.keysSync()]).toEqual([0, side === 'ours' ? 1 : 2]);
      expect(merged.checkSync()).toEqual([]);
    }
  });
});

test('a transaction brings them in, or nothing', async () => {
  table.putSync('a', bytes(MIB, 1));
  const one = main.beginTransactionSync({ durability: 'none' });
  const mine = one.table<Uint8Array>('blobs', { values: 'bytes' });
  mine.putSync('a', bytes(2 * MIB, 2));
  mine.putSync('b', bytes(2 * MIB, 3));
  const two = main.beginTransactionSync({ durability: 'none', isolation: 'serializable' });
  expect(two.table<Uint8Array>('blobs', { values: 'bytes' }).getSync('a')?.length).toBe(MIB);
  two.table<Uint8Array>('blobs', { values: 'bytes' }).putSync('c', bytes(MIB, 4));
  main.table('other').putSync(1, 1);
  one.commitSync();
  expect(same(table.getSync('b'), bytes(2 * MIB, 3))).toBe(true);
  expect(() => two.commitSync()).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
  expect(table.hasSync('c')).toBe(false);
});

test('feeds tell of them, level keeps them', async () => {
  const feed = table.watch();
  table.putSync('a', bytes(MIB, 1));
  const { value: changes } = await feed.next();
  expect(changes?.[0]).toMatchObject({ type: 'insert', key: 'a' });
  await feed.return();
  const db = new ByreLevel<string, Uint8Array>(main, { valueEncoding: 'view' });
  await db.put('k', bytes(MIB, 2));
  await db.batch([{ type: 'put', key: 'l', value: bytes(2 * MIB, 3) }]);
  expect(same(await db.get('k'), bytes(MIB, 2))).toBe(true);
  expect(same((await db.getMany(['l']))[0], bytes(2 * MIB, 3))).toBe(true);
  for await (const [key, value] of db.iterator())
    expect([key, value.length]).toEqual(key === 'k' ? ['k', MIB] : ['l', 2 * MIB]);
  await db.clear();
  await db.close();
});

test('puts at the same time do not wait for each other for ever, nor mix', { timeout: 30_000 }, async () => {
  let busy = true;
  const writer = (async () => {
    for (let i = 0; busy; i++) await main.table('other').put(i % 10, i);
  })();
  await Promise.all(Array.from({ length: 6 }, (_, i) => table.put(i % 2, bytes(2 * MIB, i))));
  busy = false;
  await writer;
  for (const key of [0, 1]) {
    const found = table.getSync(key);
    expect([0, 1, 2, 3, 4, 5].filter((seed) => same(found, bytes(2 * MIB, seed)))).toHaveLength(1);
  }
  expect(table.checkSync()).toEqual([]);
});

test('a full pool refuses one, and keeps what was', () => {
  const small = openPoolSync(memoryDevice(), { commitEveryMs: 0, limitBytes: 16 * MIB });
  const blobs = opened(small.branchSync('main'));
  blobs.putSync('a', bytes(4 * MIB, 1));
  small.commitSync();
  expect(() => blobs.putSync('a', bytes(40 * MIB, 2))).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  expect(same(blobs.getSync('a'), bytes(4 * MIB, 1))).toBe(true);
  expect(small.checkSync().problems).toEqual([]);
  small.limitSync('main', { quotaBytes: 6 * MIB });
  expect(() => blobs.putSync('b', bytes(5 * MIB, 2))).toThrow(expect.objectContaining({ code: 'EDQUOT' }));
  expect(small.checkSync().problems).toEqual([]);
  small.closeSync();
});

test('after a crash at any step a row is as it was or as it was to be', { timeout: 120_000 }, async () => {
  const recording = recordingDevice(emptyImage, { waits: true });
  const crashing = await openOn(recording.device, { commitEveryMs: 0, cacheBytes: 2 * MIB });
  const branch = await crashing.branch('main');
  const blobs = tableOf<Uint8Array>(branch, 'blobs', { values: 'bytes' });
  const durable: [step: number, seed: number][] = [];
  for (let seed = 1; seed <= 4; seed++) {
    const put = blobs.put('a', bytes(MIB + seed, seed));
    // Commits come while it is being written.
    await crashing.commit();
    await put;
    await crashing.commit();
    durable.push([recording.journal.steps.length, seed]);
  }
  await crashing.close();
  let images = 0;
  for (const { step, description, image } of crashImages(recording.journal, { seed: 1, variantsPerStep: 1 })) {
    if (images++ % 7 !== 0) continue;
    const reopened = openOnSync(imageDevice(image), { commitEveryMs: 0 });
    const after = tableOf<Uint8Array>(reopened.branchSync('main'), 'blobs', { values: 'bytes' });
    const found = after.getSync('a');
    const least = durable.filter(([at]) => at <= step).length;
    const seed = found === undefined ? 0 : found.length - MIB;
    expect(seed, description).toBeGreaterThanOrEqual(least);
    expect(same(found, seed === 0 ? undefined : bytes(MIB + seed, seed)), description).toBe(true);
    expect(after.checkSync()).toEqual([]);
    expect(reopened.checkSync().problems).toEqual([]);
    reopened.closeSync();
  }
  expect(images).toBeGreaterThan(50);
});

function removePiece(branch: Branch, key: Uint8Array): void {
  prepare(branch.store, branch.root, { removes: [key] });
  remove(branch.store, branch.root, key);
}
