/**
 * cp: files, links and whole trees, with the rules of `fs.cp`. Files share their pages with the originals.
 * Paths are put together from names as bytes, never from text: a name need not be UTF-8.
 */
import { isByreError } from '../../errors.ts';
import { flagOption, optionsOf, wrongType } from '../arguments.ts';
import { constants } from '../constants.ts';
import type { Context } from '../context.ts';
import { type Call, calling, type NodeCode, nodeError } from '../explain.ts';
import { releaseWhole } from '../opened.ts';
import { type Attributes, getAttributes, setAttributes } from '../ops/attributes.ts';
import { isWithin } from '../ops/directory.ts';
import { readLink } from '../ops/link.ts';
import { below, found, type Path, pathOf, walk } from '../path.ts';
import { given, type Task } from '../task.ts';
import { copyContent, copyModeOf } from './copy.ts';
import { joined } from './inspect.ts';
import { Cursor } from './listing.ts';
import { createAt, makeDirectories, takeName } from './names.ts';

type Filter = (source: string, destination: string) => boolean | PromiseLike<boolean>;

interface CopyOptions {
  readonly dereference: boolean;
  readonly errorOnExist: boolean;
  readonly filter: Filter | undefined;
  readonly force: boolean;
  readonly mode: number;
  readonly preserveTimestamps: boolean;
  readonly recursive: boolean;
  readonly verbatimSymlinks: boolean;
}

function copyOptionsOf(value: unknown): CopyOptions {
  const options = optionsOf(value);
  const { filter } = options;
  if (filter !== undefined && typeof filter !== 'function')
    throw wrongType('options.filter', 'of type function', filter);
  const dereference = flagOption(options, 'dereference');
  const verbatimSymlinks = flagOption(options, 'verbatimSymlinks');
  if (dereference && verbatimSymlinks) {
    const reason = 'Option "dereference" cannot be used in combination with option "verbatimSymlinks"';
    throw nodeError('ERR_INCOMPATIBLE_OPTION_PAIR', reason);
  }
  return {
    dereference,
    errorOnExist: flagOption(options, 'errorOnExist'),
    filter: filter as Filter | undefined,
    force: flagOption(options, 'force', true),
    mode: copyModeOf(options.mode),
    preserveTimestamps: flagOption(options, 'preserveTimestamps'),
    recursive: flagOption(options, 'recursive'),
    verbatimSymlinks,
  };
}

export function cp(context: Context, source: unknown, destination: unknown, options?: unknown): Task<void> {
  const settings = copyOptionsOf(options);
  return copying(context, pathOf(source, 'source'), pathOf(destination, 'destination'), settings);
}

function refusal(code: NodeCode, reason: string, call: Call): Error {
  return nodeError(code, `${reason}: cp returned ${code} '${call.path}' -> '${call.dest}'`, call);
}

/** What stands at both ends. */
interface Ends {
  readonly source: Attributes;
  readonly target: Attributes | undefined;
}

function attributesAt(context: Context, path: Path, follow: boolean): Attributes {
  return getAttributes(context.view, found(walk(context.view, path, follow ? 'always' : 'slash')).inode);
}

