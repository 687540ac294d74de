/** The pool as a store of keys: against plain maps, with forks, commits, drops and reopening. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { prepare } from '../core/prepare.ts';
import { scan } from '../core/scan.ts';
import { get, put, remove } from '../core/tree.ts';
import type { Branch } from './branch.ts';
import { memoryDevice } from './memory-device.ts';
import { openOnSync } from './pool.ts';

const text = (s: string) => new TextEncoder().encode(s);

function set(branch: Branch, key: string, value: Uint8Array): void {
  branch.runSync(() => {
    prepare(branch.store, branch.root, { puts: [text(key)] });
    put(branch.store, branch.root, text(key), value);
  });
}

function del(branch: Branch, key: string): boolean {
  return branch.runSync(() => {
    prepare(branch.store, branch.root, { removes: [text(key)], purpose: 'free' });
    return remove(branch.store, branch.root, text(key));
  });
}

function all(branch: Branch, reverse = false): Map<string, string> {
  const found = new Map<string, string>();
  let bound: Uint8Array | undefined;
  do {
    const at = bound;
    const { cells, next } = branch.runSync(() => {
      const cells: [string, string][] = [];
      const range = reverse ? { to: at, reverse } : { from: at };
      const next = scan(branch.store, branch.root, range, (entry) => {
        cells.push([new TextDecoder().decode(entry.key()), new TextDecoder().decode(entry.value())]);
      });
      return { cells, next };
    });
    for (const [key, value] of cells) found.set(key, value);
    bound = next;
  } while (bound);
  return found;
}

test('a new pool has an empty branch main that keeps what is put', () => {
  const device = memoryDevice();
  const pool = openOnSync(device, {});
  const main = pool.branchSync('main');
  set(main, 'a', text('1'));
  expect(main.runSync(() => get(main.store, main.root, text('a')))).toEqual(text('1'));
  expect(main.runSync(() => get(main.store, main.root, text('b')))).toBeUndefined();
  pool.closeSync();
  const again = openOnSync(device, {});
  expect(all(again.branchSync('main'))).toEqual(new Map([['a', '1']]));
});

test('random operations on forks agree with maps', () => {
  const keyOf = fc.integer({ min: 0, max: 400 }).map((n) => `key/${'x'.repeat(n % 40)}${n}`);
  const operation = fc.oneof(
    {
      weight: 20,
      arbitrary: fc.record({ kind: fc.constant('put' as const), branch: fc.nat(5), key: keyOf, size: fc.nat(1500) }),
    },
    {
      weight: 10,
      arbitrary: fc.record({ kind: fc.constant('remove' as const), branch: fc.nat(5), key: keyOf, size: fc.nat(9) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom(
          'fork' as const,
          'commit' as const,
          'drop' as const,
          'reopen' as const,
          'compact' as const,
        ),
        branch: fc.nat(5),
        key: keyOf,
        size: fc.nat(9),
      }),
    },
  );
  fc.assert(
    fc.property(
      fc.array(operation, { minLength: 200, maxLength: 600 }),
      fc.constantFrom(4096, 8192, 65536),
      (operations, nodeBytes) => {
        const device = memoryDevice();
        let pool = openOnSync(device, { nodeBytes, cacheBytes: 0 });
        let names = ['main'];
        const models = new Map<string, Map<string, string>>([['main', new Map()]]);
        let serial = 0;
        for (const { kind, branch, key, size } of operations) {
          const name = names[branch % names.length];
          const model = models.get(name) as Map<string, string>;
          const value = String(serial++).padEnd(Math.min(size, 900), '.');
          if (kind === 'put') {
            set(pool.branchSync(name), key, text(value));
            model.set(key, value);
          } else if (kind === 'remove') expect(del(pool.branchSync(name), key)).toBe(model.delete(key));
          else if (kind === 'fork') {
            const to = `fork${serial}`;
            pool.forkSync(name, to);
            names.push(to);
            models.set(to, new Map(model));
          } else if (kind === 'compact') pool.compactSync();
          else if (kind === 'commit') pool.commitSync();
          else if (kind === 'drop' && names.length > 1) {
            pool.dropSync(name);
            names = names.filter((other) => other !== name);
            models.delete(name);
          } else if (kind === 'reopen') {
            pool.closeSync();
            pool = openOnSync(device, { cacheBytes: 0 });
          }
        }
        expect(pool.checkSync().problems).toEqual([]);
        for (const name of names) {
          const sorted = new Map([...(models.get(name) as Map<string, string>)].sort(([a], [b]) => (a < b ? -1 : 1)));
          expect(all(pool.branchSync(name))).toEqual(sorted);
          expect([...all(pool.branchSync(name), true).keys()]).toEqual([...sorted.keys()].reverse());
        }
      },
    ),
    { numRuns: 60 },
  );
});
