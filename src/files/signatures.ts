/**
 * The types of all methods, once for all three forms: what is callable how, and what comes of it.
 * Only types stand here. Names must be those of `methods/all.ts`, which is checked in `forms.ts`.
 */
import type { Mode, TimeLike } from './arguments.ts';
import type { Dir } from './directory.ts';
import type { SignalLike } from './explain.ts';
import type { FileHandle } from './handle.ts';
import type { PathLike } from './path.ts';
import type { Bytes, Encoding } from './platform.ts';
import type { BigIntStats, Dirent, StatFs, Stats } from './stats.ts';

export type Form = 'sync' | 'promises' | 'callback';

type Callback<Results extends unknown[]> = (error: NodeError | null, ...results: Results) => void;

/** The error that a callback gets: a ByreError in node's shape. */
export type NodeError = Error & {
  readonly code: string;
  readonly errno?: number | undefined;
  readonly syscall?: string | undefined;
  readonly path?: string | undefined;
  readonly dest?: string | undefined;
};

/** The arguments with a callback at the end, of which optional ones may be left out. */
type WithCallback<Args extends unknown[], C> = number extends Args['length']
  ? [...Args, C]
  : Args extends []
    ? [callback: C]
    : Args extends [infer First, ...infer Rest]
      ? [First, ...WithCallback<Rest, C>]
      : Args extends [(infer First)?, ...infer Rest]
        ? [callback: C] | [First | undefined, ...WithCallback<Rest, C>]
        : never;

/** A function that takes any of these lists of arguments. */
type Overloads<Lists extends unknown[]> = (
  Lists extends unknown[]
    ? (taken: (...args: Lists) => void) => void
    : never
) extends (taken: infer All) => void
  ? All
  : never;

/** A method in one form: `P` is what promises give, `S` what the synchronous form returns, `R` what a callback gets. */
export type Method<
  F extends Form,
  Args extends unknown[],
  P,
  S = P,
  R extends unknown[] = [result: S],
> = F extends 'sync'
  ? (...args: Args) => S
  : F extends 'promises'
    ? (...args: Args) => Promise<P>
    : // biome-ignore lint/suspicious/noConfusingVoidType: it is what such a method is said to give
      Overloads<WithCallback<Args, Callback<[P] extends [void] ? [] : R>>>;

type View = ArrayBufferView;
type Data = string | View;
/** A readable stream is an AsyncIterable; node's types do not say so of the class that they name here. */
type StreamLike = { pipe(destination: never): unknown };
type DataSource = Data | Iterable<Data> | AsyncIterable<Data> | StreamLike;

export interface EncodingOption {
  readonly encoding?: Encoding | null | undefined;
}
type TextOptions = Encoding | EncodingOption | null;
type BufferOption = 'buffer' | { readonly encoding: 'buffer' };

export interface ReadFileOptions {
  readonly encoding?: Encoding | null | undefined;
  readonly flag?: string | number | undefined;
  readonly signal?: SignalLike | undefined;
}

export interface WriteFileOptions {
  readonly encoding?: Encoding | null | undefined;
  readonly mode?: Mode | undefined;
  readonly flag?: string | number | undefined;
  /** Makes it durable before it ends. */
  readonly flush?: boolean | undefined;
  readonly signal?: SignalLike | undefined;
}

export interface MakeDirectoryOptions {
  readonly recursive?: boolean | undefined;
  readonly mode?: Mode | undefined;
}

export interface RemoveOptions {
  readonly force?: boolean | undefined;
  readonly recursive?: boolean | undefined;
  readonly maxRetries?: number | undefined;
  readonly retryDelay?: number | undefined;
}

export interface CopyOptions {
  readonly dereference?: boolean | undefined;
  readonly errorOnExist?: boolean | undefined;
  readonly filter?: ((source: string, destination: string) => boolean | PromiseLike<boolean>) | undefined;
  readonly force?: boolean | undefined;
  readonly mode?: number | undefined;
  readonly preserveTimestamps?: boolean | undefined;
  readonly recursive?: boolean | undefined;
  readonly verbatimSymlinks?: boolean | undefined;
}

