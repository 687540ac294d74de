/** The one rule, seen at a small tree: what a write to a fork copies, whose counts change, and what a release gives back. Callers: vitest only. */
import { expect, test } from 'vitest';
import { cellsOf, memoryPool, numbers, putKey, textOf } from '../../tests/trees.ts';
import type { Branch } from '../pool/branch.ts';
import { writeU32BE } from './bytes.ts';
import * as node from './node.ts';
import { eachChild } from './share.ts';
import type { Root, Store } from './store.ts';

function key(n: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32BE(bytes, 0, n);
  return bytes;
}

interface Seen {
  readonly page: number;
  readonly level: number;
  readonly parent: number;
}

/** Every reference to a node in a tree, the root's own included. */
function referencesOf(branch: Branch, { page, low, high }: Root = branch.root): Seen[] {
  const { store } = branch;
  const found: Seen[] = [];
  const work = [{ page, low, high, parent: 0 }];
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const at = next;
    branch.runSync(() => {
      const frame = store.node(at.page, at.low, at.high);
      found.push({ page: at.page, level: node.level(store, frame), parent: at.parent });
      if (node.level(store, frame) === 0) return;
      eachChild(
        store,
        frame,
        (child, childLow, childHigh) => work.push({ page: child, low: childLow, high: childHigh, parent: at.page }),
        () => {},
      );
    });
  }
  return found;
}

/** What the counts are to be: how many different parents refer to a page, among all the trees. */
function countsWanted(trees: readonly (readonly Seen[])[]): Map<number, number> {
  const parents = new Map<number, Set<string>>();
  trees.forEach((tree, at) => {
    for (const { page, parent } of tree) {
      const known = parents.get(page) ?? new Set();
      // Each root is a parent of its own; a shared node refers to its children once.
      known.add(parent === 0 ? `root ${at}` : `${parent}`);
      parents.set(page, known);
    }
  });
  return new Map([...parents].map(([page, known]) => [page, known.size]));
}

function expectCounts(store: Store, trees: readonly (readonly Seen[])[]): void {
  for (const [page, count] of countsWanted(trees)) expect([page, store.counts.count(page)]).toEqual([page, count]);
}

function threeLevels() {
  const pool = memoryPool();
  const main = pool.branchSync('main');
  // Long keys, so that few children fit a node.
  for (let n = 0; n < 1200; n++) putKey(main, key(n * 2), new Uint8Array(900).fill(n));
  pool.commitSync();
  expect(Math.max(...referencesOf(main).map(({ level }) => level))).toBe(2);
  return { pool, main, store: main.store };
}

test('a write to a fork copies its path, and takes a count from the path and gives one to its neighbours', () => {
  const { pool, main, store } = threeLevels();
  const before = referencesOf(main);
  expect(new Set(before.map(({ page }) => store.counts.count(page)))).toEqual(new Set([1]));
  const fork = pool.forkUnnamedSync(main);
  expect(fork.root.page).toBe(main.root.page);
  // Main, the fork, and the state that the fork remembers as the base of merges.
  expect(store.counts.count(main.root.page)).toBe(3);
  const used = pool.space().usedBytes;
  putKey(fork, key(500), Uint8Array.of(1));
  const [ours, forks] = [referencesOf(main), referencesOf(fork)];
  const known = new Set(ours.map(({ page }) => page));
  expect(ours).toEqual(before);
  expect(forks.filter(({ page }) => !known.has(page)).map(({ level }) => level)).toEqual([2, 1, 0]);
  expect(pool.space().usedBytes).toBe(used + 3 * store.nodeBytes);
  expectCounts(store, [ours, forks, referencesOf(fork, fork.base)]);
  putKey(fork, key(500), Uint8Array.of(2));
  expect(referencesOf(fork)).toEqual(forks);
  expect(pool.checkSync().problems).toEqual([]);
});

test('many forks written at random have the counts that their parents ask for; dropped, they give all back', () => {
  const { pool, main, store } = threeLevels();
  putKey(main, key(1), Uint8Array.of(9));
  pool.commitSync();
  const cells = textOf(cellsOf(main).cells);
  const { nodes } = pool.checkSync();
  const random = numbers(3);
  const forks = [main];
  for (let n = 0; n < 12; n++) {
    const fork = pool.forkSync(forks[random(forks.length)]!.name!, `fork-${n}`);
    forks.push(fork);
    for (let writes = random(4); writes > 0; writes--) {
      const written = forks[1 + random(forks.length - 1)]!;
      putKey(written, key(random(2500)), new Uint8Array(random(900)).fill(n));
    }
    if (random(3) === 0) pool.commitSync();
  }
  expect(pool.checkSync().problems).toEqual([]);
  for (const fork of forks.slice(1)) pool.dropSync(fork.name!);
  for (let commits = 0; commits < 3; commits++) {
    putKey(main, key(1), Uint8Array.of(commits));
    pool.commitSync();
  }
  // Every page that is in use is found again, and no more trees than there were.
  expect(pool.checkSync()).toMatchObject({ problems: [], nodes });
  expect(textOf(cellsOf(main).cells).filter((cell) => !cell.startsWith('00000001='))).toEqual(
    cells.filter((cell) => !cell.startsWith('00000001=')),
  );
  expectCounts(store, [referencesOf(main)]);
});
