/** Import and export with what Node alone can do, as where koffi is missing. Each module is loaded anew for it. */
import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { compareTrees } from '../../tests/host/compare-trees.ts';
import { makeSampleTree } from '../../tests/host/sample-tree.ts';
import { scratchDirectory } from '../../tests/host/scratch.ts';

let work: string;

beforeEach(() => {
  work = scratchDirectory('plain');
  vi.stubEnv('BYRE_NO_NATIVE', '1');
  vi.resetModules();
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
  rmSync(work, { recursive: true, force: true });
});

async function load() {
  const { openPoolSync } = await import('../pool/open-pool.ts');
  const { memoryDevice } = await import('../pool/memory-device.ts');
  const { importDirectorySync } = await import('./import.ts');
  const { exportDirectorySync } = await import('./export.ts');
  const { native } = await import('./native.ts');
  expect(native()).toBeUndefined();
  return { pool: openPoolSync(memoryDevice()), importDirectorySync, exportDirectorySync };
}

const at = (name: string) => path.join(work, name);
const settled = { settled: true } as const;
/** Not the holes, the attributes and the last digits of times. */
const kept = (line: string) => !/: (data|xattrs) /.test(line);

test('there, again and back', async () => {
  const { pool, importDirectorySync, exportDirectorySync } = await load();
  const main = pool.branchSync('main');
  mkdirSync(at('from/d'), { recursive: true });
  for (let i = 0; i < 50; i++) writeFileSync(at(`from/d/${i}`), `${i}`.repeat(i * 300));
  symlinkSync('d/1', at('from/link'));
  importDirectorySync(main, at('from'), settled);
  expect(importDirectorySync(main, at('from'), settled)).toMatchObject({ bytesRead: 0, created: 0, changed: 0 });
  appendFileSync(at('from/d/7'), 'more');
  expect(importDirectorySync(main, at('from'), settled)).toMatchObject({ changed: 1 });
  expect(exportDirectorySync(main, at('to')).problems).toEqual([]);
  expect(compareTrees(at('from'), at('to'), { coarseTimes: true }).filter(kept)).toEqual([]);
});

test('what cannot be carried over is said', async () => {
  const { pool, importDirectorySync, exportDirectorySync } = await load();
  mkdirSync(at('from'));
  makeSampleTree(at('from'));
  const main = pool.branchSync('main');
  importDirectorySync(main, at('from'), settled);
  const { problems } = exportDirectorySync(main, at('to'));
  expect(problems.map((problem) => problem.path)).toContain('fifo');
  expect(problems.every((problem) => problem.reason.includes('koffi'))).toBe(true);
  const special = /^"(fifo|socket|null|\.)"/;
  const differences = compareTrees(at('from'), at('to'), { coarseTimes: true }).filter(kept);
  expect(differences.filter((line) => !special.test(line))).toEqual([]);
});
