/**
 * `byre try` in a directory of many small files: how long it takes until the command begins, after an import that finds nothing
 * changed; as a whole; and for the first time. Mounted and in a copy, beside `cp -r`.
 *
 *   node bench/try.mjs [--small] [--only=begins|again|first] [--files=N]
 *
 * The command is `date`, which says when it began. byre's figures are those of whole processes.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { dist } from './byre.mjs';
import { run } from './machine.mjs';
import { compare, isWanted, median, scratch, size, timed } from './method.mjs';
import { heading, line, note, showTime } from './report.mjs';
import { plantTree } from './tree.mjs';

const directory = scratch('try');
const tree = path.join(directory, 'tree');
const state = path.join(directory, 'state');
const copy = path.join(directory, 'copy');
const program = path.join(dist, 'apps/cli/main.js');

/** @type {number[]} */
const imports = [];

/** @param {string[]} options */
function tried(...options) {
  const ended = spawnSync(
    process.execPath,
    [program, 'try', '--json', '--discard', ...options, '--', 'date', '+%s%N'],
    {
      cwd: tree,
      env: { ...process.env, XDG_STATE_HOME: state, BYRE_POOL: '' },
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    },
  );
  return { status: ended.status, error: ended.stderr, output: ended.stdout };
}

/** Seconds from the end of the import to the command's beginning. @param {string[]} options */
function begins(...options) {
  const { status, error, output } = tried(...options);
  if (status !== 0) throw new Error(error);
  const { imported } = JSON.parse(output);
  imports.push(imported.durationMs / 1000);
  const began = error.split('\n').find((each) => /^\d+$/.test(each));
  return Number(began) / 1e9 - imported.endedMs / 1000;
}

function copied() {
  rmSync(copy, { recursive: true, force: true });
  return timed(() => run('cp', ['-r', tree, copy]));
}

/** Whether the fork can be mounted here; says why if not. */
function canMount() {
  const { status, error } = tried('--mount');
  if (status === 0) return true;
  console.log(`(no mount here: ${error.trim()})`);
  return false;
}

/** @param {(options: string[]) => number | Promise<number>} measure */
function forms(measure) {
  /** @type {Record<string, () => number | Promise<number>>} */
  const inCopy = { 'byre try --no-mount': () => measure(['--no-mount']) };
  return isMounted ? { 'byre try': () => measure(['--mount']), ...inCopy } : inCopy;
}

heading('try');
mkdirSync(state);
plantTree(tree, size('files', 30_000, 300));
const isMounted = canMount();
if (isWanted('begins')) {
  line(
    'the command begins, after the import',
    await compare(9, { ...forms((options) => begins(...options)), 'cp -r': copied }),
    {
      goal: 'mounted <= 50 ms',
    },
  );
  note('  the import before that, nothing changed', showTime(median(imports)));
}
if (isWanted('again')) {
  line(
    'a try as a whole, nothing changed',
    await compare(5, { ...forms((options) => timed(() => tried(...options))), 'cp -r': copied }),
  );
}
if (isWanted('first')) {
  const first = (/** @type {string[]} */ options) => {
    rmSync(state, { recursive: true, force: true });
    return timed(() => tried(...options));
  };
  line('the first try, with the first import', await compare(3, { ...forms(first), 'cp -r': copied }));
}
