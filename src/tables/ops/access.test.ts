/** Read and write sets against plain lists. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes } from '../../core/bytes.ts';
import { AccessSet, KeySet } from './access.ts';

const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 4 });

describe('access', () => {
  test('an access set covers exactly its keys and ranges', () => {
    fc.assert(
      fc.property(fc.array(key), fc.array(fc.tuple(key, key)), fc.array(key), (keys, ranges, probes) => {
        const set = new AccessSet();
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

  test('a key set keeps copies', () => {
    const set = new KeySet();
    const lent = Uint8Array.of(2);
    set.add(lent);
    lent[0] = 1;
    expect(set.has(lent)).toBe(false);
    expect(set.has(Uint8Array.of(2))).toBe(true);
  });
});
