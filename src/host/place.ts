/**
 * A directory of the host while byre works in it: held open, so that its entries are reached through the directory itself and
 * never through a path that somebody has meanwhile led elsewhere. Where the host has no /proc, paths have to do.
 * Callers must close every place that they opened, and must not keep an `access` path beyond that.
 */
import { closeSync, constants, type Dirent, existsSync, openSync, readdirSync } from 'node:fs';
import type { FileType } from '../files/ops/record.ts';
import { type ByteString, hostPath, joinPath } from './names.ts';
import { native } from './native.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
/** Only on Linux; there, only for files that are ours. */
const O_NOATIME = constants.O_NOATIME ?? 0;

/** Opening by a descriptor's path needs it; asked once. */
const hasDescriptorPaths = existsSync('/proc/self/fd');

/** Opens for reading without a trace in the access time, where that is allowed. Never follows a link, never waits for a writer. */
export function openForReading(path: ByteString, more = 0): number {
  return openUnseen(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | more);
}

function openUnseen(path: ByteString, flags: number): number {
  try {
    return openSync(hostPath(path), flags | O_NOATIME);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM' || O_NOATIME === 0) throw error;
    return openSync(hostPath(path), flags);
  }
}

export interface HostEntry {
  readonly name: ByteString;
  /** As far as the host tells it for nothing. */
  readonly type: FileType | undefined;
}

/** By the type that `getdents` gives. */
const listedTypes: Readonly<Record<number, FileType>> = { 4: 'directory', 8: 'file', 10: 'symlink' };

function typeOfDirent(entry: Dirent): FileType | undefined {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'symlink' : undefined;
}

export class Place {
  readonly parent: Place | undefined;
  /** From where the work began: empty for that directory itself. */
  readonly path: ByteString;
  readonly hostPath: ByteString;
  /** The branch's inode that stands for this directory. */
  readonly inode: number;
  readonly #name: ByteString;
  #descriptor = -1;

  private constructor(
    parent: Place | undefined,
    name: ByteString,
    path: ByteString,
    hostPath: ByteString,
    inode: number,
  ) {
    this.parent = parent;
    this.#name = name;
    this.path = path;
    this.hostPath = hostPath;
    this.inode = inode;
  }

  static top(hostPath: ByteString, inode: number): Place {
    return new Place(undefined, '', '', hostPath, inode);
  }

  below(name: ByteString, inode: number): Place {
    return new Place(this, name, joinPath(this.path, name), `${this.hostPath}/${name}`, inode);
  }

  /** A path of this very directory, open from now on. */
  access(): ByteString {
    if (!hasDescriptorPaths) return this.hostPath;
    if (this.#descriptor < 0) {
      // The directory where all begins was named by the caller, who may have meant a symbolic link.
      this.#descriptor =
        this.parent === undefined
          ? openUnseen(this.hostPath, O_RDONLY | O_DIRECTORY)
          : openForReading(`${this.parent.access()}/${this.#name}`, O_DIRECTORY);
    }
    return `/proc/self/fd/${this.#descriptor}`;
  }

  /** A path of an entry that goes through this very directory. */
  accessTo(name: ByteString): ByteString {
    return `${this.access()}/${name}`;
  }

  /** A path of this directory as its parent has it: for what concerns the entry, not what lies in it. */
  outside(): ByteString {
    return this.parent === undefined ? this.hostPath : this.parent.accessTo(this.#name);
  }

  /**
   * What lies in it. Node's own listing opens the directory anew, and leaves a trace in its access time; where the system's call is
   * there, none is left, if it can be opened so.
   */
  list(): HostEntry[] {
    const listDirectory = hasDescriptorPaths ? native()?.listDirectory : undefined;
    if (listDirectory !== undefined) {
      this.access();
      return listDirectory(this.#descriptor).map(({ name, type }) => ({ name, type: listedTypes[type] }));
    }
    const entries = readdirSync(hostPath(this.access()), { encoding: 'latin1', withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, type: typeOfDirent(entry) }));
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  /** Closes this directory and all above it. */
  closeAll(): void {
    for (let at: Place | undefined = this; at !== undefined; at = at.parent) at.close();
  }
}
