/** Import and export between real directories and branches, and what happens in between. Tests clean up what they make. */
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';

import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareTrees } from '../../tests/host/compare-trees.ts';
import { makeSampleTree } from '../../tests/host/sample-tree.ts';
import { scratchDirectory } from '../../tests/host/scratch.ts';
import { write } from '../files/ops/content.ts';
import { lookup } from '../files/ops/directory.ts';
import { ROOT_INODE } from '../files/ops/keys.ts';
import type { Branch } from '../pool/branch.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { openPoolSync } from '../pool/open-pool.ts';
import type { Pool } from '../pool/pool.ts';
import { viewOf } from './branch.ts';
import { exportDirectorySync } from './export.ts';
import { importDirectory, importDirectorySync } from './import.ts';
import { bytesOfName } from './names.ts';

let work: string;
let pool: Pool;
let main: Branch;

beforeEach(() => {
  work = scratchDirectory('host');
  pool = openPoolSync(memoryDevice());
  main = pool.branchSync('main');
  mkdirSync(at('from'));
});

afterEach(() => {
  pool.closeSync();
  rmSync(work, { recursive: true, force: true });
});

const at = (name: string) => path.join(work, name);

/** Exports the branch and compares it with the directory it was imported from. */
function expectSame(branch = main): void {
  rmSync(at('to'), { recursive: true, force: true });
  expect(exportDirectorySync(branch, at('to')).problems).toEqual([]);
  expect(compareTrees(at('from'), at('to'))).toEqual([]);
}

/** Makes every file look old, so that the next import may rely on what it remembers. */
const settled = { settled: true } as const;

describe('round trip', () => {
  test('everything a file system holds', () => {
    makeSampleTree(at('from'));
    const report = importDirectorySync(main, at('from'));
    expect(report.problems).toEqual([]);
    expectSame();
  });

  test('the asynchronous form', async () => {
    makeSampleTree(at('from'));
    await importDirectory(main, at('from'));
    expectSame();
  });

  test('holes are neither read nor written, nor told as if they were', () => {
    writeFileSync(at('from/sparse'), 'x');
    truncateSync(at('from/sparse'), 2 ** 40);
    expect(importDirectorySync(main, at('from')).bytesRead).toBeLessThanOrEqual(4096);
    expect(exportDirectorySync(main, at('to')).bytesWritten).toBeLessThanOrEqual(4096);
    const { size, blocks } = lstatSync(at('to/sparse'));
    expect(size).toBe(2 ** 40);
    expect(blocks).toBeLessThan(128);
  });

  test('into a directory of the branch, twice', () => {
    writeFileSync(at('from/a'), 'a');
    importDirectorySync(main, at('from'), { into: '/some/where' });
    importDirectorySync(main, at('from'), { into: '/some/else' });
    exportDirectorySync(main, at('to'), { from: '/some/where' });
    exportDirectorySync(main, at('to too'));
    expect(compareTrees(at('from'), at('to'))).toEqual([]);
    expect(compareTrees(at('from'), at('to too/some/else'))).toEqual([]);
  });

  test('after reopening', () => {
    makeSampleTree(at('from'));
    utimesSync(at('from/src/medium'), 1, Date.now() / 1000 + 3600); // young, however slow this machine is
    const file = at('pool.byre');
    const first = openPoolSync(file);
    importDirectorySync(first.branchSync('main'), at('from'));
    first.closeSync();
    const second = openPoolSync(file);
    expectSame(second.branchSync('main'));
    const report = importDirectorySync(second.branchSync('main'), at('from'), settled);
    expect(report.bytesRead).toBeGreaterThan(0); // was young at the first import
    expect(importDirectorySync(second.branchSync('main'), at('from'), settled).bytesRead).toBe(0);
    second.closeSync();
  });
});