function attributesIfThere(context: Context, path: Path, follow: boolean): Attributes | undefined {
  try {
    return attributesAt(context, path, follow);
  } catch (error) {
    if (isByreError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whether the nearest directory that is there above `path` is `directory` or lies below it. */
function leadsInto(context: Context, path: Path, directory: number): boolean {
  for (let length = path.names.length - 1; length >= 0; length--) {
    const parent = attributesIfThere(context, { ...path, names: path.names.slice(0, length), slash: true }, true);
    if (parent !== undefined) return isWithin(context.view, parent.inode, directory);
  }
  return false;
}

/** Refuses what cannot be copied so, or says what is at both ends. */
function examine(context: Context, from: Path, to: Path, options: CopyOptions, isTop: boolean, call: Call): Ends {
  const source = attributesAt(context, from, options.dereference);
  const target = attributesIfThere(context, to, options.dereference);
  const isDirectory = source.type === 'directory';
  if (target !== undefined) {
    if (target.inode === source.inode) throw refusal('ERR_FS_CP_EINVAL', 'src and dest cannot be the same', call);
    if (isDirectory && target.type !== 'directory') {
      throw refusal('ERR_FS_CP_DIR_TO_NON_DIR', 'cannot overwrite non-directory with directory', call);
    }
    if (!isDirectory && target.type === 'directory') {
      throw refusal('ERR_FS_CP_NON_DIR_TO_DIR', 'cannot overwrite directory with non-directory', call);
    }
  }
  if (isDirectory && !options.recursive) {
    throw refusal('ERR_FS_EISDIR', 'recursive option not enabled, cannot copy a directory', call);
  }
  if (isTop && isDirectory && leadsInto(context, to, source.inode)) {
    throw refusal('ERR_FS_CP_EINVAL', 'cannot copy a directory to a subdirectory of itself', call);
  }
  return { source, target };
}

/** A directory whose entries are being copied. */
interface OpenDirectory {
  readonly from: Path;
  readonly to: Path;
  readonly ends: Ends;
  readonly cursor: Cursor;
  readonly call: Call;
}

/** Copies whatever stands at a path, and all below it, however deep. The directories above the target are made. */
function* copying(context: Context, from: Path, to: Path, options: CopyOptions): Task<void> {
  const open: OpenDirectory[] = [];
  const top = yield* copyOne(context, from, to, options, true);
  if (top !== undefined) open.push(top);
  for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
    const entry = yield* last.cursor.next();
    if (entry === undefined) {
      yield* finishDirectory(context, last, options);
      open.pop();
      continue;
    }
    const { name } = entry;
    const directory = yield* copyOne(context, below(last.from, name), below(last.to, name), options, false);
    if (directory !== undefined) open.push(directory);
  }
}

/** A directory is only made: it is given back, for its entries to be copied and for it to be finished. */
function* copyOne(
  context: Context,
  from: Path,
  to: Path,
  options: CopyOptions,
  isTop: boolean,
): Task<OpenDirectory | undefined> {
  const { filter } = options;
  if (filter !== undefined && !((yield given(() => filter(from.text, to.text))) as boolean)) return undefined;
  const call: Call = { syscall: 'cp', path: from.text, dest: to.text };
  const ends = (yield calling(call, () => examine(context, from, to, options, isTop, call))) as Ends;
  if (isTop) {
    const parent: Path = { ...to, names: to.names.slice(0, -1), slash: true };
    if (parent.names.length > 0) yield* makeDirectories(context, parent, 0o777 & ~context.umask);
  }
  if (ends.source.type === 'directory') return yield* openDirectory(context, from, to, ends, call);
  yield* copyFile(context, from, to, ends, options, call);
  return undefined;
}

function* copyFile(context: Context, from: Path, to: Path, ends: Ends, options: CopyOptions, call: Call): Task<void> {
  const { source, target } = ends;
  if (target !== undefined) {
    if (!options.force) {
      if (options.errorOnExist) throw refusal('ERR_FS_CP_EEXIST', 'target already exists', call);
      return;
    }
    yield* clear(context, to, call);
  }
  if (source.type === 'file') yield* copyContent(context, from, to, options.mode & ~constants.COPYFILE_EXCL);
  else if (source.type === 'symlink') yield calling(call, () => copyLink(context, from, to, source, options));
  else yield calling(call, () => copySpecial(context, to, source));
  if (options.preserveTimestamps) {
    const { accessTime, modifyTime } = source;
    yield calling(call, () => {
      setAttributes(context.view, attributesAt(context, to, false).inode, { accessTime, modifyTime });
    });
  }
}

/** Removes a file or link that is to be replaced, so that what shares its inode keeps its content. */
function* clear(context: Context, path: Path, call: Call): Task<void> {
  const left = (yield calling(call, () => {
    const { parent, name, entry } = walk(context.view, path, 'never');
    return name === undefined || entry === undefined ? 0 : takeName(context, parent, name, entry);
  })) as number;
  if (left !== 0) yield* releaseWhole(context.view, left);
}

const SLASH = 0x2f;

/** A relative target is made to lead to the same place from anywhere, unless it is to stay as it is. */
function linkTarget(from: Path, target: Uint8Array, options: CopyOptions): Uint8Array {
  if (options.verbatimSymlinks || target[0] === SLASH) return target;
  return joined(resolved([...from.names.slice(0, -1), ...namesOf(target)]));
}

function namesOf(target: Uint8Array): readonly Uint8Array[] {
  return pathOf(target).names;
}

/** Names without dots, taken by their text alone, as `path.resolve` does. */
function resolved(names: readonly Uint8Array[]): Uint8Array[] {
  const kept: Uint8Array[] = [];
  for (const name of names) {
    const dots = name.every((byte) => byte === 0x2e) ? name.length : 0;
    if (dots === 2) kept.pop();
    else if (dots !== 1) kept.push(name);
  }
  return kept;
}

function copyLink(context: Context, from: Path, to: Path, source: Attributes, options: CopyOptions): void {
  const target = linkTarget(from, readLink(context.view, source.inode), options);
  createAt(context, walk(context.view, to, 'never'), 0o777, { type: 'symlink', target });
}

function copySpecial(context: Context, to: Path, { type, mode, device }: Attributes): void {
  createAt(context, walk(context.view, to, 'never'), mode, { type, device });
}

function* openDirectory(context: Context, from: Path, to: Path, ends: Ends, call: Call): Task<OpenDirectory> {
  if (ends.target === undefined) {
    yield calling(call, () => createAt(context, walk(context.view, to, 'never'), 0o700, { type: 'directory' }));
  }
  const cursor = new Cursor(context, from, {});
  yield calling(call, () => cursor.start());
  return { from, to, ends, cursor, call };
}

function* finishDirectory(context: Context, { to, ends, call }: OpenDirectory, options: CopyOptions): Task<void> {
  if (ends.target !== undefined) return;
  yield calling(call, () => {
    const { mode, accessTime, modifyTime } = ends.source;
    const times = options.preserveTimestamps ? { accessTime, modifyTime } : {};
    setAttributes(context.view, attributesAt(context, to, true).inode, { mode, ...times });
  });
}
