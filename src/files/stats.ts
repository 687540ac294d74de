/**
 * What `stat` and listings give: Stats, BigIntStats, StatFs and Dirent in node's shape.
 * Instances are plain snapshots: nothing in them may lead back to the branch.
 */
import { PAGE_BYTES } from '../core/bytes.ts';
import { constants } from './constants.ts';
import type { Attributes } from './ops/attributes.ts';
import type { FileType } from './ops/record.ts';
import type { Time } from './ops/view.ts';

const typeBits: Readonly<Record<FileType, number>> = {
  file: constants.S_IFREG,
  directory: constants.S_IFDIR,
  symlink: constants.S_IFLNK,
  fifo: constants.S_IFIFO,
  character: constants.S_IFCHR,
  block: constants.S_IFBLK,
  socket: constants.S_IFSOCK,
};

/** What `st_blocks` counts in. */
const BLOCK_BYTES = 512;

function milliseconds(time: Time): number {
  return time.seconds * 1000 + time.nanoseconds / 1_000_000;
}

function nanoseconds(time: Time): bigint {
  return BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanoseconds);
}

/** Towards the past, also before 1970. */
function wholeMilliseconds(time: Time): number {
  return time.seconds * 1000 + Math.floor(time.nanoseconds / 1_000_000);
}

export interface StatsMethods {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
}

export class Stats implements StatsMethods {
  readonly dev: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly blksize: number;
  readonly ino: number;
  readonly size: number;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;

  constructor(attributes: Attributes, device: number) {
    this.dev = device;
    this.mode = typeBits[attributes.type] | attributes.mode;
    this.nlink = attributes.links;
    this.uid = attributes.uid;
    this.gid = attributes.gid;
    this.rdev = attributes.device;
    this.blksize = PAGE_BYTES;
    this.ino = attributes.inode;
    this.size = attributes.size;
    this.blocks = attributes.pages * (PAGE_BYTES / BLOCK_BYTES);
    this.atimeMs = milliseconds(attributes.accessTime);
    this.mtimeMs = milliseconds(attributes.modifyTime);
    this.ctimeMs = milliseconds(attributes.changeTime);
    this.birthtimeMs = milliseconds(attributes.birthTime);
  }

  get atime(): Date {
    return new Date(Math.round(this.atimeMs));
  }

  get mtime(): Date {
    return new Date(Math.round(this.mtimeMs));
  }

  get ctime(): Date {
    return new Date(Math.round(this.ctimeMs));
  }

  get birthtime(): Date {
    return new Date(Math.round(this.birthtimeMs));
  }

  isFile(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFREG;
  }

  isDirectory(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFDIR;
  }

  isSymbolicLink(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFLNK;
  }

  isFIFO(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFIFO;
  }

  isSocket(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFSOCK;
  }

  isBlockDevice(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFBLK;
  }

  isCharacterDevice(): boolean {
    return (this.mode & constants.S_IFMT) === constants.S_IFCHR;
  }
}

/** {@link Stats} in bigints, with nanoseconds. */
export interface BigIntStats extends StatsMethods {
  readonly dev: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly rdev: bigint;
  readonly blksize: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly blocks: bigint;
  readonly atimeMs: bigint;
  readonly mtimeMs: bigint;
  readonly ctimeMs: bigint;
  readonly birthtimeMs: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;
  readonly atime: Date;
  readonly mtime: Date;
  readonly ctime: Date;
  readonly birthtime: Date;
}

/** Its methods are those of {@link Stats}, over a mode that converts. */
const bigIntMethods = Object.fromEntries(
  (
    ['isFile', 'isDirectory', 'isSymbolicLink', 'isFIFO', 'isSocket', 'isBlockDevice', 'isCharacterDevice'] as const
  ).map((name) => [
    name,
    function (this: BigIntStats): boolean {
      return Stats.prototype[name].call({ mode: Number(this.mode) } as Stats);
    },
  ]),
);

export function bigIntStats(attributes: Attributes, device: number): BigIntStats {
  const stats: Record<string, unknown> = Object.create(bigIntMethods);
  for (const [name, value] of Object.entries(new Stats(attributes, device))) {
    if (!name.endsWith('Ms')) stats[name] = BigInt(value);
  }
  const times = {
    atime: attributes.accessTime,
    mtime: attributes.modifyTime,
    ctime: attributes.changeTime,
    birthtime: attributes.birthTime,
  };
  for (const [name, time] of Object.entries(times)) {
    stats[`${name}Ms`] = BigInt(wholeMilliseconds(time));
    stats[`${name}Ns`] = nanoseconds(time);
    stats[name] = new Date(Math.round(milliseconds(time)));
  }
  return stats as unknown as BigIntStats;
}

/** One name in a directory and what kind of thing it is. */
export class Dirent<Name = string> implements StatsMethods {
  readonly name: Name;
  /** The directory, as it was asked for. */
  readonly parentPath: string;
  readonly #type: FileType;

  constructor(name: Name, parentPath: string, type: FileType) {
    this.name = name;
    this.parentPath = parentPath;
    this.#type = type;
  }

  /** Node's older name for {@link parentPath}. */
  get path(): string {
    return this.parentPath;
  }

  isFile(): boolean {
    return this.#type === 'file';
  }

  isDirectory(): boolean {
    return this.#type === 'directory';
  }

  isSymbolicLink(): boolean {
    return this.#type === 'symlink';
  }

  isFIFO(): boolean {
    return this.#type === 'fifo';
  }

  isSocket(): boolean {
    return this.#type === 'socket';
  }

  isBlockDevice(): boolean {
    return this.#type === 'block';
  }

  isCharacterDevice(): boolean {
    return this.#type === 'character';
  }
}

/** How much room there is. */
export interface StatFs<N = number> {
  readonly type: N;
  readonly bsize: N;
  readonly blocks: N;
  readonly bfree: N;
  readonly bavail: N;
  readonly files: N;
  readonly ffree: N;
}
