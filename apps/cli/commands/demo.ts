/**
 * `byre demo`: a tour on real input. Imports a directory, forks it a thousand times, edits every fork, compares, merges and checks, and
 * shows what that costs beside one `cp -r`.
 * It must only read the directory, and leave nothing behind.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { settleFiles } from '../../../src/files/merge.ts';
import { getAttributes } from '../../../src/files/ops/attributes.ts';
import { write } from '../../../src/files/ops/content.ts';
import { create } from '../../../src/files/ops/create.ts';
import { readDirectory } from '../../../src/files/ops/directory.ts';
import { ROOT_INODE } from '../../../src/files/ops/keys.ts';
import { presentTime, viewOf } from '../../../src/host/branch.ts';
import { compareBranches } from '../../../src/host/changes.ts';
import { importDirectorySync } from '../../../src/host/import.ts';
import { HOST_FACE } from '../../../src/host/memory.ts';
import { openPoolSync } from '../../../src/pool/open-pool.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import { takePositionals } from '../arguments.ts';
import { summaryLine } from '../changes-text.ts';
import type { Command } from '../command.ts';
import { showBytes, showCount, showDuration, showNumber } from '../format.ts';
import { pathOf } from '../pools.ts';
import { CommandFailure, type Outcome, refused, type Session, Status, usage, writeJson } from '../session.ts';

const PAGE_BYTES = 4096;
const DEFAULT_FORKS = 1000;
/** Files that the forks edit, in turn. */
const EDITED_FILES = 200;

interface Step {
  readonly what: string;
  readonly ms: number;
  /** What the pool has grown by. */
  readonly bytes: number | undefined;
  readonly note: string;
}

class Tour {
  readonly steps: Step[] = [];
  readonly #session: Session;
  readonly #pool: Pool;

  constructor(session: Session, pool: Pool) {
    this.#session = session;
    this.#pool = pool;
  }

  step<T>(what: string, work: () => T, note: (result: T) => string = () => ''): T {
    this.#session.progress(what);
    const before = this.#pool.space().usedBytes;
    const start = performance.now();
    const result = work();
    const ms = performance.now() - start;
    const after = this.#pool.space();
    const bytes = after.usedBytes - before;
    this.add({ what, ms, bytes: Math.max(0, bytes), note: note(result) });
    return result;
  }

  add(step: Step): void {
    this.steps.push(step);
    this.#session.progress(undefined);
    if (this.#session.json) return;
    const bytes = step.bytes === undefined ? '' : showBytes(step.bytes);
    this.#session.write(
      `${step.what.padEnd(34)}${(step.ms > 0 ? showDuration(step.ms) : '').padStart(10)}${bytes.padStart(11)}  ${step.note}`.trimEnd(),
    );
    this.#session.write('\n');
  }
}

/** Some regular files of a branch, with their sizes. */
function someFiles(pool: Pool, name: string, count: number): Array<{ inode: number; size: number }> {
  const branch = pool.branchSync(name);
  const view = viewOf(branch, 0n);
  const found: Array<{ inode: number; size: number }> = [];
  const waiting = [ROOT_INODE];
  for (let directory = waiting.shift(); directory !== undefined && found.length < count; directory = waiting.shift()) {
    const at = directory;
    for (const { inode, type } of branch.runSync(() => readDirectory(view, at, undefined, 256))) {
      if (type === 'directory') waiting.push(inode);
      else if (type === 'file') found.push({ inode, size: branch.runSync(() => getAttributes(view, inode)).size });
    }
  }
  return found;
}

function editFork(
  pool: Pool,
  name: string,
  number: number,
  files: ReadonlyArray<{ inode: number; size: number }>,
): void {
  const branch = pool.branchSync(name);
  const view = viewOf(branch, presentTime());
  const note = new TextEncoder().encode(`edited in fork ${number}\n`);
  const file = files[number % Math.max(1, files.length)];
  if (file !== undefined) branch.runSync(() => write(view, file.inode, file.size, note));
  const options = { type: 'file', mode: 0o644, uid: 0, gid: 0, content: note } as const;
  branch.runSync(() => create(view, ROOT_INODE, new TextEncoder().encode(`made-in-fork-${number}`), options));
}

function copyForComparison(tour: Tour, directory: string, home: string): number {
  const start = performance.now();
  const copy = path.join(home, 'copy');
  const { status } = spawnSync('cp', ['-r', directory, copy], { stdio: 'ignore' });
  const ms = performance.now() - start;
  if (!existsSync(copy)) return Number.NaN;
  const du = spawnSync('du', ['-sk', copy], { encoding: 'utf8' });
  const bytes = Number.parseInt(du.stdout, 10) * 1024;
  tour.add({
    what: 'cp -r, one copy',
    ms,
    bytes,
    note: status === 0 ? 'for comparison' : 'for comparison; not all could be read',
  });
  return ms;
}

