/** A real tree, this project's node_modules: imported, forked, changed, exported, and the same by content and metadata. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { exportDirectorySync } from '../../src/host/export.ts';
import { importDirectorySync } from '../../src/host/import.ts';
import { openPoolSync } from '../../src/pool/open-pool.ts';
import { longTest } from '../needs.ts';
import { compareTrees } from './compare-trees.ts';
import { scratchDirectory } from './scratch.ts';

const source = path.resolve(import.meta.dirname, '..', '..', 'node_modules');

test('this project, there and back', { ...longTest, timeout: 300_000 }, () => {
  const work = realpathSync(scratchDirectory('modules'));
  const at = (name: string) => path.join(work, name);
  try {
    // A copy, and without the directories of tools (`.cache`, `.vite`): other tests are at work in those.
    const packages = readdirSync(source).filter((name) => !name.startsWith('.') || name === '.bin');
    mkdirSync(at('real'));
    execFileSync('cp', ['-a', '-t', at('real'), ...packages], { cwd: source });
    const pool = openPoolSync(at('pool.byre'));
    const main = pool.branchSync('main');
    const first = importDirectorySync(main, at('real'), { settled: true, commitsNext: true });
    expect(first.problems).toEqual([]);
    pool.commitSync();
    expect(importDirectorySync(main, at('real'), { settled: true, commitsNext: true })).toMatchObject({
      files: first.files,
      bytesRead: 0,
      created: 0,
      changed: 0,
      removed: 0,
    });

    const fork = pool.forkSync('main', 'fork');
    exportDirectorySync(fork, at('out'), { remember: true });
    expect(compareTrees(at('real'), at('out'))).toEqual([]);

    rmSync(at('out/typescript'), { recursive: true });
    renameSync(at('out/vitest'), at('out/vitest-moved'));
    mkdirSync(at('out/new'));
    writeFileSync(at('out/new/file'), 'new');
    const changed = importDirectorySync(fork, at('out'), { settled: true, trusted: true });
    expect(changed).toMatchObject({ renamed: 1, bytesRead: 3, problems: [] });
    exportDirectorySync(fork, at('changed'));
    expect(compareTrees(at('out'), at('changed'))).toEqual([]);

    exportDirectorySync(main, at('again'));
    expect(compareTrees(at('real'), at('again'))).toEqual([]);
    expect(pool.checkSync()).toMatchObject({ ok: true });
    pool.closeSync();
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
