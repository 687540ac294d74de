/**
 * Tables through the public interface, beside other ordered stores: loads, reads, scans, durable writes, forks, diffs.
 *
 *   node --expose-gc bench/tables.mjs [--small] [--cpu] [--only=WORD] [--keys=N] [--rounds=N]
 *
 * Keys are numbers, values 100 bytes, and every store hands out copies. Peers that are not installed are left out. Stores in
 * memory (Map, sorted-btree, memory-level) keep nothing that a crash would not take.
 */
import { rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { load, peer } from './byre.mjs';
import { compare, isWanted, median, scratch, sequence, size, timed } from './method.mjs';
import { heading, line, note, showBytes, showTime } from './report.mjs';

const KEYS = size('keys', 1_000_000, 2_000);
const BATCH = 1000;
const FORKS = size('forks', 10_000, 50);
const MANY_FORKS = size('many', 100_000, 3_000);
const ROUNDS = 3;

const { openPoolSync, memoryDevice } = await load('src/index.js');
const { ByreLevel } = await load('src/level/index.js');
const lmdb = await peer('lmdb');
const sqlite = await peer('better-sqlite3');
const memoryLevel = await peer('memory-level');
const classicLevel = await peer('classic-level');
const btree = await peer('sorted-btree');

const directory = scratch('tables');
const value = new Uint8Array(100).fill(7);
const next = sequence(3);
const asked = Array.from({ length: KEYS }, () => next() % KEYS);

/** Every store in one shape: `fill` ends durable; `close` may be asynchronous. */
const stores = {
  byre() {
    const file = path.join(directory, 'tables.byre');
    rmSync(file, { force: true });
    const pool = openPoolSync(file, { cacheBytes: 2 ** 30, commitEveryMs: 0 });
    const table = pool.branchSync('main').table('rows', { values: 'bytes' });
    return {
      file,
      fill() {
        for (let from = 0; from < KEYS; from += BATCH) {
          const batch = [];
          for (let key = from; key < Math.min(from + BATCH, KEYS); key++) batch.push({ type: 'put', key, value });
          table.batchSync(batch);
        }
        pool.commitSync();
      },
      get: (/** @type {number} */ key) => table.getSync(key),
      *scan() {
        for (const [, bytes] of table.entriesSync()) yield bytes;
      },
      table,
      pool,
      close: () => pool.closeSync(),
    };
  },
  lmdb() {
    const file = path.join(directory, 'tables.mdb');
    for (const suffix of ['', '-lock']) rmSync(file + suffix, { force: true });
    const database = lmdb?.module.open({
      path: file,
      noSubdir: true,
      encoding: 'binary',
      compression: false,
      overlappingSync: false,
      mapSize: 2 ** 32,
    });
    return {
      file,
      fill() {
        // One transaction, since each is durable by itself, where byre's batches share one commit.
        database.transactionSync(() => {
          for (let key = 0; key < KEYS; key++) database.putSync(key, value);
        });
      },
      get: (/** @type {number} */ key) => database.get(key),
      *scan() {
        for (const entry of database.getRange()) yield entry.value;
      },
      database,
      close: () => database.close(),
    };
  },
  sqlite() {
    const file = path.join(directory, 'tables.sqlite');
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
    const database = new /** @type {any} */ (sqlite).module.default(file);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.exec('create table rows (key integer primary key, value blob)');
    const insert = database.prepare('insert into rows values (?, ?)');
    const select = database.prepare('select value from rows where key = ?').pluck();
    const all = database.prepare('select value from rows order by key').pluck();
    return {
      file,
      fill: database.transaction(() => {
        for (let key = 0; key < KEYS; key++) insert.run(key, value);
      }),
      get: (/** @type {number} */ key) => select.get(key),
      scan: () => all.iterate(),
      database,
      insert: database.prepare('insert or replace into rows values (?, ?)'),
      close: () => database.close(),
    };
  },
  btree() {
    const Tree = /** @type {any} */ (btree).module.default;
    const tree = new (Tree.default ?? Tree)();
    return inMemory(
      (key) => tree.set(key, value.slice()),
      (key) => tree.get(key)?.slice(),
      () => tree.values(),
    );
  },
  Map() {
    const map = new Map();
    return inMemory(
      (key) => map.set(key, value.slice()),
      (key) => map.get(key)?.slice(),
      () => map.values(),
    );
  },
};

/** @param {(key: number) => unknown} set @param {(key: number) => any} get @param {() => Iterable<any>} values */
function inMemory(set, get, values) {
  return {
    fill() {
      for (let key = 0; key < KEYS; key++) set(key);
    },
    get,
    *scan() {
      for (const bytes of values()) yield bytes.slice();
    },
    close: () => {},
  };
}

/** @type {Array<[string, () => any]>} */
const contestants = [
  ['byre', stores.byre],
  ...(lmdb ? /** @type {any} */ ([['lmdb-js', stores.lmdb]]) : []),
  ...(sqlite ? /** @type {any} */ ([['better-sqlite3', stores.sqlite]]) : []),
  ...(btree ? /** @type {any} */ ([['sorted-btree', stores.btree]]) : []),
  /** @type {any} */ (['Map', stores.Map]),
];

async function measureLoads() {
  /** @type {Record<string, number>} */
  const sizes = {};
  /** @param {string} name @param {() => any} make */
  const fill = (name, make) => async () => {
    const store = make();
    const seconds = await timed(() => store.fill());
    await store.close();
    if (store.file) sizes[name] = statSync(store.file).size;
    return seconds / KEYS;
  };
  const results = await compare(
    ROUNDS,
    Object.fromEntries(contestants.map(([name, make]) => [name, fill(name, make)])),
  );
  line('load, sorted, one durable commit, per row', results, { goal: '>= 1x lmdb-js' });
  line('file size after that', sizes, { show: showBytes, goal: '>= 0.95x lmdb-js' });
}

/** Each store alone in memory: the rows of others would make the garbage collector's work for it. */
async function measureReads() {
  /** @type {Record<string, () => Promise<number>>} */
  const gets = {};
  /** @type {Record<string, number[]>} */
  const scans = {};
  for (const [name, make] of contestants) {
    scans[name] = [];
    gets[name] = async () => {
      const store = make();
      store.fill();
      const times = [];
      for (let round = 0; round < 3; round++) {
        let bytes = 0;
        times.push(
          await timed(() => {
            for (const key of asked) bytes += store.get(key).length;
          }),
        );
        if (bytes !== KEYS * value.length) throw new Error('rows are missing');
      }
      for (let round = 0; round < 3; round++) {
        let bytes = 0;
        const seconds = await timed(() => {
          for (const one of store.scan()) bytes += one.length;
        });
        if (bytes !== KEYS * value.length) throw new Error('rows are missing');
        scans[name].push(seconds / KEYS);
      }
      await store.close();
      return median(times) / KEYS;
    };
  }
  const results = await compare(ROUNDS, gets);
  line('get, any order, per row', results, { goal: '>= 1.2x lmdb-js, >= 2.5x better-sqlite3' });
  const medians = Object.fromEntries(Object.entries(scans).map(([name, times]) => [name, median(times)]));
  line('scan, per row', medians, { goal: '>= 5x lmdb-js' });
}

async function measureLevel() {
  const rows = Math.min(KEYS, 200_000);
  const keys = Array.from({ length: rows }, (_, i) => `user:${String(i).padStart(10, '0')}`);
  /** @type {Record<string, any>} */
  const open = {
    byre: new ByreLevel(openPoolSync(memoryDevice(), { commitEveryMs: 0, cacheBytes: 2 ** 29 }).branchSync('main'), {
      valueEncoding: 'view',
    }),
  };
  if (memoryLevel) open['memory-level'] = new memoryLevel.module.MemoryLevel({ valueEncoding: 'view' });
  if (classicLevel)
    open['classic-level'] = new classicLevel.module.ClassicLevel(path.join(directory, 'classic'), {
      valueEncoding: 'view',
    });
  for (const database of Object.values(open)) await database.open();
  const each = (/** @type {(database: any) => Promise<number>} */ measure) =>
    Object.fromEntries(Object.entries(open).map(([name, database]) => [name, () => measure(database)]));
  const puts = await compare(
    ROUNDS,
    each((database) =>
      timed(async () => {
        for (let from = 0; from < rows; from += BATCH) {
          await database.batch(keys.slice(from, from + BATCH).map((key) => ({ type: 'put', key, value })));
        }
      }),
    ),
  );
  line('abstract-level batch of 1000, per row', perRow(puts, rows), { goal: '>= 1x memory-level' });
  const gets = await compare(
    ROUNDS,
    each((database) =>
      timed(() => {
        for (let i = 0; i < rows; i++) database.getSync(keys[asked[i % asked.length] % rows]);
      }),
    ),
  );
  line('abstract-level getSync, per row', perRow(gets, rows), { goal: '>= 1x memory-level' });
  for (const database of Object.values(open)) await database.close();
}

/** @param {Record<string, number>} results @param {number} rows */
function perRow(results, rows) {
  return Object.fromEntries(Object.entries(results).map(([name, seconds]) => [name, seconds / rows]));
}

async function measureDurable() {
  // So many that programs run as they do after a while, not as when they begin.
  const count = size('durable', 2000, 5);
  const byre = stores.byre();
  byre.fill();
  /** @type {Record<string, () => Promise<number>>} */
  const single = {
    byre: async () =>
      (await timed(async () => {
        for (let i = 0; i < count; i++) {
          byre.table.putSync(asked[i], value);
          byre.pool.commitSync();
        }
      })) / count,
  };
  const others = [];
  if (lmdb) {
    const { database, close } = stores.lmdb();
    others.push(close);
    single['lmdb-js'] = async () =>
      (await timed(async () => {
        for (let i = 0; i < count; i++) database.transactionSync(() => database.putSync(asked[i], value));
      })) / count;
  }
  if (sqlite) {
    const { insert, close } = stores.sqlite();
    others.push(close);
    single['better-sqlite3'] = async () =>
      (await timed(() => {
        for (let i = 0; i < count; i++) insert.run(asked[i], value);
      })) / count;
  }
  const alone = await compare(ROUNDS, single);
  line('durable put, alone', alone, { goal: '>= 0.7x lmdb-js' });
  const shared = await compare(ROUNDS, {
    byre: async () =>
      (await timed(async () => {
        for (let round = 0; round < count / 100; round++) {
          await Promise.all(
            Array.from({ length: 64 }, async (_, i) => {
              await byre.table.put(asked[(round * 64 + i) % KEYS], value);
              await byre.pool.commit();
            }),
          );
        }
      })) /
      (64 * Math.ceil(count / 100)),
  });
  note(
    'durable put, 64 at once',
    `byre ${showTime(shared.byre)}, ${(alone.byre / shared.byre).toFixed(1)}x one alone`,
    '>= 10x',
  );
  byre.close();
  for (const close of others) await close();
}

async function measureForks() {
  const pool = openPoolSync(memoryDevice(), { commitEveryMs: 0, cacheBytes: 2 ** 29 });
  const main = pool.branchSync('main');
  const table = main.table('rows', { values: 'bytes' });
  for (let key = 0; key < Math.min(KEYS, 100_000); key++) table.putSync(key, value);
  pool.commitSync();
  const rows = Math.min(KEYS, 100_000);
  const write = () =>
    timed(() => {
      for (let i = 0; i < rows; i++) table.putSync(asked[i] % rows, value);
    });
  await write();
  const without = median([await write(), await write(), await write()]) / rows;
  for (let i = 0; i < FORKS; i++) pool.forkSync('main', `f${i}`);
  pool.commitSync();
  await write();
  const beside = median([await write(), await write(), await write()]) / rows;
  note(
    `put beside ${FORKS} forks`,
    `${showTime(beside)}, ${(beside / without).toFixed(2)}x of ${showTime(without)} without`,
    '<= 1.25x',
  );
  const thousand = (/** @type {number} */ from) =>
    timed(() => {
      for (let i = from; i < from + 1000; i++) pool.forkSync('main', `g${i}`);
    });
  const first = await thousand(0);
  for (let from = 1000; from < MANY_FORKS - 1000; from += 1000) await thousand(from);
  const last = await thousand(MANY_FORKS);
  note(
    `${MANY_FORKS} forks, the last thousand`,
    `${showTime(last / 1000)} each, ${(last / first).toFixed(2)}x the first thousand`,
    '<= 2x',
  );
  pool.closeSync();
}

async function measureDiff() {
  const store = stores.byre();
  store.fill();
  store.pool.snapshotSync('main', 'before');
  for (let i = 0; i < 10; i++) store.table.putSync(asked[i], value.slice(1));
  const times = [];
  for (let round = 0; round < 20; round++) times.push(await timed(() => store.pool.diffSync('before', 'main')));
  note(`diff of 10 rows among ${KEYS}`, showTime(median(times)), '<= 1 ms');
  store.close();
}

const versions = Object.fromEntries(
  Object.entries({
    'lmdb-js': lmdb,
    'better-sqlite3': sqlite,
    'memory-level': memoryLevel,
    'classic-level': classicLevel,
    'sorted-btree': btree,
  }).flatMap(([name, found]) => (found ? [[name, found.version]] : [])),
);
heading(`tables, ${KEYS} rows`, versions);
/** @type {Array<[string, () => Promise<void>]>} */
const measurements = [
  ['load', measureLoads],
  ['read', measureReads],
  ['level', measureLevel],
  ['durable', measureDurable],
  ['forks', measureForks],
  ['diff', measureDiff],
];
// A table that stays open: with none of its objects left, the collector would take back what the engine had compiled for them.
const kept = openPoolSync(memoryDevice(), { commitEveryMs: 0 });
kept.branchSync('main').table('rows', { values: 'bytes' }).putSync(0, value);
for (const [title, measure] of measurements) if (isWanted(title)) await measure();
kept.closeSync();