describe('again', () => {
  beforeEach(() => {
    makeSampleTree(at('from'));
    importDirectorySync(main, at('from'), settled);
  });

  for (const trusted of [false, true]) {
    test(`unchanged: nothing is read or written, ${trusted ? 'trusted' : 'verified'}`, () => {
      pool.commitSync();
      const { root } = main;
      const before = [root.page, root.low, root.high];
      const report = importDirectorySync(main, at('from'), { settled: true, trusted });
      expect(report).toMatchObject({ bytesRead: 0, created: 0, changed: 0, removed: 0, renamed: 0 });
      void before;
      expectSame();
    });
  }

  const changes: Record<string, () => void> = {
    'a file grows': () => appendFileSync(at('from/small.txt'), 'more'),
    'one page of a large file': () => {
      const bytes = Buffer.alloc(3 * 524_288 + 17, 3);
      bytes[600_000] = 4;
      writeFileSync(at('from/src/large'), bytes);
    },
    'a file shrinks': () => writeFileSync(at('from/src/medium'), 'x'),
    'same size, same time': () => {
      const { atime, mtime } = lstatSync(at('from/src/medium'));
      writeFileSync(at('from/src/medium'), Buffer.alloc(70_001, 8));
      utimesSync(at('from/src/medium'), atime, mtime);
    },
    'a file is removed': () => unlinkSync(at('from/src/a.ts')),
    'a directory is removed': () => rmSync(at('from/names'), { recursive: true }),
    'a file is renamed': () => renameSync(at('from/src/a.ts'), at('from/b.ts')),
    'a directory is renamed': () => renameSync(at('from/src'), at('from/source')),
    'a directory is renamed and changed': () => {
      renameSync(at('from/src'), at('from/source'));
      writeFileSync(at('from/source/new'), 'new');
      renameSync(at('from/source/deep/er/page'), at('from/page'));
      rmSync(at('from/source/up'));
    },
    'a file moves out of a removed directory': () => {
      renameSync(at('from/src/deep/er/page'), at('from/page'));
      rmSync(at('from/src'), { recursive: true });
    },
    'a directory becomes a file that was in it': () => {
      renameSync(at('from/src/deep/er/page'), at('from/page'));
      rmSync(at('from/src'), { recursive: true });
      renameSync(at('from/page'), at('from/src'));
    },
    'a file becomes a directory': () => {
      rmSync(at('from/small.txt'));
      mkdirSync(at('from/small.txt'));
      writeFileSync(at('from/small.txt/in'), 'in');
    },
    'two files change places': () => {
      renameSync(at('from/src/a.ts'), at('from/x'));
      renameSync(at('from/src/medium'), at('from/src/a.ts'));
      renameSync(at('from/x'), at('from/src/medium'));
    },
    'two directories change places': () => {
      renameSync(at('from/src'), at('from/x'));
      renameSync(at('from/names'), at('from/src'));
      renameSync(at('from/x'), at('from/names'));
    },
    'a directory moves into its successor': () => {
      renameSync(at('from/src'), at('from/x'));
      mkdirSync(at('from/src'));
      renameSync(at('from/x'), at('from/src/old'));
    },
    'a rename over another': () => renameSync(at('from/src/a.ts'), at('from/src/medium')),
    'a link is made': () => linkSync(at('from/src/a.ts'), at('from/again')),
    'a link is broken': () => {
      writeFileSync(at('from/x'), 'other');
      renameSync(at('from/x'), at('from/src/linked'));
    },
    'a link is broken, the first of them': () => {
      writeFileSync(at('from/x'), 'other');
      renameSync(at('from/x'), at('from/large too'));
    },
    'two files become one': () => {
      rmSync(at('from/src/medium'));
      linkSync(at('from/small.txt'), at('from/src/medium'));
    },
    'a symbolic link turns': () => {
      rmSync(at('from/link'));
      symlinkSync('elsewhere', at('from/link'));
    },
    'a mode': () => chmodSync(at('from/src/a.ts'), 0o640),
    "a directory's mode": () => chmodSync(at('from/src'), 0o2750),
    'a time': () => utimesSync(at('from/src/a.ts'), 5, 6),
    'a hole is filled': () => {
      const bytes = Buffer.alloc(10_000_000);
      bytes.fill(1);
      writeFileSync(at('from/sparse'), bytes);
    },
    'a deep tree appears': () => {
      mkdirSync(at('from/a/b/c/d/e'), { recursive: true });
      for (let i = 0; i < 40; i++) writeFileSync(at(`from/a/b/c/${i}`), `${i}`.repeat(i * 100));
    },
    'all is gone': () => {
      rmSync(at('from'), { recursive: true });
      mkdirSync(at('from'));
    },
  };

  for (const [name, change] of Object.entries(changes)) {
    test(name, () => {
      change();
      importDirectorySync(main, at('from'), settled);
      expectSame();
      const nothing = { created: 0, changed: 0, removed: 0, renamed: 0 };
      expect(importDirectorySync(main, at('from'), settled)).toMatchObject(nothing);
      // A file of several names may need one more look, no more.
      expect(importDirectorySync(main, at('from'), settled)).toMatchObject({ ...nothing, bytesRead: 0 });
      expectSame();
    });
    test(`${name}, trusted`, () => {
      change();
      importDirectorySync(main, at('from'), { settled: true, trusted: true });
      expectSame();
    });
  }

  test('a renamed directory keeps its inodes', () => {
    const view = viewOf(main, 0n);
    const of = (parent: number, name: string) => main.runSync(() => lookup(view, parent, bytesOfName(name)));
    const source = of(ROOT_INODE, 'src');
    const file = of(source, 'a.ts');
    renameSync(at('from/src'), at('from/source'));
    expect(importDirectorySync(main, at('from'), settled)).toMatchObject({ renamed: 1, created: 0, removed: 0 });
    expect(of(ROOT_INODE, 'source')).toBe(source);
    expect(of(source, 'a.ts')).toBe(file);
  });

  test('what was written in the branch is set right again', () => {
    const other = openPoolSync(memoryDevice());
    rmSync(at('other'), { recursive: true, force: true });
    mkdirSync(at('other'));
    writeFileSync(at('other/x'), 'x');
    importDirectorySync(main, at('other'), { into: '/src' });
    importDirectorySync(main, at('from'), settled);
    expectSame();
    other.closeSync();
  });

  test('whoever wrote the branch after an import is noticed, in forks too', () => {
    importDirectorySync(main, at('from'), { ...settled, commitsNext: true });
    pool.commitSync();
    const fork = pool.forkSync('main', 'fork');
    pool.commitSync();
    for (const branch of [fork, main]) {
      const { page } = branch.root;
      expect(importDirectorySync(branch, at('from'), { ...settled, commitsNext: true })).toMatchObject({
        bytesRead: 0,
      });
      expect(branch.root.page).toBe(page);
      const view = viewOf(branch, 5n);
      const inode = branch.runSync(() => lookup(view, ROOT_INODE, bytesOfName('program')));
      branch.runSync(() => write(view, inode, 0, new Uint8Array([1, 2, 3])));
      pool.commitSync();
      importDirectorySync(branch, at('from'), { ...settled, commitsNext: true });
      pool.commitSync();
      expectSame(branch);
    }
  });

  test('an export that remembers is quick to import', () => {
    const fork = pool.forkSync('main', 'fork');
    exportDirectorySync(fork, at('to'), { remember: true });
    expect(importDirectorySync(fork, at('to'), { settled: true, trusted: true })).toMatchObject({
      bytesRead: 0,
      created: 0,
      changed: 0,
      removed: 0,
    });
    appendFileSync(at('to/small.txt'), '!');
    expect(importDirectorySync(fork, at('to'), { settled: true, trusted: true })).toMatchObject({ bytesRead: 7 });
    expect(compareTrees(at('from'), at('to')).length).toBeGreaterThan(0);
    appendFileSync(at('from/small.txt'), '!');
    utimesSync(at('to/small.txt'), 7, 7);
    utimesSync(at('from/small.txt'), 7, 7);
    importDirectorySync(fork, at('to'), { settled: true, trusted: true });
    rmSync(at('to'), { recursive: true });
    expectSame(fork);
  });
});
