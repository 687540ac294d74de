/** Workspaces of trials: that they go, whatever was left running in them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scratchDirectory } from '../../tests/host/scratch.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { openPoolSync } from '../pool/open-pool.ts';
import type { Pool } from '../pool/pool.ts';
import { isUnderWay, leftovers, materialise, type Place } from './workspace.ts';

let work = '';
let pool: Pool;
let place: Place;

beforeEach(() => {
  work = realpathSync(scratchDirectory('workspace'));
  pool = openPoolSync(memoryDevice(), { commitEveryMs: 0 });
  pool.forkSync('main', 'try');
  const root = path.join(work, 'real');
  mkdirSync(root);
  place = { pool, poolPath: 'memory', branch: 'try', home: path.join(work, 'home'), root, pid: process.pid };
});

afterEach(() => {
  pool.closeSync();
  rmSync(work, { recursive: true });
});

test('one in which a program still writes is set aside, and removed by the next', async () => {
  for (let round = 0; round < 5; round++) {
    const workspace = materialise(place);
    const script = 'i=0; while :; do i=$((i + 1)); : > f$i; done';
    const writer = spawn('sh', ['-c', script], { cwd: workspace.path, stdio: 'ignore' });
    const ended = once(writer, 'exit');
    try {
      while (!existsSync(path.join(workspace.path, 'f100'))) await sleep(5);
      workspace.dispose();
    } finally {
      writer.kill('SIGKILL');
      await ended;
    }
    expect(existsSync(workspace.own)).toBe(false);
    expect(leftovers(place.home, place.poolPath)).toEqual([]);
  }
  materialise(place).dispose();
  expect(readdirSync(place.home)).toEqual([]);
});

test('one whose process has died is left over, and not one whose process lives', () => {
  const living = materialise(place);
  const dead = materialise({ ...place, pid: 2 ** 22 + 1 });
  expect(leftovers(place.home, place.poolPath).map(({ workspace }) => workspace.own)).toEqual([dead.own]);
  expect(leftovers(place.home, 'another')).toEqual([]);
  expect(isUnderWay(place.home, place.poolPath, 'try')).toBe(true);
  expect(isUnderWay(place.home, place.poolPath, 'main')).toBe(false);
  expect(isUnderWay(place.home, 'another', 'try')).toBe(false);
  living.dispose();
  expect(isUnderWay(place.home, place.poolPath, 'try')).toBe(false);
  dead.dispose();
});
