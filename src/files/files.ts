/**
 * The files of a branch, in the shape of `node:fs`: `files.readFileSync`, `files.readFile` with a callback, `files.promises`.
 * Users must not mix descriptors of one `Files` with another's, and must know that nothing is durable before `fsync` or a commit.
 */
import type { Branch } from '../pool/branch.ts';
import { type Constants, constants } from './constants.ts';
import { Context, type FilesOptions } from './context.ts';
import { Dir } from './directory.ts';
import type { SignalLike } from './explain.ts';
import { type AnyFunction, type Body, callbackForm, existsForm, promiseForm, syncForm } from './forms.ts';
import { descriptorMethods, exists, pathMethods } from './methods/all.ts';
import type { PathLike } from './path.ts';
import type { Encoding } from './platform.ts';
import type { DescriptorMethods, Form, PathMethods } from './signatures.ts';
import { Dirent, Stats } from './stats.ts';
import { createReadStream, createWriteStream, type ReadStream, type WriteStream } from './streams.ts';
import {
  type FSWatcher,
  type StatWatcher,
  unwatchFile,
  type WatchEvent,
  type WatchListener,
  watch,
  watchEvents,
  watchFile,
} from './watch.ts';

type Methods<F extends Form> = PathMethods<F> & DescriptorMethods<F>;
type SyncMethods = { readonly [Name in keyof Methods<'sync'> & string as `${Name}Sync`]: Methods<'sync'>[Name] };
type CallbackMethods = { readonly [Name in keyof Methods<'callback'>]: Methods<'callback'>[Name] & Promisified<Name> };

/** How the types of `util.promisify` find the promise form of an overloaded method; as in node's own types, there is no such property. */
interface Promisified<Name extends keyof Methods<'promises'>> {
  readonly __promisify__: Name extends 'open'
    ? (...args: Parameters<Methods<'promises'>['open']>) => Promise<number>
    : Methods<'promises'>[Name];
}

export interface WatchOptions {
  readonly encoding?: Encoding | 'buffer' | null | undefined;
  readonly recursive?: boolean | undefined;
  /** Taken and ignored: a watcher here never keeps the process alive. */
  readonly persistent?: boolean | undefined;
  readonly signal?: SignalLike | undefined;
}

export interface FilesPromises extends Readonly<PathMethods<'promises'>> {
  readonly constants: Constants;
  watch(path: PathLike, options?: WatchOptions | Encoding | 'buffer'): AsyncIterableIterator<WatchEvent>;
}

interface StreamOptions {
  readonly flags?: string | number | undefined;
  readonly encoding?: Encoding | null | undefined;
  readonly fd?: number | { readonly fd: number; close(): Promise<void> } | null | undefined;
  readonly mode?: number | string | undefined;
  readonly autoClose?: boolean | undefined;
  readonly emitClose?: boolean | undefined;
  readonly start?: number | undefined;
  readonly highWaterMark?: number | undefined;
  readonly signal?: SignalLike | undefined;
}

export interface ReadStreamOptions extends StreamOptions {
  /** Inclusive. */
  readonly end?: number | undefined;
}

export interface WriteStreamOptions extends StreamOptions {
  readonly flush?: boolean | undefined;
}

type StatsListener = (present: Stats, previous: Stats) => void;

/** What has one form only. */
interface OtherMethods {
  existsSync(path: PathLike): boolean;
  exists: ((path: PathLike, callback: (exists: boolean) => void) => void) & {
    readonly __promisify__: (path: PathLike) => Promise<boolean>;
  };
  createReadStream(path: PathLike, options?: ReadStreamOptions | Encoding): ReadStream;
  createWriteStream(path: PathLike, options?: WriteStreamOptions | Encoding): WriteStream;
  watch(path: PathLike, listener?: WatchListener): FSWatcher;
  watch(path: PathLike, options: WatchOptions | Encoding | 'buffer' | null, listener?: WatchListener): FSWatcher;
  watchFile(path: PathLike, listener: StatsListener): StatWatcher;
  watchFile(path: PathLike, options: object, listener: StatsListener): StatWatcher;
  unwatchFile(path: PathLike, listener?: StatsListener): void;
}

