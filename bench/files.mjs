/**
 * Files: forking a tree of them, the first write into a large one, and small files read and written in process; beside what a
 * user would take instead.
 *
 *   node --expose-gc bench/files.mjs [--small] [--only=fork|first|small]
 *
 * Run as root with btrfs-progs and git there, so that btrfs and overlayfs can be mounted in the scratch directory; who is missing
 * is left out.
 */
import * as nodeFs from 'node:fs';
import path from 'node:path';
import { dist, load, peer, root } from './byre.mjs';
import { btrfs, overlay, plantFiles, run, unmount } from './machine.mjs';
import { compare, isWanted, scratch, size, small, timed } from './method.mjs';
import { heading, line, note } from './report.mjs';

const { openPoolSync } = await load('src/index.js');
const { importDirectorySync } = await load('src/host/import.js');
const memfs = await peer('memfs');
const directory = scratch('files');
let serial = 0;
const fresh = () => `n${serial++}`;

/** Seconds that a program takes, its start included. @param {string} program @param {string[]} args */
const runTime = (program, args, options = {}) => timed(() => run(program, args, options));

/** @param {string} name */
function openPool(name) {
  const pool = openPoolSync(path.join(directory, name), { commitEveryMs: 0 });
  return { pool, main: pool.branchSync('main') };
}

async function measureFork() {
  const count = size('files', 10_000, 200);
  const tree = path.join(directory, 'tree');
  plantFiles(tree, count, 4096);
  const { pool, main } = openPool('fork.byre');
  importDirectorySync(main, tree, { into: '/tree' });
  pool.commitSync();
  const inProcess = await compare(9, {
    'byre in process': () =>
      timed(() => {
        pool.forkSync('main', fresh());
        pool.commitSync();
      }),
    ...(memfs && { 'memfs cpSync': await memfsCopier(memfs.module, count) }),
  });
  line(`fork of ${count} files, durable`, inProcess);
  pool.closeSync();
  const btrfsAt = btrfs(directory, count * 16_384);
  if (btrfsAt !== undefined) {
    run('btrfs', ['subvolume', 'create', path.join(btrfsAt, 'tree')]);
    run('cp', ['-r', `${tree}/.`, path.join(btrfsAt, 'tree')]);
    run('sync', ['-f', btrfsAt]);
  }
  const poolFile = path.join(directory, 'fork.byre');
  const copies = path.join(directory, 'copies');
  nodeFs.mkdirSync(copies);
  plantRepository(tree);
  const results = await compare(5, {
    './byre fork': () => runTime(...forkCommand(poolFile, fresh())),
    ...(btrfsAt && {
      'btrfs snapshot': () =>
        runTime('btrfs', ['subvolume', 'snapshot', path.join(btrfsAt, 'tree'), path.join(btrfsAt, fresh())]),
    }),
    'cp -r': () => runTime('cp', ['-r', tree, path.join(copies, fresh())]),
    'git worktree add': () =>
      runTime('git', ['worktree', 'add', '-q', '--detach', path.join(copies, fresh())], { cwd: tree }),
  });
  line('  as a script sees it, process included', results);
  nodeFs.rmSync(copies, { recursive: true });
  if (btrfsAt !== undefined) {
    unmount(btrfsAt);
    nodeFs.rmSync(path.join(directory, 'btrfs.image'));
    nodeFs.rmdirSync(btrfsAt);
  }
}

/** The checkout's own command; only what was compiled, where that is elsewhere. @returns {[string, string[]]} */
function forkCommand(/** @type {string} */ pool, /** @type {string} */ name) {
  if (process.env.BYRE_DIST === undefined) return [path.join(root, 'byre'), ['fork', '-p', pool, name]];
  return [process.execPath, [path.join(dist, 'apps/cli/main.js'), 'fork', '-p', pool, name]];
}

