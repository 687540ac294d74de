/** Merging files of two forks: what comes together by itself, what is a conflict, and that every result is a sound tree. */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type BareView, bareView, bytesOf, textOf } from '../../../../tests/files/bare-view.ts';
import {
  expectBytes,
  expectSound,
  find,
  make,
  makeDirectory,
  namesIn,
  placeOf,
  readAll,
  writeAll,
} from '../../../../tests/files/tree.ts';
import { mergeText } from '../../text.ts';
import { getAttributes, setAttributes } from '../attributes.ts';
import { createUnnamed } from '../create.ts';
import { readDirectory } from '../directory.ts';
import { finishJob } from '../job.ts';
import { CONTENT_BYTES, ROOT_INODE } from '../keys.ts';
import { link } from '../link.ts';
import { rename } from '../rename.ts';
import { orphans, releaseOrphan, removeDirectory, unlink } from '../unlink.ts';
import { getXattr, removeXattr, setXattr } from '../xattrs.ts';
import type { FileConflict, MergeOptions, Strategy } from './conflict.ts';
import { mergeFiles } from './merge.ts';

let base: BareView;
let ours: BareView;
let theirs: BareView;
beforeEach(() => {
  base = bareView({ faultRate: 0.01, seed: 5 });
});

/** Begins the two forks; what is done before is the base. */
function fork(): void {
  ours = base.fork();
  theirs = base.fork();
  base.tick();
}

const pathText = (path: readonly Uint8Array[]) => `/${path.map(textOf).join('/')}`;
const brief = ({ kind, path, taken }: FileConflict) => `${kind} ${pathText(path)}${taken ? ` (${taken})` : ''}`;

function merge(options: MergeOptions = {}): { work: BareView; conflicts: string[]; inodes: number } {
  const work = ours.fork();
  const run = <T>(operation: () => T) => work.run(operation);
  const { conflicts, inodes } = finishJob(run, mergeFiles({ base, ours, theirs, work }, { mergeText, ...options }));
  expectSound(work);
  expect([...seen(work).keys()].filter((path) => path.includes('.byre-merge'))).toEqual([]);
  return { work, conflicts: conflicts.map(brief), inodes };
}

const write = (view: BareView, path: string, content: string) => {
  view.tick();
  const inode = find(view, path);
  if (inode === 0) return make(view, path, { content: bytesOf(content) });
  while (!view.run(() => setAttributes(view, inode, { size: 0 })));
  writeAll(view, inode, 0, bytesOf(content));
  return inode;
};
const text = (view: BareView, path: string) => textOf(readAll(view, find(view, path)));
const move = (view: BareView, from: string, to: string) => {
  view.tick();
  const [a, b] = [placeOf(view, from), placeOf(view, to)];
  view.run(() => rename(view, a.parent, a.name, b.parent, b.name, { release: true }));
};
const remove = (view: BareView, path: string) => {
  view.tick();
  const { parent, name } = placeOf(view, path);
  view.run(() => unlink(view, parent, name, { release: true }));
};
const removeDir = (view: BareView, path: string) => {
  view.tick();
  const { parent, name } = placeOf(view, path);
  view.run(() => removeDirectory(view, parent, name, { release: true }));
};
/** As editors save: a new file renamed over the old. */
const save = (view: BareView, path: string, content: string) => {
  write(view, `${path}~`, content);
  move(view, `${path}~`, path);
};

/** Every path with what is there. */
function seen(view: BareView): Map<string, string> {
  const all = new Map<string, string>();
  const walk = (inode: number, path: string) => {
    for (const entry of view.run(() => readDirectory(view, inode, undefined, 10_000))) {
      const at = `${path}/${textOf(entry.name)}`;
      const { mode, links } = view.run(() => getAttributes(view, entry.inode));
      const content = entry.type === 'file' ? textOf(readAll(view, entry.inode)) : '';
      all.set(at, `${entry.type} ${mode.toString(8)} ${entry.type === 'directory' ? '' : links} ${content}`);
      if (entry.type === 'directory') walk(entry.inode, at);
    }
  };
  walk(ROOT_INODE, '');
  return all;
}

/** All of it with times; but for numbers, since a directory that was made anew keeps its old one. */
function attributesOf(view: BareView): unknown[] {
  const attributes = (inode: number) => ({ ...view.run(() => getAttributes(view, inode)), inode: 0 });
  const all: unknown[] = [attributes(ROOT_INODE)];
  const walk = (inode: number) => {
    for (const { inode: child, type, name } of view.run(() => readDirectory(view, inode, undefined, 10_000))) {
      all.push([textOf(name), attributes(child)]);
      if (type === 'directory') walk(child);
    }
  };
  walk(ROOT_INODE);
  return all;
}

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

