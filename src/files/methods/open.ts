/**
 * Opening and closing: from a path and flags to a descriptor that holds its inode.
 * Whoever opens must close in the end, on every way out.
 */
import { flagsOf, modeOf } from '../arguments.ts';
import { constants } from '../constants.ts';
import type { Context } from '../context.ts';
import { type Descriptor, descriptorNumber } from '../descriptor.ts';
import { type Call, calling, errno } from '../explain.ts';
import { letGo } from '../opened.ts';
import { createUnnamed } from '../ops/create.ts';
import type { EntryTarget } from '../ops/record.ts';
import { truncateStep } from '../ops/truncate.ts';
import { requireWritable } from '../ops/view.ts';
import { type Path, type Place, pathOf, walk } from '../path.ts';
import type { Task } from '../task.ts';
import { createAt } from './names.ts';

const { O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY, O_NOFOLLOW, O_TMPFILE } = constants;
const O_ACCMODE = 3;

function has(flags: number, bits: number): boolean {
  return (flags & bits) === bits;
}

function canWrite(flags: number): boolean {
  return (flags & O_ACCMODE) === O_WRONLY || (flags & O_ACCMODE) === O_RDWR;
}

/** Throws what `open` says of something that is there and cannot be opened so. */
function requireOpenable(context: Context, place: Place, entry: EntryTarget, flags: number): void {
  if (has(flags, O_CREAT | O_EXCL)) throw errno('EEXIST');
  if (entry.type === 'symlink') throw errno('ELOOP');
  if (entry.type === 'directory') {
    if (canWrite(flags) || (flags & (O_CREAT | O_TRUNC)) !== 0) throw errno('EISDIR');
    return;
  }
  if (place.slash || has(flags, O_DIRECTORY)) throw errno('ENOTDIR');
  // Fifos, sockets and devices are kept, but nothing stands behind them here.
  if (entry.type !== 'file') throw errno('ENXIO');
  if (canWrite(flags) || has(flags, O_TRUNC)) requireWritable(context.view);
}

interface Opened {
  readonly inode: number;
  /** False while there is still content to cut off. */
  readonly done: boolean;
}

/** One operation: finds or makes the file, begins to truncate it, and holds it. */
function openInode(context: Context, path: Path, flags: number, mode: number): Opened {
  const { view, opened } = context;
  const follows = !has(flags, O_NOFOLLOW) && !has(flags, O_CREAT | O_EXCL);
  const isForDirectory = path.slash && has(flags, O_CREAT);
  const place = walk(view, path, isForDirectory ? 'never' : follows ? 'always' : 'slash');
  if (isForDirectory && place.name !== undefined) throw errno('EISDIR');
  let inode = place.entry?.inode ?? 0;
  let done = true;
  if (has(flags, O_TMPFILE)) {
    if (place.entry?.type !== 'directory') throw errno(place.entry === undefined ? 'ENOENT' : 'ENOTDIR');
    if (!canWrite(flags)) throw errno('EINVAL');
    inode = createUnnamed(view, { type: 'file', mode, uid: context.uid, gid: context.gid });
  } else if (place.entry !== undefined) {
    requireOpenable(context, place, place.entry, flags);
    if (has(flags, O_TRUNC)) {
      done = truncateStep(view, inode, 0);
      context.changes.changed(inode);
    }
  } else {
    if (!has(flags, O_CREAT)) throw errno('ENOENT');
    inode = createAt(context, place, mode, { type: 'file' });
  }
  opened.hold(inode);
  if (has(flags, O_TMPFILE)) opened.orphaned(inode);
  return { inode, done };
}

/** Opens, and truncates if the flags say so; the descriptor is in the table. */
export function* openFile(context: Context, path: Path, flags: number, mode: number, call: Call): Task<Descriptor> {
  const { inode, done } = (yield calling(call, () => openInode(context, path, flags, mode))) as Opened;
  const descriptor = context.descriptors.add(inode, flags);
  if (done) return descriptor;
  try {
    yield* truncateWhole(context, inode, 0, call);
    return descriptor;
  } catch (error) {
    yield* closeFile(context, descriptor.number);
    throw error;
  }
}

/** All steps of a truncation of an inode that the caller holds. */
export function* truncateWhole(context: Context, inode: number, length: number, call: Call): Task<void> {
  while (!((yield calling(call, () => truncateStep(context.view, inode, length))) as boolean));
  context.changes.changed(inode);
}

export function* closeFile(context: Context, number: number): Task<void> {
  const { inode } = (yield calling({ syscall: 'close' }, () => context.descriptors.remove(number))) as Descriptor;
  yield* letGo(context.view, context.opened, inode);
}

export function open(context: Context, path: unknown, flags?: unknown, mode?: unknown): Task<Descriptor> {
  const target = pathOf(path);
  const bits = flagsOf(flags);
  const permissions = modeOf(mode, 0o666) & ~context.umask;
  return openFile(context, target, bits, permissions, { syscall: 'open', path: target.text });
}

export function close(context: Context, fd: unknown): Task<void> {
  return closeFile(context, descriptorNumber(fd));
}