/** @param {any} module @param {number} count */
async function memfsCopier(module, count) {
  const volume = new module.Volume();
  for (let i = 0; i < count; i++) {
    if (i % 100 === 0) volume.mkdirSync(`/tree/d${i / 100}`, { recursive: true });
    volume.writeFileSync(`/tree/d${Math.floor(i / 100)}/f${i}.txt`, Buffer.alloc(4096, i));
  }
  return async () => {
    const seconds = await timed(() => volume.cpSync('/tree', '/copy', { recursive: true }));
    volume.rmSync('/copy', { recursive: true });
    return seconds;
  };
}

/** @param {string} tree */
function plantRepository(tree) {
  const identity = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', '-c', 'gc.auto=0'];
  run('git', ['init', '-q'], { cwd: tree });
  run('git', ['add', '-A'], { cwd: tree });
  run('git', [...identity, 'commit', '-q', '-m', 'seed'], { cwd: tree });
}

/** The first 4 KiB written into a large file: of a fork, of a snapshot, of the upper layer over it. */
async function measureFirst() {
  const bytes = size('bytes', 256 << 20, 4 << 20);
  const lower = path.join(directory, 'lower');
  nodeFs.mkdirSync(lower);
  const big = path.join(lower, 'big');
  const { pool, main } = openPool('first.byre');
  const chunk = Buffer.alloc(1 << 20, 1);
  const fd = main.files.openSync('/big', 'w');
  const hostFd = nodeFs.openSync(big, 'w');
  for (let at = 0; at < bytes; at += chunk.length) {
    chunk.fill(at >>> 20);
    main.files.writeSync(fd, chunk, 0, chunk.length, at);
    nodeFs.writeSync(hostFd, chunk, 0, chunk.length, at);
  }
  main.files.closeSync(fd);
  nodeFs.closeSync(hostFd);
  pool.commitSync();
  const btrfsAt = btrfs(directory, bytes * 2 + (1 << 30));
  if (btrfsAt !== undefined) {
    run('btrfs', ['subvolume', 'create', path.join(btrfsAt, 'tree')]);
    run('cp', [big, path.join(btrfsAt, 'tree', 'big')]);
    run('sync', ['-f', btrfsAt]);
  }
  const at = Math.floor(bytes / 8192) * 4096;
  const pages = await growth(pool, at);
  for (const durable of [false, true]) {
    // Many rounds: the first ones are those of a program that has just begun.
    const results = await compare(small ? 3 : 31, {
      byre: () => firstInFork(pool, at, durable),
      ...(btrfsAt && { btrfs: () => firstInSnapshot(btrfsAt, at, durable) }),
      overlayfs: () => firstInOverlay(lower, at, durable),
    });
    const what = durable ? 'durable' : 'not flushed';
    line(`first 4 KiB write into ${bytes >> 20} MiB, ${what}`, results, { goal: 'btrfs >= 1x' });
  }
  note('  pages that the pool grows by', String(pages), '<= 10');
  pool.closeSync();
  if (btrfsAt !== undefined) unmount(btrfsAt);
}

const page = Buffer.alloc(4096, 0xee);

/** @param {any} fs @param {string} file @param {number} at @param {boolean} flush */
function writeOnce(fs, file, at, flush) {
  const fd = fs.openSync(file, 'r+');
  fs.writeSync(fd, page, 0, page.length, at);
  if (flush) fs.fdatasyncSync(fd);
  fs.closeSync(fd);
}

/** @param {any} pool @param {number} at @param {boolean} durable */
async function firstInFork(pool, at, durable) {
  const name = fresh();
  const { files } = pool.forkSync('main', name);
  pool.commitSync();
  const seconds = await timed(() => {
    writeOnce(files, '/big', at, false);
    if (durable) pool.commitSync();
  });
  pool.dropSync(name);
  pool.commitSync();
  return seconds;
}

/** Pages in use after the write less those before it, both once nothing is held for an earlier commit. @param {any} pool */
async function growth(pool, /** @type {number} */ at) {
  const used = () => {
    for (let i = 0; i < 3; i++) {
      pool.setLimit(0);
      pool.commitSync();
    }
    return pool.space().usedBytes / 4096;
  };
  const { files } = pool.forkSync('main', 'growth');
  const before = used();
  writeOnce(files, '/big', at, false);
  const pages = used() - before;
  pool.dropSync('growth');
  return pages;
}

