/** Keeping a fork's changes: what a directory is afterwards, what is refused, and what an apply that is cut off leaves. */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareTrees } from '../../tests/host/compare-trees.ts';
import { makeSampleTree } from '../../tests/host/sample-tree.ts';
import { scratchDirectory } from '../../tests/host/scratch.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { openPoolSync } from '../pool/open-pool.ts';
import type { Pool } from '../pool/pool.ts';
import { type ApplyReport, applyChanges, resumeApply } from './apply.ts';
import { compareBranches } from './changes.ts';
import { exportDirectorySync } from './export.ts';
import { importDirectorySync } from './import.ts';
import { readJournal } from './journal.ts';

let work: string;
let pool: Pool;

const at = (name: string) => path.join(work, name);
const real = (name: string) => path.join(work, 'real', name);
const copy = (name: string) => path.join(work, 'copy', name);
const settled = { settled: true, trusted: true } as const;

beforeEach(() => {
  work = scratchDirectory('apply');
  pool = openPoolSync(memoryDevice());
  mkdirSync(at('real'));
  makeSampleTree(at('real'));
  importDirectorySync(pool.branchSync('main'), at('real'), { settled: true });
  pool.snapshotSync('main', 'base');
  const fork = pool.forkSync('base', 'fork');
  exportDirectorySync(fork, at('copy'), { remember: true });
});

afterEach(() => {
  pool.closeSync();
  rmSync(work, { recursive: true, force: true });
});

function collect() {
  importDirectorySync(pool.branchSync('fork'), at('copy'), settled);
  return compareBranches(pool, 'base', 'fork');
}

function apply(more: { partial?: boolean; onStep?: (done: number, phase: string) => void } = {}): ApplyReport {
  return applyChanges({
    pool,
    base: pool.branchSync('base'),
    fork: pool.branchSync('fork'),
    root: at('real'),
    journal: at('journal'),
    changes: collect(),
    ...more,
  });
}

const told = () => collect().map(({ kind, path: name, from }) => [kind, from, name].filter(Boolean).join(' '));

const changes: Record<string, () => void> = {
  nothing: () => {},
  'a file changes': () => appendFileSync(copy('src/a.ts'), '// more\n'),
  'a file is added': () => writeFileSync(copy('src/new'), 'new'),
  'a tree is added': () => {
    mkdirSync(copy('x/y/z'), { recursive: true });
    for (let i = 0; i < 30; i++) writeFileSync(copy(`x/y/${i}`), `${i}`);
    symlinkSync('y', copy('x/link'));
    chmodSync(copy('x/y'), 0o750);
    chmodSync(copy('x'), 0o555);
  },
  'a file is removed': () => rmSync(copy('src/a.ts')),
  'a tree is removed': () => rmSync(copy('src'), { recursive: true }),
  'all is removed': () => {
    rmSync(at('copy'), { recursive: true });
    mkdirSync(at('copy'));
  },
  'a file is renamed': () => renameSync(copy('src/a.ts'), copy('b.ts')),
  'a file is renamed and changed': () => {
    renameSync(copy('src/a.ts'), copy('b.ts'));
    appendFileSync(copy('b.ts'), 'changed');
  },
  'a tree is renamed': () => renameSync(copy('src'), copy('source')),
  'a tree is renamed, changed and robbed': () => {
    renameSync(copy('src/deep/er/page'), copy('page'));
    renameSync(copy('src'), copy('source'));
    rmSync(copy('source/up'));
    writeFileSync(copy('source/deep/new'), 'new');
    appendFileSync(copy('source/medium'), 'changed');
  },
  'a file moves and another takes its place': () => {
    renameSync(copy('src/a.ts'), copy('src/old.ts'));
    writeFileSync(copy('src/a.ts'), 'new');
  },
  'files change places': () => {
    renameSync(copy('src/a.ts'), copy('x'));
    renameSync(copy('program'), copy('src/a.ts'));
    renameSync(copy('x'), copy('program'));
  },
  'directories change places': () => {
    renameSync(copy('src'), copy('x'));
    renameSync(copy('names'), copy('src'));
    renameSync(copy('x'), copy('names'));
  },
  'a directory moves into its successor': () => {
    renameSync(copy('src'), copy('x'));
    mkdirSync(copy('src'));
    renameSync(copy('x'), copy('src/old'));
  },
  'a file becomes a directory': () => {
    rmSync(copy('program'));
    mkdirSync(copy('program'));
    writeFileSync(copy('program/in'), 'in');
  },
  'a directory becomes a file': () => {
    rmSync(copy('names'), { recursive: true });
    writeFileSync(copy('names'), 'file');
  },
  'modes and times': () => {
    chmodSync(copy('program'), 0o700);
    chmodSync(copy('src'), 0o2770);
    utimesSync(copy('src/a.ts'), 1, 2);
    utimesSync(copy('src/deep'), 3, 4);
  },
  'a link to an unchanged file': () => linkSync(copy('program'), copy('src/program')),
  'a linked file changes': () => appendFileSync(copy('large too'), 'more'),
  'a link is broken': () => {
    writeFileSync(copy('x'), 'alone');
    renameSync(copy('x'), copy('src/linked'));
  },
  'new linked files': () => {
    writeFileSync(copy('one'), 'one');
    linkSync(copy('one'), copy('two'));
    linkSync(copy('one'), copy('src/three'));
  },
  'a symbolic link turns': () => {
    rmSync(copy('link'));
    symlinkSync('elsewhere', copy('link'));
  },
};

