/**
 * Listing directories: readdir at once, opendir entry by entry, both over one cursor.
 * A listing is many operations: callers must expect that entries made or removed meanwhile may or may not show.
 */
import { encodingOf, flagOption, integerOf, optionsOf } from '../arguments.ts';
import type { Context } from '../context.ts';
import { Dir } from '../directory.ts';
import { calling, errno } from '../explain.ts';
import { type DirectoryEntry, readDirectory } from '../ops/directory.ts';
import type { FileType } from '../ops/record.ts';
import { found, type Path, pathOf, walk } from '../path.ts';
import { type Bytes, decodeUtf8, type Encoding } from '../platform.ts';
import { Dirent } from '../stats.ts';
import type { Task } from '../task.ts';
import { shown } from './inspect.ts';

const SLASH = 0x2f;
const ENTRIES_AT_ONCE = 128;

/** A directory that still has entries to give. */
interface Pending {
  readonly inode: number;
  /** Where it lies below the directory asked for, with a slash at the end; empty for that one. */
  readonly prefix: Uint8Array;
  /** The last name given. */
  after: Uint8Array | undefined;
}

export interface Listed {
  readonly prefix: Uint8Array;
  readonly name: Uint8Array;
  readonly type: FileType;
}

export function concatenated(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** A place in a listing. It moves on only inside operations, so that several may ask at once. */
export class Cursor {
  readonly context: Context;
  readonly path: Path;
  readonly encoding: Encoding | 'buffer';
  readonly #recursive: boolean;
  readonly #entriesAtOnce: number;
  readonly #pending: Pending[] = [];
  readonly #ready: Listed[] = [];

  constructor(context: Context, path: Path, options: Readonly<Record<string, unknown>>) {
    this.context = context;
    this.path = path;
    this.encoding = encodingOf(options, 'utf8');
    this.#recursive = flagOption(options, 'recursive');
    this.#entriesAtOnce = integerOf(options.bufferSize ?? ENTRIES_AT_ONCE, 'bufferSize', 1, 0xffff_ffff);
  }

  /** Finds the directory, and its first entries. To be run inside an operation. */
  start(): void {
    const { inode, type } = found(walk(this.context.view, this.path, 'always'));
    if (type !== 'directory') throw errno('ENOTDIR');
    const first: Pending = { inode, prefix: new Uint8Array(0), after: undefined };
    const entries = this.#read(first);
    this.#take(first, entries);
  }

  #read(from: Pending): DirectoryEntry[] {
    return readDirectory(this.context.view, from.inode, from.after, Math.min(this.#entriesAtOnce, ENTRIES_AT_ONCE));
  }

  #take(from: Pending, entries: readonly DirectoryEntry[]): void {
    if (entries.length > 0) this.#pending.unshift({ ...from, after: entries.at(-1)!.name });
    for (const { name, inode, type } of entries) {
      this.#ready.push({ prefix: from.prefix, name, type });
      if (!this.#recursive || type !== 'directory') continue;
      const prefix = concatenated(concatenated(from.prefix, name), new Uint8Array([SLASH]));
      this.#pending.push({ inode, prefix, after: undefined });
    }
  }

  /** Reads on in the first directory that has more. A directory that is gone has no more. */
  #more(): void {
    const from = this.#pending[0]!;
    let entries: DirectoryEntry[] = [];
    try {
      entries = this.#read(from);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
    }
    this.#pending.shift();
    this.#take(from, entries);
  }

  *next(): Task<Listed | undefined> {
    while (this.#ready.length === 0 && this.#pending.length > 0) {
      yield calling({ syscall: 'scandir', path: this.path.text }, () => this.#more());
    }
    return this.#ready.shift();
  }

  /** All entries that are left. */
  *rest(): Task<Listed[]> {
    const all: Listed[] = [];
    for (;;) {
      for (const each of this.#ready.splice(0)) all.push(each);
      const next = yield* this.next();
      if (next === undefined) return all;
      all.push(next);
    }
  }

  dirent({ prefix, name, type }: Listed): Dirent<string | Bytes> {
    const base = this.path.text;
    const between = base.endsWith('/') ? '' : '/';
    // Without the slash at its end.
    const directory = prefix.length === 0 ? base : `${base}${between}${decodeUtf8(prefix.subarray(0, -1))}`;
    return new Dirent(shown(name, this.encoding), directory, type);
  }
}

type Listing = string[] | Bytes[] | Dirent<string | Bytes>[];

export function readdir(context: Context, path: unknown, options?: unknown): Task<Listing> {
  const settings = optionsOf(options);
  const cursor = new Cursor(context, pathOf(path), settings);
  return listing(cursor, flagOption(settings, 'withFileTypes'));
}

function* listing(cursor: Cursor, withFileTypes: boolean): Task<Listing> {
  yield calling({ syscall: 'scandir', path: cursor.path.text }, () => cursor.start());
  const entries = yield* cursor.rest();
  if (withFileTypes) return entries.map((entry) => cursor.dirent(entry));
  const name = (entry: Listed) => (entry.prefix.length === 0 ? entry.name : concatenated(entry.prefix, entry.name));
  return entries.map((entry) => shown(name(entry), cursor.encoding)) as Listing;
}

export function opendir(context: Context, path: unknown, options?: unknown): () => Dir {
  const cursor = new Cursor(context, pathOf(path), optionsOf(options));
  return calling({ syscall: 'opendir', path: cursor.path.text }, () => {
    cursor.start();
    return new Dir(cursor);
  });
}
