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

/**
 * Keys one after another in one block. Millions of small arrays would burden the collector of garbage, and whoever allocates
 * beside them; so each use copies a key to an array that is used again.
 */
class Keys {
  /** @param {readonly string[]} keys a character for each byte */
  constructor(keys) {
    this.count = keys.length;
    this.bytes = Buffer.from(keys.join(''), 'latin1');
  }

  /** @param {number} index @param {Uint8Array} key */
  copy(index, key) {
    const from = index * KEY_BYTES;
    for (let at = 0; at < KEY_BYTES; at++) key[at] = this.bytes[from + at];
    return key;
  }
}

/** Distinct, in random order. */
function randomKeys() {
  const next = sequence(1);
  const key = Buffer.alloc(KEY_BYTES);
  const keys = new Set();
  while (keys.size < KEYS) {
    for (let at = 0; at < KEY_BYTES; at += 4) key.writeUInt32BE(next(), at);
    key[0] = FACE;
    keys.add(key.toString('latin1'));
  }
  return [...keys];
}

function makeKeys() {
  const made = randomKeys();
  const next = sequence(2);
  return {
    unsorted: new Keys(made),
    sorted: new Keys([...made].sort()),
    asked: new Keys(made.map(() => made[next() % KEYS])),
  };
}

const { unsorted, sorted, asked } = makeKeys();
/** Uint8Array for byre, Buffer for lmdb-js: what their callers have. */
const byreKey = new Uint8Array(KEY_BYTES);
const lmdbKey = Buffer.alloc(KEY_BYTES);
const values = Array.from({ length: 1024 }, (_, index) => new Uint8Array(VALUE_BYTES).fill(index));

/** @param {string} name */
function openByre(name) {
  const pool = openPoolSync(path.join(directory, name), { cacheBytes: 2 ** 30, commitEveryMs: 0 });
  return { pool, branch: pool.branchSync('main') };
}

/** @param {any} branch @param {Keys} keys */
function fillByre(branch, keys) {
  const { store, root } = branch;
  let puts = Array.from({ length: OPERATION_PUTS }, () => new Uint8Array(KEY_BYTES));
  for (let at = 0; at < keys.count; at += OPERATION_PUTS) {
    if (keys.count - at < OPERATION_PUTS) puts = puts.slice(0, keys.count - at);
    for (let i = 0; i < puts.length; i++) keys.copy(at + i, puts[i]);
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

/** @param {any} database @param {Keys} keys */
function fillLmdb(database, keys) {
  database.transactionSync(() => {
    for (let i = 0; i < keys.count; i++) database.putSync(keys.copy(i, lmdbKey), values[i & 1023]);
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
        fillByre(branch, keys);
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
        const seconds = await timed(() => fillLmdb(database, keys));
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
        for (let i = 0; i < KEYS; i++) {
          asked.copy(i, byreKey);
          branch.runSync(() => get(store, root, byreKey));
        }
      })) / KEYS,
    ...(database && {
      'lmdb getBinary': async () =>
        (await timed(() => {
          for (let i = 0; i < KEYS; i++) database.getBinary(asked.copy(i, lmdbKey));
        })) / KEYS,
    }),
  });
  line('hot random get, copied', reads, { goal: '>= 1.2x' });
  const lent = await compare(5, {
    byre: async () =>
      (await timed(() => {
        for (let i = 0; i < KEYS; i++) {
          asked.copy(i, byreKey);
          branch.runSync(() => borrow(store, root, byreKey)?.[0]);
        }
      })) / KEYS,
    ...(database && {
      'lmdb getBinaryFast': async () =>
        (await timed(() => {
          for (let i = 0; i < KEYS; i++) database.getBinaryFast(asked.copy(i, lmdbKey));
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
// A pool that stays open: with none of its objects left, the collector would take back what the engine had compiled for them.
const { pool, branch } = openByre('read.byre');
if (isWanted('load')) for (const kind of /** @type {const} */ (['unsorted', 'sorted'])) await measureLoad(kind);
fillByre(branch, unsorted);
pool.commitSync();
const database = openLmdb('read.mdb');
if (database) fillLmdb(database, unsorted);
if (isWanted('get')) await measureReads(branch, database);
if (isWanted('scan')) await measureScan(branch, database);
pool.closeSync();
await database?.close();
