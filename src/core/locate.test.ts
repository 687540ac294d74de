/** Operations of many keys, most of them near each other, find and leave what a map would, whatever becomes of the tree's shape. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Branch } from '../pool/branch.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { openOnSync } from '../pool/pool.ts';
import { equalBytes } from './bytes.ts';
import { readContent, writeContent } from './content.ts';
import { prepare } from './prepare.ts';
import { scan } from './scan.ts';
import { releaseRoot, shareRoot } from './share.ts';
import type { Root, Store } from './store.ts';
import { get, has, put, remove } from './tree.ts';

const KEYS = 2400;
const filler = new Array<number>(300).fill(9);
/** Long, and alike but for their ends in groups of eight, so that nodes of all levels hold few. */
const longKeys = Array.from({ length: 2 * KEYS }, (_, n) =>
  Uint8Array.of(1, n >>> 11, (n >>> 3) & 255, ...filler, n & 7),
);
/** The same array each time: a key that is prepared is known again when it is written. */
const keyOf = (n: number) => longKeys[n]!;
const filled = (n: number, bytes: number) => new Uint8Array(bytes).fill(n);

type Action =
  | { readonly kind: 'put'; readonly key: number; readonly bytes: number }
  | { readonly kind: 'remove' | 'get' | 'write'; readonly key: number }
  | { readonly kind: 'share' };

/** Keys of one operation: around one place, or anywhere. */
const operation = fc.tuple(fc.nat(KEYS - 20), fc.constantFrom(3, 20, 20, KEYS)).chain(([from, span]) => {
  const key = fc.nat(span - 1).map((n) => (from + n) % KEYS);
  const action: fc.Arbitrary<Action> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('put' as const), key, bytes: fc.constantFrom(8, 900, 900) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('remove' as const, 'get' as const), key }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('write' as const), key: key.map((n) => n + KEYS) }) },
    { weight: 1, arbitrary: fc.constant<Action>({ kind: 'share' }) },
  );
  const place = (each: Action) => ('key' in each ? each.key : 0);
  return fc
    .tuple(fc.array(action, { minLength: 1, maxLength: 24, size: 'max' }), fc.boolean())
    .map(([actions, descending]) => (descending ? actions.toSorted((a, b) => place(b) - place(a)) : actions));
});

type Model = Map<number, Uint8Array>;

function read(store: Store, root: Root, key: number, length: number): Uint8Array | undefined {
  if (key < KEYS) return get(store, root, keyOf(key));
  const bytes = new Uint8Array(length);
  readContent(store, root, keyOf(key), 0, bytes);
  return bytes;
}

function expectTree(store: Store, root: Root, model: Model, keys: Iterable<number>): void {
  for (const key of keys) {
    const wanted = model.get(key);
    const isThere = has(store, root, keyOf(key));
    const held = isThere ? read(store, root, key, wanted?.length ?? 0) : undefined;
    const same = held === undefined || wanted === undefined ? held === wanted : equalBytes(held, wanted);
    if (!same) expect(held, `key ${key}`).toEqual(wanted);
  }
}

function perform(store: Store, root: Root, action: Action, model: Model): void {
  if (action.kind === 'put') {
    const value = filled(action.key, action.bytes);
    put(store, root, keyOf(action.key), value);
    model.set(action.key, value);
  } else if (action.kind === 'remove') {
    expect(remove(store, root, keyOf(action.key))).toBe(model.delete(action.key));
  } else if (action.kind === 'write') {
    const bytes = filled(action.key, 5000);
    const added = writeContent(store, root, keyOf(action.key), 0, bytes);
    expect(added).toBe(model.has(action.key) ? 0 : 2);
    model.set(action.key, bytes);
  } else if (action.kind === 'get') expectTree(store, root, model, [action.key, action.key + 1]);
}

function run(branch: Branch, actions: readonly Action[], model: Model): void {
  const { store, root } = branch;
  branch.runSync(() => {
    const keysOf = (kind: Action['kind']) =>
      actions.flatMap((action) => (action.kind === kind && 'key' in action ? [keyOf(action.key)] : []));
    const content = actions.flatMap((action) =>
      action.kind === 'write' ? [{ key: keyOf(action.key), from: 0, to: 5000 }] : [],
    );
    prepare(store, root, { puts: keysOf('put'), removes: keysOf('remove'), content });
    const shared: Array<{ root: Root; model: Model }> = [];
    for (const action of actions) {
      const before = root.changes;
      perform(store, root, action, model);
      if (action.kind === 'put' || action.kind === 'write') expect(root.changes).toBeGreaterThan(before);
      if (action.kind === 'share') shared.push({ root: shareRoot(store, root), model: new Map(model) });
    }
    const touched = actions.flatMap((action) => ('key' in action ? [action.key] : []));
    expectTree(store, root, model, touched);
    for (const each of shared) {
      expectTree(store, each.root, each.model, touched);
      releaseRoot(store, each.root);
    }
  });
}

