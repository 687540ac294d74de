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
  for (;;) {
    const entries = run(() => readDirectory(view, target.inode, undefined, STEP_ENTRIES));
    for (const entry of entries) removeTree(view, run, memory, target.inode, entry.name, entry, onRemoved);
    if (entries.length < STEP_ENTRIES) break;
  }
  memory.forget(target.inode);
  removeEmpty(view, run, parent, name);
  onRemoved('directory');
}
