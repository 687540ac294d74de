/**
 * Paths: from text, bytes or file URLs to names, and from names to inodes, one step at a time as POSIX walks them.
 * Callers must not normalise a path first: `link/..` is the parent of where the link leads.
 */
import { wrongType, wrongValue } from './arguments.ts';
import { errno, nodeError } from './explain.ts';
import { findEntry, parentOf } from './ops/directory.ts';
import { ROOT_INODE } from './ops/keys.ts';
import { readLink } from './ops/link.ts';
import { MAX_NAME_BYTES } from './ops/names.ts';
import type { EntryTarget } from './ops/record.ts';
import type { View } from './ops/view.ts';
import { decodeUtf8, encodeUtf8 } from './platform.ts';

/** What is needed of a URL. */
export interface UrlLike {
  readonly href: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly pathname: string;
}

/** Absolute, or relative to the branch's root. Names that are not UTF-8 can be given as bytes only. */
export type PathLike = string | Uint8Array | UrlLike;

export interface Path {
  /** Steps in order, `.` and `..` among them. */
  readonly names: readonly Uint8Array[];
  /** It ends in a slash: what it names must be a directory. */
  readonly slash: boolean;
  /** No byte at all, which names nothing. */
  readonly empty: boolean;
  /** As errors tell it. */
  readonly text: string;
}

const SLASH = 0x2f;
const DOT = 0x2e;
const MAX_LINKS_FOLLOWED = 40;

function split(bytes: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = [];
  let start = 0;
  for (let at = 0; at <= bytes.length; at++) {
    if (at < bytes.length && bytes[at] !== SLASH) continue;
    if (at > start) names.push(bytes.subarray(start, at));
    start = at + 1;
  }
  return names;
}

function pathOfUrl(url: UrlLike): string {
  if (url.protocol !== 'file:') throw nodeError('ERR_INVALID_URL_SCHEME', 'The URL must be of scheme file');
  if (url.hostname !== '') {
    throw nodeError('ERR_INVALID_FILE_URL_HOST', 'File URL host must be "localhost" or empty');
  }
  if (/%2f/i.test(url.pathname)) {
    throw nodeError('ERR_INVALID_FILE_URL_PATH', 'File URL path must not include encoded / characters');
  }
  return decodeURIComponent(url.pathname);
}

function isUrl(value: unknown): value is UrlLike {
  return typeof value === 'object' && value !== null && 'href' in value && 'protocol' in value && 'pathname' in value;
}

