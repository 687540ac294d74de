/** Trees so deep that no path of the host reaches their end. Tests remove them with `rm`, since Node cannot. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scratchDirectory } from '../../tests/host/scratch.ts';
import { needs } from '../../tests/needs.ts';
import { createFiles } from '../files/index.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { openPoolSync } from '../pool/open-pool.ts';
import type { Pool } from '../pool/pool.ts';
import { compareBranches, isQuiet } from './changes.ts';
import { exportDirectorySync } from './export.ts';
import { importDirectorySync } from './import.ts';

const LEVELS = 5_000;

let work: string;
let pool: Pool;

beforeEach(() => {
  work = scratchDirectory('deep');
  pool = openPoolSync(memoryDevice());
});

afterEach(() => {
  pool.closeSync();
  spawnSync('rm', ['-rf', work]);
});

/** Goes down `levels` directories called d, each from the one before, and does `atEnd` in the last. */
function descend(from: string, levels: number, atEach: (here: string) => void, atEnd: (here: string) => void): void {
  let descriptor = openSync(from, 'r');
  for (let level = 0; level < levels; level++) {
    const here = `/proc/self/fd/${descriptor}`;
    atEach(here);
    const below = openSync(`${here}/d`, 'r');
    closeSync(descriptor);
    descriptor = below;
  }
  atEnd(`/proc/self/fd/${descriptor}`);
  closeSync(descriptor);
}

const nothing = () => {};

const needsProc = needs(existsSync('/proc/self/fd'), 'needs /proc/self/fd');

test(`${LEVELS} directories in each other, there and back`, needsProc, () => {
  const from = path.join(work, 'from');
  const to = path.join(work, 'to');
  mkdirSync(from);
  descend(
    from,
    LEVELS,
    (here) => mkdirSync(`${here}/d`),
    (here) => writeFileSync(`${here}/leaf`, 'deep'),
  );
  const main = pool.branchSync('main');
  expect(importDirectorySync(main, from)).toMatchObject({ directories: LEVELS + 1, files: 1, problems: [] });
  expect(importDirectorySync(main, from, { settled: true })).toMatchObject({ created: 0, removed: 0, problems: [] });
  expect(exportDirectorySync(main, to)).toMatchObject({ directories: LEVELS + 1, files: 1, problems: [] });
  let found = false;
  descend(to, LEVELS, nothing, (here) => {
    found = existsSync(`${here}/leaf`);
  });
  expect(found).toBe(true);

  mkdirSync(path.join(work, 'empty'));
  expect(importDirectorySync(main, path.join(work, 'empty'))).toMatchObject({ removed: LEVELS + 1 });
});

test('cp of a deep tree', () => {
  const levels = 1_500;
  const files = createFiles(pool.branchSync('main'));
  files.mkdirSync('/d'.repeat(levels), { recursive: true });
  files.cpSync('/d', '/e', { recursive: true });
  expect(files.existsSync(`/e${'/d'.repeat(levels - 1)}`)).toBe(true);
});

// Were each path looked up from the root, this would take minutes.
test('a deep tree that went is told', () => {
  const main = pool.branchSync('main');
  const files = createFiles(main);
  files.mkdirSync('/d');
  for (let level = 1; level < LEVELS; level++) {
    files.mkdirSync('/above');
    files.renameSync('/d', '/above/d');
    files.renameSync('/above', '/d');
  }
  pool.snapshotSync('main', 'before');
  files.rmSync('/d', { recursive: true });
  const changes = compareBranches(pool, 'before', 'main').filter((change) => !isQuiet(change));
  expect(changes.map(({ kind }) => kind)).toEqual(Array(LEVELS).fill('removed'));
  expect(changes.at(-1)?.path).toBe(`d${'/d'.repeat(LEVELS - 1)}`);
});
