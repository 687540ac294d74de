/**
 * Keys and values in one tree, beside lmdb-js: random reads, a full scan, a durable bulk load, the size of the file.
 *
 *   node --expose-gc bench/keys.mjs [--small] [--cpu] [--only=load|get|scan] [--keys=N] [--rounds=N]
 *
 * byre is used through its core, as a face uses it: one operation for a read, operations of 16 puts for a load. Both sides get
 * the same keys in the same order and hand out copies, except where a line says that the bytes are lent.
 */
import { rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { load, peer } from './byre.mjs';
import { compare, isWanted, scratch, sequence, size, timed } from './method.mjs';
import { heading, line, showBytes } from './report.mjs';

const KEYS = size('keys', 1_000_000, 2_000);
const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const OPERATION_PUTS = 16;
/** Tables are the face of a branch whose keys begin so; every key of both sides does. */
const FACE = 2;

const { openPoolSync } = await load('src/index.js');
const { borrow, get, put } = await load('src/core/tree.js');
const { prepare } = await load('src/core/prepare.js');
const { scan } = await load('src/core/scan.js');
const lmdb = await peer('lmdb');

const directory = scratch('keys');

/** Distinct, in random order. */
function randomKeys() {
  const next = sequence(1);
  const seen = new Set();
  const keys = [];
  while (keys.length < KEYS) {
    const key = Buffer.alloc(KEY_BYTES);
    for (let at = 0; at < KEY_BYTES; at += 4) key.writeUInt32BE(next(), at);
    key[0] = FACE;
    const name = key.toString('latin1');
    if (!seen.has(name)) keys.push(key);
    seen.add(name);
  }
  return keys;
}

/** Each side's keys lie in memory in the order in which they are used, as keys do that were made just before. */
const inOrder = (/** @type {readonly Buffer[]} */ keys) => ({
  byre: keys.map((key) => new Uint8Array(key)),
  lmdb: keys.map((key) => Buffer.from(key)),
});
const made = randomKeys();
const next = sequence(2);
const unsorted = inOrder(made);
const sorted = inOrder([...made].sort(Buffer.compare));
const asked = inOrder(made.map(() => made[next() % KEYS]));
const values = Array.from({ length: 1024 }, (_, index) => new Uint8Array(VALUE_BYTES).fill(index));

/** @param {string} name */
function openByre(name) {
  const pool = openPoolSync(path.join(directory, name), { cacheBytes: 2 ** 30, commitEveryMs: 0 });
  return { pool, branch: pool.branchSync('main') };
}

/** @param {any} branch @param {readonly Uint8Array[]} keys */
function fillByre(branch, keys) {
  const { store, root } = branch;
  for (let at = 0; at < keys.length; at += OPERATION_PUTS) {
    const puts = keys.slice(at, at + OPERATION_PUTS);
    branch.runSync(() => {
      prepare(store, root, { puts });
      for (let i = 0; i < puts.length; i++) put(store, root, puts[i], values[(at + i) & 1023]);
    });
  }
}

/** @param {string} name */
function openLmdb(name) {
  return lmdb?.module.open({
    path: path.join(directory, name),
    noSubdir: true,
    keyEncoding: 'binary',
    encoding: 'binary',
    compression: false,
    // Otherwise a transaction returns before it is durable.
    overlappingSync: false,
    mapSize: 2 ** 32,
  });
}

/** @param {any} database @param {readonly Buffer[]} keys */
function fillLmdb(database, keys) {
  database.transactionSync(() => {
    for (let i = 0; i < keys.length; i++) database.putSync(keys[i], values[i & 1023]);
  });
}

/** @param {string} name */
function removeLmdb(name) {
  for (const suffix of ['', '-lock']) rmSync(path.join(directory, name + suffix), { force: true });
}

/** @param {string} name */
function sizeOf(name) {
  return statSync(path.join(directory, name)).size;
}

/** @param {'unsorted' | 'sorted'} kind */
async function measureLoad(kind) {
  const keys = kind === 'sorted' ? sorted : unsorted;
  /** @type {Record<string, number>} */
  const sizes = {};
  const results = await compare(3, {
    byre: async () => {
      rmSync(path.join(directory, 'load.byre'), { force: true });
      const { pool, branch } = openByre('load.byre');
      const seconds = await timed(() => {
        fillByre(branch, keys.byre);
        pool.commitSync();
      });
      pool.closeSync();
      sizes.byre = sizeOf('load.byre');
      return seconds / KEYS;
    },
    ...(lmdb && {
      lmdb: async () => {
        removeLmdb('load.mdb');
        const database = openLmdb('load.mdb');
        const seconds = await timed(() => fillLmdb(database, keys.lmdb));
        await database.close();
        sizes.lmdb = sizeOf('load.mdb');
        return seconds / KEYS;
      },
    }),
  });
  line(`bulk load, ${kind}, one durable commit, per key`, results, { goal: '>= 1x' });
  line(`file size after that`, sizes, { show: showBytes, goal: kind === 'sorted' ? '>= 0.95x' : undefined });
}

/** @param {any} branch */
function scanByre(branch, /** @type {(entry: any) => number} */ look) {
  const { store, root } = branch;
  let sum = 0;
  /** @type {Uint8Array | undefined} */
  let from = Uint8Array.of(0);
  while (from !== undefined) {
    const start = from;
    from = branch.runSync(() =>
      scan(store, root, { from: start }, (/** @type {any} */ entry) => {
        sum += look(entry);
      }),
    );
  }
  return sum;
}

/** @param {any} branch @param {any} database */
async function measureReads(branch, database) {
  const { store, root } = branch;
  const reads = await compare(5, {
    byre: async () =>
      (await timed(() => {
        for (const key of asked.byre) branch.runSync(() => get(store, root, key));
      })) / KEYS,
    ...(database && {
      'lmdb getBinary': async () =>
        (await timed(() => {
          for (const key of asked.lmdb) database.getBinary(key);
        })) / KEYS,
    }),
  });
  line('hot random get, copied', reads, { goal: '>= 1.2x' });
  const lent = await compare(5, {
    byre: async () =>
      (await timed(() => {
        for (const key of asked.byre) branch.runSync(() => borrow(store, root, key)?.[0]);
      })) / KEYS,
    ...(database && {
      'lmdb getBinaryFast': async () =>
        (await timed(() => {
          for (const key of asked.lmdb) database.getBinaryFast(key);
        })) / KEYS,
    }),
  });
  line('hot random get, lent', lent, { goal: '>= 1.2x' });
}

/** @param {any} branch @param {any} database */
async function measureScan(branch, database) {
  const scans = await compare(5, {
    byre: async () =>
      (await timed(() => scanByre(branch, (entry) => entry.key().length + entry.value().length))) / KEYS,
    ...(database && {
      lmdb: async () =>
        (await timed(() => {
          let sum = 0;
          for (const { key, value } of database.getRange({})) sum += key.length + value.length;
          return sum;
        })) / KEYS,
    }),
  });
  line('full scan, keys and values copied, per key', scans, { goal: '>= 5x' });
  // lmdb-js lends nothing in a range, so its figure is the same as above.
  const lent = await compare(5, {
    byre: async () => (await timed(() => scanByre(branch, (entry) => entry.borrowValue().length))) / KEYS,
  });
  line('full scan, values lent, per key', { ...lent, ...(database && { lmdb: scans.lmdb }) });
}

heading(
  `keys: ${KEYS.toLocaleString('en')} keys of ${KEY_BYTES} bytes, values of ${VALUE_BYTES} bytes`,
  lmdb && { lmdb: lmdb.version },
);
if (isWanted('load')) for (const kind of /** @type {const} */ (['unsorted', 'sorted'])) await measureLoad(kind);
const { pool, branch } = openByre('read.byre');
fillByre(branch, unsorted.byre);
pool.commitSync();
const database = openLmdb('read.mdb');
if (database) fillLmdb(database, unsorted.lmdb);
if (isWanted('get')) await measureReads(branch, database);
if (isWanted('scan')) await measureScan(branch, database);
pool.closeSync();
await database?.close();
