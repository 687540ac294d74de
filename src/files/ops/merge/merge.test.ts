/** Merging files of two forks: what one side did alone, and what both did that comes together or is a conflict of bytes. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type BareView, bytesOf, textOf } from '../../../../tests/files/bare-view.ts';
import {
  attributesOf,
  move,
  pathText,
  remove,
  removeDir,
  save,
  seen,
  text,
  write,
} from '../../../../tests/files/edits.ts';
import { base, fork, merge, ours, theirs, useBranches } from '../../../../tests/files/merging.ts';
import { expectBytes, find, make, makeDirectory, namesIn, readAll, writeAll } from '../../../../tests/files/tree.ts';
import { getAttributes, setAttributes } from '../attributes.ts';
import { createUnnamed } from '../create.ts';
import { CONTENT_BYTES, ROOT_INODE } from '../keys.ts';
import { link } from '../link.ts';
import { orphans } from '../unlink.ts';
import { getXattr, removeXattr, setXattr } from '../xattrs.ts';
import type { FileConflict, Strategy } from './conflict.ts';

useBranches();

describe('what one side did', () => {
  test('comes over whole, cells shared and times kept', () => {
    makeDirectory(base, '/d');
    write(base, '/d/old', 'old');
    write(base, '/gone', 'gone');
    const big = make(base, '/big');
    writeAll(base, big, 0, new Uint8Array(2 * CONTENT_BYTES).fill(7));
    fork();
    makeDirectory(theirs, '/new');
    makeDirectory(theirs, '/new/deep');
    writeAll(theirs, make(theirs, '/new/deep/large'), 0, new Uint8Array(3 * CONTENT_BYTES).fill(9));
    move(theirs, '/d/old', '/new/moved');
    remove(theirs, '/gone');
    removeDir(theirs, '/d');
    writeAll(theirs, big, CONTENT_BYTES + 5, bytesOf('changed'));
    theirs.run(() => setXattr(theirs, big, bytesOf('user.a'), new Uint8Array(5000)));
    theirs.run(() => setAttributes(theirs, big, { mode: 0o600, accessTime: { seconds: 7, nanoseconds: 8 } }));
    theirs.run(() => link(theirs, big, find(theirs, '/new'), bytesOf('big2')));
    make(theirs, '/new/link', { type: 'symlink', target: bytesOf('deep/large') });
    make(theirs, '/new/device', { type: 'block', device: 77 });
    const free = base.store.space.available;
    const { work, conflicts } = merge();
    expect(conflicts).toEqual([]);
    expect(free - base.store.space.available).toBeLessThan(20);
    expect(seen(work)).toEqual(seen(theirs));
    expect(attributesOf(work)).toEqual(attributesOf(theirs));
    expectBytes(readAll(work, big), readAll(theirs, big));
    expect(work.run(() => getXattr(work, big, bytesOf('user.a')))).toHaveLength(5000);
  });

  test('is nothing when only ours did it', () => {
    write(base, '/f', 'base');
    fork();
    write(ours, '/f', 'ours');
    makeDirectory(ours, '/d');
    const { work, inodes } = merge();
    expect(inodes).toBe(0);
    expect(attributesOf(work)).toEqual(attributesOf(ours));
  });

  test('fills an empty branch', () => {
    fork();
    makeDirectory(theirs, '/d');
    write(theirs, '/d/f', 'f');
    expect(attributesOf(merge().work)).toEqual(attributesOf(theirs));
    write(ours, '/g', 'g');
    expect([...seen(merge().work).keys()]).toEqual(['/d', '/d/f', '/g']);
  });

  test('leaves orphans alone', () => {
    fork();
    theirs.run(() => createUnnamed(theirs, { type: 'file', mode: 0o600, uid: 0, gid: 0 }));
    const { work, conflicts } = merge();
    expect(conflicts).toEqual([]);
    expect(work.run(() => orphans(work, 0, 10))).toEqual([]);
  });
});

describe('what both did', () => {
  beforeEach(() => {
    makeDirectory(base, '/d');
    write(base, '/d/a', '1\n2\n3\n4\n5\n');
    write(base, '/d/b', 'b');
    makeDirectory(base, '/e');
    fork();
  });

  test('comes together in directories, with the later times', () => {
    write(ours, '/d/ours', 'o');
    write(theirs, '/d/theirs', 't');
    remove(theirs, '/d/b');
    makeDirectory(ours, '/d/sub');
    const { work, conflicts } = merge();
    expect(conflicts).toEqual([]);
    expect(namesIn(work, '/d')).toEqual(['a', 'ours', 'sub', 'theirs']);
    const times = (view: BareView) => view.run(() => getAttributes(view, find(view, '/d'))).modifyTime.seconds;
    expect(times(work)).toBe(Math.max(times(ours), times(theirs)));
    expect(work.run(() => getAttributes(work, find(work, '/d'))).links).toBe(3);
  });

  test('comes together line by line', () => {
    write(ours, '/d/a', '1\nours\n3\n4\n5\n');
    write(theirs, '/d/a', '1\n2\n3\n4\n5\ntheirs\n');
    const { work, conflicts } = merge();
    expect(conflicts).toEqual([]);
    expect(text(work, '/d/a')).toBe('1\nours\n3\n4\n5\ntheirs\n');
  });

  test('is a conflict where lines clash, and where nobody knows lines', () => {
    write(ours, '/d/a', '1\nours\n3\n4\n5\n');
    write(theirs, '/d/a', '0\n1\ntheirs\n3\n4\n5\n');
    write(ours, '/d/b', 'ours\0');
    write(theirs, '/d/b', 'theirs\0');
    const failed = merge();
    expect(failed.conflicts).toEqual(['content /d/a', 'content /d/b']);
    const forOurs = merge({ strategy: 'ours' });
    expect(forOurs.conflicts).toEqual(['content /d/a (ours)', 'content /d/b (ours)']);
    expect(text(forOurs.work, '/d/a')).toBe('0\n1\nours\n3\n4\n5\n');
    expect(text(forOurs.work, '/d/b')).toBe('ours\0');
    const forTheirs = merge({ strategy: 'theirs' }).work;
    expect(text(forTheirs, '/d/a')).toBe('0\n1\ntheirs\n3\n4\n5\n');
    expect(text(forTheirs, '/d/b')).toBe('theirs\0');
    const asked: string[] = [];
    const resolve = (conflict: FileConflict): Strategy => {
      asked.push(pathText(conflict.path));
      expect(conflict.ours?.attributes.size).toBeGreaterThan(0);
      return pathText(conflict.path) === '/d/b' ? 'theirs' : 'ours';
    };
    expect(text(merge({ resolve }).work, '/d/b')).toBe('theirs\0');
    expect(asked).toEqual(['/d/a', '/d/b']);
  });

  test('is no conflict when it is the same', () => {
    for (const view of [ours, theirs]) {
      write(view, '/d/a', 'same');
      save(view, '/d/b', 'same');
      write(view, '/both', 'same');
      makeDirectory(view, '/dir');
      make(view, '/dir/l', { type: 'symlink', target: bytesOf('x') });
      move(view, '/e', '/e2');
    }
    write(theirs, '/dir/more', 'm');
    const { work, conflicts } = merge();
    expect(conflicts).toEqual([]);
    expect(namesIn(work, '/')).toEqual(['both', 'd', 'dir', 'e2']);
    expect(namesIn(work, '/dir')).toEqual(['l', 'more']);
    expect(text(work, '/d/b')).toBe('same');
  });

  test('merges files that either saved by a rename', () => {
    save(theirs, '/d/a', '1\n2\n3\n4\n5\ntheirs\n');
    write(ours, '/d/a', '1\nours\n3\n4\n5\n');
    expect(merge().conflicts).toEqual([]);
    expect(text(merge().work, '/d/a')).toBe('1\nours\n3\n4\n5\ntheirs\n');
    save(ours, '/d/a', 'ours\n1\n2\n3\n4\n5\n');
    const both = merge();
    expect(both.conflicts).toEqual([]);
    expect(text(both.work, '/d/a')).toBe('ours\n1\n2\n3\n4\n5\ntheirs\n');
    save(theirs, '/d/b', 'theirs');
    move(ours, '/d/b', '/e/moved');
    const moved = merge();
    expect(moved.conflicts).toEqual([]);
    expect(text(moved.work, '/e/moved')).toBe('theirs');
    expect(namesIn(moved.work, '/d')).toEqual(['a']);
  });

  test('follows renames: a change of the one lands where the other moved it', () => {
    move(ours, '/d', '/e/d2');
    write(theirs, '/d/a', 'theirs');
    write(theirs, '/d/new', 'new');
    move(theirs, '/d/b', '/d/b2');
    const { work, conflicts } = merge();
    expect(conflicts).toEqual([]);
    expect(seen(work).get('/e/d2/a')).toContain('theirs');
    expect(namesIn(work, '/e/d2')).toEqual(['a', 'b2', 'new']);
    expect(namesIn(work, '/')).toEqual(['e']);
  });

  test('takes mode, owner and extended attributes from whoever changed them', () => {
    const inode = find(base, '/d/b');
    base.run(() => setXattr(base, inode, bytesOf('user.both'), bytesOf('base')));
    base.run(() => setXattr(base, inode, bytesOf('user.gone'), bytesOf('base')));
    fork();
    ours.run(() => setAttributes(ours, inode, { mode: 0o600 }));
    theirs.run(() => setAttributes(theirs, inode, { uid: 5 }));
    ours.run(() => setXattr(ours, inode, bytesOf('user.ours'), bytesOf('o')));
    theirs.run(() => setXattr(theirs, inode, bytesOf('user.theirs'), bytesOf('t')));
    theirs.run(() => removeXattr(theirs, inode, bytesOf('user.gone')));
    const clean = merge();
    expect(clean.conflicts).toEqual([]);
    expect(clean.work.run(() => getAttributes(clean.work, inode))).toMatchObject({ mode: 0o600, uid: 5 });
    const get = (view: BareView, name: string) => {
      const value = view.run(() => getXattr(view, inode, bytesOf(name)));
      return value && textOf(value);
    };
    expect(['user.ours', 'user.theirs', 'user.gone'].map((name) => get(clean.work, name))).toEqual([
      'o',
      't',
      undefined,
    ]);
    theirs.run(() => setAttributes(theirs, inode, { mode: 0o640 }));
    ours.run(() => setXattr(ours, inode, bytesOf('user.both'), bytesOf('ours')));
    theirs.run(() => setXattr(theirs, inode, bytesOf('user.both'), bytesOf('theirs')));
    expect(merge().conflicts).toEqual(['xattr /d/b', 'attributes /d/b']);
    const { work } = merge({ strategy: 'theirs' });
    expect(work.run(() => getAttributes(work, inode))).toMatchObject({ mode: 0o640, uid: 5 });
    expect(get(work, 'user.both')).toBe('theirs');
  });

  test('keeps links of both sides', () => {
    const inode = find(base, '/d/b');
    ours.run(() => link(ours, inode, ROOT_INODE, bytesOf('o')));
    theirs.run(() => link(theirs, inode, ROOT_INODE, bytesOf('t')));
    remove(theirs, '/d/b');
    const { work, conflicts } = merge();
    expect(conflicts).toEqual([]);
    expect(namesIn(work, '/')).toEqual(['d', 'e', 'o', 't']);
    expect(work.run(() => getAttributes(work, inode)).links).toBe(2);
  });
});
