/** Removing ranges leaves what lies outside, whatever the shape of the tree. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryDevice } from '../pool/memory-device.ts';
import { openOnSync } from '../pool/pool.ts';
import { prepare } from './prepare.ts';
import { scan } from './scan.ts';
import { put, removeRangeStep } from './tree.ts';

const key = (n: number) => Uint8Array.of(1, n >>> 16, n >>> 8, n & 255);

test('removeRangeStep removes exactly the range', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 6000 }),
      fc.nat(6000),
      fc.option(fc.nat(6000)),
      fc.boolean(),
      (count, from, span, forked) => {
        const pool = openOnSync(memoryDevice(), { nodeBytes: 4096, cacheBytes: 0, commitEveryMs: 0 });
        const branch = pool.branchSync('main');
        for (let n = 0; n < count; n++) {
          branch.runSync(() => {
            prepare(branch.store, branch.root, { puts: [key(n)] });
            put(branch.store, branch.root, key(n), new Uint8Array(n % 50));
          });
        }
        if (forked) pool.forkSync('main', 'fork');
        const to = span === null ? undefined : key(from + span);
        let steps = 0;
        for (let next: Uint8Array | undefined = key(from); next; steps++) {
          const at: Uint8Array = next;
          next = branch.runSync(() => {
            prepare(branch.store, branch.root, { removes: [at], purpose: 'free' });
            return removeRangeStep(branch.store, branch.root, at, to);
          });
        }
        expect(steps).toBeLessThan(20);
        const left: number[] = [];
        for (let at: Uint8Array | undefined = key(0); at; ) {
          const start: Uint8Array = at;
          const found: number[] = [];
          at = branch.runSync(() => {
            found.length = 0;
            return scan(branch.store, branch.root, { from: start }, (entry) => {
              const k = entry.key();
              found.push(k[1] * 65536 + k[2] * 256 + k[3]);
            });
          });
          left.push(...found);
        }
        const wanted = Array.from({ length: count }, (_, n) => n).filter(
          (n) => n < from || (span !== null && n >= from + span),
        );
        expect(left).toEqual(wanted);
        expect(pool.checkSync().problems).toEqual([]);
      },
    ),
    { numRuns: 40 },
  );
});
