/**
 * The public entry of the files face: `byre/files`.
 * Nothing else of this folder is public, and nothing may import this file but the package's entries.
 */
export type { Mode, TimeLike } from './arguments.ts';
export { constants } from './constants.ts';
export type { FilesOptions } from './context.ts';
export { Dir } from './directory.ts';
export {
  checkFiles,
  checkFilesSync,
  compareFiles,
  compareFilesSync,
  type FileChange,
  type FilesProblem,
  pathOfKey,
  textOf,
} from './examine.ts';
export { createFiles, type Files, type FilesPromises, filesOf, type WatchOptions } from './files.ts';
export type { FileHandle } from './handle.ts';
export type { ShownFileKey } from './in-transaction.ts';
export * as filesInTransaction from './in-transaction.ts';
export { type FileKeyConflict, type FilesMergeOptions, isFileConflict, settleFiles } from './merge.ts';
export type { ConflictVersion, FileConflict, FileConflictKind, Strategy } from './ops/merge/conflict.ts';
export type { PathLike } from './path.ts';
export type { Bytes, Encoding } from './platform.ts';
export { type BigIntStats, Dirent, type StatFs, Stats } from './stats.ts';
export type { ReadStream, WriteStream } from './streams.ts';
export type { FSWatcher, StatWatcher, WatchEvent } from './watch.ts';