describe('conflicts of names', () => {
  beforeEach(() => {
    makeDirectory(base, '/d');
    write(base, '/d/a', 'a');
    makeDirectory(base, '/e');
    write(base, '/f', 'f');
    fork();
  });

  test('two new things of one name', () => {
    write(ours, '/new', 'ours');
    write(theirs, '/new', 'theirs');
    makeDirectory(theirs, '/thing');
    write(theirs, '/thing/inside', 'i');
    write(ours, '/thing', 'file');
    expect(merge().conflicts).toEqual(['add/add /new', 'add/add /thing']);
    const forOurs = merge({ strategy: 'ours' }).work;
    expect(text(forOurs, '/new')).toBe('ours');
    expect(text(forOurs, '/thing')).toBe('file');
    const forTheirs = merge({ strategy: 'theirs' }).work;
    expect(text(forTheirs, '/new')).toBe('theirs');
    expect(namesIn(forTheirs, '/thing')).toEqual(['inside']);
  });

  test('one removed what the other changed', () => {
    remove(ours, '/f');
    write(theirs, '/f', 'theirs');
    write(ours, '/d/a', 'ours');
    remove(theirs, '/d/a');
    removeDir(theirs, '/d');
    expect(merge().conflicts).toEqual(['delete/change /d/a', 'delete/change /f']);
    const forOurs = merge({ strategy: 'ours' }).work;
    expect([...seen(forOurs).keys()]).toEqual(['/d', '/d/a', '/e']);
    const forTheirs = merge({ strategy: 'theirs' }).work;
    expect([...seen(forTheirs).keys()]).toEqual(['/e', '/f']);
    expect(text(forTheirs, '/f')).toBe('theirs');
  });

  test('one removed the directory that the other put something in', () => {
    remove(ours, '/d/a');
    removeDir(ours, '/d');
    write(theirs, '/d/new', 'n');
    removeDir(theirs, '/e');
    write(ours, '/e/new', 'n');
    expect(merge().conflicts.toSorted()).toEqual(['delete/change /d', 'delete/change /e']);
    expect([...seen(merge({ strategy: 'ours' }).work).keys()]).toEqual(['/e', '/e/new', '/f']);
    expect([...seen(merge({ strategy: 'theirs' }).work).keys()]).toEqual(['/d', '/d/new', '/f']);
  });

  test('one removed a whole tree in which the other changed one file', () => {
    makeDirectory(base, '/x');
    makeDirectory(base, '/x/y');
    write(base, '/x/y/deep', 'deep');
    write(base, '/x/other', 'other');
    fork();
    for (const path of ['/x/y/deep', '/x/other']) remove(ours, path);
    removeDir(ours, '/x/y');
    removeDir(ours, '/x');
    write(theirs, '/x/y/deep', 'theirs');
    expect(merge().conflicts).toEqual(['delete/change /x/y/deep']);
    const { work } = merge({ strategy: 'theirs' });
    expect([...seen(work).keys()].filter((path) => path.startsWith('/x'))).toEqual(['/x', '/x/y', '/x/y/deep']);
  });

  test('both renamed', () => {
    move(ours, '/f', '/ours');
    move(theirs, '/f', '/theirs');
    move(ours, '/d', '/e/ours');
    move(theirs, '/d', '/e/theirs');
    expect(merge().conflicts).toEqual(['rename/rename /e/ours', 'rename/rename /ours']);
    expect([...seen(merge({ strategy: 'ours' }).work).keys()]).toEqual(['/e', '/e/ours', '/e/ours/a', '/ours']);
    expect([...seen(merge({ strategy: 'theirs' }).work).keys()]).toEqual(['/e', '/e/theirs', '/e/theirs/a', '/theirs']);
  });

  test('both moved directories into each other', () => {
    makeDirectory(base, '/d/sub');
    makeDirectory(base, '/e/sub');
    fork();
    move(ours, '/d', '/e/sub/d');
    move(theirs, '/e', '/d/sub/e');
    expect(merge().conflicts).toEqual(['circle /e']);
    expect([...seen(merge({ strategy: 'ours' }).work).keys()]).toEqual([...seen(ours).keys()]);
    expect([...seen(merge({ strategy: 'theirs' }).work).keys()]).toEqual([...seen(theirs).keys()]);
  });

  test('names that change places', () => {
    write(base, '/g', 'g');
    makeDirectory(base, '/e/inner');
    fork();
    const swap = (a: string, b: string) => {
      const [from, to] = [placeOf(theirs, a), placeOf(theirs, b)];
      theirs.run(() => rename(theirs, from.parent, from.name, to.parent, to.name, { exchange: true }));
    };
    swap('/f', '/g');
    swap('/d', '/e');
    write(ours, '/f', 'changed');
    const { work, conflicts } = merge();
    expect(conflicts).toEqual([]);
    expect(text(work, '/g')).toBe('changed');
    expect(text(work, '/f')).toBe('g');
    expect(namesIn(work, '/d')).toEqual(['inner']);
    expect(namesIn(work, '/e')).toEqual(['a']);
  });

  test('a directory that was made anew is the old one, changed', () => {
    remove(theirs, '/d/a');
    removeDir(theirs, '/d');
    makeDirectory(theirs, '/d', { mode: 0o700 });
    write(theirs, '/d/a', 'again');
    write(ours, '/d/mine', 'm');
    const { work, conflicts } = merge();
    expect(conflicts).toEqual([]);
    expect(namesIn(work, '/d')).toEqual(['a', 'mine']);
    expect(text(work, '/d/a')).toBe('again');
    expect(work.run(() => getAttributes(work, find(work, '/d'))).mode).toBe(0o700);
  });

  test('a file where the other has a directory now', () => {
    remove(theirs, '/d/a');
    removeDir(theirs, '/d');
    write(theirs, '/d', 'file');
    expect(text(merge().work, '/d')).toBe('file');
    write(ours, '/d/a', 'changed');
    expect(merge().conflicts).toContain('delete/change /d/a');
    for (const strategy of ['ours', 'theirs'] as const) merge({ strategy });
    expect(text(merge({ strategy: 'theirs' }).work, '/d')).toBe('file');
  });
});

