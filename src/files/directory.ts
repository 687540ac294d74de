/**
 * What `opendir` gives: a directory that is read entry by entry.
 * Nothing is held open, so a Dir that is forgotten costs nothing; after `close` it must not be read.
 */
import { wrongType } from './arguments.ts';
import type { Context } from './context.ts';
import { nodeError } from './explain.ts';
import type { Bytes } from './platform.ts';
import type { Dirent } from './stats.ts';
import type { Task } from './task.ts';

/** What a Dir reads from. */
export interface EntrySource<Entry> {
  readonly context: Context;
  readonly path: { readonly text: string };
  next(): Task<Entry | undefined>;
  dirent(entry: Entry): Dirent<string | Bytes>;
}

type Callback<T> = (error: Error | null, result?: T) => void;

export class Dir<Name = string> {
  readonly path: string;
  // biome-ignore lint/suspicious/noExplicitAny: what lies between next and dirent is the source's own
  readonly #source: EntrySource<any>;
  #closed = false;

  // biome-ignore lint/suspicious/noExplicitAny: as above
  constructor(source: EntrySource<any>) {
    this.#source = source;
    this.path = source.path.text;
  }

  #requireOpen(): void {
    if (this.#closed) throw nodeError('ERR_DIR_CLOSED', 'Directory handle was closed');
  }

  *#next(): Task<Dirent<Name> | null> {
    const entry = yield* this.#source.next();
    return entry === undefined ? null : (this.#source.dirent(entry) as Dirent<unknown> as Dirent<Name>);
  }

  /** The next entry, or null after the last. */
  read(): Promise<Dirent<Name> | null>;
  read(callback: Callback<Dirent<Name> | null>): void;
  read(callback?: Callback<Dirent<Name> | null>): Promise<Dirent<Name> | null> | undefined {
    if (callback === undefined) return this.#read();
    settle(this.#read(), callback);
    return undefined;
  }

  async #read(): Promise<Dirent<Name> | null> {
    this.#requireOpen();
    return this.#source.context.perform(this.#next());
  }

  readSync(): Dirent<Name> | null {
    this.#requireOpen();
    return this.#source.context.performSync(this.#next());
  }

  close(): Promise<void>;
  close(callback: Callback<void>): void;
  close(callback?: Callback<void>): Promise<void> | undefined {
    const done = (async () => this.closeSync())();
    if (callback === undefined) return done;
    settle(done, callback);
    return undefined;
  }

  closeSync(): void {
    this.#requireOpen();
    this.#closed = true;
  }

  /** All entries that are left; then it is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Dirent<Name>, void> {
    try {
      for (let entry = await this.#read(); entry !== null; entry = await this.#read()) yield entry;
    } finally {
      this.#closed = true;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
  }
}

/** Gives a promise's outcome to a callback, outside of any promise: what the callback throws is the program's to see. */
export function settle<T>(promise: Promise<T>, callback: Callback<T>): void {
  if (typeof callback !== 'function') throw wrongType('cb', 'of type function', callback);
  promise.then(
    (result) => queueMicrotask(() => callback(null, result)),
    (error) => queueMicrotask(() => callback(error)),
  );
}
