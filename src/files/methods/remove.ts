/**
 * rm: one name, or a whole tree, as a loop of small operations.
 * It goes by inodes and not by paths, so what is renamed meanwhile cannot lead it elsewhere. It must not follow links.
 */
import { flagOption, integerOf, optionsOf } from '../arguments.ts';
import type { Context } from '../context.ts';
import { type Call, calling, errno, nodeError } from '../explain.ts';
import { releaseWhole } from '../opened.ts';
import { type DirectoryEntry, findEntry, readDirectory } from '../ops/directory.ts';
import type { EntryTarget } from '../ops/record.ts';
import { type Path, pathOf, walk } from '../path.ts';
import type { Task } from '../task.ts';
import { removable, takeDirectory, takeName } from './names.ts';

const ENTRIES_AT_ONCE = 128;
const MAX_DELAY_MILLISECONDS = 0xffff_ffff;

/** `maxRetries` and `retryDelay` are for file systems that are busy, which this one never is. */
export function rm(context: Context, path: unknown, options?: unknown): Task<void> {
  const settings = optionsOf(options);
  integerOf(settings.maxRetries ?? 0, 'options.maxRetries', 0, MAX_DELAY_MILLISECONDS);
  integerOf(settings.retryDelay ?? 0, 'options.retryDelay', 0, MAX_DELAY_MILLISECONDS);
  return removing(context, pathOf(path), flagOption(settings, 'force'), flagOption(settings, 'recursive'));
}

interface Target extends EntryTarget {
  readonly parent: number;
  readonly name: Uint8Array;
}

function findTarget(context: Context, path: Path): Target {
  const place = walk(context.view, path, 'never');
  const { name, entry } = removable(place);
  if (place.slash && entry.type !== 'directory') throw errno('ENOTDIR');
  return { parent: place.parent, name, ...entry };
}

function* removing(context: Context, path: Path, force: boolean, recursive: boolean): Task<void> {
  const call: Call = { syscall: 'rm', path: path.text };
  let target: Target;
  try {
    target = (yield calling(call, () => findTarget(context, path))) as Target;
  } catch (error) {
    if (force && (error as { code?: string }).code === 'ENOENT') return;
    throw error;
  }
  if (target.type === 'directory' && !recursive) {
    const reason = `Path is a directory: rm returned EISDIR (is a directory) ${path.text}`;
    throw nodeError('ERR_FS_EISDIR', reason, call);
  }
  yield* removeTree(context, target, call);
}

/** Takes one name if it still stands for what it stood for, and releases what that leaves. False if a directory is not empty. */
function* removeOne(context: Context, target: Target, call: Call): Task<boolean> {
  const operation = calling(call, () => {
    const { parent, name, inode, type } = target;
    if (findEntry(context.view, parent, name)?.inode !== inode) return 0;
    return (type === 'directory' ? takeDirectory : takeName)(context, parent, name, target);
  });
  let left: number;
  try {
    left = (yield operation) as number;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOTEMPTY') return false;
    throw error;
  }
  if (left !== 0) yield* releaseWhole(context.view, left);
  return true;
}

/** Some entries of a directory; of one that is gone by now, none. */
function entriesOf(context: Context, directory: number): DirectoryEntry[] {
  try {
    return readDirectory(context.view, directory, undefined, ENTRIES_AT_ONCE);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
}

function* removeTree(context: Context, top: Target, call: Call): Task<void> {
  const trail: Target[] = [top];
  while (trail.length > 0) {
    const target = trail.at(-1)!;
    if (yield* removeOne(context, target, call)) {
      trail.pop();
      continue;
    }
    const entries = (yield calling(call, () => entriesOf(context, target.inode))) as DirectoryEntry[];
    for (const { name, inode, type } of entries) {
      const entry: Target = { parent: target.inode, name, inode, type };
      if (!(yield* removeOne(context, entry, call))) trail.push(entry);
    }
  }
}
