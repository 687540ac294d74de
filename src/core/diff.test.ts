/** The difference of two trees against that of two models, and how little of the trees it reads. Callers: vitest only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cellsOf, memoryPool, numbers, putKey, removeKey, textOf } from '../../tests/trees.ts';
import type { Branch } from '../pool/branch.ts';
import { compareBytes, writeU32BE } from './bytes.ts';
import { diff } from './diff.ts';

interface Bounds {
  readonly from?: Uint8Array | undefined;
  readonly to?: Uint8Array | undefined;
}

function key(n: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32BE(bytes, 0, n);
  return bytes;
}

/** The differences as text, and how many steps they took. */
function differences(a: Branch, b: Branch, range: Bounds = {}): { found: string[]; steps: number } {
  const found: string[] = [];
  let steps = 0;
  for (let from = range.from; ; ) {
    const step: string[] = [];
    const next = a.runSync(() => {
      step.length = 0;
      return diff(a.store, a.root, b.root, { from, to: range.to }, (at, left, right) => {
        const text = [at, left?.value, right?.value].map((bytes) => (bytes ? Buffer.from(bytes).toString('hex') : '-'));
        step.push(text.join(' '));
      });
    });
    found.push(...step);
    steps++;
    if (next === undefined) return { found, steps };
    if (from !== undefined) expect(compareBytes(next, from)).toBeGreaterThan(0);
    from = next;
  }
}

/** What {@link differences} is to find, by reading both trees whole. */
function wanted(a: Branch, b: Branch, range: Bounds = {}): string[] {
  const [left, right] = [a, b].map(
    (branch) => new Map(textOf(cellsOf(branch, range).cells).map((text) => text.split('=') as [string, string])),
  );
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((at) => left.get(at) !== right.get(at))
    .sort()
    .map((at) => `${at} ${left.get(at) ?? '-'} ${right.get(at) ?? '-'}`);
}

function change(branch: Branch, seed: number, count: number, of: number, spread: number): void {
  const random = numbers(seed);
  const start = random(of);
  for (let i = 0; i < count; i++) {
    const n = (start + random(spread)) % of;
    if (random(3) === 0) removeKey(branch, key(n));
    else putKey(branch, key(n), new Uint8Array(random(100)).fill(seed + i));
  }
}

test('pairs of trees made by forking and changing', () => {
  const changes = fc.record({
    seed: fc.nat(),
    count: fc.oneof(fc.nat(5), fc.nat(400)),
    spread: fc.constantFrom(5, 200, 3000),
  });
  const bound = fc.option(fc.nat(3000), { nil: undefined });
  fc.assert(
    fc.property(fc.nat(1200), changes, changes, changes, bound, bound, (size, first, second, third, low, high) => {
      const pool = memoryPool();
      const a = pool.branchSync('main');
      for (let n = 0; n < size; n++) putKey(a, key(n * 2), new Uint8Array(40).fill(n));
      const b = pool.forkSync('main', 'b');
      change(a, first.seed, first.count, 3000, first.spread);
      const c = pool.forkSync('b', 'c');
      change(b, second.seed, second.count, 3000, second.spread);
      pool.commitSync();
      change(c, third.seed, third.count, 3000, third.spread);
      const range = { from: low === undefined ? undefined : key(low), to: high === undefined ? undefined : key(high) };
      for (const [x, y] of [
        [a, b],
        [b, a],
        [b, c],
        [c, a],
      ]) {
        expect(differences(x, y).found).toEqual(wanted(x, y));
        expect(differences(x, y, range).found).toEqual(wanted(x, y, range));
      }
      expect(pool.checkSync().problems).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

test('nothing is visited, or read, where the roots are one', () => {
  const pool = memoryPool();
  const a = pool.branchSync('main');
  for (let n = 0; n < 2000; n++) putKey(a, key(n), new Uint8Array(20));
  const b = pool.forkSync('main', 'b');
  pool.commitSync();
  a.store.nodes.forgetClean();
  expect(differences(a, b)).toEqual({ found: [], steps: 1 });
  expect(a.store.nodes.find(a.root.page)).toBe(-1);
  const [empty, other] = [pool.createBranchSync('empty'), pool.createBranchSync('other')];
  expect(differences(empty, other)).toEqual({ found: [], steps: 1 });
});

test('what two trees share is passed over', () => {
  const pool = memoryPool();
  const a = pool.branchSync('main');
  for (let n = 0; n < 20_000; n++) putKey(a, key(n), new Uint8Array(40));
  const b = pool.forkSync('main', 'b');
  for (const n of [3, 9999, 19_990]) putKey(b, key(n), Uint8Array.of(n));
  const { found, steps } = differences(a, b);
  expect(found).toEqual(wanted(a, b));
  expect(found.length).toBe(3);
  expect(cellsOf(a).steps.length).toBeGreaterThan(200);
  expect(steps).toBeLessThan(20);
  expect(pool.checkSync().problems).toEqual([]);
});

test('trees of different heights', () => {
  const pool = memoryPool();
  const small = pool.branchSync('main');
  const empty = pool.forkSync('main', 'empty');
  for (let n = 0; n < 30; n++) putKey(small, key(n * 500), new Uint8Array(40));
  const middle = pool.forkSync('main', 'middle');
  for (let n = 0; n < 1500; n++) putKey(middle, key(n * 3), new Uint8Array(40));
  const tall = pool.forkSync('middle', 'tall');
  for (let n = 0; n < 15_000; n++) putKey(tall, key(n), new Uint8Array(200));
  const cut = pool.forkSync('tall', 'cut');
  for (let n = 20; n < 15_000; n++) removeKey(cut, key(n));
  const branches = [empty, small, middle, tall, cut];
  const texts = branches.map((a) => branches.map((b) => differences(a, b).found));
  expect(texts).toEqual(branches.map((a) => branches.map((b) => wanted(a, b))));
  expect(pool.checkSync().problems).toEqual([]);
});
