/** A writing process is killed again and again: what it called durable is there, and the pool is sound. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { readContent } from '../../src/core/content.ts';
import { get } from '../../src/core/tree.ts';
import { openPoolSync } from '../../src/pool/open-pool.ts';
import { compiled } from '../compiled.ts';
import { isShortRun } from '../needs.ts';
import { randomNumbers } from '../simulation/random.ts';

const ROUNDS = Number(process.env.BYRE_KILL_ROUNDS ?? (isShortRun ? 5 : 40));
const directory = mkdtempSync(path.join(tmpdir(), 'byre-kill-'));
const poolPath = path.join(directory, 'pool.byre');
const key = (kind: number, n: number) => Uint8Array.of(1, kind, n >>> 8, n & 255);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Starts the writer, kills it some time after its first promise, and returns the last state that it promised. */
function killOnce(program: string, afterMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, poolPath], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (data) => {
      if (output === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
      output += data;
    });
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.on('close', (_code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the writer ended by itself: ${errors}`));
      // The last line may be cut off by the kill; then the one before it counts.
      else resolve(Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1)));
    });
  });
}

test(`a writer is killed ${ROUNDS} times`, { timeout: 600_000 }, async () => {
  const program = fileURLToPath(compiled('tests/pool/kill-writer.ts'));
  const seed = Date.now() % 1_000_000;
  const random = randomNumbers(seed);
  for (let round = 0; round < ROUNDS; round++) {
    const promised = await killOnce(program, random.below(120));
    const pool = openPoolSync(poolPath, { commitEveryMs: 0 });
    try {
      const main = pool.branchSync('main');
      const stored = main.runSync(() => get(main.store, main.root, key(0, 0)));
      const state = Number(new TextDecoder().decode(stored));
      const label = `round ${round} of seed ${seed}: state ${state}, promised ${promised}`;
      expect(state, label).toBeGreaterThanOrEqual(promised);
      expect(state, label).toBeLessThanOrEqual(promised + 1);
      const row = main.runSync(() => get(main.store, main.root, key(1, state % 500)));
      expect(new TextDecoder().decode(row), label).toBe(String(state));
      const content = new Uint8Array(9000);
      main.runSync(() => readContent(main.store, main.root, key(2, state % 300), 0, content));
      expect(new Set(content), label).toEqual(new Set([state % 251]));
      expect(pool.scrubSync().problems, label).toEqual([]);
    } finally {
      pool.closeSync();
    }
  }
});
