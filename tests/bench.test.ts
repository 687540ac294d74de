/** The benchmarks still run: each with tiny sizes, on what is compiled here, beside the peers that are installed. No figure is judged. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build } from '../scripts/build.mjs';

const root = path.resolve(import.meta.dirname, '..');
let home = '';

beforeAll(async () => {
  const cache = path.join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  home = mkdtempSync(path.join(cache, 'byre-bench-'));
  writeFileSync(path.join(home, 'package.json'), '{ "type": "module" }');
  expect(await build(path.join(home, 'dist'), { types: false })).toBe(true);
}, 120_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

function runSmall(name: string): Promise<{ code: number | null; printed: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(root, 'bench', `${name}.mjs`), '--small'], {
      env: { ...process.env, BYRE_DIST: path.join(home, 'dist') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        printed += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, printed }));
  });
}

test.each(['keys', 'tables', 'forks', 'files', 'import', 'try'])('bench/%s.mjs', { timeout: 120_000 }, async (name) => {
  const { code, printed } = await runSmall(name);
  expect(code, printed).toBe(0);
  expect(printed).toContain('--small: these figures mean nothing');
});
