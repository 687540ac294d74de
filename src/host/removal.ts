/**
 * Takes whole trees out of a branch, in small operations: deepest names first, with what was remembered of their host directories.
 * Callers must know that nobody has the files open.
 */
import { readDirectory } from '../files/ops/directory.ts';
import type { FileType } from '../files/ops/record.ts';
import { releaseOrphan, removeDirectory, unlink } from '../files/ops/unlink.ts';
import type { View } from '../files/ops/view.ts';
import type { HostMemory, Run } from './memory.ts';

const STEP_ENTRIES = 128;

function removeFile(view: View, run: Run, parent: number, name: Uint8Array): void {
  const { inode, links, released } = run(() => unlink(view, parent, name, { release: true }));
  if (links === 0 && !released) while (!run(() => releaseOrphan(view, inode)));
}

function removeEmpty(view: View, run: Run, parent: number, name: Uint8Array): void {
  const { inode, released } = run(() => removeDirectory(view, parent, name, { release: true }));
  if (!released) while (!run(() => releaseOrphan(view, inode)));
}

/** Removes the name and, if it is a directory's, everything below. */
export function removeTree(
  view: View,
  run: Run,
  memory: HostMemory,
  parent: number,
  name: Uint8Array,
  target: { readonly inode: number; readonly type: FileType },
  onRemoved: (type: FileType) => void,
): void {
  if (target.type !== 'directory') {
    removeFile(view, run, parent, name);
    onRemoved(target.type);
    return;
  }
  const open = [{ parent, name, inode: target.inode }];
  for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
    const { inode } = last;
    const entries = run(() => readDirectory(view, inode, undefined, STEP_ENTRIES));
    for (const entry of entries) {
      if (entry.type === 'directory') {
        open.push({ parent: inode, name: entry.name, inode: entry.inode });
      } else {
        removeFile(view, run, inode, entry.name);
        onRemoved(entry.type);
      }
    }
    if (entries.length > 0) continue;
    memory.forget(inode);
    removeEmpty(view, run, last.parent, last.name);
    onRemoved('directory');
    open.pop();
  }
}
