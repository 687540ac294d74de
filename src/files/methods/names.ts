/**
 * Methods that make, remove and move names: mkdir, rmdir, unlink, rename, link, symlink, mkdtemp, mknod, mkfifo.
 * What loses its last name must be released here if nobody has it open.
 */
import { encodingOf, flagOption, integerOf, modeOf, optionsOf, wrongValue } from '../arguments.ts';
import type { Context } from '../context.ts';
import { type Call, calling, errno } from '../explain.ts';
import { releaseWhole } from '../opened.ts';
import { create, type NewInode } from '../ops/create.ts';
import * as links from '../ops/link.ts';
import type { EntryTarget, FileType } from '../ops/record.ts';
import * as renames from '../ops/rename.ts';
import * as unlinks from '../ops/unlink.ts';
import { type Path, type Place, pathOf, rawPathOf, resolve, walk } from '../path.ts';
import { decodeUtf8, encodeUtf8 } from '../platform.ts';
import type { Task } from '../task.ts';
import { joined, shown } from './inspect.ts';

type Kind = Pick<NewInode, 'type' | 'device' | 'target'>;

/** Makes an inode where a walk ended; its directory must have no such name yet. */
export function createAt(context: Context, place: Place, mode: number, kind: Kind): number {
  if (place.name === undefined || place.entry !== undefined) throw errno('EEXIST');
  if (place.slash && kind.type !== 'directory') throw errno('ENOENT');
  const { uid, gid } = context;
  const inode = create(context.view, place.parent, place.name, { ...kind, mode, uid, gid });
  context.changes.named(place.parent, place.name, inode);
  return inode;
}

function makeDirectoryAt(context: Context, path: Path, mode: number): number {
  return createAt(context, walk(context.view, path, 'never'), mode, { type: 'directory' });
}

export function mkdir(
  context: Context,
  path: unknown,
  options?: unknown,
): (() => undefined) | Task<string | undefined> {
  const target = pathOf(path);
  const settings = typeof options === 'number' || typeof options === 'string' ? { mode: options } : optionsOf(options);
  const mode = modeOf(settings.mode, 0o777) & ~context.umask;
  if (flagOption(settings, 'recursive')) return makeDirectories(context, target, mode);
  return calling({ syscall: 'mkdir', path: target.text }, () => {
    makeDirectoryAt(context, target, mode);
    return undefined;
  });
}

/** Makes what is missing, from the top; gives the path of the first directory made. */
export function* makeDirectories(context: Context, path: Path, mode: number): Task<string | undefined> {
  const call: Call = { syscall: 'mkdir', path: path.text };
  if ((yield calling(call, () => isDirectory(context, path))) === true) return undefined;
  let first: string | undefined;
  for (let length = 1; length <= path.names.length; length++) {
    const isLast = length === path.names.length;
    const upTo: Path = { ...path, names: path.names.slice(0, length), slash: false };
    const made = (yield calling(call, () => ensureDirectory(context, upTo, mode, isLast))) as boolean;
    if (made) first ??= decodeUtf8(joined(upTo.names));
  }
  return first;
}

/** False for everything that keeps a walk from ending at a directory: making it will tell what. */
function isDirectory(context: Context, path: Path): boolean {
  if (path.empty) throw errno('ENOENT');
  try {
    return walk(context.view, path, 'always').entry?.type === 'directory';
  } catch (error) {
    if ((error as { errno?: number }).errno !== undefined) return false;
    throw error;
  }
}

/** True if it made a directory, false if one was there. EEXIST or ENOTDIR if anything else was, ENOENT for a link to nothing. */
function ensureDirectory(context: Context, path: Path, mode: number, isLast: boolean): boolean {
  const place = walk(context.view, path, 'never');
  if (place.name !== undefined && place.entry === undefined) {
    createAt(context, place, mode, { type: 'directory' });
    return true;
  }
  const there = place.entry?.type === 'symlink' ? walk(context.view, path, 'always').entry : place.entry;
  if (there?.type === 'directory') return false;
  throw errno(there === undefined ? 'ENOENT' : isLast ? 'EEXIST' : 'ENOTDIR');
}

/** What an operation that took a name leaves to do: the inode to release, or 0. */
function toRelease(context: Context, lost: unlinks.Unlinked | undefined): number {
  if (lost === undefined || lost.links > 0 || lost.released) return 0;
  return context.opened.orphaned(lost.inode) ? lost.inode : 0;
}

function* releasing(context: Context, operation: () => number): Task<void> {
  const inode = (yield operation) as number;
  if (inode !== 0) yield* releaseWhole(context.view, inode);
}

/** Takes a name of anything but a directory; gives the inode that is left to be released, or 0. */
export function takeName(context: Context, parent: number, name: Uint8Array, entry: EntryTarget): number {
  const release = !context.opened.isHeld(entry.inode);
  const lost = unlinks.unlink(context.view, parent, name, { release });
  context.changes.named(parent, name, entry.inode);
  return toRelease(context, lost);
}

/** {@link takeName} of an empty directory. */
export function takeDirectory(context: Context, parent: number, name: Uint8Array, entry: EntryTarget): number {
  const release = !context.opened.isHeld(entry.inode);
  const lost = unlinks.removeDirectory(context.view, parent, name, { release });
  context.changes.named(parent, name, entry.inode);
  return toRelease(context, lost);
}

