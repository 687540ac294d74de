/**
 * What forks cost: alone and by the hundred thousand, in small and in large pools, and what they cost those who write beside them.
 *
 *   node --expose-gc bench/forks.mjs [--small] [--cpu] [--only=size|durable|thousand|drop|many|writes]
 *
 * `size` writes a real pool of 10 GiB to the scratch directory (BYRE_BENCH_DIRECTORY) and removes it afterwards.
 */
import path from 'node:path';
import { load } from './byre.mjs';
import { compare, isWanted, median, scratch, sequence, size, small, timed } from './method.mjs';
import { heading, line, note, showBytes, showTime } from './report.mjs';

const { memoryDevice, openPoolSync } = await load('src/index.js');
const { put } = await load('src/core/tree.js');
const { prepare } = await load('src/core/prepare.js');

const directory = scratch('forks');
const VALUE = new Uint8Array(100).fill(7);
const CHUNK_BYTES = 512 * 1024;

/** @param {number} number */
function keyOf(number) {
  const key = new Uint8Array(16);
  key[0] = 2;
  new DataView(key.buffer).setUint32(4, Math.imul(number, 0x9e37_79b1) >>> 0);
  new DataView(key.buffer).setUint32(12, number);
  return key;
}

/** @param {any} branch @param {Uint8Array} key */
function putOne(branch, key) {
  const { store, root } = branch;
  branch.runSync(() => {
    prepare(store, root, { puts: [key] });
    put(store, root, key, VALUE);
  });
}

/** A pool in memory whose branch main has `keys` keys, committed. @param {number} keys */
function poolOf(keys, device = memoryDevice(), cacheBytes = 256 << 20) {
  const pool = openPoolSync(device, { commitEveryMs: 0, cacheBytes });
  const main = pool.branchSync('main');
  for (let number = 0; number < keys; number++) putOne(main, keyOf(number));
  pool.commitSync();
  return { pool, main };
}

/** A pool in a file that holds so many bytes of file content. @param {string} name @param {number} bytes */
function filledPool(name, bytes) {
  const pool = openPoolSync(path.join(directory, name), { commitEveryMs: 0 });
  const { files } = pool.branchSync('main');
  const chunk = new Uint8Array(CHUNK_BYTES);
  const next = sequence(bytes);
  const fd = files.openSync('/data', 'w');
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    for (let page = 0; page < CHUNK_BYTES; page += 4096) chunk[page] = next();
    files.writeSync(fd, chunk, 0, Math.min(CHUNK_BYTES, bytes - at), at);
  }
  files.closeSync(fd);
  pool.commitSync();
  return pool;
}

let forks = 0;
const forkName = () => `fork-${forks++}`;

/** Seconds for one fork of main, as the median of many. @param {any} pool @param {number} count */
async function forkTime(pool, count) {
  const times = [];
  const names = [];
  for (let i = 0; i < count; i++) {
    const name = forkName();
    times.push(await timed(() => pool.forkSync('main', name)));
    names.push(name);
  }
  for (const name of names) pool.dropSync(name);
  pool.commitSync();
  return median(times);
}

async function measureSize() {
  const sizes = { small: 1 << 20, large: size('bytes', 10 * 2 ** 30, 16 << 20) };
  const pools = { small: filledPool('small.byre', sizes.small), large: filledPool('large.byre', sizes.large) };
  const count = size('forks', 2000, 20);
  const named = await compare(7, {
    [showBytes(sizes.small)]: () => forkTime(pools.small, count),
    [showBytes(pools.large.space().usedBytes)]: () => forkTime(pools.large, count),
  });
  line('fork in memory, named; small and large pool', named, { goal: '<= 10 us, <= 1.2x' });
  const unnamed = await compare(7, {
    [showBytes(sizes.small)]: () => unnamedTime(pools.small, count),
    [showBytes(pools.large.space().usedBytes)]: () => unnamedTime(pools.large, count),
  });
  line('fork in memory, unnamed, and its release', unnamed);
  for (const pool of Object.values(pools)) pool.closeSync();
}

/** @param {any} pool @param {number} count */
async function unnamedTime(pool, count) {
  const main = pool.branchSync('main');
  const seconds = await timed(() => {
    for (let i = 0; i < count; i++) pool.releaseSync(pool.forkUnnamedSync(main));
  });
  return seconds / count;
}

