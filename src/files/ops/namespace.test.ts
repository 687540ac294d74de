/** Names: making, looking up, linking and unlinking, and what each leaves in times, links and orphans. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BareView, bareView, bytesOf, textOf } from '../../../tests/files/bare-view.ts';
import {
  allOrphans,
  codeOf,
  expectSound,
  find,
  make,
  makeDirectory,
  namesIn,
  pathsTo,
  readAll,
  renameCode,
  unlinkPath,
  writeAll,
} from '../../../tests/files/tree.ts';
import { getAttributes, setAttributes } from './attributes.ts';
import { create, createUnnamed, MAX_LINKS } from './create.ts';
import { lookup, lookupEntry, parentOf, pathsOf, readDirectory } from './directory.ts';
import { Draft } from './draft.ts';
import { ROOT_INODE } from './keys.ts';
import { link, readLink } from './link.ts';
import { releaseOrphan, removeDirectory, unlink } from './unlink.ts';

const file = { type: 'file', mode: 0o644, uid: 1, gid: 2 } as const;
const directory = { type: 'directory', mode: 0o755, uid: 1, gid: 2 } as const;

let view: BareView;
beforeEach(() => {
  view = bareView({ faultRate: 0.02, seed: 7 });
});
afterEach(() => {
  expectSound(view);
});

const attributes = (inode: number) => view.run(() => getAttributes(view, inode));

describe('an untouched branch', () => {
  test('has a root directory', () => {
    expect(attributes(ROOT_INODE)).toMatchObject({ type: 'directory', mode: 0o755, links: 2, size: 0, pages: 0 });
    expect(namesIn(view, '/')).toEqual([]);
    expect(view.run(() => parentOf(view, ROOT_INODE))).toBe(ROOT_INODE);
    expect(pathsTo(view, ROOT_INODE)).toEqual(['']);
    expect(view.run(() => setAttributes(view, ROOT_INODE, { mode: 0o700 }))).toBe(true);
    expect(attributes(ROOT_INODE).mode).toBe(0o700);
  });
});

describe('create', () => {
  test('stamps the inode and its directory, once', () => {
    const before = view.tick();
    makeDirectory(view, '/d');
    const now = view.tick();
    const inode = make(view, '/d/f', { mode: 0o640, uid: 5, gid: 6 });
    const times = { accessTime: now, modifyTime: now, changeTime: now, birthTime: now };
    expect(attributes(inode)).toEqual({
      inode,
      type: 'file',
      mode: 0o640,
      uid: 5,
      gid: 6,
      links: 1,
      size: 0,
      device: 0,
      pages: 0,
      ...times,
    });
    expect(attributes(find(view, '/d'))).toMatchObject({
      modifyTime: now,
      changeTime: now,
      accessTime: before,
      birthTime: before,
      links: 2,
    });
  });

  test('knows every type', () => {
    const target = bytesOf('../nowhere/\xff');
    make(view, '/l', { type: 'symlink', target });
    make(view, '/c', { type: 'character', device: 0x501 });
    make(view, '/b', { type: 'block', device: 0x7_0000_0001 });
    make(view, '/p', { type: 'fifo', device: 77 });
    make(view, '/s', { type: 'socket' });
    make(view, '/f');
    makeDirectory(view, '/d');
    const entries = view.run(() => readDirectory(view, ROOT_INODE, undefined, 100));
    expect(entries.map(({ name, type }) => `${textOf(name)} ${type}`)).toEqual([
      'b block',
      'c character',
      'd directory',
      'f file',
      'l symlink',
      'p fifo',
      's socket',
    ]);
    for (const { inode, type } of entries) expect(attributes(inode).type).toBe(type);
    expect(attributes(find(view, '/c')).device).toBe(0x501);
    expect(attributes(find(view, '/b')).device).toBe(0x7_0000_0001);
    expect(attributes(find(view, '/p')).device).toBe(0);
    expect(attributes(find(view, '/l')).size).toBe(target.length);
    expect(view.run(() => readLink(view, find(view, '/l')))).toEqual(target);
    expect(codeOf(view, () => readLink(view, find(view, '/f')))).toBe('EINVAL');
    expect(view.run(() => lookupEntry(view, ROOT_INODE, bytesOf('d')))).toMatchObject({ type: 'directory' });
  });

  test('takes first content, and targets up to 4095 bytes', () => {
    const content = new Uint8Array(10_000).fill(3);
    const inode = make(view, '/f', { content });
    expect(readAll(view, inode)).toEqual(content);
    expect(attributes(inode)).toMatchObject({ size: 10_000, pages: 3 });
    expect(attributes(make(view, '/small', { content: bytesOf('x') }))).toMatchObject({ size: 1, pages: 1 });
    const target = new Uint8Array(4095).fill(0x61);
    const long = make(view, '/l', { type: 'symlink', target });
    expect(view.run(() => readLink(view, long))).toEqual(target);
    const make1 = (name: string, options: object) =>
      codeOf(view, () => create(view, ROOT_INODE, bytesOf(name), { ...file, ...options }));
    expect(make1('m', { type: 'symlink', target: new Uint8Array(4096).fill(0x61) })).toBe('ENAMETOOLONG');
    expect(make1('m', { type: 'symlink', target: new Uint8Array(0) })).toBe('ENOENT');
    expect(make1('m', { type: 'symlink', target: new Uint8Array(1) })).toBe('EINVAL');
    expect(make1('m', { type: 'symlink' })).toBe('EINVAL');
    expect(make1('m', { type: 'directory', content })).toBe('EINVAL');
    expect(make1('m', { mode: 0o10000 })).toBe('EINVAL');
  });

  test('refuses in the order of POSIX', () => {
    make(view, '/f');
    const at = (parent: number, name: string | Uint8Array) =>
      codeOf(view, () => create(view, parent, typeof name === 'string' ? bytesOf(name) : name, file));
    expect(at(ROOT_INODE, 'f')).toBe('EEXIST');
    expect(at(find(view, '/f'), 'x')).toBe('ENOTDIR');
    expect(at(999, 'x')).toBe('ENOENT');
    expect(at(ROOT_INODE, '')).toBe('ENOENT');
    expect(at(ROOT_INODE, '.')).toBe('EINVAL');
    expect(at(ROOT_INODE, new Uint8Array(256).fill(0x61))).toBe('ENAMETOOLONG');
  });

  test('hands the group down where the directory has the sgid bit', () => {
    makeDirectory(view, '/d', { mode: 0o2775, gid: 99 });
    expect(attributes(make(view, '/d/f', { gid: 1 }))).toMatchObject({ gid: 99, mode: 0o644 });
    expect(attributes(makeDirectory(view, '/d/e', { gid: 1 }))).toMatchObject({ gid: 99, mode: 0o2755 });
  });

  test('counts subdirectories, and stops at the limit of links', () => {
    makeDirectory(view, '/d');
    makeDirectory(view, '/d/a');
    makeDirectory(view, '/d/b');
    make(view, '/d/f');
    const inode = find(view, '/d');
    expect(attributes(inode).links).toBe(4);
    const setLinks = (target: number, links: number) =>
      view.run(() => {
        const draft = new Draft(view);
        draft.change(target).links = links;
        draft.apply();
      });
    setLinks(inode, MAX_LINKS);
    expect(codeOf(view, () => create(view, inode, bytesOf('c'), directory))).toBe('EMLINK');
    makeDirectory(view, '/x');
    expect(renameCode(view, '/x', '/d/x')).toBe('EMLINK');
    expect(codeOf(view, () => create(view, inode, bytesOf('c'), file))).toBeUndefined();
    setLinks(inode, 4);
    setLinks(find(view, '/d/f'), MAX_LINKS);
    expect(codeOf(view, () => link(view, find(view, '/d/f'), ROOT_INODE, bytesOf('g')))).toBe('EMLINK');
    setLinks(find(view, '/d/f'), 1);
  });
});

describe('lookup and listing', () => {
  test('say nothing, or why there is nothing', () => {
    make(view, '/f');
    expect(view.run(() => lookup(view, ROOT_INODE, bytesOf('g')))).toBe(0);
    expect(codeOf(view, () => lookup(view, find(view, '/f'), bytesOf('g')))).toBe('ENOTDIR');
    expect(codeOf(view, () => lookup(view, 4711, bytesOf('g')))).toBe('ENOENT');
    expect(codeOf(view, () => readDirectory(view, find(view, '/f'), undefined, 1))).toBe('ENOTDIR');
    expect(codeOf(view, () => readDirectory(view, 4711, undefined, 1))).toBe('ENOENT');
    expect(codeOf(view, () => getAttributes(view, 4711))).toBe('ENOENT');
  });

  test('go on strictly after a name, in byte order', () => {
    const names = ['b', 'a', 'ab', 'B', 'é', 'a\x01', 'zz', 'z'];
    for (const name of names) make(view, `/${name}`);
    const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(namesIn(view, '/')).toEqual(sorted);
    const seen: string[] = [];
    for (let after: Uint8Array | undefined; ; ) {
      const part = view.run(() => readDirectory(view, ROOT_INODE, after, 3));
      seen.push(...part.map(({ name }) => textOf(name)));
      if (part.length < 3) break;
      after = part.at(-1)!.name;
    }
    expect(seen).toEqual(sorted);
    expect(view.run(() => readDirectory(view, ROOT_INODE, bytesOf('y'), 1)).map(({ name }) => textOf(name))).toEqual([
      'z',
    ]);
    expect(view.run(() => readDirectory(view, ROOT_INODE, undefined, 0))).toEqual([]);
  });

  test('scale over many leaves', () => {
    for (let i = 0; i < 3000; i++) make(view, `/file-${String(i).padStart(5, '0')}`);
    const all = view.run(() => readDirectory(view, ROOT_INODE, undefined, 5000));
    expect(all).toHaveLength(3000);
    expect(textOf(all[2999].name)).toBe('file-02999');
  });
});

describe('links', () => {
  test('share one inode, and are found again from it', () => {
    makeDirectory(view, '/d');
    const inode = make(view, '/f');
    const now = view.tick();
    const d = find(view, '/d');
    view.run(() => link(view, inode, d, bytesOf('g')));
    expect(find(view, '/d/g')).toBe(inode);
    expect(attributes(inode)).toMatchObject({ links: 2, changeTime: now });
    expect(attributes(inode).modifyTime).not.toEqual(now);
    expect(attributes(d)).toMatchObject({ modifyTime: now, changeTime: now, links: 2 });
    expect(pathsTo(view, inode).toSorted()).toEqual(['d/g', 'f']);
    expect(view.run(() => pathsOf(view, inode, 1))).toHaveLength(1);
    expect(unlinkPath(view, '/f')).toEqual({ inode, links: 1, released: false });
    expect(pathsTo(view, inode)).toEqual(['d/g']);
    expect(allOrphans(view)).toEqual([]);
  });

  test('are refused', () => {
    const inode = make(view, '/f');
    makeDirectory(view, '/d');
    const d = find(view, '/d');
    expect(codeOf(view, () => link(view, inode, ROOT_INODE, bytesOf('d')))).toBe('EEXIST');
    expect(codeOf(view, () => link(view, d, ROOT_INODE, bytesOf('e')))).toBe('EPERM');
    expect(codeOf(view, () => link(view, 999, ROOT_INODE, bytesOf('e')))).toBe('ENOENT');
    expect(codeOf(view, () => link(view, inode, inode, bytesOf('e')))).toBe('ENOTDIR');
    unlinkPath(view, '/f');
    expect(codeOf(view, () => link(view, inode, ROOT_INODE, bytesOf('e')))).toBe('ENOENT');
  });

  test('a first one names an inode that was made without', () => {
    const inode = view.run(() => createUnnamed(view, { ...file, content: bytesOf('hi') }));
    expect(attributes(inode)).toMatchObject({ links: 0, size: 2 });
    expect(allOrphans(view)).toEqual([inode]);
    expectSound(view);
    view.run(() => link(view, inode, ROOT_INODE, bytesOf('f')));
    expect(attributes(inode).links).toBe(1);
    expect(allOrphans(view)).toEqual([]);
    unlinkPath(view, '/f');
    expect(codeOf(view, () => link(view, inode, ROOT_INODE, bytesOf('f')))).toBe('ENOENT');
    expect(codeOf(view, () => createUnnamed(view, directory))).toBe('EISDIR');
  });
});

describe('unlink', () => {
  test('leaves an orphan that can still be used, until it is released', () => {
    const inode = make(view, '/f');
    const content = new Uint8Array(20 * 512 * 1024).fill(9);
    writeAll(view, inode, 0, content);
    const now = view.tick();
    expect(unlinkPath(view, '/f', true)).toEqual({ inode, links: 0, released: false });
    expect(attributes(inode)).toMatchObject({ links: 0, changeTime: now, size: content.length });
    expect(attributes(ROOT_INODE)).toMatchObject({ modifyTime: now, changeTime: now });
    expect(allOrphans(view)).toEqual([inode]);
    expect(pathsTo(view, inode)).toEqual([]);
    expect(view.run(() => parentOf(view, inode))).toBe(0);
    writeAll(view, inode, 5, bytesOf('still here'));
    expectSound(view);
    let steps = 1;
    while (!view.run(() => releaseOrphan(view, inode))) {
      expectSound(view);
      steps++;
    }
    expect(steps).toBeGreaterThan(2);
    expect(allOrphans(view)).toEqual([]);
    expect(codeOf(view, () => getAttributes(view, inode))).toBe('ENOENT');
    expect(view.run(() => releaseOrphan(view, inode))).toBe(true);
  });

  test('can take a small inode away at once', () => {
    const inode = make(view, '/f', { content: bytesOf('x') });
    expect(unlinkPath(view, '/f', true)).toEqual({ inode, links: 0, released: true });
    expect(codeOf(view, () => getAttributes(view, inode))).toBe('ENOENT');
    expect(allOrphans(view)).toEqual([]);
  });

  test('gives every page back', () => {
    make(view, '/keep');
    const free = view.store.space.available;
    const inode = make(view, '/f');
    writeAll(view, inode, 12_345, new Uint8Array(3 << 20).fill(1));
    unlinkPath(view, '/f');
    while (!view.run(() => releaseOrphan(view, inode)));
    expect(view.store.space.available).toBe(free);
  });

  test('never touches what has a name, and refuses directories', () => {
    const inode = make(view, '/f');
    makeDirectory(view, '/d');
    expect(view.run(() => releaseOrphan(view, inode))).toBe(true);
    expect(attributes(inode).links).toBe(1);
    expect(codeOf(view, () => unlink(view, ROOT_INODE, bytesOf('d')))).toBe('EISDIR');
    expect(codeOf(view, () => unlink(view, ROOT_INODE, bytesOf('x')))).toBe('ENOENT');
    expect(codeOf(view, () => unlink(view, inode, bytesOf('x')))).toBe('ENOTDIR');
  });
});

describe('removeDirectory', () => {
  test('wants an empty directory', () => {
    makeDirectory(view, '/d');
    makeDirectory(view, '/d/e');
    make(view, '/f');
    const remove = (name: string) => codeOf(view, () => removeDirectory(view, ROOT_INODE, bytesOf(name)));
    expect(remove('f')).toBe('ENOTDIR');
    expect(remove('d')).toBe('ENOTEMPTY');
    expect(remove('x')).toBe('ENOENT');
    const d = find(view, '/d');
    const e = find(view, '/d/e');
    const now = view.tick();
    expect(view.run(() => removeDirectory(view, d, bytesOf('e')))).toEqual({ inode: e, links: 0, released: false });
    expect(attributes(d)).toMatchObject({ links: 2, modifyTime: now, changeTime: now });
    expect(attributes(e)).toMatchObject({ links: 0 });
    expect(codeOf(view, () => create(view, e, bytesOf('x'), file))).toBe('ENOENT');
    expect(view.run(() => readDirectory(view, e, undefined, 10))).toEqual([]);
    expect(view.run(() => releaseOrphan(view, e))).toBe(true);
    expect(view.run(() => removeDirectory(view, ROOT_INODE, bytesOf('d'), { release: true })).released).toBe(true);
    expect(attributes(ROOT_INODE).links).toBe(2);
  });
});
