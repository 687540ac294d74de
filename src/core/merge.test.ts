/** Three-way merges of trees against merges of maps, cells with pages among them. Callers: vitest only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cellsOf, memoryPool, numbers, putKey, removeKey, textOf } from '../../tests/trees.ts';
import type { Branch } from '../pool/branch.ts';
import { writeContent } from './content.ts';
import { applyChange, changesFrom, type KeyConflict } from './merge.ts';
import { prepare } from './prepare.ts';

const KEYS = 300;
const key = (n: number) => Uint8Array.of(7, n >> 8, n);

/** Equal seeds make equal changes, so that branches may agree. */
function change(branch: Branch, seed: number, count: number): void {
  const random = numbers(seed);
  for (let i = 0; i < count; i++) {
    const n = random(KEYS);
    const what = random(4);
    if (what === 0) removeKey(branch, key(n));
    else if (what === 1) writePages(branch, key(n), new Uint8Array(5000).fill(random(3)));
    else putKey(branch, key(n), new Uint8Array(random(90)).fill(random(3)));
  }
}

function writePages(branch: Branch, at: Uint8Array, bytes: Uint8Array): void {
  const { store, root } = branch;
  branch.runSync(() => {
    prepare(store, root, { content: [{ key: at, from: 0, to: bytes.length }] });
    writeContent(store, root, at, 0, bytes);
  });
}

function mapOf(branch: Branch): Map<string, string> {
  return new Map(textOf(cellsOf(branch).cells).map((text) => text.split('=') as [string, string]));
}

/** Brings into `into` what differs between `base` and `from`. */
function mergeAll(base: Branch, from: Branch, into: Branch, strict: boolean): KeyConflict[] {
  const conflicts: KeyConflict[] = [];
  for (let at: Uint8Array | undefined, more = true; more; ) {
    const here = at;
    const { changes, next } = base.runSync(() => changesFrom(base.store, base.root, from.root, { from: here }));
    for (const each of changes) {
      const conflict = into.runSync(() => applyChange(into.store, into.root, from.root, each, strict));
      if (conflict !== undefined) conflicts.push(conflict);
    }
    at = next;
    more = next !== undefined;
  }
  return conflicts;
}

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');
const side = fc.record({ seed: fc.nat(30), count: fc.oneof(fc.nat(6), fc.nat(150)) });

test('a merge is that of the maps, and its conflicts tell all three sides', () => {
  fc.assert(
    fc.property(fc.nat(), side, side, fc.boolean(), (seed, left, right, strict) => {
      const pool = memoryPool();
      const ours = pool.branchSync('main');
      change(ours, seed, 400);
      const base = pool.snapshotSync('main', 'base');
      const theirs = pool.forkSync('main', 'theirs');
      change(ours, left.seed, left.count);
      change(theirs, right.seed, right.count);
      const [inBase, inOurs, inTheirs] = [base, ours, theirs].map(mapOf) as [
        Map<string, string>,
        Map<string, string>,
        Map<string, string>,
      ];
      const wanted = new Map(inOurs);
      const clashes: string[] = [];
      for (const at of new Set([...inBase.keys(), ...inTheirs.keys()])) {
        const [was, mine, other] = [inBase.get(at), inOurs.get(at), inTheirs.get(at)];
        if (other === was || (mine === other && !strict)) continue;
        if (mine !== was) clashes.push(at);
        else if (other === undefined) wanted.delete(at);
        else wanted.set(at, other);
      }
      const conflicts = mergeAll(base, theirs, ours, strict);
      expect(mapOf(ours)).toEqual(new Map([...wanted].sort()));
      expect(conflicts.map((conflict) => hex(conflict.key)).sort()).toEqual(clashes.sort());
      for (const conflict of conflicts) {
        const at = hex(conflict.key)!;
        expect([conflict.base, conflict.ours, conflict.theirs].map((each) => hex(each?.value))).toEqual([
          inBase.get(at),
          inOurs.get(at),
          inTheirs.get(at),
        ]);
      }
      expect(pool.checkSync().problems).toEqual([]);
    }),
    { numRuns: 25 },
  );
});
