/** Counts: large ones, the life of a page from free to free, and runs of them. Callers: vitest only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addRun, Counts, GROUP_PAGES, mergeRuns } from './counts.ts';

function grown(pages: number): Counts {
  const counts = new Counts();
  counts.grow(pages);
  return counts;
}

test.each([true, false])('a count goes past 126 and comes back, fresh: %s', (fresh) => {
  const counts = grown(10);
  counts.allocate(3, 1);
  if (!fresh) counts.seal();
  for (let count = 2; count <= 300; count++) {
    counts.share(3);
    expect(counts.count(3)).toBe(count);
  }
  expect([counts.isFresh(3), counts.isOwned(3)]).toEqual([fresh, false]);
  for (let count = 299; count >= 1; count--) {
    expect(counts.unshare(3)).toBe(count);
    expect(counts.count(3)).toBe(count);
  }
  expect([counts.isFresh(3), counts.isOwned(3)]).toEqual([fresh, fresh]);
  expect(() => counts.unshare(3)).toThrow('last reference');
});

test('a fresh page is free at once, one of an earlier commit is held until the next is durable', () => {
  const counts = grown(10);
  counts.lowestFree = 6;
  counts.allocate(2, 4);
  expect([counts.freeCount, counts.isOwned(2)]).toEqual([6, true]);
  counts.release(2, 1);
  expect([counts.freeCount, counts.heldCount, counts.isFree(2), counts.lowestFree]).toEqual([7, 0, true, 2]);
  expect(counts.seal()).toEqual([]);
  expect([counts.isFresh(3), counts.count(3)]).toEqual([false, 1]);
  counts.release(4, 2);
  counts.release(3, 1);
  expect([counts.freeCount, counts.heldCount, counts.isFree(3), counts.count(3)]).toEqual([7, 3, false, 0]);
  expect(() => counts.allocate(3, 1)).toThrow('allocated twice');
  expect(() => counts.share(3)).toThrow('without a count');
  expect(() => counts.release(3, 1)).toThrow('shared or free');
  const held = counts.seal();
  expect(held).toEqual([3, 3]);
  expect(counts.heldCount).toBe(3);
  expect(counts.seal()).toEqual([]);
  counts.free(held);
  expect([counts.freeCount, counts.heldCount, counts.groupFree[0]]).toEqual([10, 0, GROUP_PAGES]);
  expect(() => counts.free(held)).toThrow('not held');
});

test('changes are told until they are sealed', () => {
  const counts = grown(20);
  counts.allocate(8, 2);
  counts.allocate(2, 3);
  counts.share(9);
  expect(counts.changedPages()).toEqual([2, 3, 8, 2]);
  expect(counts.runsOf([2, 3, 8, 2])).toEqual([
    { page: 2, length: 3, count: 1 },
    { page: 8, length: 1, count: 1 },
    { page: 9, length: 1, count: 2 },
  ]);
  expect(counts.runsOf([5, 2, 7, 1])).toEqual([{ page: 5, length: 3, count: 0 }]);
  counts.seal();
  expect(counts.changedPages()).toEqual([]);
  counts.release(3, 1);
  expect(counts.changedPages()).toEqual([3, 1]);
  expect(counts.runsOf([3, 1])).toEqual([{ page: 3, length: 1, count: 0 }]);
});

test('what allRuns tells, restore brings back', () => {
  const run = fc.record({
    gap: fc.nat(3000),
    length: fc.integer({ min: 1, max: 3000 }),
    count: fc.constantFrom(1, 2, 126, 127, 128, 70_000),
  });
  fc.assert(
    fc.property(fc.array(run, { maxLength: 8 }), fc.nat(50), (steps, tail) => {
      const counts = new Counts();
      let end = 2;
      for (const { gap, length, count } of steps) {
        // A later record stands over an earlier one.
        counts.restore(end + gap, length, 500);
        counts.restore(end + gap, length, 0);
        counts.restore(end + gap, length, count);
        end += gap + length;
      }
      counts.restored(end + tail);
      const again = new Counts();
      for (const { page, length, count } of counts.allRuns()) again.restore(page, length, count);
      again.restored(end + tail);
      expect(again.allRuns()).toEqual(counts.allRuns());
      expect(again.freeCount).toBe(counts.freeCount);
      expect([...again.groupFree.subarray(0, 4)].slice(0, counts.groupFree.length)).toEqual(
        [...counts.groupFree.subarray(0, 4)].slice(0, again.groupFree.length),
      );
      const used = steps.reduce((sum, { length }) => sum + length, 0);
      expect(counts.freeCount).toBe(end + tail - used);
      if (used > 0) expect(counts.shrink()).toBe(end);
      expect(counts.pageCount).toBe(used > 0 ? end : end + tail);
    }),
    { numRuns: 60 },
  );
});

test('shrink drops free pages at the end, not held ones, and growth brings them back', () => {
  const counts = grown(GROUP_PAGES * 2);
  counts.allocate(2, 100);
  counts.seal();
  counts.release(50, 52);
  expect(counts.shrink()).toBe(102);
  expect(counts.freeCount).toBe(2);
  counts.free(counts.seal());
  expect(counts.shrink()).toBe(50);
  counts.grow(60);
  expect([counts.pageCount, counts.freeCount]).toEqual([60, 12]);
  expect(grown(100).shrink()).toBe(2);
});

test('addRun and mergeRuns keep the pages, apart and as long as can be', () => {
  const runs = fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 6 })), { maxLength: 20 });
  fc.assert(
    fc.property(runs, fc.boolean(), (list, joined) => {
      const flat: number[] = [];
      for (const [page, length] of list) {
        if (joined) addRun(flat, page, length);
        else flat.push(page, length);
      }
      const wanted = new Set(list.flatMap(([page, length]) => Array.from({ length }, (_, index) => page + index)));
      const merged = mergeRuns(flat);
      const pages: number[] = [];
      for (let i = 0; i < merged.length; i += 2) {
        if (i > 0) expect(merged[i]).toBeGreaterThan(merged[i - 2] + merged[i - 1]);
        for (let page = merged[i]; page < merged[i] + merged[i + 1]; page++) pages.push(page);
      }
      expect(pages).toEqual([...wanted].sort((a, b) => a - b));
    }),
    {
      examples: [
        [
          [
            [0, 1],
            [1, 1],
          ],
          false,
        ],
      ],
    },
  );
});
