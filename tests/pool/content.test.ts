/** Content cells against plain arrays of bytes, for every size of node. Callers: vitest only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  CONTENT_BYTES,
  contentLength,
  contentPages,
  contentRanges,
  copyContent,
  prepare,
  punchContent,
  readContent,
  truncateContent,
  writeContent,
} from '../../src/core/content.ts';
import type { Branch } from '../../src/pool/branch.ts';
import { memoryDevice } from '../../src/pool/memory-device.ts';
import { openOnSync } from '../../src/pool/pool.ts';
import { isShortRun } from '../needs.ts';
import { sameBytes } from './model.ts';
import { bytesOf, keyOf } from './operations.ts';

const PAGE = 4096;

/** Places near the borders of inline values, pages and cells. */
const place = fc.oneof(
  fc.nat(CONTENT_BYTES - 1),
  fc.nat(3000),
  fc.nat(20_000),
  fc.tuple(fc.constantFrom(900, 960, 1984, 4032, 8128, 16320), fc.integer({ min: -2, max: 2 })).map(([a, b]) => a + b),
  fc.tuple(fc.nat(127), fc.integer({ min: -1, max: 1 })).map(([page, by]) => Math.max(0, page * PAGE + by)),
);
const length = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 30_000 }), fc.constant(PAGE));
const cell = fc.constantFrom('a', 'b', 'c');
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), key: cell, at: place, length }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('truncate' as const), key: cell, at: place, length }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('punch' as const), key: cell, at: place, length }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('copy' as const), key: cell, at: fc.constant(0), length }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fork' as const), key: cell, at: fc.constant(0), length }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const), key: cell, at: fc.constant(0), length }) },
);

/** What is known of a cell besides its bytes: at least so long it must be said to be. */
interface Wanted {
  bytes: Uint8Array;
}

function read(branch: Branch, key: Uint8Array, from: number, count: number): Uint8Array {
  const target = new Uint8Array(count).fill(0xee);
  branch.runSync(() => readContent(branch.store, branch.root, key, from, target));
  return target;
}

function expectCell(branch: Branch, name: string, { bytes }: Wanted, at: number): void {
  const { store } = branch;
  const key = keyOf(name);
  const held = branch.runSync(() => contentLength(store, branch.root, key));
  expect(held % PAGE === 0 || held <= store.maxInlineBytes).toBe(true);
  const whole = new Uint8Array(Math.max(held, bytes.length) + 10);
  whole.set(bytes);
  if (!sameBytes(read(branch, key, 0, whole.length), whole)) throw new Error(`${name} does not hold what was written`);
  const count = Math.min(5000, whole.length);
  const from = Math.min(at, whole.length - count);
  expect(sameBytes(read(branch, key, from, count), whole.subarray(from, from + count))).toBe(true);
  const ranges = branch.runSync(() => contentRanges(store, branch.root, key));
  const data = new Uint8Array(whole.length);
  for (const range of ranges) data.fill(1, range.from, range.to);
  expect(ranges.every(({ from, to }, index) => from < to && (index === 0 || from > ranges[index - 1].to))).toBe(true);
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0 && data[i] === 0) throw new Error('data lies in a hole');
  const pages = branch.runSync(() => contentPages(store, branch.root, key));
  if (held > store.maxInlineBytes) expect(pages * PAGE).toBe(data.reduce((sum, byte) => sum + byte, 0));
}

for (const nodeBytes of [4096, 8192, 16384, 32768, 65536]) {
  test(`content in nodes of ${nodeBytes} bytes is what was written, cut off and punched`, () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
        const device = memoryDevice();
        const options = { nodeBytes, cacheBytes: 0, commitEveryMs: 0 };
        let pool = openOnSync(device, options);
        let branch = pool.branchSync('main');
        const wanted = new Map<string, Wanted>();
        const kept = new Map<string, Map<string, Wanted>>();
        for (const [serial, { do: kind, key: name, at, length }] of steps.entries()) {
          const { store } = branch;
          const key = keyOf(name);
          const old = wanted.get(name)?.bytes ?? new Uint8Array(0);
          const to = Math.min(at + length, CONTENT_BYTES);
          let now = old;
          if (kind === 'write') {
            const bytes = bytesOf(serial, to - at);
            branch.runSync(() => {
              prepare(store, branch.root, { content: [{ key, from: at, to }] });
              writeContent(store, branch.root, key, at, bytes);
            });
            now = new Uint8Array(Math.max(old.length, to));
            now.set(old);
            now.set(bytes, at);
          } else if (kind === 'truncate') {
            branch.runSync(() => {
              prepare(store, branch.root, { content: [{ key, from: at, to: CONTENT_BYTES }], purpose: 'free' });
              truncateContent(store, branch.root, key, at);
            });
            now = old.slice(0, at);
          } else if (kind === 'punch') {
            branch.runSync(() => {
              prepare(store, branch.root, { content: [{ key, from: at, to }], purpose: 'free' });
              punchContent(store, branch.root, key, at, to);
            });
            now = old.slice().fill(0, at, to);
          } else if (kind === 'copy') {
            const other = name === 'a' ? 'b' : 'a';
            branch.runSync(() => {
              prepare(store, branch.root, { puts: [keyOf(other)], removes: [keyOf(other)], shares: [key] });
              copyContent(store, branch.root, key, keyOf(other));
            });
            wanted.set(other, { bytes: old });
          } else if (kind === 'fork') {
            pool.forkSync('main', `fork${serial}`);
            kept.set(`fork${serial}`, new Map(wanted));
          } else {
            pool.closeSync();
            pool = openOnSync(device, options);
            branch = pool.branchSync('main');
          }
          wanted.set(name, { bytes: now });
          expectCell(branch, name, { bytes: now }, at);
        }
        kept.set('main', wanted);
        for (const [name, cells] of kept) {
          const fork = pool.branchSync(name);
          for (const [key, each] of cells) expectCell(fork, key, each, 0);
        }
        expect(pool.scrubSync().problems).toEqual([]);
      }),
      { numRuns: isShortRun ? 4 : 15 },
    );
  });
}