/** @param {string} btrfsAt @param {number} at @param {boolean} durable */
async function firstInSnapshot(btrfsAt, at, durable) {
  const copy = path.join(btrfsAt, fresh());
  run('btrfs', ['subvolume', 'snapshot', path.join(btrfsAt, 'tree'), copy]);
  run('sync', ['-f', btrfsAt]);
  return timed(() => writeOnce(nodeFs, path.join(copy, 'big'), at, durable));
}

/** @param {string} lower @param {number} at @param {boolean} durable */
async function firstInOverlay(lower, at, durable) {
  const place = path.join(directory, fresh());
  nodeFs.mkdirSync(place);
  const mounted = overlay(place, lower);
  if (mounted === undefined) return Number.NaN;
  const seconds = await timed(() => writeOnce(nodeFs, path.join(mounted, 'big'), at, durable));
  unmount(mounted);
  nodeFs.rmSync(place, { recursive: true });
  return seconds;
}

async function measureSmall() {
  const count = size('files', 5000, 100);
  const host = path.join(directory, 'host');
  const { pool, main } = openPool('small.byre');
  /** @type {Record<string, { fs: any, root: string }>} */
  const places = { byre: { fs: main.files, root: '' }, 'node:fs': { fs: nodeFs, root: host } };
  if (memfs) places.memfs = { fs: memfs.module.createFsFromVolume(new memfs.module.Volume()), root: '' };
  for (const { fs, root } of Object.values(places)) {
    for (let i = 0; i < count; i += 100) fs.mkdirSync(`${root}/d${i / 100}`, { recursive: true });
  }
  let content = 0;
  const names = Array.from({ length: count }, (_, i) => `/d${Math.floor(i / 100)}/f${i}.txt`);
  /** @param {(fs: any, file: string) => unknown} act */
  const each = async (
    /** @type {number} */ rounds,
    act,
    before = (/** @type {any} */ _fs, /** @type {string} */ _file) => {},
  ) => {
    const results = await compare(
      rounds,
      Object.fromEntries(
        Object.entries(places).map(([name, { fs, root }]) => [
          name,
          async () => {
            const paths = names.map((file) => root + file);
            for (const file of paths) before(fs, file);
            return (
              (await timed(async () => {
                for (const file of paths) {
                  const result = act(fs, file);
                  if (result instanceof Promise) await result;
                }
              })) / count
            );
          },
        ]),
      ),
    );
    pool.commitSync();
    return results;
  };
  const write = (/** @type {any} */ fs, /** @type {string} */ file) =>
    fs.writeFileSync(file, Buffer.alloc(4096, content++));
  const remove = (/** @type {any} */ fs, /** @type {string} */ file) => fs.rmSync(file, { force: true });
  line('small files: write a new one, 4 KiB', await each(5, write, remove), { goal: 'node:fs >= 2x' });
  line('small files: write over one, 4 KiB', await each(5, write), { goal: 'node:fs >= 2x' });
  line('small files: read, 4 KiB', await each(9, (fs, file) => fs.readFileSync(file)), { goal: '>= 1x' });
  line('small files: stat', await each(9, (fs, file) => fs.statSync(file)), { goal: '>= 1x' });
  line('small files: read, with promises', await each(5, (fs, file) => fs.promises.readFile(file)));
  line('small files: stat, with promises', await each(5, (fs, file) => fs.promises.stat(file)));
  note('  making the last round durable', await commitTime(pool, main, names, write));
  pool.closeSync();
}

/** @param {any} pool @param {any} main @param {string[]} names @param {(fs: any, file: string) => void} write */
async function commitTime(pool, main, names, write) {
  for (const file of names) write(main.files, file);
  const seconds = await timed(() => pool.commitSync());
  return `${((seconds / names.length) * 1e6).toFixed(1)} us a file`;
}

heading('files', memfs && { memfs: memfs.version });
if (small) console.log(`(scratch in ${directory})`);
if (isWanted('fork')) await measureFork();
if (isWanted('first')) await measureFirst();
if (isWanted('small')) await measureSmall();
