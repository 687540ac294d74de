/** Who uses what: walks against sets of pages made by hand, and against what drops really give back. Callers: vitest only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryPool, numbers, putKey } from '../../tests/trees.ts';
import type { Branch } from '../pool/branch.ts';
import { eachChild } from './share.ts';
import { countCommon, type PageWalk, reachWalk, releaseWalk } from './usage.ts';

const key = (n: number) => Uint8Array.of(7, n >> 8, n);

function pagesOf(branch: Branch): Set<number> {
  const { store, root } = branch;
  const pages = new Set<number>();
  const work = root.page === 0 ? [] : [{ page: root.page, low: root.low, high: root.high }];
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const { page, low, high } = next;
    for (let tail = 0; tail < store.nodePages; tail++) pages.add(page + tail);
    branch.runSync(() =>
      eachChild(
        store,
        store.node(page, low, high),
        (child, childLow, childHigh) => work.push({ page: child, low: childLow, high: childHigh }),
        (child) => pages.add(child),
      ),
    );
  }
  return pages;
}

function walked(branch: Branch, walk: PageWalk): PageWalk {
  while (branch.runSync(() => walk.step()));
  return walk;
}

function write(branch: Branch, seed: number, count: number): void {
  const random = numbers(seed);
  for (let i = 0; i < count; i++) putKey(branch, key(random(2000)), new Uint8Array(random(200)).fill(seed));
}

test('a branch reaches its pages; what it alone reaches would be released', () => {
  const sizes = fc.array(fc.record({ from: fc.nat(3), writes: fc.nat(120) }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(4096, 8192), sizes, (seed, nodeBytes, forks) => {
      const pool = memoryPool(nodeBytes);
      const branches = [pool.branchSync('main')];
      write(branches[0]!, seed, 600);
      forks.forEach(({ from, writes }, at) => {
        const fork = pool.forkSync(branches[from % branches.length]!.name!, `fork-${at}`);
        write(fork, seed + at, writes);
        branches.push(fork);
      });
      pool.commitSync();
      const all = branches.map(pagesOf);
      branches.forEach((branch, at) => {
        const { store, root } = branch;
        const reach = walked(branch, reachWalk(store, [root]));
        const release = walked(branch, releaseWalk(store, [root]));
        const others = new Set(all.flatMap((pages, other) => (other === at ? [] : [...pages])));
        const own = [...all[at]!].filter((page) => !others.has(page));
        expect(reach.pages).toBe(all[at]!.size);
        // What forks remember as the bases of merges keeps some of it.
        expect(release.pages).toBeLessThanOrEqual(own.length);
        expect(countCommon(reach.bits, release.bits)).toBe(release.pages);
      });
    }),
    { numRuns: 25 },
  );
});

test('what a branch has for itself is what dropping it gives back', () => {
  const pool = memoryPool();
  write(pool.branchSync('main'), 1, 800);
  for (const [at, writes] of [0, 1, 10, 200].entries()) write(pool.forkSync('main', `fork-${at}`), at, writes);
  for (let at = 0; at < 4; at++) {
    pool.commitSync();
    const { exclusiveBytes } = pool.usageSync(`fork-${at}`)[0]!;
    const before = pool.space();
    pool.dropSync(`fork-${at}`);
    while (pool.branchSync('main').store.reclaim.length > 0) pool.commitSync();
    const after = pool.space();
    const given = before.usedBytes - before.heldBytes - (after.usedBytes - after.heldBytes);
    expect(Math.abs(given - exclusiveBytes)).toBeLessThanOrEqual(2 * 4096);
  }
});

test('bits in common', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(255)), fc.array(fc.nat(255)), (left, right) => {
      const length = Math.min(left.length, right.length);
      const [a, b] = [left, right].map((list) => Uint8Array.from(list.slice(0, length))) as [Uint8Array, Uint8Array];
      const bits = [...a].map((byte, at) => (byte & b[at]!).toString(2).replaceAll('0', '').length);
      expect(countCommon(a, b)).toBe(bits.reduce((sum, each) => sum + each, 0));
    }),
  );
});