for (const [name, change] of Object.entries(changes)) {
  describe(name, () => {
    beforeEach(change);

    test('is kept', () => {
      expect(apply()).toMatchObject({ applied: true, conflicts: [], notes: [] });
      expect(compareTrees(at('real'), at('copy'))).toEqual([]);
      expect(existsSync(at('journal'))).toBe(false);
    });

    test('survives being cut off at every step', () => {
      let steps = 0;
      for (let stop = 0; ; stop++) {
        steps = 0;
        try {
          apply({
            onStep: () => {
              if (steps++ === stop) throw new Error('cut off');
            },
          });
          break;
        } catch (error) {
          expect((error as Error).message).toBe('cut off');
        }
        const journal = readJournal(at('journal'));
        if (journal === undefined) continue;
        // Cut off once more while it resumes.
        let more = 0;
        try {
          resumeApply(pool, at('journal'), () => {
            if (more++ === 1) throw new Error('cut off again');
          });
        } catch {
          resumeApply(pool, at('journal'));
        }
        expect(compareTrees(at('real'), at('copy'))).toEqual([]);
        expect(existsSync(at('journal'))).toBe(false);
        return cutEverywhere(change, stop + 1);
      }
      expect(compareTrees(at('real'), at('copy'))).toEqual([]);
    });
  });
}

/** The later steps, each from a new beginning. */
function cutEverywhere(change: () => void, first: number): void {
  for (let stop = first; ; stop++) {
    rmSync(at('real'), { recursive: true });
    rmSync(at('copy'), { recursive: true });
    mkdirSync(at('real'));
    makeSampleTree(at('real'));
    importDirectorySync(pool.branchSync('main'), at('real'), { settled: true });
    pool.dropSync('base');
    pool.dropSync('fork');
    pool.snapshotSync('main', 'base');
    exportDirectorySync(pool.forkSync('base', 'fork'), at('copy'), { remember: true });
    change();
    let steps = 0;
    let isCut = true;
    try {
      apply({
        onStep: () => {
          if (steps++ === stop) throw new Error('cut off');
        },
      });
      isCut = false;
    } catch (error) {
      expect((error as Error).message).toBe('cut off');
      expect(resumeApply(pool, at('journal'))).toMatchObject({ outcome: 'finished', notes: [] });
    }
    expect(compareTrees(at('real'), at('copy'))).toEqual([]);
    if (!isCut) return;
  }
}

describe('what is told', () => {
  test('renames, replacements, additions and every removal', () => {
    renameSync(copy('src'), copy('source'));
    appendFileSync(copy('source/a.ts'), 'x');
    writeFileSync(copy('x'), 'saved');
    renameSync(copy('x'), copy('program'));
    rmSync(copy('names/...'));
    mkdirSync(copy('new'));
    expect(told().filter((line) => !/^changed( names)?$/.test(line))).toEqual([
      'removed names/...',
      'added new',
      'changed program',
      'renamed src source',
      'changed source/a.ts',
    ]);
  });
});

