/** What differs between a branch and a fork of it, told by inodes and checked against plain path-by-path comparison. */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type BareView, bareView, bytesOf, textOf } from '../../../tests/files/bare-view.ts';
import { find, make, makeDirectory, placeOf, readAll, writeAll } from '../../../tests/files/tree.ts';
import { setAttributes } from './attributes.ts';
import { compareTrees, type FileChange } from './compare.ts';
import { readDirectory } from './directory.ts';
import { punchHole } from './holes.ts';
import { finishJob } from './job.ts';
import { ROOT_INODE } from './keys.ts';
import { link } from './link.ts';
import { rename } from './rename.ts';
import { removeDirectory, unlink } from './unlink.ts';
import { setXattr } from './xattrs.ts';

const pathText = (path: readonly Uint8Array[]) => `/${path.map(textOf).join('/')}`;

function brief({ kind, path, fromPath, before, after, content, attributes }: FileChange): string {
  const from = fromPath === undefined ? '' : `${pathText(fromPath)} -> `;
  const what = [content && 'content', attributes && 'attributes'].filter(Boolean).join(' and ');
  return `${kind} ${from}${pathText(path)} ${before?.size ?? '-'} ${after?.size ?? '-'} ${what}`.trim();
}

const compare = (a: BareView, b: BareView) => finishJob((operation) => b.run(operation), compareTrees(a, b));
const briefs = (a: BareView, b: BareView) => compare(a, b).map(brief);

const renamePath = (view: BareView, from: string, to: string) => {
  const [a, b] = [placeOf(view, from), placeOf(view, to)];
  view.run(() => rename(view, a.parent, a.name, b.parent, b.name, { release: true }));
};
const unlinkPath = (view: BareView, path: string) => {
  const { parent, name } = placeOf(view, path);
  view.run(() => unlink(view, parent, name, { release: true }));
};

let base: BareView;
let fork: BareView;
beforeEach(() => {
  base = bareView({ faultRate: 0.02, seed: 21 });
  makeDirectory(base, '/d');
  makeDirectory(base, '/d/e');
  make(base, '/a', { content: bytesOf('hello') });
  make(base, '/d/b', { content: new Uint8Array(10_000).fill(1) });
  make(base, '/d/e/c', { content: bytesOf('c') });
  make(base, '/l', { type: 'symlink', target: bytesOf('a') });
  for (let i = 0; i < 300; i++) make(base, `/d/e/more-${i}`);
  fork = base.fork();
  fork.tick();
});

describe('the difference of two trees', () => {
  test('is nothing for a fork', () => {
    expect(compare(base, fork)).toEqual([]);
  });

  test('lists what was added, removed and changed, with sizes', () => {
    make(fork, '/new', { content: bytesOf('new!') });
    unlinkPath(fork, '/d/e/c');
    writeAll(fork, find(fork, '/a'), 5, bytesOf(' you'));
    writeAll(fork, find(fork, '/d/b'), 5000, bytesOf('x'));
    fork.run(() => setAttributes(fork, find(fork, '/l'), { uid: 5 }));
    fork.run(() => setXattr(fork, ROOT_INODE, bytesOf('user.a'), bytesOf('b')));
    expect(briefs(base, fork)).toEqual([
      'changed / 0 0 attributes',
      'changed /a 5 9 content and attributes',
      'changed /d/b 10000 10000 content and attributes',
      'removed /d/e/c 1 -',
      'changed /l 1 1 attributes',
      'added /new - 4',
    ]);
    expect(briefs(fork, base)).toContain('added /d/e/c - 1');
  });

  test('knows renames by their inodes, and leaves what lies below a renamed directory alone', () => {
    renamePath(fork, '/d', '/moved');
    renamePath(fork, '/a', '/moved/e/a2');
    writeAll(fork, find(fork, '/moved/e/a2'), 0, bytesOf('j'));
    expect(briefs(base, fork)).toEqual([
      'renamed /d -> /moved 0 0',
      'renamed /a -> /moved/e/a2 5 5 content and attributes',
    ]);
  });

  test('calls it a change when another inode has taken a path', () => {
    make(fork, '/tmp', { content: bytesOf('hullo') });
    renamePath(fork, '/tmp', '/a');
    unlinkPath(fork, '/l');
    make(fork, '/l', { type: 'symlink', target: bytesOf('b'), uid: 10, gid: 20 });
    expect(briefs(base, fork)).toEqual([
      'changed /a 5 5 content and attributes',
      'changed /l 1 1 content and attributes',
    ]);
    unlinkPath(fork, '/l');
    make(fork, '/l');
    expect(briefs(base, fork)[1]).toBe('changed /l 1 0 content and attributes');
  });

  test('sees through a directory that was made anew', () => {
    const content = new Uint8Array(10_000).fill(1);
    const modifyTime = { seconds: 1000, nanoseconds: 5 };
    for (let i = 0; i < 300; i++) unlinkPath(fork, `/d/e/more-${i}`);
    unlinkPath(fork, '/d/e/c');
    unlinkPath(fork, '/d/b');
    fork.run(() => removeDirectory(fork, find(fork, '/d'), bytesOf('e'), { release: true }));
    fork.run(() => removeDirectory(fork, ROOT_INODE, bytesOf('d'), { release: true }));
    makeDirectory(fork, '/d');
    make(fork, '/d/b', { content, modifyTime });
    expect(briefs(base, fork).filter((text) => !text.includes('more-'))).toEqual([
      'removed /d/e 0 -',
      'removed /d/e/c 1 -',
    ]);
  });

  test('tells second names from first ones', () => {
    fork.run(() => link(fork, find(fork, '/a'), ROOT_INODE, bytesOf('a2')));
    expect(briefs(base, fork)).toEqual(['added /a2 5 5']);
    const [change] = compare(base, fork);
    expect(change.after?.links).toBe(2);
    unlinkPath(fork, '/a');
    expect(briefs(base, fork)).toEqual(['renamed /a -> /a2 5 5']);
    const back = fork.fork();
    expect(briefs(fork, back)).toEqual([]);
  });

  test('is not fooled by content that was written again', () => {
    const inode = find(fork, '/d/b');
    const keep = { modifyTime: { seconds: 1000, nanoseconds: 5 } };
    writeAll(fork, inode, 0, new Uint8Array(10_000).fill(1));
    fork.run(() => setAttributes(fork, inode, keep));
    expect(briefs(base, fork)).toEqual([]);
    fork.run(() => punchHole(fork, inode, 0, 4096));
    fork.run(() => setAttributes(fork, inode, keep));
    expect(briefs(base, fork)).toEqual(['changed /d/b 10000 10000 content']);
    writeAll(fork, inode, 0, new Uint8Array(4096).fill(1));
    writeAll(fork, find(fork, '/a'), 100_000, bytesOf('x'));
    fork.run(() => setAttributes(fork, find(fork, '/a'), { size: 5 }));
    expect(briefs(base, fork)).toEqual(['changed /a 5 5 attributes', 'changed /d/b 10000 10000 attributes']);
  });

  test('lists all of a tree against an empty one', () => {
    const empty = bareView();
    expect(compare(empty, empty)).toEqual([]);
    const other = { ...empty, store: fork.store, root: { ...fork.root, page: 0, low: 0, high: 0 } };
    expect(compare(other, fork)).toHaveLength(306);
    expect(compare(fork, other)).toHaveLength(306);
  });
});

