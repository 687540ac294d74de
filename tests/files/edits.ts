/**
 * Edits by path, each at a time of its own, and what a whole branch looks like: for tests that compare branches.
 * Callers must not rely on numbers of inodes.
 */
import { getAttributes, setAttributes } from '../../src/files/ops/attributes.ts';
import { readDirectory } from '../../src/files/ops/directory.ts';
import { ROOT_INODE } from '../../src/files/ops/keys.ts';
import { rename } from '../../src/files/ops/rename.ts';
import { removeDirectory, unlink } from '../../src/files/ops/unlink.ts';
import { type BareView, bytesOf, textOf } from './bare-view.ts';
import { find, make, placeOf, readAll, writeAll } from './tree.ts';

export const pathText = (path: readonly Uint8Array[]) => `/${path.map(textOf).join('/')}`;

export const write = (view: BareView, path: string, content: string) => {
  view.tick();
  const inode = find(view, path);
  if (inode === 0) return make(view, path, { content: bytesOf(content) });
  while (!view.run(() => setAttributes(view, inode, { size: 0 })));
  writeAll(view, inode, 0, bytesOf(content));
  return inode;
};
export const text = (view: BareView, path: string) => textOf(readAll(view, find(view, path)));
export const move = (view: BareView, from: string, to: string) => {
  view.tick();
  const [a, b] = [placeOf(view, from), placeOf(view, to)];
  view.run(() => rename(view, a.parent, a.name, b.parent, b.name, { release: true }));
};
export const remove = (view: BareView, path: string) => {
  view.tick();
  const { parent, name } = placeOf(view, path);
  view.run(() => unlink(view, parent, name, { release: true }));
};
export const removeDir = (view: BareView, path: string) => {
  view.tick();
  const { parent, name } = placeOf(view, path);
  view.run(() => removeDirectory(view, parent, name, { release: true }));
};
/** As editors save: a new file renamed over the old. */
export const save = (view: BareView, path: string, content: string) => {
  write(view, `${path}~`, content);
  move(view, `${path}~`, path);
};

/** Every path with what is there. */
export function seen(view: BareView): Map<string, string> {
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
export function attributesOf(view: BareView): unknown[] {
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
