/** Seals: after each commit every reference has the hash of what it refers to, and only what changed is hashed anew. Callers: vitest only. */
import { expect, test } from 'vitest';
import { memoryPool, numbers, putKey } from '../../tests/trees.ts';
import type { Branch } from '../pool/branch.ts';
import { writeU32BE } from './bytes.ts';
import * as node from './node.ts';
import { seal } from './seal.ts';

function key(n: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32BE(bytes, 0, n);
  return bytes;
}

/** The hashes of a tree's nodes by their pages; throws for a reference that has not the hash of its node. */
function hashesOf(branch: Branch): Map<number, string> {
  const { store, root } = branch;
  const found = new Map<number, string>();
  const work = [{ page: root.page, low: root.low, high: root.high }];
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const { page, low, high } = next;
    const children = branch.runSync(() => {
      const frame = store.node(page, low, high);
      store.hash(store.nodes.bytes(frame), store.hashWords);
      expect([page, ...store.hashWords]).toEqual([page, low, high]);
      const count = node.level(store, frame) === 0 ? 0 : node.cellCount(store, frame);
      return Array.from({ length: count }, (_, slot) => ({
        page: node.childPage(store, frame, slot),
        low: node.childLow(store, frame, slot),
        high: node.childHigh(store, frame, slot),
      }));
    });
    found.set(page, `${low} ${high}`);
    work.push(...children);
  }
  return found;
}

test('every commit seals what changed and leaves the rest', () => {
  const pool = memoryPool();
  const main = pool.branchSync('main');
  const random = numbers(1);
  for (let n = 0; n < 5000; n++) putKey(main, key(n * 2), new Uint8Array(40).fill(n));
  pool.commitSync();
  let before = hashesOf(main);
  expect(before.size).toBeGreaterThan(50);
  for (let round = 0; round < 20; round++) {
    putKey(main, key(random(10_000)), new Uint8Array(random(50)).fill(round));
    expect([main.root.low, main.root.high]).toEqual([0, 0]);
    pool.commitSync();
    const after = hashesOf(main);
    const kept = [...after].filter(([page, hash]) => before.get(page) === hash).length;
    expect(kept).toBeGreaterThanOrEqual(before.size - 6);
    before = after;
  }
  pool.closeSync();
});

test('what is sealed is left alone, and so is an empty tree', () => {
  const pool = memoryPool();
  const main = pool.branchSync('main');
  const { store, root } = main;
  main.runSync(() => seal(store, root));
  expect(root).toMatchObject({ page: 0, low: 0, high: 0 });
  putKey(main, key(1), new Uint8Array(1));
  pool.commitSync();
  const sealed = { ...root };
  store.nodes.forgetClean();
  // Were it hashed again, its node would be asked for, which is not there.
  seal(store, root);
  expect(root).toMatchObject({ page: sealed.page, low: sealed.low, high: sealed.high });
  pool.closeSync();
});
