/**
 * Paths: from text, bytes or file URLs to names, and from names to inodes, one step at a time as POSIX walks them.
 * Callers must not normalise a path first: `link/..` is the parent of where the link leads.
 */
import { wrongType, wrongValue } from './arguments.ts';
import { errno, nodeError } from './explain.ts';
import { findEntry, parentOf } from './ops/directory.ts';
import { ROOT_INODE } from './ops/keys.ts';
import type { Known } from './ops/known.ts';
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
  const text = textOf(value, name);
  return { bytes: encodeUtf8(text), text };
}

function textOf(value: unknown, name: string): string {
  const text = isUrl(value) ? pathOfUrl(value) : value;
  if (typeof text !== 'string') throw wrongType(name, 'of type string or an instance of Buffer or URL', value);
  if (text.indexOf('\0') >= 0) throw wrongValue(name, 'must be a string or Uint8Array without null bytes', value);
  return text;
}

function asciiName(text: string, from: number, to: number): Uint8Array {
  const name = new Uint8Array(to - from);
  for (let at = from; at < to; at++) name[at - from] = text.charCodeAt(at);
  return name;
}

function namesOf(text: string, from: number): Uint8Array[] {
  const names: Uint8Array[] = [];
  const { length } = text;
  let start = from;
  for (let at = from; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code === SLASH) {
      if (at > start) names.push(asciiName(text, start, at));
      start = at + 1;
    } else if (code >= 0x80) return split(encodeUtf8(text.slice(from)));
  }
  if (length > start) names.push(asciiName(text, start, length));
  return names;
}

/** A path given as text: where it leads may be known by the text, so it is taken apart only when it must be walked. */
class TextPath implements Path {
  readonly slash: boolean;
  readonly empty: boolean;
  readonly text: string;
  #names: readonly Uint8Array[] | undefined;

  constructor(text: string) {
    this.slash = text.charCodeAt(text.length - 1) === SLASH;
    this.empty = text.length === 0;
    this.text = text;
  }

  get names(): readonly Uint8Array[] {
    this.#names ??= namesOf(this.text, 0);
    return this.#names;
  }

  /** The text up to the slash before the last name; '' for a name in root. */
  get parentText(): string {
    return this.text.slice(0, Math.max(0, this.text.lastIndexOf('/')));
  }

  /** The last name, or none. */
  get lastName(): readonly Uint8Array[] {
    return namesOf(this.text, this.text.lastIndexOf('/') + 1);
  }
}

/** Throws for what can be no path at all; whether anything is there shows only when it is walked. */
export function pathOf(value: unknown, name = 'path'): Path {
  if (!(value instanceof Uint8Array)) return new TextPath(textOf(value, name));
  const { bytes, text } = rawPathOf(value, name);
  return { names: split(bytes), slash: bytes[bytes.length - 1] === SLASH, empty: bytes.length === 0, text };
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

/** What is known of the branch, for a path by whose text something may be known. */
function knownFor(view: View, path: Path): Known | undefined {
  return path instanceof TextPath && !path.slash ? view.known?.at(view.root) : undefined;
}

/** The start of a walk: where the path's last name is to be looked for, if that is known, and root otherwise. */
function start(path: Path, known: Known | undefined): Walk {
  const { slash } = path;
  if (known !== undefined) {
    const parent = known.paths.get((path as TextPath).parentText);
    if (parent?.type === 'directory') {
      return { names: (path as TextPath).lastName, at: 0, directory: parent.inode, slash, linksFollowed: 0 };
    }
  }
  return { names: path.names, at: 0, directory: ROOT_INODE, slash, linksFollowed: 0 };
}

/** Keeps what a walk without links has found: where the last name was looked for, and what it stands for. */
function remember(known: Known, path: TextPath, directory: number, entry: EntryTarget | undefined): void {
  const { parentText } = path;
  if (parentText !== '') known.paths.set(parentText, { inode: directory, type: 'directory' });
  if (entry !== undefined) known.paths.set(path.text, entry);
}

/**
 * Walks a path to its last name.
 * Throws ENOENT, ENOTDIR, ELOOP or ENAMETOOLONG for what lies before the last name; what is or is not there is the caller's to judge.
 */
export function walk(view: View, path: Path, follow: Follow): Place {
  if (path.empty) throw errno('ENOENT');
  const known = knownFor(view, path);
  const state = start(path, known);
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
    if (isLast) {
      if (known !== undefined && state.linksFollowed === 0) remember(known, path as TextPath, state.directory, entry);
      return { parent: state.directory, name, entry, ending: 'name', slash: state.slash };
    }
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

/** What a walk would find, if that is known without one. */
export function recall(view: View, path: Path, follow: Follow): EntryTarget | undefined {
  const entry = knownFor(view, path)?.paths.get(path.text);
  return entry?.type === 'symlink' && follow === 'always' ? undefined : entry;
}

/** {@link walk} to something that must be there. */
export function resolve(view: View, path: Path, follow: Follow): EntryTarget {
  return recall(view, path, follow) ?? found(walk(view, path, follow));
}