type NativeRealpath = {
  readonly realpath: CallbackMethods['realpath'] & { readonly native: CallbackMethods['realpath'] };
  readonly realpathSync: SyncMethods['realpathSync'] & { readonly native: SyncMethods['realpathSync'] };
};

export type Files = Omit<SyncMethods, 'realpathSync'> &
  Omit<CallbackMethods, 'realpath'> &
  NativeRealpath &
  Readonly<OtherMethods> & {
    readonly promises: FilesPromises;
    readonly constants: Constants;
    readonly F_OK: number;
    readonly R_OK: number;
    readonly W_OK: number;
    readonly X_OK: number;
    readonly Stats: typeof Stats;
    readonly Dirent: typeof Dirent;
    readonly Dir: typeof Dir;
  };

const contextOf = Symbol('context');
type Bound = { readonly [contextOf]: Context };

/** Makes a member at its first use, bound to the object it is asked of, and keeps it there. */
function defineLazily(target: object, name: string, make: (context: Context) => unknown): void {
  const keep = (owner: object, value: unknown) =>
    Object.defineProperty(owner, name, { value, writable: true, enumerable: true, configurable: true });
  Object.defineProperty(target, name, {
    enumerable: true,
    configurable: true,
    get(this: Bound) {
      const made = make(this[contextOf]);
      keep(this, made);
      return made;
    },
    set(this: object, value: unknown) {
      keep(this, value);
    },
  });
}

/** `realpath` here is what node calls native: it asks the tree, not the text. */
function withNative(name: string, form: AnyFunction): AnyFunction {
  return name === 'realpath' ? Object.assign(form, { native: form }) : form;
}

function promisesPrototype(): object {
  const prototype = {};
  for (const [name, body] of Object.entries(pathMethods) as [string, Body][]) {
    defineLazily(prototype, name, (context) => promiseForm(context, name, body));
  }
  defineLazily(
    prototype,
    'watch',
    (context) => (path: unknown, options?: unknown) => watchEvents(context, path, options),
  );
  return Object.assign(prototype, { constants });
}

function filesPrototype(): object {
  const prototype = {};
  for (const [name, body] of Object.entries({ ...pathMethods, ...descriptorMethods }) as [string, Body][]) {
    defineLazily(prototype, name, (context) => withNative(name, callbackForm(context, name, body)));
    defineLazily(prototype, `${name}Sync`, (context) => withNative(name, syncForm(context, name, body)));
  }
  defineLazily(prototype, 'exists', (context) => existsForm(context, exists));
  defineLazily(prototype, 'existsSync', (context) => syncForm(context, 'exists', exists));
  for (const [name, method] of Object.entries({ createReadStream, createWriteStream, watch, watchFile, unwatchFile })) {
    const body = method as (context: Context, ...args: unknown[]) => unknown;
    defineLazily(
      prototype,
      name,
      (context) =>
        (...args: unknown[]) =>
          body(context, ...args),
    );
  }
  const { F_OK, R_OK, W_OK, X_OK } = constants;
  return Object.assign(prototype, { constants, F_OK, R_OK, W_OK, X_OK, Stats, Dirent, Dir });
}

const sharedPromises = promisesPrototype();
const sharedFiles = filesPrototype();

/** The files of a branch with options of their own; descriptors are not shared with other `Files` of the branch. */
export function createFiles(branch: Branch, options: FilesOptions = {}): Files {
  const hidden = { [contextOf]: { value: new Context(branch, options) } };
  const promises = Object.create(sharedPromises, hidden);
  // `promises` must be the object's own and enumerable: libraries tell by it whether they can use promises.
  return Object.create(sharedFiles, { ...hidden, promises: { value: promises, enumerable: true } });
}

function defaultFiles(branch: Branch): Files {
  return createFiles(branch);
}

/** The files of a branch: one object per branch, made at the first call. */
export function filesOf(branch: Branch): Files {
  return branch.face(defaultFiles);
}
