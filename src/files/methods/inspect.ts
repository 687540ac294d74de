/**
 * Methods that only look: access, exists, stat and its relatives, readlink, realpath, statfs.
 * Each must check its arguments before it returns its operation.
 */
import { PAGE_BYTES } from '../../core/bytes.ts';
import { isByreError } from '../../errors.ts';
import { ACCESS_MODES, type AnyOptions, encodingOf, flagOption, integerOf, optionsOf } from '../arguments.ts';
import { constants } from '../constants.ts';
import type { Context } from '../context.ts';
import { calling, errno } from '../explain.ts';
import { type Attributes, getAttributes } from '../ops/attributes.ts';
import { chainOf } from '../ops/directory.ts';
import { readLink } from '../ops/link.ts';
import type { View } from '../ops/view.ts';
import { type Follow, found, type Path, pathOf, resolve, walk } from '../path.ts';
import { type Bytes, decodeText, type Encoding, presented } from '../platform.ts';
import { type BigIntStats, bigIntStats, type StatFs, Stats } from '../stats.ts';
import { onDescriptor } from './descriptors.ts';

const ANY_EXECUTE = 0o111;

/** Permission bits bind nobody here, as if the caller were the superuser; what no one may execute, not even they may. */
export function access(context: Context, path: unknown, mode?: unknown) {
  const target = pathOf(path);
  const wanted = mode === undefined || mode === null ? constants.F_OK : integerOf(mode, 'mode', 0, ACCESS_MODES);
  return calling({ syscall: 'access', path: target.text }, () => {
    const { inode, type } = resolve(context.view, target, 'always');
    if ((wanted & constants.W_OK) !== 0 && context.view.readOnly) throw errno('EROFS');
    if ((wanted & constants.X_OK) === 0 || type === 'directory') return;
    if ((getAttributes(context.view, inode).mode & ANY_EXECUTE) === 0) throw errno('EACCES');
  });
}

/** Never fails: what cannot be looked at is not there. */
export function exists(context: Context, path: unknown): () => boolean {
  let target: Path;
  try {
    target = pathOf(path);
  } catch {
    return () => false;
  }
  return () => {
    try {
      resolve(context.view, target, 'always');
      return true;
    } catch (error) {
      if (isByreError(error) && error.errno !== undefined) return false;
      throw error;
    }
  };
}

/** The stats of attributes, as numbers or bigints. */
export function statsOf(context: Context, attributes: Attributes, options: AnyOptions): Stats | BigIntStats {
  const make = flagOption(options, 'bigint')
    ? bigIntStats
    : (given: Attributes, device: number) => new Stats(given, device);
  return make(attributes, context.device);
}

function look(context: Context, syscall: string, path: unknown, options: unknown, follow: Follow) {
  const target = pathOf(path);
  const settings = optionsOf(options);
  const mustBeThere = flagOption(settings, 'throwIfNoEntry', true);
  return calling({ syscall, path: target.text }, () => {
    try {
      return statsOf(context, getAttributes(context.view, resolve(context.view, target, follow).inode), settings);
    } catch (error) {
      if (!mustBeThere && isByreError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
      throw error;
    }
  });
}

export function stat(context: Context, path: unknown, options?: unknown) {
  return look(context, 'stat', path, options, 'always');
}

export function lstat(context: Context, path: unknown, options?: unknown) {
  return look(context, 'lstat', path, options, 'slash');
}

export function fstat(context: Context, fd: unknown, options?: unknown) {
  const settings = optionsOf(options);
  return onDescriptor(context, fd, 'fstat', ({ inode }) =>
    statsOf(context, getAttributes(context.view, inode), settings),
  );
}

/** Bytes of names and paths as the caller wants them: text, or bytes of their own. */
export function shown(bytes: Uint8Array, encoding: Encoding | 'buffer'): string | Bytes {
  return encoding === 'buffer' ? presented(bytes.slice()) : decodeText(bytes, encoding);
}

export function readlink(context: Context, path: unknown, options?: unknown) {
  const target = pathOf(path);
  const encoding = encodingOf(optionsOf(options), 'utf8');
  return calling({ syscall: 'readlink', path: target.text }, () =>
    shown(readLink(context.view, resolve(context.view, target, 'slash').inode), encoding),
  );
}

const SLASH = 0x2f;

/** An absolute path of names. */
export function joined(names: readonly Uint8Array[]): Uint8Array {
  if (names.length === 0) return new Uint8Array([SLASH]);
  const path = new Uint8Array(names.reduce((length, name) => length + 1 + name.length, 0));
  let at = 0;
  for (const name of names) {
    path[at] = SLASH;
    path.set(name, at + 1);
    at += 1 + name.length;
  }
  return path;
}

/** The names from root down to a directory that is known to be there. */
export function chainTo(view: View, directory: number): Uint8Array[] {
  const chain = chainOf(view, directory);
  if (chain === undefined) throw errno('ENOENT');
  return chain;
}

export function realpath(context: Context, path: unknown, options?: unknown) {
  const target = pathOf(path);
  const encoding = encodingOf(optionsOf(options), 'utf8');
  return calling({ syscall: 'realpath', path: target.text }, () => {
    const place = walk(context.view, target, 'always');
    found(place);
    const chain = chainTo(context.view, place.parent);
    return shown(joined(place.name === undefined ? chain : [...chain, place.name]), encoding);
  });
}

/** `st_type` of byre: `byre` in ASCII. */
const FILE_SYSTEM_TYPE = 0x62797265;

export function statfs(context: Context, path: unknown, options?: unknown) {
  const target = pathOf(path);
  const wantsBigInt = flagOption(optionsOf(options), 'bigint');
  return calling({ syscall: 'statfs', path: target.text }, (): StatFs | StatFs<bigint> => {
    resolve(context.view, target, 'always');
    const space = context.branch.pool.space();
    // Held pages are free from the next commit on, which comes when they are needed.
    const free = Math.floor((space.freeBytes + space.heldBytes) / PAGE_BYTES);
    const stats: StatFs = {
      type: FILE_SYSTEM_TYPE,
      bsize: PAGE_BYTES,
      blocks: Math.floor((space.usedBytes + space.freeBytes) / PAGE_BYTES),
      bfree: free,
      bavail: free,
      // Inodes run out only with the space.
      files: 0,
      ffree: 0,
    };
    if (!wantsBigInt) return stats;
    return Object.fromEntries(
      Object.entries(stats).map(([name, value]) => [name, BigInt(value)]),
    ) as unknown as StatFs<bigint>;
  });
}
