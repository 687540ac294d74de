/** Merging, comparing and checking the files of branches of a real pool, with a cache too small for them, through reopening. */
import { describe, expect, test } from 'vitest';
import { testPool } from '../../tests/files/pools.ts';
import { checkFiles, checkFilesSync, compareFiles, compareFilesSync } from './examine.ts';
import { filesOf } from './files.ts';
import { type FilesMergeOptions, isFileConflict, settleFiles } from './merge.ts';
import type { FileConflict } from './ops/merge/conflict.ts';

const pathText = (path: readonly Uint8Array[]) => `/${path.map((name) => Buffer.from(name).toString()).join('/')}`;
const merge = (options: FilesMergeOptions = {}) => ({ from: 'side', into: 'main', settle: [settleFiles(options)] });
const brief = ({ kind, path }: { kind: string; path: readonly Uint8Array[] }) => `${kind} ${pathText(path)}`;

describe('branches', () => {
  test('are merged as files, compared and checked', async () => {
    await using it = testPool();
    const { pool, main, files } = it;
    files.mkdirSync('/src/deep', { recursive: true });
    files.writeFileSync('/src/text', 'one\ntwo\nthree\n');
    files.writeFileSync('/src/large', new Uint8Array(6 << 20).fill(3));
    for (let at = 0; at < 500; at++) files.writeFileSync(`/src/deep/${at}`, `file ${at}`);
    const side = await pool.fork('main', 'side');
    const theirs = filesOf(side);
    files.writeFileSync('/src/text', 'zero\none\ntwo\nthree\n');
    files.renameSync('/src', '/source');
    theirs.writeFileSync('/src/text', 'one\ntwo\nthree\nfour\n');
    theirs.writeFileSync('/src/new', 'new');
    theirs.rmSync('/src/deep', { recursive: true });
    theirs.mkdirSync('/src/made');
    theirs.copyFileSync('/src/large', '/src/made/copy');
    expect((await compareFiles(main, side)).filter(({ kind }) => kind !== 'removed').map(brief)).toEqual([
      'renamed /src',
      'added /src/made',
      'added /src/made/copy',
      'added /src/new',
      'changed /src/text',
    ]);
    const before = pool.space().freeBytes;
    const report = await pool.merge(merge());
    expect(report).toMatchObject({ merged: true, conflicts: [] });
    expect(Math.abs(before - pool.space().freeBytes)).toBeLessThan(1 << 20);
    expect(files.readFileSync('/source/text', 'utf8')).toBe('zero\none\ntwo\nthree\nfour\n');
    expect(files.readdirSync('/source')).toEqual(['large', 'made', 'new', 'text']);
    expect(compareFilesSync(side, main).map(brief)).toEqual(['renamed /source', 'changed /source/text']);
    expect(await checkFiles(main)).toEqual([]);
    expect(checkFilesSync(side)).toEqual([]);
    const again = await pool.merge(merge());
    expect(again).toMatchObject({ merged: true, changes: 0 });
  });

  test('of which only one changed files need no more than their keys', async () => {
    await using it = testPool();
    const { pool, files } = it;
    files.writeFileSync('/f', 'base');
    const theirs = filesOf(await pool.fork('main', 'side'));
    theirs.writeFileSync('/f', 'theirs');
    theirs.mkdirSync('/d');
    expect(await pool.merge(merge())).toMatchObject({ merged: true });
    expect(files.readFileSync('/f', 'utf8')).toBe('theirs');
    expect(files.readdirSync('/')).toEqual(['d', 'f']);
  });

  test('stay as they are when a conflict is left', async () => {
    await using it = testPool();
    const { pool, files } = it;
    files.writeFileSync('/f', 'base');
    const theirs = filesOf(await pool.fork('main', 'side'));
    files.writeFileSync('/f', 'ours');
    files.writeFileSync('/mine', 'mine');
    theirs.writeFileSync('/f', 'theirs');
    theirs.writeFileSync('/yours', 'yours');
    const report = await pool.merge(merge());
    expect(report.merged).toBe(false);
    expect(report.conflicts.filter(isFileConflict).map(({ file }) => brief(file))).toEqual(['content /f']);
    expect(files.readdirSync('/')).toEqual(['f', 'mine']);
    const asked: FileConflict[] = [];
    const decided = await pool.merge(
      merge({
        files: (conflict) => {
          asked.push(conflict);
          return 'theirs';
        },
      }),
    );
    expect(decided).toMatchObject({ merged: true, conflicts: [] });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ base: { attributes: { size: 4 } }, theirs: { attributes: { size: 6 } } });
    expect(files.readdirSync('/')).toEqual(['f', 'mine', 'yours']);
    expect(files.readFileSync('/f', 'utf8')).toBe('theirs');
  });
});
