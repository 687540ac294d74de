/**
 * A view over a store without a device, for tests of the files face's operations: nothing is ever written out, and faults are
 * invented, so that an operation which writes before it has read everything is caught at once.
 * Callers must keep to what fits the memory of one test; pools are tested elsewhere.
 */
import { Fault } from '../../src/core/fault.ts';
import { shareRoot } from '../../src/core/share.ts';
import { emptyRoot, type Root, Store } from '../../src/core/store.ts';
import { Known } from '../../src/files/ops/known.ts';
import type { Time, View } from '../../src/files/ops/view.ts';

const MIB = 1 << 20;

/** Good enough to tell pages apart, and fast. */
function sumHash(bytes: Uint8Array, out: Uint32Array): void {
  let low = 0x811c9dc5;
  for (let at = 0; at < bytes.length; at += 64) low = Math.imul(low ^ bytes[at], 0x01000193);
  out[0] = (low >>> 0) | 1;
  out[1] = bytes.length;
}

/** A small generator with a seed (mulberry32): 0 <= x < 1. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

export interface BareView extends View {
  /** Runs an operation as a runner does, again after each fault. */
  run<T>(operation: () => T): T;
  /** Another view of the same store and clock, on a second reference to the root. */
  fork(options?: { readOnly?: boolean }): BareView;
  /** Moves the clock on. */
  tick(): Time;
}

export interface BareOptions {
  readonly seed?: number;
  /** How often a node is said to be away, 0 to 1. */
  readonly faultRate?: number;
  readonly nodeBytes?: number;
  readonly cacheBytes?: number;
  readonly limitPages?: number;
}

export function bareView(options: BareOptions = {}): BareView {
  const store = new Store({
    nodeBytes: options.nodeBytes ?? 4096,
    cacheBytes: options.cacheBytes ?? 256 * MIB,
    limitPages: options.limitPages ?? 0,
    hash: sumHash,
  });
  const random = randomFrom(options.seed ?? 1);
  const faultRate = options.faultRate ?? 0;
  // Page 0 means an empty tree; a device's first pages are its superblocks.
  store.counts.grow(8);
  store.counts.allocate(0, 8);
  const findNode = store.node.bind(store);
  store.node = (page, low, high) => {
    if (!store.writing && store.attempt < 6 && random() < faultRate) throw new Fault('load');
    return findNode(page, low, high);
  };
  let inodes = 1;
  let seconds = 1000;
  const clock = {
    now: (): Time => ({ seconds, nanoseconds: 5 }),
    nextInode: () => ++inodes,
    tick: (): Time => ({ seconds: ++seconds, nanoseconds: 5 }),
  };
  const viewOf = (root: Root, readOnly: boolean): BareView => ({
    store,
    root,
    known: new Known(),
    readOnly,
    ...clock,
    run: (operation) => run(store, operation),
    fork: (forkOptions = {}) => viewOf(shareRoot(store, root), forkOptions.readOnly === true),
  });
  return viewOf(emptyRoot(), false);
}

function run<T>(store: Store, operation: () => T): T {
  for (let attempt = 0; ; attempt++) {
    store.begin(attempt);
    try {
      const result = operation();
      store.end();
      return result;
    } catch (thrown) {
      const wrote = store.writing;
      store.end();
      if (!(thrown instanceof Fault)) throw thrown;
      if (wrote) throw new Error('an operation faulted after it had prepared', { cause: thrown });
      if (thrown.kind !== 'load' || attempt > 20)
        throw new Error(`a bare store cannot ${thrown.kind}`, { cause: thrown });
    }
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
