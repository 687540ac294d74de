/** Ordered reading: every bound, within, at and between leaves, in both directions. Callers: vitest only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cellsOf, memoryPool, putKey, removeKey, textOf } from '../../tests/trees.ts';
import { compareBytes, writeU32BE } from './bytes.ts';
import { scan } from './scan.ts';

function key(n: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32BE(bytes, 0, n);
  return bytes;
}

const pool = memoryPool();
const branch = pool.branchSync('main');
/** Even numbers, but for those removed again: so some separators of leaves are no keys. */
const all: [Uint8Array, Uint8Array][] = [];
for (let n = 0; n < 1500; n++) putKey(branch, key(n * 2), new Uint8Array(40).fill(n));
for (let n = 0; n < 1500; n++) {
  if (n % 5 === 0) removeKey(branch, key(n * 2));
  else all.push([key(n * 2), new Uint8Array(40).fill(n)]);
}

function expectRange(from: Uint8Array | undefined, to: Uint8Array | undefined): void {
  const inside = all.filter(
    ([each]) => (!from || compareBytes(each, from) >= 0) && (!to || compareBytes(each, to) < 0),
  );
  expect(textOf(cellsOf(branch, { from, to }).cells)).toEqual(textOf(inside));
  expect(textOf(cellsOf(branch, { from, to, reverse: true }).cells)).toEqual(textOf(inside.toReversed()));
}

test('any range, forwards and in reverse', () => {
  const bound = fc.option(
    fc.oneof(fc.nat(3010).map(key), fc.uint8Array({ maxLength: 5, max: 12 }), fc.constant(Uint8Array.of(255))),
    { nil: undefined },
  );
  fc.assert(fc.property(bound, bound, expectRange), {
    examples: [
      [undefined, undefined],
      [new Uint8Array(0), new Uint8Array(0)],
      [key(9), key(3)],
    ],
  });
  expect(pool.checkSync().problems).toEqual([]);
});

test('bounds at, before and after the keys that divide leaves', () => {
  const bounds: Uint8Array[] = [];
  const { store, root } = branch;
  for (let from: Uint8Array | undefined = new Uint8Array(0); from; ) {
    const at: Uint8Array = from;
    from = branch.runSync(() => scan(store, root, { from: at }, () => true));
    if (from) bounds.push(from);
  }
  expect(bounds.length).toBeGreaterThan(10);
  for (const bound of bounds) {
    const after = Uint8Array.of(...bound, 0);
    const before = Uint8Array.of(...bound.subarray(0, -1), bound[bound.length - 1] - 1, 255);
    for (const each of [bound, after, before]) {
      expectRange(each, undefined);
      expectRange(undefined, each);
    }
    expectRange(before, bound);
    expectRange(bound, after);
    expectRange(before, after);
  }
});

test('a visit that returns false ends the scan', () => {
  const { store, root } = branch;
  for (const reverse of [false, true]) {
    const seen: Uint8Array[] = [];
    const next = branch.runSync(() => scan(store, root, { reverse }, (entry) => seen.push(entry.key()) < 3));
    expect([next, seen.length]).toEqual([undefined, 3]);
  }
});

test('values are lent or copied, many of one leaf too', () => {
  const { store, root } = branch;
  const copies: Uint8Array[] = [];
  const lent: Uint8Array[] = [];
  branch.runSync(() =>
    scan(store, root, {}, (entry) => {
      expect(entry.kind).toBe('inline');
      copies.push(entry.value());
      lent.push(entry.borrowValue().slice());
    }),
  );
  expect(copies.length).toBeGreaterThan(5);
  expect(copies).toEqual(lent);
  const before = copies.map((copy) => copy.slice());
  putKey(branch, all[0][0], new Uint8Array(40).fill(200));
  expect(copies).toEqual(before);
  putKey(branch, all[0][0], all[0][1]);
});

test('nothing is visited in an empty tree', () => {
  const empty = pool.createBranchSync('empty');
  expect(cellsOf(empty)).toEqual({ cells: [], steps: [0] });
  expect(cellsOf(empty, { reverse: true }).cells).toEqual([]);
});