export function unlink(context: Context, path: unknown) {
  const target = pathOf(path);
  const operation = calling({ syscall: 'unlink', path: target.text }, () => {
    const { parent, name, entry, slash } = walk(context.view, target, 'never');
    if (name === undefined) throw errno('EISDIR');
    if (entry === undefined) throw errno('ENOENT');
    if (entry.type === 'directory') throw errno('EISDIR');
    if (slash) throw errno('ENOTDIR');
    return takeName(context, parent, name, entry);
  });
  return releasing(context, operation);
}

/** The name that a directory is to lose; what has no name of its own cannot. */
export function removable(place: Place): { readonly name: Uint8Array; readonly entry: EntryTarget } {
  const { name, entry, ending } = place;
  if (name === undefined) throw errno(ending === 'dot' ? 'EINVAL' : ending === 'dots' ? 'ENOTEMPTY' : 'EBUSY');
  if (entry === undefined) throw errno('ENOENT');
  return { name, entry };
}

export function rmdir(context: Context, path: unknown, options?: unknown) {
  const target = pathOf(path);
  optionsOf(options);
  const operation = calling({ syscall: 'rmdir', path: target.text }, () => {
    const place = walk(context.view, target, 'never');
    const { name, entry } = removable(place);
    return takeDirectory(context, place.parent, name, entry);
  });
  return releasing(context, operation);
}

export function rename(context: Context, oldPath: unknown, newPath: unknown) {
  const [from, to] = [pathOf(oldPath, 'oldPath'), pathOf(newPath, 'newPath')];
  const operation = calling({ syscall: 'rename', path: from.text, dest: to.text }, () => {
    const source = walk(context.view, from, 'never');
    if (source.name === undefined) throw errno('EBUSY');
    if (source.entry === undefined) throw errno('ENOENT');
    const target = walk(context.view, to, 'never');
    if (target.name === undefined) throw errno('EBUSY');
    if ((source.slash || target.slash) && source.entry.type !== 'directory') throw errno('ENOTDIR');
    const release = target.entry === undefined || !context.opened.isHeld(target.entry.inode);
    const lost = renames.rename(context.view, source.parent, source.name, target.parent, target.name, { release });
    context.changes.named(source.parent, source.name, source.entry.inode);
    context.changes.named(target.parent, target.name, source.entry.inode);
    return toRelease(context, lost);
  });
  return releasing(context, operation);
}

export function link(context: Context, existingPath: unknown, newPath: unknown) {
  const [from, to] = [pathOf(existingPath, 'existingPath'), pathOf(newPath, 'newPath')];
  return calling({ syscall: 'link', path: from.text, dest: to.text }, () => {
    const { inode } = resolve(context.view, from, 'slash');
    const { parent, name, entry, slash } = walk(context.view, to, 'never');
    if (name === undefined || entry !== undefined) throw errno('EEXIST');
    if (slash) throw errno('ENOENT');
    links.link(context.view, inode, parent, name);
    context.changes.named(parent, name, inode);
  });
}

/** `type` is for Windows and means nothing here. */
export function symlink(context: Context, target: unknown, path: unknown, _type?: unknown) {
  const { bytes, text } = rawPathOf(target, 'target');
  const at = pathOf(path);
  return calling({ syscall: 'symlink', path: text, dest: at.text }, () => {
    createAt(context, walk(context.view, at, 'never'), 0o777, { type: 'symlink', target: bytes });
  });
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const RANDOM_LETTERS = 6;
const MAX_TRIES = 100;

function randomLetters(): Uint8Array {
  const pick = () => LETTERS[Math.floor(Math.random() * LETTERS.length)];
  return encodeUtf8(Array.from({ length: RANDOM_LETTERS }, pick).join(''));
}

export function mkdtemp(context: Context, prefix: unknown, options?: unknown) {
  const { bytes, text } = rawPathOf(prefix, 'prefix');
  const encoding = encodingOf(optionsOf(options), 'utf8');
  const path = new Uint8Array(bytes.length + RANDOM_LETTERS);
  path.set(bytes);
  return calling({ syscall: 'mkdtemp', path: `${text}${'X'.repeat(RANDOM_LETTERS)}` }, () => {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      path.set(randomLetters(), bytes.length);
      const place = walk(context.view, pathOf(path), 'never');
      if (place.entry !== undefined) continue;
      createAt(context, place, 0o700 & ~context.umask, { type: 'directory' });
      return shown(path, encoding);
    }
    throw errno('EEXIST');
  });
}

const specialTypes: readonly unknown[] = ['fifo', 'character', 'block', 'socket'] satisfies FileType[];
const MAX_DEVICE = 2 ** 53 - 1;

/** Makes a node that byre keeps for others: nothing here reads from it or writes to it. */
export function mknod(context: Context, path: unknown, type: unknown, options?: unknown) {
  const target = pathOf(path);
  if (!specialTypes.includes(type)) throw wrongValue('type', "must be 'fifo', 'character', 'block' or 'socket'", type);
  const settings = optionsOf(options);
  const mode = modeOf(settings.mode, 0o666) & ~context.umask;
  const device = integerOf(settings.device ?? 0, 'device', 0, MAX_DEVICE);
  return calling({ syscall: 'mknod', path: target.text }, () => {
    createAt(context, walk(context.view, target, 'never'), mode, { type: type as FileType, device });
  });
}

export function mkfifo(context: Context, path: unknown, mode?: unknown) {
  return mknod(context, path, 'fifo', { mode });
}