export interface DirOptions {
  readonly encoding?: Encoding | null | undefined;
  readonly bufferSize?: number | undefined;
  readonly recursive?: boolean | undefined;
}

interface ListOptions {
  readonly encoding?: Encoding | null | undefined;
  readonly recursive?: boolean | undefined;
}
type TypesOption = { readonly withFileTypes: true };

export interface XattrOptions {
  /** False: of a symbolic link itself. */
  readonly follow?: boolean | undefined;
}

export interface SetXattrOptions extends XattrOptions {
  /** EEXIST if it is there. */
  readonly create?: boolean | undefined;
  /** ENODATA if it is not. */
  readonly replace?: boolean | undefined;
}

export interface AllocateOptions {
  readonly keepSize?: boolean | undefined;
}

export interface NodeOptions {
  readonly mode?: Mode | undefined;
  /** Of a character or block device. */
  readonly device?: number | undefined;
}

type Small = { readonly bigint?: false | undefined };
type Big = { readonly bigint: true };
type Either = { readonly bigint?: boolean | undefined };
type NoThrow = { readonly throwIfNoEntry: false };
type Throwing = { readonly throwIfNoEntry?: boolean | undefined };

type Stat<F extends Form, Target extends unknown[], N = Stats, B = BigIntStats> = Method<
  F,
  [...Target, options?: Small],
  N
> &
  Method<F, [...Target, options: Big], B> &
  Method<F, [...Target, options?: Either], N | B>;

type QuietStat<F extends Form> = F extends 'sync'
  ? ((path: PathLike, options: Small & NoThrow) => Stats | undefined) &
      ((path: PathLike, options: Big & NoThrow) => BigIntStats | undefined) &
      ((path: PathLike, options?: Either & Throwing) => Stats | BigIntStats | undefined)
  : unknown;

/** Text, or bytes where `'buffer'` asks for them. */
type Shown<F extends Form, Args extends unknown[]> = Method<F, [...Args, options?: TextOptions], string> &
  Method<F, [...Args, options: BufferOption], Bytes>;

type Reading<F extends Form, Args extends unknown[]> = Method<
  F,
  [...Args, options?: (ReadFileOptions & { readonly encoding?: null | undefined }) | null],
  Bytes
> &
  Method<F, [...Args, options: Encoding | (ReadFileOptions & { readonly encoding: Encoding })], string> &
  Method<F, [...Args, options?: ReadFileOptions | Encoding | null], Bytes | string>;

type Listing<F extends Form> = Method<F, [path: PathLike, options?: ListOptions | Encoding | null], string[]> &
  Method<
    F,
    [path: PathLike, options: 'buffer' | (Omit<ListOptions, 'encoding'> & { readonly encoding: 'buffer' })],
    Bytes[]
  > &
  Method<F, [path: PathLike, options: ListOptions & TypesOption], Dirent[]> &
  Method<
    F,
    [path: PathLike, options: Omit<ListOptions, 'encoding'> & TypesOption & { readonly encoding: 'buffer' }],
    Dirent<Bytes>[]
  >;

/** A FileHandle of the same files; no narrower, so that these methods can stand where those of `node:fs` are asked for. */
interface HandleLike {
  readonly fd: number;
  close(): Promise<void>;
}
type File = PathLike | number | HandleLike;

