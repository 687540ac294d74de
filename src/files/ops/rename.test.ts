/** Rename, in all its cases, and views that refuse every change. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BareView, bareView, bytesOf } from '../../../tests/files/bare-view.ts';
import {
  allOrphans,
  codeOf,
  expectSound,
  find,
  make,
  makeDirectory,
  namesIn,
  pathsTo,
  renameCode,
  renamePath,
  unlinkPath,
} from '../../../tests/files/tree.ts';
import { getAttributes, setAttributes } from './attributes.ts';
import { create, createUnnamed } from './create.ts';
import { parentOf } from './directory.ts';
import { ROOT_INODE } from './keys.ts';
import { link } from './link.ts';
import { rename } from './rename.ts';
import { releaseOrphan, removeDirectory, unlink } from './unlink.ts';

const file = { type: 'file', mode: 0o644, uid: 1, gid: 2 } as const;

let view: BareView;
beforeEach(() => {
  view = bareView({ faultRate: 0.02, seed: 7 });
});
afterEach(() => {
  expectSound(view);
});

const attributes = (inode: number) => view.run(() => getAttributes(view, inode));

describe('rename', () => {
  test('moves a name and stamps all three', () => {
    makeDirectory(view, '/a');
    makeDirectory(view, '/b');
    const inode = make(view, '/a/f');
    const now = view.tick();
    expect(renamePath(view, '/a/f', '/b/g')).toBeUndefined();
    expect(find(view, '/a/f')).toBe(0);
    expect(find(view, '/b/g')).toBe(inode);
    expect(attributes(inode)).toMatchObject({ changeTime: now, links: 1 });
    for (const path of ['/a', '/b']) {
      expect(attributes(find(view, path))).toMatchObject({ modifyTime: now, changeTime: now, links: 2 });
    }
    expect(pathsTo(view, inode)).toEqual(['b/g']);
    expect(renamePath(view, '/b/g', '/b/h')).toBeUndefined();
    expect(pathsTo(view, inode)).toEqual(['b/h']);
  });

  test('moves directories with the links of their parents', () => {
    makeDirectory(view, '/a');
    makeDirectory(view, '/a/x');
    makeDirectory(view, '/b');
    const x = find(view, '/a/x');
    renamePath(view, '/a/x', '/b/x');
    expect(attributes(find(view, '/a')).links).toBe(2);
    expect(attributes(find(view, '/b')).links).toBe(3);
    expect(view.run(() => parentOf(view, x))).toBe(find(view, '/b'));
  });

  test('onto itself, or another link of the same file, does nothing', () => {
    const inode = make(view, '/f');
    view.run(() => link(view, inode, ROOT_INODE, bytesOf('g')));
    const before = attributes(inode);
    view.tick();
    expect(renamePath(view, '/f', '/f')).toBeUndefined();
    expect(renamePath(view, '/f', '/g')).toBeUndefined();
    expect(renamePath(view, '/f', '/g', { exchange: true })).toBeUndefined();
    expect(attributes(inode)).toEqual(before);
    expect(namesIn(view, '/')).toEqual(['f', 'g']);
    expect(renameCode(view, '/f', '/g', { noReplace: true })).toBe('EEXIST');
    expect(renameCode(view, '/f', '/f', { noReplace: true })).toBe('EEXIST');
  });

  test('replaces a file, which is an orphan or one link poorer', () => {
    const from = make(view, '/from', { content: bytesOf('1') });
    const to = make(view, '/to', { content: bytesOf('2') });
    expect(renamePath(view, '/from', '/to')).toEqual({ inode: to, links: 0, released: false });
    expect(find(view, '/to')).toBe(from);
    expect(allOrphans(view)).toEqual([to]);
    const other = make(view, '/other');
    view.run(() => link(view, other, ROOT_INODE, bytesOf('other2')));
    expect(renamePath(view, '/to', '/other', { release: true })).toEqual({ inode: other, links: 1, released: false });
    expect(renamePath(view, '/other', '/other2', { release: true })).toEqual({
      inode: other,
      links: 0,
      released: true,
    });
    expect(namesIn(view, '/')).toEqual(['other2']);
  });

  test('replaces an empty directory by a directory, and nothing else', () => {
    makeDirectory(view, '/d');
    makeDirectory(view, '/e');
    makeDirectory(view, '/full');
    make(view, '/full/f');
    make(view, '/f');
    expect(renameCode(view, '/d', '/f')).toBe('ENOTDIR');
    expect(renameCode(view, '/f', '/d')).toBe('EISDIR');
    expect(renameCode(view, '/d', '/full')).toBe('ENOTEMPTY');
    expect(renameCode(view, '/d', '/e', { noReplace: true })).toBe('EEXIST');
    const e = find(view, '/e');
    expect(renamePath(view, '/d', '/e')).toEqual({ inode: e, links: 0, released: false });
    expect(attributes(ROOT_INODE).links).toBe(4);
    makeDirectory(view, '/full/sub');
    renamePath(view, '/full/sub', '/e');
    expect(attributes(ROOT_INODE).links).toBe(4);
    expect(attributes(find(view, '/full')).links).toBe(2);
  });

  test('refuses to put a directory into itself', () => {
    makeDirectory(view, '/a');
    makeDirectory(view, '/a/b');
    makeDirectory(view, '/a/b/c');
    expect(renameCode(view, '/a', '/a/x')).toBe('EINVAL');
    expect(renameCode(view, '/a', '/a/b/c/x')).toBe('EINVAL');
    expect(renameCode(view, '/a', '/a/b')).toBe('EINVAL');
    expect(renameCode(view, '/a/b/c', '/a')).toBe('ENOTEMPTY');
    expect(renameCode(view, '/a', '/a/b/c', { exchange: true })).toBe('EINVAL');
    expect(renameCode(view, '/a/b/c', '/a', { exchange: true })).toBe('EINVAL');
    expect(renameCode(view, '/a/b', '/a/b2')).toBeUndefined();
  });

  test('exchanges anything with anything', () => {
    makeDirectory(view, '/a');
    makeDirectory(view, '/b');
    const file1 = make(view, '/a/f');
    makeDirectory(view, '/b/d');
    const d = find(view, '/b/d');
    make(view, '/b/d/inside');
    const now = view.tick();
    expect(renamePath(view, '/a/f', '/b/d', { exchange: true })).toBeUndefined();
    expect(find(view, '/b/d')).toBe(file1);
    expect(find(view, '/a/f')).toBe(d);
    expect(find(view, '/a/f/inside')).not.toBe(0);
    expect(attributes(find(view, '/a')).links).toBe(3);
    expect(attributes(find(view, '/b')).links).toBe(2);
    expect(attributes(d).changeTime).toEqual(now);
    expect(attributes(file1).changeTime).toEqual(now);
    expect(renameCode(view, '/a/f', '/none', { exchange: true })).toBe('ENOENT');
    expect(renameCode(view, '/a', '/b', { exchange: true, noReplace: true })).toBe('EINVAL');
    renamePath(view, '/a', '/b', { exchange: true });
    expect(find(view, '/b/f/inside')).not.toBe(0);
  });

  test('refuses what is not there', () => {
    make(view, '/f');
    expect(renameCode(view, '/x', '/y')).toBe('ENOENT');
    const inode = find(view, '/f');
    const code = (a: number, b: number) => codeOf(view, () => rename(view, a, bytesOf('f'), b, bytesOf('g')));
    expect(code(ROOT_INODE, inode)).toBe('ENOTDIR');
    expect(code(ROOT_INODE, 999)).toBe('ENOENT');
    expect(code(inode, ROOT_INODE)).toBe('ENOTDIR');
    makeDirectory(view, '/gone');
    const gone = find(view, '/gone');
    view.run(() => removeDirectory(view, ROOT_INODE, bytesOf('gone')));
    expect(code(ROOT_INODE, gone)).toBe('ENOENT');
  });
});

describe('a read-only view', () => {
  test('refuses every change with EROFS', () => {
    make(view, '/f');
    const frozen = view.fork({ readOnly: true });
    const f = find(frozen, '/f');
    const name = bytesOf('x');
    for (const operation of [
      () => create(frozen, ROOT_INODE, name, file),
      () => createUnnamed(frozen, file),
      () => link(frozen, f, ROOT_INODE, name),
      () => unlink(frozen, ROOT_INODE, bytesOf('f')),
      () => removeDirectory(frozen, ROOT_INODE, bytesOf('f')),
      () => rename(frozen, ROOT_INODE, bytesOf('f'), ROOT_INODE, name),
      () => setAttributes(frozen, f, { mode: 0 }),
      () => releaseOrphan(frozen, f),
    ]) {
      expect(codeOf(frozen, operation)).toBe('EROFS');
    }
    unlinkPath(view, '/f');
    expect(namesIn(frozen, '/')).toEqual(['f']);
    expectSound(frozen);
  });
});
