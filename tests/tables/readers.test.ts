/** Readers of a snapshot in worker threads and another process, each with its own cache and no lock, while the branch is written. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPoolSync } from '../../src/index.ts';
import { compiled } from '../compiled.ts';

const ROWS = 20_000;
const MILLISECONDS = 1500;
const reader = compiled('tests/tables/reader.ts');
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'byre-readers-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

test('4 threads and a process read a snapshot under writes', async () => {
  const file = path.join(directory, 'pool.byre');
  const pool = openPoolSync(file, { commitEveryMs: 0 });
  const table = pool.branchSync('main').table<number>('rows');
  table.batchSync(Array.from({ length: ROWS }, (_, key) => ({ type: 'put', key, value: key })));
  pool.snapshotSync('main', 'still');
  pool.commitSync();
  const sum = (ROWS * (ROWS - 1)) / 2;
  const workers = Array.from({ length: 4 }, async () => {
    const worker = new Worker(new URL(reader), {
      workerData: { path: file, snapshot: 'still', sum, milliseconds: MILLISECONDS },
    });
    const [read] = (await once(worker, 'message')) as [{ scans: number; gets: number }];
    return read;
  });
  const child = spawn(process.execPath, [fileURLToPath(reader), file, 'still', String(sum), String(MILLISECONDS)]);
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  let done = false;
  const all = Promise.all([...workers, once(child, 'close')]).finally(() => {
    done = true;
  });
  let commits = 0;
  for (; !done; commits++) {
    for (let i = 0; i < 200; i++) table.putSync((commits * 7919 + i * 31) % ROWS, -commits);
    if (commits % 5 === 0) table.deleteRangeSync({ gte: (commits * 13) % ROWS, limit: 50 });
    await pool.commit();
  }
  for (const read of (await all).slice(0, 4) as Array<{ scans: number; gets: number }>) {
    expect(read.scans).toBeGreaterThan(0);
    expect(read.gets).toBeGreaterThan(0);
  }
  expect(JSON.parse(output).scans).toBeGreaterThan(0);
  expect(commits).toBeGreaterThan(5);
  expect(pool.checkSync().problems).toEqual([]);
  pool.closeSync();
});