describe('random merges', () => {
  const name = fc.constantFrom('p', 'q', 'r');
  const path = fc.oneof(
    name.map((a) => `/${a}`),
    fc.tuple(name, name).map(([a, b]) => `/${a}/${b}`),
    fc.tuple(name, name, name).map(([a, b, c]) => `/${a}/${b}/${c}`),
  );
  const what = fc.constantFrom(
    'write',
    'write',
    'save',
    'directory',
    'directory',
    'unlink',
    'rmdir',
    'tree',
    'move',
    'move',
    'link',
    'exchange',
    'mode',
  );
  const edit = fc.record({
    what,
    path,
    to: path,
    content: fc.constantFrom('1\n2\n3\n', '1\n2\n3\n4\n', '0\n1\n2\n', 'x\0', ''),
  });
  type Edit = { what: string; path: string; to: string; content: string };

  const discard = (view: BareView, at: string) => {
    for (const child of namesIn(view, at)) {
      try {
        remove(view, `${at}/${child}`);
      } catch {
        discard(view, `${at}/${child}`);
      }
    }
    removeDir(view, at);
  };

  const apply = (view: BareView, { what: kind, path: at, to, content }: Edit) => {
    view.tick();
    try {
      const { parent, name: last } = placeOf(view, at);
      const target = placeOf(view, to);
      if (kind === 'write') write(view, at, content);
      else if (kind === 'save') save(view, at, content);
      else if (kind === 'directory') makeDirectory(view, at);
      else if (kind === 'unlink') remove(view, at);
      else if (kind === 'rmdir') removeDir(view, at);
      else if (kind === 'tree') discard(view, at);
      else if (kind === 'move') move(view, at, to);
      else if (kind === 'link') view.run(() => link(view, find(view, at), target.parent, target.name));
      else if (kind === 'mode') view.run(() => setAttributes(view, find(view, at), { mode: content.length * 9 }));
      else view.run(() => rename(view, parent, last, target.parent, target.name, { exchange: true }));
    } catch {
      // Whether it was possible does not matter here.
    }
    for (const inode of view.run(() => orphans(view, 0, 100))) while (!view.run(() => releaseOrphan(view, inode)));
  };

  const edits = (maxLength: number) => fc.array(edit, { minLength: maxLength / 2, maxLength, size: 'max' });

  test('end in sound trees, lose nothing without a conflict, and do not depend on who merges whom', () => {
    fc.assert(
      fc.property(edits(10), edits(12), edits(12), (before, byOurs, byTheirs) => {
        base = bareView();
        for (const at of ['/p', '/q', '/p/q', '/p/q/r']) makeDirectory(base, at);
        for (const at of ['/r', '/p/r', '/p/q/q', '/q/r']) write(base, at, '1\n2\n3\n');
        for (const each of before) apply(base, each);
        fork();
        for (const each of byTheirs) apply(theirs, each);
        // Nothing of ours: theirs comes over whole.
        const clean = merge();
        expect(clean.conflicts).toEqual([]);
        expect(attributesOf(clean.work)).toEqual(attributesOf(theirs));
        for (const each of byOurs) apply(ours, each);
        const { work, conflicts } = merge();
        for (const strategy of ['ours', 'theirs'] as const) merge({ strategy });
        let turn = 0;
        merge({ resolve: () => (turn++ % 2 === 0 ? 'ours' : 'theirs') });
        if (conflicts.length > 0) return;
        const one = seen(work);
        [ours, theirs] = [theirs, ours];
        const other = merge();
        expect(other.conflicts).toEqual([]);
        expect(seen(other.work)).toEqual(one);
        // Merging again brings nothing more.
        [ours, base] = [other.work, theirs];
        expect(seen(merge().work)).toEqual(one);
      }),
      { numRuns: 50 },
    );
  }, 120_000);
});