async function measureDurable() {
  const pool = filledPool('durable.byre', 1 << 20);
  const times = [];
  for (let i = 0; i < size('commits', 200, 5); i++) {
    times.push(
      await timed(() => {
        pool.forkSync('main', forkName());
        pool.commitSync();
      }),
    );
  }
  note('fork with a durable commit', showTime(median(times)), '<= 1 ms');
  pool.closeSync();
}

async function measureThousand() {
  const count = size('forks', 1000, 20);
  const keys = size('keys', 10_000, 200);
  const { pool } = poolOf(keys, path.join(directory, 'thousand.byre'));
  const next = sequence(3);
  const seconds = await timed(() => {
    for (let i = 0; i < count; i++) {
      const branch = pool.forkSync('main', forkName());
      for (let write = 0; write < 10; write++) putOne(branch, keyOf(next() % keys));
    }
    pool.commitSync();
  });
  note(`${count} forks with 10 writes each, one durable commit`, showTime(seconds), '<= 1 s');
  pool.closeSync();
}

/** Bytes in use once nothing is held for an earlier commit any more. @param {any} pool */
function settledBytes(pool) {
  for (let i = 0; i < 3; i++) {
    pool.setLimit(0);
    pool.commitSync();
  }
  return pool.space().usedBytes;
}

async function measureDrop() {
  const keys = size('keys', 100_000, 2000);
  const { pool } = poolOf(keys);
  for (const writes of small ? [0, 10, 100] : [0, 10, 100, 1000, 10_000]) {
    const next = sequence(writes);
    const times = [];
    let pages = 0;
    for (let round = 0; round < 3; round++) {
      const name = forkName();
      const before = settledBytes(pool);
      const branch = pool.forkSync('main', name);
      for (let write = 0; write < writes; write++) putOne(branch, keyOf(next() % keys));
      pages = (settledBytes(pool) - before) / 4096;
      times.push(await timed(() => pool.dropSync(name)));
    }
    const each = pages > 0 ? `, ${showTime(median(times) / pages)} a page` : '';
    note(`drop of a fork with ${writes} writes, ${Math.round(pages)} own pages`, showTime(median(times)) + each);
  }
  pool.closeSync();
}

async function measureMany() {
  const count = size('forks', 100_000, 400);
  const step = Math.max(1, count / 100);
  const { pool } = poolOf(size('keys', 1000, 100));
  const times = [];
  for (let at = 0; at < count; at += step) {
    times.push(
      (await timed(() => {
        for (let i = 0; i < step; i++) pool.forkSync('main', forkName());
      })) / step,
    );
  }
  const [first, last] = [times[0], times[times.length - 1]];
  note(`${count} forks: the first ${step}, each`, showTime(first));
  note(`${count} forks: the last ${step}, each`, `${showTime(last)} (${(last / first).toFixed(2)}x)`, '<= 2x');
  note('  and the commit of all', showTime(await timed(() => pool.commitSync())));
  pool.closeSync();
}

async function measureWrites() {
  const keys = size('keys', 100_000, 1000);
  const writes = size('writes', 100_000, 500);
  const live = size('forks', 10_000, 50);
  const pools = { none: poolOf(keys), many: poolOf(keys) };
  const next = sequence(4);
  for (let i = 0; i < live; i++) putOne(pools.many.pool.forkSync('main', forkName()), keyOf(next() % keys));
  pools.many.pool.commitSync();
  const work = async (/** @type {{ pool: any, main: any }} */ { pool, main }) =>
    (await timed(() => {
      for (let i = 0; i < writes; i++) putOne(main, keyOf(next() % keys));
      pool.commitSync();
    })) / writes;
  const results = await compare(7, {
    [`with ${live} forks`]: () => work(pools.many),
    'with none': () => work(pools.none),
  });
  line('random writes in main, one commit, each', results, { goal: '>= 0.8x' });
  for (const { pool } of Object.values(pools)) pool.closeSync();
}

heading('forks');
if (isWanted('size')) await measureSize();
if (isWanted('durable')) await measureDurable();
if (isWanted('thousand')) await measureThousand();
if (isWanted('drop')) await measureDrop();
if (isWanted('many')) await measureMany();
if (isWanted('writes')) await measureWrites();
