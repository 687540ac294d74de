/**
 * copyFile: a new file that shares its pages with the old one until either is written.
 * Large files are shared in steps; a copy that fails in the middle must not stay behind if it was made here.
 */
import { integerOf } from '../arguments.ts';
import { constants } from '../constants.ts';
import type { Context } from '../context.ts';
import { type Call, calling, errno } from '../explain.ts';
import { letGo, releaseWhole } from '../opened.ts';
import { type Attributes, getAttributes, setAttributes } from '../ops/attributes.ts';
import { copyRange } from '../ops/copy.ts';
import { findEntry } from '../ops/directory.ts';
import { found, type Path, type Place, pathOf, walk } from '../path.ts';
import type { Task } from '../task.ts';
import { createAt, takeName } from './names.ts';
import { truncateWhole } from './open.ts';

const ALL_MODES = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE | constants.COPYFILE_FICLONE_FORCE;

export function copyModeOf(value: unknown): number {
  return value === undefined || value === null ? 0 : integerOf(value, 'mode', 0, ALL_MODES);
}

export function copyFile(context: Context, src: unknown, dest: unknown, mode?: unknown): Task<void> {
  return copyContent(context, pathOf(src, 'src'), pathOf(dest, 'dest'), copyModeOf(mode));
}

interface Pair {
  readonly from: number;
  readonly to: number;
  readonly mode: number;
  /** Where the copy was made; undefined if a file was there. */
  readonly made: Place | undefined;
}

/** One operation: finds both files, making the second if it is not there, and holds them. Undefined if they are one. */
function openPair(context: Context, src: Path, dest: Path, exclusive: boolean): Pair | undefined {
  const { view, opened } = context;
  const source = found(walk(view, src, 'always'));
  if (source.type === 'directory') throw errno('EISDIR');
  if (source.type !== 'file') throw errno('ENXIO');
  const place = walk(view, dest, exclusive ? 'slash' : 'always');
  const { entry } = place;
  if (entry?.inode === source.inode && !exclusive) return undefined;
  if (entry !== undefined) {
    if (exclusive) throw errno('EEXIST');
    if (entry.type === 'directory') throw errno('EISDIR');
    if (place.slash) throw errno('ENOTDIR');
    if (entry.type !== 'file') throw errno('ENXIO');
  } else if (place.slash) {
    throw errno('EISDIR');
  }
  const { mode }: Attributes = getAttributes(view, source.inode);
  const to = entry?.inode ?? createAt(context, place, mode, { type: 'file' });
  opened.hold(source.inode);
  opened.hold(to);
  return { from: source.inode, to, mode, made: entry === undefined ? place : undefined };
}

export function* copyContent(context: Context, src: Path, dest: Path, mode: number): Task<void> {
  const call: Call = { syscall: 'copyfile', path: src.text, dest: dest.text };
  const exclusive = (mode & constants.COPYFILE_EXCL) !== 0;
  const pair = (yield calling(call, () => openPair(context, src, dest, exclusive))) as Pair | undefined;
  if (pair === undefined) return;
  try {
    if (pair.made === undefined) yield* replaceContent(context, pair, call);
    for (let at = 0, count = -1; count !== 0; at += count) {
      const offset = at;
      count = (yield calling(call, () =>
        copyRange(context.view, pair.from, offset, pair.to, offset, Number.MAX_SAFE_INTEGER - offset),
      )) as number;
    }
    context.changes.changed(pair.to);
  } catch (error) {
    if (pair.made !== undefined) yield* takeBack(context, pair.to, pair.made);
    throw error;
  } finally {
    yield* letGo(context.view, context.opened, pair.from);
    yield* letGo(context.view, context.opened, pair.to);
  }
}

/** Readies a file that was there: empty, and with the mode of the original. */
function* replaceContent(context: Context, { to, mode }: Pair, call: Call): Task<void> {
  yield* truncateWhole(context, to, 0, call);
  yield calling(call, () => setAttributes(context.view, to, { mode }));
}

function* takeBack(context: Context, inode: number, { parent, name }: Place): Task<void> {
  const left = (yield () => {
    const entry = findEntry(context.view, parent, name!);
    return entry?.inode === inode ? takeName(context, parent, name!, entry) : 0;
  }) as number;
  if (left !== 0) yield* releaseWhole(context.view, left);
}