/** A key in eight, so that operations put many cells into one leaf. */
function fill(branch: Branch, model: Model): void {
  for (let key = 0; key < KEYS; key += 8) run(branch, [{ kind: 'put', key, bytes: 8 }], model);
}

test('operations of many keys leave what a map would', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 100, size: 'max' }), (operations) => {
      const pool = openOnSync(memoryDevice(), { nodeBytes: 4096, cacheBytes: 8 << 20, commitEveryMs: 0 });
      const branch = pool.branchSync('main');
      const model: Model = new Map();
      fill(branch, model);
      for (const [at, actions] of operations.entries()) {
        run(branch, actions, model);
        if (at % 7 === 3) pool.commitSync();
        if (at % 7 === 5) pool.forkSync('main', `fork-${at}`);
      }
      for (let key = 0; key < KEYS + KEYS; key++)
        branch.runSync(() => expectTree(branch.store, branch.root, model, [key]));
      expect(pool.checkSync().problems).toEqual([]);
      pool.closeSync();
    }),
    { numRuns: 25 },
  );
}, 120_000);

test('what one operation was near to is nothing to the next, by when its leaf may have left the memory', () => {
  const pool = openOnSync(memoryDevice(), { nodeBytes: 4096, cacheBytes: 0, commitEveryMs: 0 });
  const branch = pool.branchSync('main');
  const { store, root } = branch;
  const model: Model = new Map();
  for (let key = 0; key < KEYS; key++) run(branch, [{ kind: 'put', key, bytes: 900 }], model);
  pool.commitSync();
  for (let key = 1; key < KEYS; key += 100) {
    branch.runSync(() => expectTree(store, root, model, [key]));
    // A scan goes its own way down, and fills the memory.
    for (let from: Uint8Array | undefined = keyOf(0); from !== undefined; ) {
      const at: Uint8Array = from;
      from = branch.runSync(() => scan(store, root, { from: at }, () => true));
    }
    branch.runSync(() => expectTree(store, root, model, [key]));
  }
  pool.closeSync();
});

test('an array that holds another key than when it was read is written under that one', () => {
  const pool = openOnSync(memoryDevice(), { nodeBytes: 4096, commitEveryMs: 0 });
  const main = pool.branchSync('main');
  const { store, root } = main;
  const key = new Uint8Array(2);
  for (let n = 0; n < 600; n++) {
    main.runSync(() => {
      key.set([n >> 8, n & 255]);
      get(store, root, key);
      key[1]! ^= 128;
      prepare(store, root, { puts: [key] });
      put(store, root, key, key.slice());
    });
  }
  main.runSync(() => {
    for (let n = 0; n < 512; n++)
      expect(get(store, root, Uint8Array.of(n >> 8, n & 255))).toEqual(Uint8Array.of(n >> 8, n & 255));
  });
  expect(pool.checkSync().problems).toEqual([]);
  pool.closeSync();
});

test('what is read between preparing and writing a key does not lead the write astray', () => {
  const pool = openOnSync(memoryDevice(), { nodeBytes: 4096, commitEveryMs: 0 });
  const main = pool.branchSync('main');
  const { store, root } = main;
  const keys = Array.from({ length: 600 }, (_, n) => Uint8Array.of(n >> 8, n & 255));
  for (const [n, key] of keys.entries()) {
    main.runSync(() => {
      prepare(store, root, { puts: [key] });
      get(store, root, keys[(n * 7) % 600]!);
      put(store, root, key, key);
    });
  }
  main.runSync(() => {
    for (const key of keys) expect(get(store, root, key)).toEqual(key);
    for (const [n, key] of keys.entries()) {
      prepare(store, root, { removes: [key] });
      get(store, root, keys[(n * 7) % 600]!);
      expect(remove(store, root, key)).toBe(true);
    }
  });
  expect(pool.checkSync().problems).toEqual([]);
  pool.closeSync();
});
