/** Space: low addresses first, nodes and data apart, and no page lost or given twice up to the limit. Callers: vitest only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { numbers } from '../../tests/trees.ts';
import { Counts, GROUP_PAGES, LONG_RUN_PAGES } from './counts.ts';
import { Space } from './space.ts';

function spaceOf(pages: number, limitPages: number, nodePages: number): { counts: Counts; space: Space } {
  const counts = new Counts();
  counts.grow(pages);
  if (pages >= 2) counts.allocate(0, 2);
  counts.seal();
  return { counts, space: new Space(counts, limitPages, nodePages) };
}

/** Takes every free page, then frees those that `isFree` says. */
function fragment(counts: Counts, isFree: (page: number) => boolean): void {
  for (let page = 2; page < counts.pageCount; page++) if (!isFree(page)) counts.allocate(page, 1);
}

test('the lowest long run is used first; a few gaps wait until the pool cannot grow', () => {
  const { counts, space } = spaceOf(1000, 0, 1);
  for (let page = 2; page < 602; page++) expect(space.allocateNode()).toBe(page);
  counts.release(3, 299);
  expect(space.allocateNode()).toBe(602);
  space.closeWindows();
  expect([space.allocateNode(), space.allocateData()]).toEqual([3, 3 + 256]);
  const isGap = (page: number) => (page >= 10 && page < 12) || (page >= 100 && page < 103);
  const few = spaceOf(500, 0, 1);
  fragment(few.counts, isGap);
  expect([few.space.allocateNode(), few.space.allocateNode()]).toEqual([500, 501]);
  const full = spaceOf(500, 500, 1);
  fragment(full.counts, isGap);
  expect(Array.from({ length: 5 }, () => full.space.allocateNode())).toEqual([100, 101, 102, 10, 11]);
  const many = spaceOf(500, 0, 1);
  fragment(many.counts, (page) => page % 10 === 0);
  expect([many.space.allocateNode(), many.space.allocateNode()]).toEqual([10, 20]);
});

test('a long run is found again once it has come about, also across two groups', () => {
  const { counts, space } = spaceOf(3 * GROUP_PAGES, 3 * GROUP_PAGES, 1);
  fragment(counts, (page) => page % 10 === 0);
  expect(space.allocateNode()).toBe(10);
  space.closeWindows();
  const from = 2 * GROUP_PAGES - 20;
  for (let page = from; page < from + LONG_RUN_PAGES; page++) if (page % 10 !== 0) counts.release(page, 1);
  expect([space.allocateNode(), space.allocateNode()]).toEqual([from, from + 1]);
});

test.each([1, 2, 4, 16])('nodes of %i pages and data lie in runs of their own, in an empty pool', (nodePages) => {
  const { space } = spaceOf(2, 0, nodePages);
  const nodes: number[] = [];
  const data: number[] = [];
  for (let i = 0; i < 8; i++) {
    nodes.push(space.allocateNode());
    data.push(space.allocateData());
  }
  for (let i = 1; i < 8; i++) expect([nodes[i] - nodes[i - 1], data[i] - data[i - 1]]).toEqual([nodePages, 1]);
  expect(nodes[0]).toBe(2);
});

test.each([1, 2, 4, 16])(
  'whatever the order, nodes of %i pages and data never overlap and fill the pool to its limit',
  (nodePages) => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 100, max: 3000 }), fc.nat(3000), (seed, limit, begun) => {
        const { counts, space } = spaceOf(Math.min(limit, begun + 2), limit, nodePages);
        const random = numbers(seed);
        fragment(counts, () => random(3) > 0);
        for (let taken = 0; ; taken++) {
          const before = space.available;
          const isNode = random(2) === 0 && space.hasNodes(1);
          if (!isNode && before === 0) break;
          const page = isNode ? space.allocateNode() : space.allocateData();
          // Counts asserts that no page is allocated twice.
          expect(space.available).toBe(before - (isNode ? nodePages : 1));
          expect(page + (isNode ? nodePages : 1)).toBeLessThanOrEqual(limit);
          if (random(100) === 0) space.closeWindows();
          if (!isNode && random(4) === 0) counts.release(page, 1);
          if (taken > 20_000) break;
        }
        expect(counts.freeCount).toBe(counts.bytes.subarray(0, counts.pageCount).filter((byte) => byte === 0).length);
      }),
      { numRuns: 25, examples: [[1073610744, 2750, 4]] },
    );
  },
);

test('nodes for which there is room can be had, however scattered the space', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 2, max: 30 }), fc.constantFrom(2, 4, 16), (seed, usedOf, nodePages) => {
      const { counts, space } = spaceOf(3000, 3000, nodePages);
      const random = numbers(seed);
      fragment(counts, () => random(usedOf) > 0);
      for (let i = 0; i < 20 && space.available > 0; i++) space.allocateData();
      let room = 0;
      while (room < 40 && space.hasNodes(room + 1)) room++;
      for (let i = 0; i < room; i++) space.allocateNode();
    }),
  );
});

test('the limit bounds what is available, and can change', () => {
  const { space } = spaceOf(10, 20, 4);
  expect([space.available, space.hasNodes(2), space.hasNodes(5)]).toEqual([18, true, false]);
  space.setLimit(40);
  expect([space.available, space.hasNodes(5)]).toEqual([38, true]);
  space.setLimit(5);
  expect(space.available).toBe(8);
  space.setLimit(0);
  expect(space.available).toBeGreaterThan(2 ** 31);
});

test('single free pages are room for data, not for nodes', () => {
  const { counts, space } = spaceOf(1002, 1002, 2);
  fragment(counts, (page) => page % 2 === 0);
  expect([space.available, space.hasNodes(1)]).toEqual([500, false]);
  counts.release(501, 1);
  expect([space.hasNodes(1), space.hasNodes(2)]).toEqual([true, false]);
  expect(space.allocateNode()).toBe(500);
});

test('a run is as long as was asked for, or as the longest there is', () => {
  const { counts, space } = spaceOf(100, 100, 1);
  fragment(counts, (page) => page % 10 < 3 || (page >= 50 && page < 60));
  expect(space.allocateRun(3)).toEqual({ page: 10, length: 3 });
  expect(space.allocateRun(8)).toEqual({ page: 50, length: 8 });
  // 58, 59 and 60 to 62 are one run.
  expect(space.allocateRun(8)).toEqual({ page: 58, length: 5 });
  let pages = 0;
  while (space.available > 0) pages += space.allocateRun(100).length;
  expect(pages).toBe(1 + 3 * 6);
  expect(() => space.allocateRun(1)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  space.setLimit(105);
  expect(space.allocateRun(9)).toEqual({ page: 100, length: 5 });
});