export interface PathMethods<F extends Form> {
  access: Method<F, [path: PathLike, mode?: number], void>;
  appendFile: Method<F, [file: File, data: Data, options?: WriteFileOptions | Encoding | null], void>;
  chmod: Method<F, [path: PathLike, mode: Mode], void>;
  chown: Method<F, [path: PathLike, uid: number, gid: number], void>;
  /** Shares the content's pages until either file is written. */
  copyFile: Method<F, [source: PathLike, destination: PathLike, mode?: number], void>;
  cp: Method<F, [source: PathLike, destination: PathLike, options?: CopyOptions], void>;
  /** ENODATA if there is none of that name. */
  getXattr: Method<F, [path: PathLike, name: Data, options?: XattrOptions], Bytes>;
  lchown: Method<F, [path: PathLike, uid: number, gid: number], void>;
  link: Method<F, [existingPath: PathLike, newPath: PathLike], void>;
  listXattrs: Method<F, [path: PathLike, options?: XattrOptions & EncodingOption], string[]> &
    Method<F, [path: PathLike, options: XattrOptions & { readonly encoding: 'buffer' }], Bytes[]>;
  lstat: Stat<F, [path: PathLike]> & QuietStat<F>;
  lutimes: Method<F, [path: PathLike, atime: TimeLike, mtime: TimeLike], void>;
  /** With `recursive`, gives the first directory made. */
  mkdir: Method<F, [path: PathLike, options: MakeDirectoryOptions & { readonly recursive: true }], string | undefined> &
    Method<
      F,
      [path: PathLike, options?: Mode | (MakeDirectoryOptions & { readonly recursive?: false | undefined }) | null],
      void
    > &
    Method<F, [path: PathLike, options?: Mode | MakeDirectoryOptions | null], string | undefined>;
  mkdtemp: Shown<F, [prefix: PathLike]>;
  mkfifo: Method<F, [path: PathLike, mode?: Mode], void>;
  mknod: Method<F, [path: PathLike, type: 'fifo' | 'character' | 'block' | 'socket', options?: NodeOptions], void>;
  open: Method<F, [path: PathLike, flags?: string | number, mode?: Mode | null], FileHandle, number>;
  opendir: Method<F, [path: PathLike, options?: DirOptions], Dir>;
  readFile: Reading<F, [file: File]>;
  readdir: Listing<F>;
  readlink: Shown<F, [path: PathLike]>;
  realpath: Shown<F, [path: PathLike]>;
  removeXattr: Method<F, [path: PathLike, name: Data, options?: XattrOptions], void>;
  rename: Method<F, [oldPath: PathLike, newPath: PathLike], void>;
  rm: Method<F, [path: PathLike, options?: RemoveOptions], void>;
  rmdir: Method<F, [path: PathLike, options?: object], void>;
  setXattr: Method<F, [path: PathLike, name: Data, value: Data, options?: SetXattrOptions], void>;
  stat: Stat<F, [path: PathLike]> & QuietStat<F>;
  statfs: Stat<F, [path: PathLike], StatFs, StatFs<bigint>>;
  symlink: Method<F, [target: PathLike, path: PathLike, type?: string | null], void>;
  truncate: Method<F, [path: PathLike, length?: number | null], void>;
  unlink: Method<F, [path: PathLike], void>;
  /** Also takes nanoseconds, as bigints. */
  utimes: Method<F, [path: PathLike, atime: TimeLike, mtime: TimeLike], void>;
  writeFile: Method<
    F,
    [file: File, data: F extends 'promises' ? DataSource : Data, options?: WriteFileOptions | Encoding | null],
    void
  >;
}

export type Position = number | bigint | null;

export interface ReadOptions {
  readonly offset?: number | null | undefined;
  readonly length?: number | null | undefined;
  readonly position?: Position | undefined;
}

type Read<F extends Form, Fd extends unknown[]> = ReadForms<F, Fd, View>;
type ReadForms<F extends Form, Fd extends unknown[], B> = ReadMethod<
  F,
  [...Fd, buffer: B, offset?: number | null, length?: number | null, position?: Position],
  B
> &
  ReadMethod<F, [...Fd, buffer: B, options?: ReadOptions], B> &
  ReadMethod<F, [...Fd, options?: ReadOptions & { readonly buffer?: B | undefined }], Bytes>;
type ReadMethod<F extends Form, Args extends unknown[], B> = Method<
  F,
  Args,
  { readonly bytesRead: number; readonly buffer: B },
  number,
  [bytesRead: number, buffer: B]
