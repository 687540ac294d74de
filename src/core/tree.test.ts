/** Trees against a model, at every size of node: their order, their prefixes, their extremes, and their shrinking. Callers: vitest only. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cellsOf, Model, memoryPool, numbers, putKey, removeKey, textOf } from '../../tests/trees.ts';
import type { Branch } from '../pool/branch.ts';
import type { Pool } from '../pool/pool.ts';
import * as node from './node.ts';
import { borrow, get, has, put } from './tree.ts';

const SIZES = [4096, 8192, 16384, 32768, 65536];

/** A branch and what it is to hold, changed together. */
class Pair {
  readonly pool: Pool;
  readonly branch: Branch;
  readonly model = new Model();

  constructor(nodeBytes: number) {
    this.pool = memoryPool(nodeBytes);
    this.branch = this.pool.branchSync('main');
  }

  put(key: Uint8Array, value: Uint8Array): void {
    putKey(this.branch, key, value);
    this.model.set(key, value);
  }

  remove(key: Uint8Array): void {
    expect(removeKey(this.branch, key)).toBe(this.model.delete(key));
  }

  check(): void {
    const wanted = this.model.sorted();
    expect(textOf(cellsOf(this.branch).cells)).toEqual(textOf(wanted));
    for (const [key, value] of wanted) {
      expect(Buffer.compare(this.get(key)!, value)).toBe(0);
    }
    expect(this.pool.checkSync().problems).toEqual([]);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.branch.runSync(() => get(this.branch.store, this.branch.root, key));
  }

  /** Levels of the tree; 0: empty. */
  height(): number {
    const { store, root } = this.branch;
    return this.branch.runSync(() =>
      root.page === 0 ? 0 : 1 + node.level(store, store.node(root.page, root.low, root.high)),
    );
  }
}

const numberKey = (n: number) => Uint8Array.of(7, n >>> 16, n >>> 8, n);

function withPrefix(length: number, n: number, tail = 4): Uint8Array {
  const key = new Uint8Array(length + tail).fill(0x61);
  for (let i = 0; i < 3; i++) key[length + i] = n >>> (16 - 8 * i);
  return key;
}

describe.each(SIZES)('nodes of %i bytes', (nodeBytes) => {
  const maxKey = nodeBytes / 8;
  const maxValue = nodeBytes / 4 - 64;

  test.each(['sorted', 'reverse', 'random'])('%s insertion gives the full order', (order) => {
    const random = numbers(nodeBytes);
    const count = nodeBytes / 8;
    const keys = Array.from({ length: count }, (_, n) => n);
    if (order === 'reverse') keys.reverse();
    if (order === 'random') keys.sort(() => random(3) - 1);
    const pair = new Pair(nodeBytes);
    for (const n of keys) pair.put(numberKey(n * 3), new Uint8Array(random(40)).fill(n));
    expect(pair.height()).toBeGreaterThan(1);
    pair.check();
    for (const n of keys) expect(pair.get(numberKey(n * 3 + 1))).toBe(undefined);
    pair.pool.commitSync();
    pair.check();
  });

  test('the longest keys and values, and no longer ones', () => {
    const pair = new Pair(nodeBytes);
    for (let n = 0; n < 60; n++) {
      pair.put(withPrefix(maxKey - 4, (n * 37) % 60), new Uint8Array(n % 3 === 2 ? 0 : maxValue).fill(n));
    }
    for (let n = 0; n < 40; n++) {
      const key = new Uint8Array(maxKey).fill(n * 5);
      pair.put(key, new Uint8Array(n % 2 === 0 ? maxValue : 1).fill(n));
    }
    pair.check();
    expect(() => pair.put(new Uint8Array(maxKey + 1), new Uint8Array(1))).toThrow(
      expect.objectContaining({ code: 'BAD_KEY' }),
    );
    expect(pair.pool.checkSync().problems).toEqual([]);
  });

  test('keys that break a long prefix, at both ends', () => {
    for (const odd of [Uint8Array.of(1), Uint8Array.of(0xff), withPrefix(3, 0xffffff), withPrefix(maxKey - 9, 0, 0)]) {
      for (const size of [0, maxValue]) {
        const pair = new Pair(nodeBytes);
        for (let n = 0; n < 40 + nodeBytes / 300; n++) pair.put(withPrefix(maxKey - 8, n * 2), new Uint8Array(n % 4));
        pair.put(odd, new Uint8Array(size).fill(1));
        pair.put(withPrefix(maxKey - 8, 21), new Uint8Array(size).fill(2));
        pair.check();
        for (let n = 0; n < 40 + nodeBytes / 300; n += 2) pair.remove(withPrefix(maxKey - 8, n * 2));
        pair.remove(odd);
        pair.check();
      }
    }
  });

  test('what is removed, in whatever order, leaves few nodes, and at the end none', () => {
    const random = numbers(nodeBytes + 1);
    const pair = new Pair(nodeBytes);
    const count = nodeBytes / 8;
    for (let n = 0; n < count; n++) pair.put(numberKey(n), new Uint8Array(30).fill(n));
    const keys = Array.from({ length: count }, (_, n) => n).sort(() => random(3) - 1);
    for (const n of keys.splice(0, count - 20)) pair.remove(numberKey(n));
    pair.check();
    expect(cellsOf(pair.branch).steps.length).toBeLessThan(6);
    pair.pool.commitSync();
    for (const n of keys) pair.remove(numberKey(n));
    pair.check();
    expect(pair.height()).toBe(0);
  });
});

