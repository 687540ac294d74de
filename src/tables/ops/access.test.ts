/** Read and write sets against plain lists. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes } from '../../core/bytes.ts';
import { KeySet, ReadSet } from './access.ts';

const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 4 });

describe('access', () => {
  test('a read set covers exactly its keys and ranges', () => {
    fc.assert(
      fc.property(fc.array(key), fc.array(fc.tuple(key, key)), fc.array(key), (keys, ranges, probes) => {
        const set = new ReadSet();
        for (const one of keys) set.keys.add(one);
        for (const [from, to] of ranges) {
          set.range(from, to);
          if (from.length > 2) set.covers(from); // orders the ranges in between
        }
        for (const probe of [...probes, ...keys, ...ranges.flat()]) {
          const expected =
            keys.some((one) => compareBytes(one, probe) === 0) ||
            ranges.some(([from, to]) => compareBytes(from, probe) <= 0 && compareBytes(probe, to) < 0);
          expect(set.covers(probe)).toBe(expected);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('a key set copies and sorts', () => {
    const set = new KeySet();
    const lent = Uint8Array.of(2);
    set.add(lent);
    lent[0] = 1;
    set.add(lent);
    set.add(Uint8Array.of(1));
    const copy = set.copy();
    set.add(Uint8Array.of(0));
    expect(set.sorted()).toStrictEqual([Uint8Array.of(0), Uint8Array.of(1), Uint8Array.of(2)]);
    expect(copy.size).toBe(2);
    expect(copy.has(Uint8Array.of(0))).toBe(false);
  });
});
