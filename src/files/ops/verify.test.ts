/** Every kind of damage to the keys of the files face is found, named, and found once; a sound branch has none. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type BareView, bareView, bytesOf, textOf } from '../../../tests/files/bare-view.ts';
import { expectSound, make, makeDirectory } from '../../../tests/files/tree.ts';
import { writeContent } from '../../core/content.ts';
import { prepare } from '../../core/prepare.ts';
import { put, remove } from '../../core/tree.ts';
import { describe as describeKey } from './describe.ts';
import { findRecord } from './draft.ts';
import * as keys from './keys.ts';
import { encodeEntry, encodeRecord, type InodeRecord } from './record.ts';
import { unlink } from './unlink.ts';
import { Verification } from './verify.ts';
import { setXattr } from './xattrs.ts';

const NOTHING = new Uint8Array(0);

let view: BareView;
let a: number;
let b: number;
let file: number;
let link: number;
beforeEach(() => {
  view = bareView({ faultRate: 0.05, seed: 3 });
  a = makeDirectory(view, '/a');
  b = makeDirectory(view, '/a/b');
  file = make(view, '/a/b/f', { content: new Uint8Array(10_000).fill(1) });
  link = make(view, '/l', { type: 'symlink', target: bytesOf('x') });
  view.run(() => setXattr(view, file, bytesOf('user.x'), bytesOf('value')));
  for (let i = 0; i < 100; i++) make(view, `/more-${i}`);
  expectSound(view);
});

const store = (key: Uint8Array, value: Uint8Array) =>
  view.run(() => {
    prepare(view.store, view.root, { puts: [key] });
    put(view.store, view.root, key, value);
  });
const drop = (key: Uint8Array) =>
  view.run(() => {
    prepare(view.store, view.root, { removes: [key] });
    remove(view.store, view.root, key);
  });
const storeContent = (key: Uint8Array, offset: number, bytes: Uint8Array) =>
  view.run(() => {
    prepare(view.store, view.root, { content: [{ key, from: offset, to: offset + bytes.length }] });
    writeContent(view.store, view.root, key, offset, bytes);
  });
const change = (inode: number, changes: Partial<InodeRecord>) => {
  const record = view.run(() => findRecord(view, inode))!;
  store(keys.recordKey(inode), encodeRecord({ ...record, ...changes }));
};

function found(): string[] {
  const verification = new Verification(view);
  while (!view.run(() => verification.step()));
  return verification.problems.map(({ text, path }) => `${(path ?? []).map(textOf).join('/')}: ${text}`).toSorted();
}

describe('verification', () => {
  test('finds lost and false back-references', () => {
    drop(keys.linkKey(file, b, bytesOf('f')));
    expect(found()).toEqual(
      [': an entry has no back-reference', ': the count of links is wrong']
        .map((text) => {
          return text.startsWith(': an entry') ? `a/b${text}` : text;
        })
        .toSorted(),
    );
    store(keys.linkKey(file, b, bytesOf('f')), NOTHING);
    store(keys.linkKey(file, a, bytesOf('g')), NOTHING);
    expect(found()).toEqual(['a/g: a back-reference has no entry', 'a/g: the count of links is wrong']);
  });

  test('finds lost and false entries', () => {
    drop(keys.entryKey(b, bytesOf('f')));
    expect(found()).toEqual(['a/b/f: a back-reference has no entry']);
    store(keys.entryKey(b, bytesOf('f')), encodeEntry(file, 'fifo'));
    expect(found()).toEqual(['a/b: an entry has another type than its inode']);
    store(keys.entryKey(b, bytesOf('f')), encodeEntry(4711, 'file'));
    expect(found()).toEqual(['a/b/f: a back-reference has no entry', 'a/b: an entry names an inode that is not there']);
    store(keys.entryKey(b, bytesOf('f')), new Uint8Array(3));
    expect(found()).toEqual(['a/b/f: a cell is not of a known form', 'a/b: a cell is not of a known form']);
  });

  test('finds impossible names', () => {
    drop(keys.entryKey(b, bytesOf('f')));
    drop(keys.linkKey(file, b, bytesOf('f')));
    store(keys.entryKey(b, bytesOf('..')), encodeEntry(file, 'file'));
    store(keys.linkKey(file, b, bytesOf('..')), NOTHING);
    expect(found()).toEqual(['a/b: an entry has a name that cannot be']);
  });

  test('finds a lost record, and one of no known form', () => {
    const bytes = encodeRecord(view.run(() => findRecord(view, file))!);
    drop(keys.recordKey(file));
    expect(found()).toEqual([
      'a/b/f: an inode has cells but no record',
      'a/b: an entry names an inode that is not there',
    ]);
    store(keys.recordKey(file), bytes.slice(1));
    expect(found().every((text) => text.endsWith('a cell is not of a known form'))).toBe(true);
    expect(found().length).toBeGreaterThan(0);
  });

  test('finds wrong counts', () => {
    change(file, { links: 2 });
    change(a, { links: 5 });
    change(link, { pages: 0 });
    expect(found()).toEqual([
      'a/b/f: the count of links is wrong',
      'a: the count of links is wrong',
      'l: the count of pages is wrong',
    ]);
  });

  test('finds orphans that are none, and ones not marked', () => {
    store(keys.orphanKey(file), NOTHING);
    store(keys.orphanKey(4711), NOTHING);
    expect(found()).toEqual([
      ': an orphan mark names an inode that is none',
      'a/b/f: an orphan mark names an inode that is none',
    ]);
    drop(keys.orphanKey(file));
    drop(keys.orphanKey(4711));
    view.run(() => unlink(view, b, bytesOf('f')));
    expect(found()).toEqual([]);
    drop(keys.orphanKey(file));
    expect(found()).toEqual([': an inode without links is not marked an orphan']);
  });

  test('finds content beyond the end', () => {
    change(file, { size: 9000 });
    expect(found()).toEqual(['a/b/f: the page that a file ends in is not zero beyond its end']);
    change(file, { size: 8000 });
    expect(found()).toEqual(['a/b/f: content lies beyond the end of its file']);
    change(file, { size: 10_000 });
    storeContent(keys.contentKey(file, 7), 0, bytesOf('x'));
    expect(found()).toEqual(['a/b/f: content lies beyond the end of its file', 'a/b/f: the count of pages is wrong']);
  });

  test('finds content, entries and pages where none may be', () => {
    storeContent(keys.contentKey(b, 0), 0, bytesOf('x'));
    change(b, { pages: 1 });
    expect(found()).toEqual(['a/b: content is stored for what can have none']);
    drop(keys.contentKey(b, 0));
    change(b, { pages: 0 });
    storeContent(keys.entryKey(b, bytesOf('big')), 0, new Uint8Array(5000));
    expect(found()).toEqual(['a/b: pages are stored where only inline bytes may be']);
    drop(keys.entryKey(b, bytesOf('big')));
    storeContent(keys.xattrKey(file, bytesOf('user.x')), 0, new Uint8Array([99]));
    expect(found()).toEqual(['a/b/f: an extended attribute is not of a known form']);
  });

  test('finds directories that go round in circles', () => {
    // `a` hangs below its own child now.
    drop(keys.entryKey(keys.ROOT_INODE, bytesOf('a')));
    drop(keys.linkKey(a, keys.ROOT_INODE, bytesOf('a')));
    store(keys.entryKey(b, bytesOf('a')), encodeEntry(a, 'directory'));
    store(keys.linkKey(a, b, bytesOf('a')), NOTHING);
    change(b, { links: 3 });
    change(keys.ROOT_INODE, { links: 2 });
    expect(found()).toEqual([': a directory cannot be reached from root', ': a directory cannot be reached from root']);
  });

  test('finds directories with two names or none', () => {
    store(keys.entryKey(keys.ROOT_INODE, bytesOf('again')), encodeEntry(b, 'directory'));
    store(keys.linkKey(b, keys.ROOT_INODE, bytesOf('again')), NOTHING);
    change(keys.ROOT_INODE, { links: 4 });
    expect(found()).toEqual(['again: a directory has not one name']);
  });

  test('finds keys of no known form', () => {
    store(new Uint8Array([1, 2, 3]), NOTHING);
    store(new Uint8Array([...keys.recordKey(file), 0]), NOTHING);
    expect(found()).toEqual([
      ': a key of the files face has no known form',
      ': a key of the files face has no known form',
    ]);
  });
});

describe('description', () => {
  const path = (key: Uint8Array) => {
    const { path: chain, ...rest } = view.run(() => describeKey(view, key)) ?? {};
    return { ...rest, path: chain?.map(textOf).join('/') };
  };

  test('says what a key is about, and where', () => {
    expect(path(keys.recordKey(file))).toEqual({ part: 'inode', inode: file, path: 'a/b/f' });
    expect(path(keys.contentKey(file, 3))).toEqual({ part: 'content', inode: file, chunk: 3, path: 'a/b/f' });
    expect(path(keys.entryKey(b, bytesOf('gone')))).toMatchObject({ part: 'entry', inode: b, path: 'a/b/gone' });
    expect(path(keys.linkKey(9, a, bytesOf('x')))).toMatchObject({ part: 'link', inode: 9, parent: a, path: 'a/x' });
    expect(path(keys.recordKey(keys.ROOT_INODE))).toEqual({ part: 'inode', inode: 1, path: '' });
    expect(path(keys.recordKey(999))).toEqual({ part: 'inode', inode: 999, path: undefined });
    expect(path(keys.orphanKey(998))).toEqual({ part: 'orphan', inode: 998, path: undefined });
    expect(view.run(() => describeKey(view, new Uint8Array([2, 0])))).toBeUndefined();
  });
});