/** Few bytes, so that keys share prefixes; long ones, so that nodes do. */
const anyKey = fc
  .tuple(
    fc.constantFrom(0, 0, 3, 100, 470, 505),
    fc.array(fc.constantFrom(0, 1, 0x61, 0xff), { minLength: 1, maxLength: 7 }),
  )
  .map(([length, tail]) => Uint8Array.from([...new Uint8Array(length).fill(0x61), ...tail]));
const anyStep = fc.record({
  what: fc.constantFrom('put', 'put', 'put', 'put', 'remove', 'fork', 'commit'),
  key: anyKey,
  bytes: fc.oneof(fc.nat(20), fc.nat(960)),
});

test('keys of all kinds, put and removed at random, forked and committed between', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 250, size: 'max' }), (steps) => {
      const pair = new Pair(4096);
      const forks: [Branch, string[]][] = [];
      steps.forEach(({ what, key, bytes }, index) => {
        if (what === 'put') pair.put(key, new Uint8Array(bytes).fill(index));
        else if (what === 'remove') pair.remove(key);
        else if (what === 'commit') pair.pool.commitSync();
        else if (forks.length < 5) {
          const fork = pair.pool.forkSync('main', `fork-${index}`);
          forks.push([fork, textOf(pair.model.sorted())]);
        }
      });
      pair.check();
      for (const [fork, wanted] of forks) expect(textOf(cellsOf(fork).cells)).toEqual(wanted);
    }),
    { numRuns: 60 },
  );
});

test('short keys with equal heads are told apart', () => {
  const pair = new Pair(4096);
  const keys: Uint8Array[] = [];
  for (let length = 1; length <= 7; length++) keys.push(new Uint8Array(length), new Uint8Array(length).fill(255));
  for (const key of keys.toReversed()) {
    expect(pair.get(key)).toBe(undefined);
    pair.put(key, Uint8Array.of(key.length));
  }
  pair.check();
  const { store, root } = pair.branch;
  expect(cellsOf(pair.branch).steps).toEqual([14]);
  const flaws = pair.branch.runSync(() => {
    const frame = store.node(root.page, root.low, root.high);
    return keys.filter((_, slot) => node.headFlaw(store, frame, slot));
  });
  expect(flaws).toEqual([]);
  for (const key of keys) {
    pair.remove(key);
    pair.check();
  }
});

test('a cell with a value of another length takes its place; one of the same length is written over', () => {
  const pair = new Pair(4096);
  for (let round = 0; round < 12; round++) {
    for (let n = 0; n < 60; n++) pair.put(numberKey(n), new Uint8Array((n * 97 * (round >> 1)) % 960).fill(round));
    pair.check();
  }
});

test('borrow lends, get copies, has tells', () => {
  const pair = new Pair(4096);
  pair.put(numberKey(1), Uint8Array.of(1, 2, 3));
  const { store } = pair.branch;
  const { root } = pair.branch;
  pair.branch.runSync(() => {
    expect(borrow(store, root, numberKey(1))).toEqual(Uint8Array.of(1, 2, 3));
    expect([has(store, root, numberKey(1)), has(store, root, numberKey(2))]).toEqual([true, false]);
    expect(borrow(store, root, numberKey(2))).toBe(undefined);
  });
  const copy = pair.get(numberKey(1))!;
  pair.put(numberKey(1), Uint8Array.of(4, 5, 6));
  expect(copy).toEqual(Uint8Array.of(1, 2, 3));
});

test('keys and values that do not fit are refused before anything changes, as are writes without prepare', () => {
  const pair = new Pair(4096);
  pair.put(numberKey(1), Uint8Array.of(1));
  const { store, root } = pair.branch;
  const refused = (key: Uint8Array, value: Uint8Array, code: string) =>
    expect(() => putKey(pair.branch, key, value)).toThrow(expect.objectContaining({ code }));
  refused(new Uint8Array(0), new Uint8Array(1), 'BAD_KEY');
  refused(new Uint8Array(513), new Uint8Array(1), 'BAD_KEY');
  refused(numberKey(1), new Uint8Array(961), 'VALUE_TOO_LARGE');
  expect(() => pair.branch.runSync(() => put(store, root, numberKey(1), new Uint8Array(1)))).toThrow('without prepare');
  pair.check();
});
