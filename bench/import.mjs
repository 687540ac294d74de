/**
 * Importing a real directory of many small files, a node_modules, for the first time and again unchanged; beside `cp -r` and `find`.
 *
 *   node bench/import.mjs [--small] [--only=first|again] [--files=N]
 *
 * The directory is made of copies of this project's node_modules without its largest files, and read once before anything is
 * measured. byre's figures are those of whole processes, as its peers' are, and end with a durable commit.
 */
import { closeSync, existsSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { dist, load } from './byre.mjs';
import { run } from './machine.mjs';
import { compare, isWanted, scratch, size, timed } from './method.mjs';
import { heading, line, note, showBytes } from './report.mjs';
import { plantTree } from './tree.mjs';

const { openPoolSync } = await load('src/index.js');
const { importDirectorySync } = await load('src/host/import.js');
const directory = scratch('import');
const tree = path.join(directory, 'tree');
const poolFile = path.join(directory, 'pool.byre');
const copy = path.join(directory, 'copy');

const importArgs = (/** @type {string} */ pool) => [path.join(dist, 'apps/cli/main.js'), 'import', tree, '-p', pool];

/** @param {string} program @param {string[]} args */
function runTime(program, args) {
  const sink = openSync('/dev/null', 'w');
  return timed(() => run(program, args, { stdio: ['ignore', sink, 'inherit'] })).finally(() => closeSync(sink));
}

function removePool() {
  for (const name of readdirSync(directory)) if (name.startsWith('pool.byre')) rmSync(path.join(directory, name));
}

async function measureFirst() {
  const results = await compare(5, {
    'byre import': async () => {
      removePool();
      run(process.execPath, [path.join(dist, 'apps/cli/main.js'), 'init', '-p', poolFile]);
      return runTime(process.execPath, importArgs(poolFile));
    },
    'cp -r': async () => {
      rmSync(copy, { recursive: true, force: true });
      return runTime('cp', ['-r', tree, copy]);
    },
    'cp -r, then sync': async () => {
      rmSync(copy, { recursive: true, force: true });
      return runTime('sh', ['-c', 'cp -r "$1" "$2" && sync -f "$2"', 'sh', tree, copy]);
    },
  });
  line('import, first time', results, { goal: 'cp -r >= 0.7x' });
  if (existsSync(copy)) rmSync(copy, { recursive: true });
}

async function measureAgain() {
  const results = await compare(9, {
    'byre import': () => runTime(process.execPath, importArgs(poolFile)),
    'find -printf': () => runTime('find', [tree, '-printf', '%s %T@ %i %p\\n']),
  });
  line('import again, nothing changed', results, { goal: '>= 0.5x' });
  const pool = openPoolSync(poolFile, { commitEveryMs: 0 });
  const main = pool.branchSync('main');
  const inProcess = await compare(5, { 'byre in process': () => timed(() => importDirectorySync(main, tree)) });
  line('  the same without the process', { ...inProcess, 'find -printf': results['find -printf'] });
  pool.closeSync();
}

heading('import');
plantTree(tree, size('files', 30_000, 300));
const tally = { files: 0, bytes: 0 };
for (const entry of readdirSync(tree, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  tally.files++;
  tally.bytes += statSync(path.join(entry.parentPath, entry.name)).size;
}
note('tree', `${tally.files} files, ${showBytes(tally.bytes)}`);
if (isWanted('first')) await measureFirst();
if (!existsSync(poolFile)) run(process.execPath, importArgs(poolFile));
if (isWanted('again')) await measureAgain();
