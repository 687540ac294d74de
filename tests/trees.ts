/** Trees in pools of memory, for the tests of core: written one key at a time, read whole. Callers: tests only. */
import { compareBytes } from '../src/core/bytes.ts';
import { prepare } from '../src/core/prepare.ts';
import { type Range, scan } from '../src/core/scan.ts';
import { put, remove } from '../src/core/tree.ts';
import type { Branch } from '../src/pool/branch.ts';
import { memoryDevice } from '../src/pool/memory-device.ts';
import { openOnSync, type Pool } from '../src/pool/pool.ts';

export function memoryPool(nodeBytes = 4096): Pool {
  return openOnSync(memoryDevice(), { nodeBytes, cacheBytes: 0, commitEveryMs: 0 });
}

export function putKey(branch: Branch, key: Uint8Array, value: Uint8Array): void {
  branch.runSync(() => {
    prepare(branch.store, branch.root, { puts: [key] });
    put(branch.store, branch.root, key, value);
  });
}

export function removeKey(branch: Branch, key: Uint8Array): boolean {
  return branch.runSync(() => {
    prepare(branch.store, branch.root, { removes: [key], purpose: 'free' });
    return remove(branch.store, branch.root, key);
  });
}

/** Every cell of a range, in the order of the scan, and the lengths of its steps. */
export function cellsOf(branch: Branch, range: Range = {}): { cells: [Uint8Array, Uint8Array][]; steps: number[] } {
  const cells: [Uint8Array, Uint8Array][] = [];
  const steps: number[] = [];
  let { from, to } = range;
  for (;;) {
    const step: [Uint8Array, Uint8Array][] = [];
    const next = branch.runSync(() => {
      step.length = 0;
      return scan(branch.store, branch.root, { ...range, from, to }, (entry) => {
        step.push([entry.key(), entry.value()]);
      });
    });
    cells.push(...step);
    steps.push(step.length);
    if (next === undefined) return { cells, steps };
    if (range.reverse) to = next;
    else from = next;
  }
}

/** What a tree is to hold: keys by their bytes as text, values by their bytes. */
export class Model {
  readonly cells = new Map<string, Uint8Array>();

  set(key: Uint8Array, value: Uint8Array): void {
    this.cells.set(Buffer.from(key).toString('latin1'), value);
  }

  delete(key: Uint8Array): boolean {
    return this.cells.delete(Buffer.from(key).toString('latin1'));
  }

  sorted(): [Uint8Array, Uint8Array][] {
    return [...this.cells]
      .map(([key, value]): [Uint8Array, Uint8Array] => [Uint8Array.from(Buffer.from(key, 'latin1')), value])
      .sort(([a], [b]) => compareBytes(a, b));
  }
}

/** Cells as text, which compares fast. */
export function textOf(cells: readonly (readonly [Uint8Array, Uint8Array])[]): string[] {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return cells.map(([key, value]) => `${hex(key)}=${hex(value)}`);
}

/** Numbers below a bound that come in the same order every time. */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