/** Paths with what is there, read plainly. */
function snapshotOf(view: BareView): Map<string, string> {
  const seen = new Map<string, string>();
  const walk = (inode: number, path: string) => {
    for (const entry of view.run(() => readDirectory(view, inode, undefined, 10_000))) {
      const at = `${path}/${textOf(entry.name)}`;
      seen.set(at, entry.type === 'file' ? textOf(readAll(view, entry.inode)) : entry.type);
      if (entry.type === 'directory') walk(entry.inode, at);
    }
  };
  walk(ROOT_INODE, '');
  return seen;
}

describe('random edits', () => {
  const name = fc.constantFrom('p', 'q', 'r');
  const path = fc.oneof(
    name.map((a) => `/${a}`),
    fc.tuple(name, name).map(([a, b]) => `/${a}/${b}`),
  );
  const edit = fc.record({
    what: fc.constantFrom('file', 'directory', 'write', 'unlink', 'rmdir', 'rename'),
    path,
    to: path,
  });

  const apply = (view: BareView, { what, path: at, to }: { what: string; path: string; to: string }) => {
    view.tick();
    try {
      if (what === 'file') make(view, at, { content: bytesOf(at) });
      else if (what === 'directory') makeDirectory(view, at);
      else if (what === 'write') writeAll(view, find(view, at), 1, bytesOf(to));
      else if (what === 'unlink') unlinkPath(view, at);
      else if (what === 'rename') renamePath(view, at, to);
      else {
        const { parent, name: last } = placeOf(view, at);
        view.run(() => removeDirectory(view, parent, last, { release: true }));
      }
    } catch {
      // Whether it was possible does not matter here.
    }
  };

  test('are told in full: names that only one side has, and bytes that differ', () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 30 }), fc.array(edit, { maxLength: 15 }), (before, after) => {
        const a = bareView();
        for (const each of before) apply(a, each);
        const b = a.fork();
        for (const each of after) apply(b, each);
        const [old, now] = [snapshotOf(a), snapshotOf(b)];
        const changes = compare(a, b);
        const told = { added: new Set<string>(), removed: new Set<string>(), changed: new Set<string>() };
        const moved: [string, string][] = [];
        for (const { kind, path: at, fromPath, content } of changes) {
          if (kind === 'renamed') moved.push([pathText(fromPath!), pathText(at)]);
          if (kind === 'renamed' && content) told.changed.add(pathText(at));
          if (kind === 'added' || kind === 'removed') told[kind].add(pathText(at));
          if (kind === 'changed' && content) told.changed.add(pathText(at));
        }
        // Where a path was, if directories above it or itself were renamed; deepest renames first.
        const origin = (at: string): string => {
          const hit = moved
            .filter(([, to]) => at === to || at.startsWith(`${to}/`))
            .toSorted((x, y) => y[1].length - x[1].length)[0];
          return hit === undefined ? at : hit[0] + at.slice(hit[1].length);
        };
        for (const [at, content] of now) {
          if (told.added.has(at)) continue;
          const then = old.get(origin(at)) ?? old.get(at);
          expect(then, `${at} is new and was not told`).toBeDefined();
          if (then !== content) expect([...told.changed], `${at} differs`).toContain(at);
        }
        const stillThere = new Set([...now.keys()].map(origin));
        for (const at of old.keys()) {
          if (!stillThere.has(at) && !now.has(at)) expect([...told.removed]).toContain(at);
        }
        expect(briefs(a, a.fork())).toEqual([]);
      }),
      { numRuns: 75 },
    );
  }, 120_000);
});