function forkAndEdit(tour: Tour, pool: Pool, forks: number): void {
  const files = someFiles(pool, 'main', EDITED_FILES);
  const before = pool.space().usedBytes;
  tour.step(
    `${showCount(forks, 'fork')}`,
    () => {
      for (let n = 1; n <= forks; n++) pool.forkSync('main', `fork-${n}`);
      pool.commitSync();
    },
    () => 'each has everything, and may change it',
  );
  tour.step(
    'two edits in each of them',
    () => {
      for (let n = 1; n <= forks; n++) editFork(pool, `fork-${n}`, n, files);
      pool.commitSync();
    },
    () => `${showBytes((pool.space().usedBytes - before) / forks)} for each fork, all told`,
  );
  const [usage] = pool.usageSync('fork-1');
  if (usage === undefined) return;
  const pages = (bytes: number) => showNumber(Math.round(bytes / PAGE_BYTES));
  tour.add({
    what: 'one fork',
    ms: 0,
    bytes: usage.exclusiveBytes,
    note: `${pages(usage.sharedBytes)} pages shared, ${pages(usage.exclusiveBytes)} of its own`,
  });
}

function compareAndMerge(tour: Tour, pool: Pool): void {
  tour.step('diff of fork-1 and fork-2', () => compareBranches(pool, 'fork-1', 'fork-2'), summaryLine);
  tour.step(
    'merge of fork-2 into fork-1',
    () => {
      const resolve = ({ key }: { key: Uint8Array }) => (key[0] === HOST_FACE ? 'ours' : 'conflict');
      const report = pool.mergeSync({
        from: 'fork-2',
        into: 'fork-1',
        resolve,
        settle: [settleFiles({ files: 'ours' })],
      });
      pool.commitSync();
      return report;
    },
    ({ merged, changes, conflicts }) =>
      merged ? `${showCount(changes, 'key')} brought over` : showCount(conflicts.length, 'conflict'),
  );
}

function takeTour(session: Session, pool: Pool, directory: string, home: string, forks: number): boolean {
  const tour = new Tour(session, pool);
  const copyMs = copyForComparison(tour, directory, home);
  rmSync(path.join(home, 'copy'), { recursive: true, force: true });
  const main = pool.branchSync('main');
  const importAgain = () => {
    const report = importDirectorySync(main, directory, { commitsNext: true });
    pool.commitSync();
    return report;
  };
  tour.step('import', importAgain, ({ files, bytesRead }) => `${showCount(files, 'file')}, ${showBytes(bytesRead)}`);
  tour.step('import again, unchanged', importAgain, ({ bytesRead }) => `${showBytes(bytesRead)} read`);
  forkAndEdit(tour, pool, forks);
  compareAndMerge(tour, pool);
  tour.step('drop of fork-3', () => {
    if (forks >= 3) pool.dropSync('fork-3');
    pool.commitSync();
  });
  const report = tour.step(
    'check',
    () => pool.checkSync(),
    ({ ok, nodes }) => `${ok ? 'all is well' : 'PROBLEMS'}: ${showCount(nodes, 'node')} looked at`,
  );
  const forkMs = tour.steps.find(({ what }) => what.endsWith('forks') || what.endsWith('fork'))?.ms ?? 0;
  if (session.json) writeJson(session, { directory, forks, steps: tour.steps, ok: report.ok });
  else if (Number.isFinite(copyMs) && forkMs > 0) {
    const times = (copyMs * forks) / forkMs;
    session.write(
      `\n${showCount(forks, 'copy', 'copies')} by cp -r would take about ${showDuration(copyMs * forks)}: ${showNumber(Math.round(times))} times as long.\n`,
    );
  }
  return report.ok;
}

function run(session: Session): Outcome {
  if (session.given !== undefined) throw refused('byre demo cannot be run for another process');
  const [typed] = takePositionals(session, ['DIRECTORY'], 1);
  const own = path.dirname(fileURLToPath(import.meta.url)).replace(/[/\\](?:dist[/\\])?apps[/\\]cli[/\\]commands$/, '');
  const directory = typed === undefined ? own : pathOf(session, typed);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new CommandFailure(`${directory} is no directory`, Status.missing);
  }
  const forks = Number(session.values.forks ?? DEFAULT_FORKS);
  if (!Number.isInteger(forks) || forks < 2 || forks > 1_000_000)
    throw usage('--forks takes a number from 2 to 1000000');
  const home = mkdtempSync(path.join(tmpdir(), 'byre-demo-'));
  try {
    if (!session.json)
      session.write(`byre demo: ${directory}\n\n${'step'.padEnd(34)}${'time'.padStart(10)}${'bytes'.padStart(11)}\n`);
    const pool = openPoolSync(path.join(home, 'demo.byre'), { commitEveryMs: 0 });
    try {
      return takeTour(session, pool, directory, home, forks) ? Status.ok : Status.no;
    } finally {
      pool.closeSync();
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

export const demo: Command = {
  name: 'demo',
  summary: 'take a tour on real input: a thousand forks beside one cp -r',
  usage: ['[DIRECTORY]'],
  details: `Imports a directory, forks it, edits every fork, compares, merges and checks, and tells times and bytes. It works in a temporary
pool and only reads DIRECTORY; without one, it takes the directory that byre is installed in.`,
  options: { forks: { type: 'string', value: 'N', text: 'how many forks; default 1000' } },
  examples: [['byre demo ~/project', 'what forking that project would cost']],
  run,
};
