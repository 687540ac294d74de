/** Compaction gives space back and keeps sharing. */
import { expect, test } from 'vitest';
import { prepare, readContent, writeContent } from '../core/content.ts';
import { memoryDevice } from './memory-device.ts';
import { openOnSync } from './pool.ts';

const key = (n: number) => Uint8Array.of(1, n >>> 8, n & 255);

test('a pool shrinks after drops, and forks still share what they shared', () => {
  const device = memoryDevice();
  const pool = openOnSync(device, { cacheBytes: 0 });
  const fill = (name: string, from: number, to: number) => {
    const branch = pool.branchSync(name);
    for (let n = from; n < to; n++) {
      const bytes = new Uint8Array(64 * 1024).fill(n);
      branch.runSync(() => {
        prepare(branch.store, branch.root, { content: [{ key: key(n), from: 0, to: bytes.length }] });
        writeContent(branch.store, branch.root, key(n), 0, bytes);
      });
    }
  };
  pool.createBranchSync('early');
  fill('early', 0, 400);
  fill('main', 400, 500);
  for (let n = 0; n < 20; n++) pool.forkSync('main', `fork${n}`);
  pool.commitSync();
  const full = pool.space();
  pool.dropSync('early');
  const report = pool.compactSync();
  const { problems } = pool.checkSync();
  expect(problems).toEqual([]);
  expect(full.usedBytes).toBeGreaterThan(30 << 20);
  expect(report.bytesAfter).toBeLessThan(8 << 20);
  expect(device.bytes).toBeLessThan(12 << 20);
  for (const name of ['main', 'fork7']) {
    const branch = pool.branchSync(name);
    const target = new Uint8Array(10);
    branch.runSync(() => readContent(branch.store, branch.root, key(450), 60000, target));
    expect(target).toEqual(new Uint8Array(10).fill(450));
  }
  pool.closeSync();
  const again = openOnSync(device, {});
  expect(again.scrubSync().problems).toEqual([]);
  expect(again.space().usedBytes).toBeLessThan(8 << 20);
});

test('a small pool is cut to what it uses', () => {
  const device = memoryDevice();
  const pool = openOnSync(device, {});
  const main = pool.branchSync('main');
  pool.createBranchSync('early');
  for (const name of ['early', 'main']) {
    const branch = pool.branchSync(name);
    for (let n = 0; n < 30; n++) {
      branch.runSync(() => {
        prepare(branch.store, branch.root, { content: [{ key: key(n), from: 0, to: 9000 }] });
        writeContent(branch.store, branch.root, key(n), 0, new Uint8Array(9000).fill(n));
      });
    }
    pool.commitSync();
  }
  pool.dropSync('early');
  const report = pool.compactSync();
  expect(report.bytesAfter).toBeLessThan(140 * 4096);
  expect(device.bytes).toBeLessThan(150 * 4096);
  const target = new Uint8Array(3);
  main.runSync(() => readContent(main.store, main.root, key(7), 8000, target));
  expect(target).toEqual(new Uint8Array(3).fill(7));
  expect(pool.scrubSync().problems).toEqual([]);
});