>;

type Write<F extends Form, Fd extends unknown[]> = WriteMethod<
  F,
  [...Fd, buffer: View, offset?: number | null, length?: number | null, position?: Position],
  View
> &
  WriteMethod<F, [...Fd, buffer: View, options?: ReadOptions], View> &
  WriteMethod<F, [...Fd, text: string, position?: number | null, encoding?: Encoding | null], string>;
type WriteMethod<F extends Form, Args extends unknown[], B> = Method<
  F,
  Args,
  { readonly bytesWritten: number; readonly buffer: B },
  number,
  [bytesWritten: number, buffer: B]
>;

type Vector = readonly View[];
type Readv<F extends Form, Fd extends unknown[]> = Method<
  F,
  [...Fd, buffers: Vector, position?: number | null],
  { readonly bytesRead: number; readonly buffers: Vector },
  number,
  [bytesRead: number, buffers: Vector]
>;
type Writev<F extends Form, Fd extends unknown[]> = Method<
  F,
  [...Fd, buffers: Vector, position?: number | null],
  { readonly bytesWritten: number; readonly buffers: Vector },
  number,
  [bytesWritten: number, buffers: Vector]
>;

/** What descriptors and handles share, after the descriptor. */
interface OpenMethods<F extends Form, Fd extends unknown[]> {
  /** The file reaches `to` afterwards unless `keepSize`; what was a hole stays one. */
  allocate: Method<F, [...Fd, from: number, to: number, options?: AllocateOptions], void>;
  /** Copies up to `length` bytes, sharing pages where both offsets allow it; gives how many. */
  copyRange: Method<
    F,
    [...Fd, offset: number, target: number | FileHandle, targetOffset: number, length: number],
    number
  >;
  /** Makes `[from, to)` a hole and gives its pages back; the size stays. */
  punchHole: Method<F, [...Fd, from: number, to: number], void>;
  read: Read<F, Fd>;
  readv: Readv<F, Fd>;
  /** The next byte of data at or after `offset`; ENXIO if none follows. */
  seekData: Method<F, [...Fd, offset: number], number>;
  /** The next hole at or after `offset`; the end counts as one. */
  seekHole: Method<F, [...Fd, offset: number], number>;
  write: Write<F, Fd>;
  writev: Writev<F, Fd>;
  /** Makes `[from, to)` read as zeros; the file reaches `to` afterwards unless `keepSize`. */
  zeroRange: Method<F, [...Fd, from: number, to: number, options?: AllocateOptions], void>;
}

export interface DescriptorMethods<F extends Form> extends OpenMethods<F, [fd: number]> {
  close: Method<F, [fd: number], void>;
  fchmod: Method<F, [fd: number, mode: Mode], void>;
  fchown: Method<F, [fd: number, uid: number, gid: number], void>;
  fdatasync: Method<F, [fd: number], void>;
  fstat: Stat<F, [fd: number]>;
  /** Commits the pool: what was done before, by whatever handle, is durable afterwards. */
  fsync: Method<F, [fd: number], void>;
  ftruncate: Method<F, [fd: number, length?: number | null], void>;
  futimes: Method<F, [fd: number, atime: TimeLike, mtime: TimeLike], void>;
}

export interface HandleMethods extends OpenMethods<'promises', []> {
  appendFile: Method<'promises', [data: Data, options?: WriteFileOptions | Encoding | null], void>;
  chmod: Method<'promises', [mode: Mode], void>;
  chown: Method<'promises', [uid: number, gid: number], void>;
  datasync: Method<'promises', [], void>;
  readFile: Reading<'promises', []>;
  stat: Stat<'promises', []>;
  sync: Method<'promises', [], void>;
  truncate: Method<'promises', [length?: number | null], void>;
  utimes: Method<'promises', [atime: TimeLike, mtime: TimeLike], void>;
  writeFile: Method<'promises', [data: DataSource, options?: WriteFileOptions | Encoding | null], void>;
}