interface RawPath {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** The bytes and the text of what a caller gave as a path. */
export function rawPathOf(value: unknown, name: string): RawPath {
  if (value instanceof Uint8Array) {
    if (value.includes(0)) throw wrongValue(name, 'must be a string or Uint8Array without null bytes', value);
    // Not `slice`: that of a Buffer copies nothing.
    return { bytes: new Uint8Array(value), text: decodeUtf8(value) };
  }
  const text = isUrl(value) ? pathOfUrl(value) : value;
  if (typeof text !== 'string') throw wrongType(name, 'of type string or an instance of Buffer or URL', value);
  if (text.includes('\0')) throw wrongValue(name, 'must be a string or Uint8Array without null bytes', value);
  return { bytes: encodeUtf8(text), text };
}

function parse({ bytes, text }: RawPath): Path {
  return { names: split(bytes), slash: bytes[bytes.length - 1] === SLASH, empty: bytes.length === 0, text };
}

function asciiName(text: string, from: number, to: number): Uint8Array {
  const name = new Uint8Array(to - from);
  for (let at = from; at < to; at++) name[at - from] = text.charCodeAt(at);
  return name;
}

/** The short way for nearly all paths; undefined for text that is not plain ASCII. It is on the way of every call. */
function parseAscii(text: string): Path | undefined {
  const names: Uint8Array[] = [];
  const { length } = text;
  let start = 0;
  let code = 0;
  for (let at = 0; at < length; at++) {
    code = text.charCodeAt(at);
    if (code === SLASH) {
      if (at > start) names.push(asciiName(text, start, at));
      start = at + 1;
    } else if (code === 0 || code >= 0x80) return undefined;
  }
  if (length > start) names.push(asciiName(text, start, length));
  return { names, slash: code === SLASH, empty: length === 0, text };
}

/** Throws for what can be no path at all; whether anything is there shows only when it is walked. */
export function pathOf(value: unknown, name = 'path'): Path {
  return (typeof value === 'string' ? parseAscii(value) : undefined) ?? parse(rawPathOf(value, name));
}

/** The path of an entry of the directory that `path` names. */
export function below(path: Path, name: Uint8Array): Path {
  const between = path.slash ? '' : '/';
  return {
    names: [...path.names, name],
    slash: false,
    empty: false,
    text: `${path.text}${between}${decodeUtf8(name)}`,
  };
}

/** How a walk ended: what stands at its end, and where. */
export interface Place {
  /** The directory in which the last name was looked for. */
  readonly parent: number;
  /** The last name; undefined if the path ended in a dot or at the root, which can be made, removed and moved by no one. */
  readonly name: Uint8Array | undefined;
  /** What stands there; undefined if nothing. */
  readonly entry: EntryTarget | undefined;
  /** How a path without a last name ended. */
  readonly ending: 'name' | 'dot' | 'dots' | 'root';
  /** A slash followed the last name. */
  readonly slash: boolean;
}

function isDot(name: Uint8Array): boolean {
  return name.length === 1 && name[0] === DOT;
}

function isDots(name: Uint8Array): boolean {
  return name.length === 2 && name[0] === DOT && name[1] === DOT;
}

/** A walk under way: the steps still to go may grow by the target of a link. */
interface Walk {
  names: readonly Uint8Array[];
  at: number;
  directory: number;
  slash: boolean;
  linksFollowed: number;
}

function followLink(view: View, walk: Walk, inode: number): void {
  if (++walk.linksFollowed > MAX_LINKS_FOLLOWED) throw errno('ELOOP');
  const target = readLink(view, inode);
  const isLast = walk.at === walk.names.length;
  walk.names = isLast ? split(target) : [...split(target), ...walk.names.slice(walk.at)];
  walk.at = 0;
  if (target[0] === SLASH) walk.directory = ROOT_INODE;
  if (isLast && target.at(-1) === SLASH) walk.slash = true;
}

/**
 * Whether a symbolic link at the end is followed: always, as `stat` does; if a slash comes after it, as `lstat` does; or never,
 * as by what makes, removes and moves names.
 */
export type Follow = 'always' | 'slash' | 'never';

/**
 * Walks a path to its last name.
 * Throws ENOENT, ENOTDIR, ELOOP or ENAMETOOLONG for what lies before the last name; what is or is not there is the caller's to judge.
 */
export function walk(view: View, path: Path, follow: Follow): Place {
  if (path.empty) throw errno('ENOENT');
  const state: Walk = { names: path.names, at: 0, directory: ROOT_INODE, slash: path.slash, linksFollowed: 0 };
  let ending: Place['ending'] = 'root';
  while (state.at < state.names.length) {
    const name = state.names[state.at++]!;
    if (isDot(name)) {
      ending = 'dot';
      continue;
    }
    if (isDots(name)) {
      ending = 'dots';
      state.directory = parentOf(view, state.directory);
      continue;
    }
    if (name.length > MAX_NAME_BYTES) throw errno('ENAMETOOLONG');
    const entry = findEntry(view, state.directory, name);
    const isLast = state.at === state.names.length;
    const follows = follow === 'always' || (follow === 'slash' && state.slash);
    if (entry?.type === 'symlink' && (!isLast || follows)) {
      followLink(view, state, entry.inode);
      ending = state.names.length === 0 ? 'root' : ending;
      continue;
    }
    if (isLast) return { parent: state.directory, name, entry, ending: 'name', slash: state.slash };
    if (entry === undefined) throw errno('ENOENT');
    if (entry.type !== 'directory') throw errno('ENOTDIR');
    state.directory = entry.inode;
  }
  const entry: EntryTarget = { inode: state.directory, type: 'directory' };
  return { parent: state.directory, name: undefined, entry, ending, slash: state.slash };
}

/** What stands at the end of a path. ENOENT if nothing does, ENOTDIR if a slash follows what is no directory. */
export function found(place: Place): EntryTarget {
  const { entry } = place;
  if (entry === undefined) throw errno('ENOENT');
  if (place.slash && entry.type !== 'directory') throw errno('ENOTDIR');
  return entry;
}

/** {@link walk} to something that must be there. */
export function resolve(view: View, path: Path, follow: Follow): EntryTarget {
  return found(walk(view, path, follow));
}