describe('what changed in the real directory meanwhile', () => {
  const refused = (name: string, inFork: () => void, inReal: () => void, where: string) =>
    test(name, () => {
      inFork();
      inReal();
      exportDirectorySync(pool.branchSync('base'), at('unused'), {});
      const before = readFileSync(real('src/medium'), 'latin1');
      const report = apply();
      expect(report.applied).toBe(false);
      expect(report.conflicts.map((conflict) => conflict.path)).toEqual([where]);
      expect(readFileSync(real('src/medium'), 'latin1')).toBe(before);
      expect(existsSync(at('journal'))).toBe(false);
    });

  refused(
    'both changed a file',
    () => appendFileSync(copy('src/medium'), 'fork'),
    () => appendFileSync(real('src/medium'), 'real'),
    'src/medium',
  );
  refused(
    'the fork removed what changed',
    () => rmSync(copy('src/medium')),
    () => appendFileSync(real('src/medium'), 'real'),
    'src/medium',
  );
  refused(
    'the fork changed what was removed',
    () => appendFileSync(copy('program'), 'fork'),
    () => rmSync(real('program')),
    'program',
  );
  refused(
    'both made a file',
    () => writeFileSync(copy('new'), 'fork'),
    () => writeFileSync(real('new'), 'real'),
    'new',
  );
  refused(
    'the fork renames over a new file',
    () => renameSync(copy('program'), copy('new')),
    () => writeFileSync(real('new'), 'real'),
    'new',
  );
  refused(
    'a directory to remove got something new',
    () => rmSync(copy('src'), { recursive: true }),
    () => writeFileSync(real('src/new'), 'real'),
    'src',
  );

  test('a touched file of the same content is no conflict', () => {
    appendFileSync(copy('program'), 'fork');
    utimesSync(real('program'), 1, 1);
    expect(apply()).toMatchObject({ applied: true });
    expect(readFileSync(real('program'), 'latin1')).toBe('#!/bin/sh\nfork');
  });

  test('both made the same file', () => {
    writeFileSync(copy('new'), 'same');
    writeFileSync(real('new'), 'same');
    expect(apply()).toMatchObject({ applied: true, conflicts: [] });
  });

  test('the rest can be applied', () => {
    appendFileSync(copy('src/medium'), 'fork');
    rmSync(copy('names'), { recursive: true });
    writeFileSync(copy('new'), 'fork');
    appendFileSync(real('src/medium'), 'real');
    writeFileSync(real('names/stranger'), 'real');
    const report = apply({ partial: true });
    expect(report.applied).toBe(true);
    expect(report.conflicts.map((conflict) => conflict.path)).toEqual(['names', 'src/medium']);
    expect(readFileSync(real('src/medium'), 'latin1').endsWith('real')).toBe(true);
    expect(readFileSync(real('new'), 'latin1')).toBe('fork');
    expect(existsSync(real('names/stranger'))).toBe(true);
    expect(existsSync(real('names/...'))).toBe(false);
  });

  test('a symbolic link in place of a directory is not followed', () => {
    mkdirSync(at('outside'));
    writeFileSync(at('outside/a.ts'), readFileSync(real('src/a.ts')));
    writeFileSync(copy('src/a.ts'), 'fork');
    renameSync(real('src'), at('moved'));
    symlinkSync(at('outside'), real('src'));
    expect(apply().applied).toBe(false);
    expect(readFileSync(at('outside/a.ts'), 'latin1')).toContain('export');
  });

  test('what appears between the plan and its last step is not overwritten', () => {
    writeFileSync(copy('new'), 'fork');
    appendFileSync(copy('program'), 'fork');
    const report = apply({
      onStep: (_done, phase) => {
        if (phase === 'applying' && !existsSync(real('new'))) writeFileSync(real('new'), 'real');
      },
    });
    expect(readFileSync(real('new'), 'latin1')).toBe('real');
    expect(readFileSync(real('new.byre-1'), 'latin1')).toBe('fork');
    expect(report.notes.map((note) => note.path)).toEqual(['new']);
  });
});
