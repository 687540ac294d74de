/** Moved nodes: byte for byte what they were, but for their place and the references that were to be renewed. Callers: vitest only. */
import { expect, test } from 'vitest';
import { memoryPool, putKey } from '../../tests/trees.ts';
import type { Branch } from '../pool/branch.ts';
import { readU32, writeU32, writeU64 } from './bytes.ts';
import { writeContent } from './content.ts';
import * as node from './node.ts';
import { prepare } from './prepare.ts';
import { type Moved, rewrite } from './relocate.ts';
import { eachChild } from './share.ts';

const key = (n: number) => Uint8Array.of(7, n >> 8, n);

function made(): Branch {
  const main = memoryPool().branchSync('main');
  for (let n = 0; n < 600; n++) putKey(main, key(n), new Uint8Array(60).fill(n));
  for (let n = 0; n < 20; n++) {
    main.runSync(() => {
      prepare(main.store, main.root, { content: [{ key: key(n), from: 8192, to: 16_384 }] });
      // With a hole before it.
      writeContent(main.store, main.root, key(n), 8192, new Uint8Array(8192).fill(n + 1));
    });
  }
  main.pool.commitSync();
  return main;
}

/** The leftmost node of a level, resident. */
function frameOf({ store, root }: Branch, level: number): { frame: number; page: number } {
  let { page, low, high } = root;
  for (;;) {
    const frame = store.node(page, low, high);
    if (node.level(store, frame) === level) return { frame, page };
    [page, low, high] = [
      node.childPage(store, frame, 0),
      node.childLow(store, frame, 0),
      node.childHigh(store, frame, 0),
    ];
  }
}

test.each([
  ['a leaf', 0],
  ['a node above the leaves', 1],
])('%s', (_, level) => {
  const main = made();
  const { store } = main;
  main.runSync(() => {
    const { frame, page } = frameOf(main, level);
    const old = store.nodes.bytes(frame).slice();
    const references: { page: number; low: number; isNode: boolean }[] = [];
    eachChild(
      store,
      frame,
      (child, low) => references.push({ page: child, low, isNode: true }),
      (child, checksum) => references.push({ page: child, low: checksum, isNode: false }),
    );
    expect(references.length).toBeGreaterThan(3);
    const counts = references.map((each) => store.counts.count(each.page));
    // Every other one has another hash now; it stays where it is, so that the test knows whose count to look at.
    const moved = new Map(
      references.filter((_each, at) => at % 2 === 0).map((each) => [each.page, { ...each, low: 5, high: 77 }]),
    );
    const wanted = old.slice();
    writeU32(wanted, 4, 4321);
    writeU64(wanted, 8, store.building);
    for (const { page: child, low, isNode } of references) {
      if (!moved.has(child)) continue;
      const pattern = new Uint8Array(8);
      writeU32(pattern, 0, child);
      writeU32(pattern, 4, low);
      const at = Buffer.from(old).indexOf(pattern);
      writeU32(wanted, at + 4, 5);
      if (isNode) writeU32(wanted, at + 8, 77);
    }
    const renew = (child: number): Moved | undefined => moved.get(child);
    expect(rewrite(store, frame, 4321, { node: renew, data: renew })).toEqual(wanted);
    expect(wanted).not.toEqual(old);
    expect(store.nodes.bytes(frame)).toEqual(old);
    expect(references.map((each) => store.counts.count(each.page))).toEqual(counts.map((count) => count + 1));
    expect(page).toBe(readU32(old, 4));
  });
});
