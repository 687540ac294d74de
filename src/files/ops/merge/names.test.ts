/** Merging names of two forks: conflicts, strategies, and random edits, after which every result must be a sound tree. */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type BareView, bareView } from '../../../../tests/files/bare-view.ts';
import { attributesOf, move, remove, removeDir, save, seen, text, write } from '../../../../tests/files/edits.ts';
import { base, fork, merge, ours, take, theirs, useBranches } from '../../../../tests/files/merging.ts';
import { find, makeDirectory, namesIn, placeOf } from '../../../../tests/files/tree.ts';
import { getAttributes, setAttributes } from '../attributes.ts';
import { link } from '../link.ts';
import { rename } from '../rename.ts';
import { orphans, releaseOrphan } from '../unlink.ts';

useBranches();

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
        take({ base: bareView() });
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
        take({ ours: theirs, theirs: ours });
        const other = merge();
        expect(other.conflicts).toEqual([]);
        expect(seen(other.work)).toEqual(one);
        // Merging again brings nothing more.
        take({ ours: other.work, base: theirs });
        expect(seen(merge().work)).toEqual(one);
      }),
      { numRuns: 50 },
    );
  }, 120_000);
});
