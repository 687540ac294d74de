/** Read first, write second: after `prepare` nothing faults, however little is resident, and refusals come before any change. Callers: vitest only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cellsOf, Model, memoryPool, textOf } from '../../tests/trees.ts';
import type { Branch } from '../pool/branch.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { openOnSync } from '../pool/pool.ts';
import { readContent, writeContent } from './content.ts';
import { Fault } from './fault.ts';
import { type Plan, prepare } from './prepare.ts';
import { put, remove } from './tree.ts';

const key = (n: number) => Uint8Array.of(7, n >> 8, n);

/** Runs an operation of which the second part must not fault. */
function operate(branch: Branch, plan: Plan, write: () => void): void {
  branch.runSync(() => {
    prepare(branch.store, branch.root, plan);
    try {
      write();
    } catch (error) {
      if (error instanceof Fault) throw new Error(`the writes faulted (${error.kind}) after prepare`);
      throw error;
    }
  });
}

const step = fc.record({
  what: fc.constantFrom('put', 'put', 'remove', 'fork', 'commit', 'forget'),
  at: fc.nat(3000),
  count: fc.integer({ min: 1, max: 6 }),
  bytes: fc.oneof(fc.nat(40), fc.nat(900)),
});

test('several puts or removals in one operation, with nothing resident', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const pool = memoryPool();
      const main = pool.branchSync('main');
      const { store } = main;
      const model = new Model();
      steps.forEach(({ what, at, count, bytes }, index) => {
        // Near each other and far apart.
        const keys = Array.from({ length: count }, (_, n) => key((at + n * (index % 2 === 0 ? 1 : 499)) % 3000));
        if (what === 'put') {
          operate(main, { puts: keys }, () => {
            for (const each of keys) put(store, main.root, each, new Uint8Array(bytes).fill(index));
          });
          for (const each of keys) model.set(each, new Uint8Array(bytes).fill(index));
        } else if (what === 'remove') {
          operate(main, { removes: keys, purpose: 'free' }, () => {
            for (const each of keys) remove(store, main.root, each);
          });
          for (const each of keys) model.delete(each);
        } else if (what === 'fork') pool.forkSync('main', `fork-${index}`);
        else {
          pool.commitSync();
          if (what === 'forget') store.nodes.forgetClean();
        }
      });
      expect(textOf(cellsOf(main).cells)).toEqual(textOf(model.sorted()));
      expect(pool.checkSync().problems).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

test('removals that join nodes with neighbours which are not resident', () => {
  const pool = memoryPool();
  const main = pool.branchSync('main');
  const { store, root } = main;
  const keys = Array.from({ length: 1500 }, (_, n) => key(n));
  for (const each of keys) operate(main, { puts: [each] }, () => put(store, root, each, new Uint8Array(90)));
  // From several places in turn, so that each comes to a node whose neighbours nobody has read.
  for (let from = 0; from < 250; from++) {
    pool.commitSync();
    store.nodes.forgetClean();
    const gone = Array.from({ length: 6 }, (_, part) => keys[part * 250 + from]!);
    operate(main, { removes: gone, purpose: 'free' }, () => {
      for (const each of gone) remove(store, root, each);
    });
  }
  expect(root.page).toBe(0);
  expect(pool.checkSync().problems).toEqual([]);
});

test('parts of pages of content are loaded before they are written', () => {
  const span = fc.record({ from: fc.nat(40_000), length: fc.integer({ min: 1, max: 9000 }), forget: fc.boolean() });
  fc.assert(
    fc.property(fc.array(span, { maxLength: 25 }), (spans) => {
      const pool = memoryPool();
      const main = pool.branchSync('main');
      const { store } = main;
      const model = new Uint8Array(50_000);
      spans.forEach(({ from, length, forget }, index) => {
        if (forget) {
          pool.commitSync();
          store.nodes.forgetClean();
          store.data.forgetClean();
        }
        operate(main, { content: [{ key: key(1), from, to: from + length }] }, () => {
          writeContent(store, main.root, key(1), from, new Uint8Array(length).fill(index + 1));
        });
        model.fill(index + 1, from, from + length);
      });
      const found = new Uint8Array(model.length);
      main.runSync(() => readContent(store, main.root, key(1), 0, found));
      expect(Buffer.compare(found, model)).toBe(0);
      expect(pool.checkSync().problems).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

test('wrong keys and full pools are refused before anything has changed', () => {
  const pool = openOnSync(memoryDevice(), { nodeBytes: 4096, cacheBytes: 0, commitEveryMs: 0, limitBytes: 2 << 20 });
  const main = pool.branchSync('main');
  const { store, root } = main;
  for (const wrong of [new Uint8Array(0), new Uint8Array(513)]) {
    for (const plan of [{ puts: [key(1), wrong] }, { content: [{ key: wrong, from: 0, to: 1 }] }]) {
      expect(() => main.runSync(() => prepare(store, root, plan))).toThrow(
        expect.objectContaining({ code: 'BAD_KEY' }),
      );
    }
  }
  let written = 0;
  const fill = () => {
    for (; ; written++) {
      operate(main, { puts: [key(written)] }, () => put(store, root, key(written), new Uint8Array(900).fill(written)));
    }
  };
  expect(fill).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  expect(written).toBeGreaterThan(500);
  expect(cellsOf(main).cells.length).toBe(written);
  operate(main, { removes: [key(0)], purpose: 'free' }, () => remove(store, root, key(0)));
  pool.commitSync();
  expect(cellsOf(main).cells.length).toBe(written - 1);
  expect(pool.checkSync().problems).toEqual([]);
});
