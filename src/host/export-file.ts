/**
 * Writes one inode of a branch to the host: content with its holes, then owner, mode, extended attributes and times, in this order,
 * because each may undo what came before it.
 * Callers must have made sure that the name is free: nothing is ever replaced or followed here.
 */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  lutimesSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { isByreError } from '../errors.ts';
import type { Attributes } from '../files/ops/attributes.ts';
import { read } from '../files/ops/content.ts';
import { seekStep } from '../files/ops/holes.ts';
import { CONTENT_BYTES } from '../files/ops/keys.ts';
import { readLink } from '../files/ops/link.ts';
import type { FileType } from '../files/ops/record.ts';
import type { Time, View } from '../files/ops/view.ts';
import { listXattrs } from '../files/ops/xattrs.ts';
import type { Run } from './memory.ts';
import { type ByteString, hostPath } from './names.ts';
import { native } from './native.ts';
import type { Seen } from './record.ts';
import { type HostStat, nanosecondsOf, statDescriptor, statHost } from './stat.ts';
import { exportXattrs } from './xattrs.ts';

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, COPYFILE_EXCL, COPYFILE_FICLONE_FORCE } = constants;
const OWNER_WRITES = 0o200;
const PAGE_BYTES = 4096;
/** Smaller files are written quicker than cloned. */
const CLONED_BYTES = 64 * 1024;

const typeBits: Partial<Record<FileType, number>> = {
  fifo: 0o010000,
  character: 0o020000,
  block: 0o060000,
  socket: 0o140000,
};

/** A real file that an inode was imported from, and what it was like. */
export interface Original {
  readonly path: ByteString;
  readonly seen: Seen;
}

export interface WrittenFile {
  readonly stat: HostStat;
  /** What could not be carried over, in words for people. */
  readonly lost: readonly string[];
}

/** Seconds for `utimes` of Node, which keeps about 200 nanoseconds; only where the host's own call is out of reach. */
const secondsOf = (time: Time) => time.seconds + time.nanoseconds / 1e9;

export class FileWriter {
  readonly #view: View;
  readonly #run: Run;
  readonly #buffer = Buffer.alloc(CONTENT_BYTES);
  readonly #umask = process.umask();
  readonly #uid = process.geteuid?.() ?? 0;
  readonly #gid = process.getegid?.() ?? 0;
  bytesWritten = 0;
  #canClone = true;

  constructor(view: View, run: Run) {
    this.#view = view;
    this.#run = run;
  }

  /** Makes a regular file, or whatever else that is no directory. `path` must be free. */
  write(inode: number, attributes: Attributes, path: ByteString, original?: Original): WrittenFile {
    if (attributes.type === 'file') return this.#writeRegular(inode, attributes, path, original);
    if (attributes.type === 'symlink') {
      symlinkSync(Buffer.from(this.#run(() => readLink(this.#view, inode))), hostPath(path));
    } else {
      const calls = native();
      if (calls === undefined) throw unsupported(path);
      calls.makeNode(path, (typeBits[attributes.type] ?? 0) | (attributes.mode & 0o777), attributes.device);
    }
    const lost = this.finish(inode, attributes, path, true);
    return { stat: statHost(path)!, lost };
  }

  /**
   * Gives what lies at `path` the inode's owner, extended attributes, times and mode. `inside` is a path that goes through a
   * directory itself; the mode comes last, as it may close the directory.
   */
  finish(inode: number, attributes: Attributes, path: ByteString, isNew: boolean, inside = path): string[] {
    const { uid, gid, mode, type } = attributes;
    const lost: string[] = [];
    const stat = statHost(path)!;
    if (stat.uid !== uid || stat.gid !== gid) {
      if (this.#uid === 0) lchownSync(hostPath(path), uid, gid);
      else lost.push(`owner ${uid}:${gid}`);
    }
    if (type !== 'symlink') {
      const names = exportXattrs(this.#view, this.#run, inode, inside, isNew);
      if (names.length > 0) lost.push(`attributes ${names.join(', ')}`);
    }
    this.setTimes(path, attributes);
    if (type !== 'symlink') chmodSync(hostPath(inside), mode);
    return lost;
  }

  setTimes(path: ByteString, { accessTime, modifyTime }: Pick<Attributes, 'accessTime' | 'modifyTime'>): void {
    const calls = native();
    if (calls !== undefined) calls.setTimes(path, nanosecondsOf(accessTime), nanosecondsOf(modifyTime));
    else lutimesSync(hostPath(path), secondsOf(accessTime), secondsOf(modifyTime));
  }

  /** Shares the blocks of a real file that is still what was imported; false where that cannot be. */
  #clone(original: Original, path: ByteString): boolean {
    if (!this.#canClone) return false;
    try {
      copyFileSync(hostPath(original.path), hostPath(path), COPYFILE_EXCL | COPYFILE_FICLONE_FORCE);
    } catch {
      // Another file system, or one that cannot: it will not be otherwise for the next file.
      this.#canClone = false;
      rmSync(hostPath(path), { force: true });
      return false;
    }
    const stat = statHost(original.path);
    const { seen } = original;
    if (
      stat !== undefined &&
      stat.inode === seen.hostInode &&
      stat.size === seen.size &&
      stat.modifyTime === seen.modifyTime &&
      stat.changeTime === seen.changeTime
    ) {
      return true;
    }
    rmSync(hostPath(path), { force: true });
    return false;
  }

  #writeRegular(inode: number, attributes: Attributes, path: ByteString, original?: Original): WrittenFile {
    const { uid, gid, mode, size } = attributes;
    const hasXattrs = this.#run(() => listXattrs(this.#view, inode)).length > 0;
    const first = hasXattrs ? mode | OWNER_WRITES : mode;
    const isClone = original !== undefined && size >= CLONED_BYTES && this.#clone(original, path);
    if (isClone) chmodSync(hostPath(path), OWNER_WRITES);
    const flags = isClone ? O_WRONLY | O_NOFOLLOW : O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    const descriptor = openSync(hostPath(path), flags, first & 0o777);
    const lost: string[] = [];
    try {
      if (!isClone) this.#writeContent(inode, attributes, descriptor);
      let isModeRight = !isClone && (first & 0o777 & ~this.#umask) === mode;
      // A directory with the sgid bit gives its files its own group.
      const { uid: uidNow, gid: gidNow } =
        this.#uid === uid && this.#gid === gid ? this.#quickOwner(descriptor) : { uid: -1, gid: -1 };
      if (uidNow !== uid || gidNow !== gid) {
        if (this.#uid === 0) {
          fchownSync(descriptor, uid, gid);
          isModeRight = false;
        } else lost.push(`owner ${uid}:${gid}`);
      }
      if (hasXattrs) {
        const names = exportXattrs(this.#view, this.#run, inode, path, true);
        if (names.length > 0) lost.push(`attributes ${names.join(', ')}`);
      }
      if (!isModeRight) fchmodSync(descriptor, mode);
      if (native() === undefined)
        futimesSync(descriptor, secondsOf(attributes.accessTime), secondsOf(attributes.modifyTime));
      else this.setTimes(path, attributes);
      return { stat: statDescriptor(descriptor), lost };
    } finally {
      closeSync(descriptor);
    }
  }

  #quickOwner(descriptor: number): { uid: number; gid: number } {
    if (!this.groupMayDiffer) return { uid: this.#uid, gid: this.#gid };
    return fstatSync(descriptor);
  }

  /** Set while files are made in a directory that passes its group on. */
  groupMayDiffer = false;

  #writeContent(inode: number, { size, pages }: Attributes, descriptor: number): void {
    if (size === 0) return;
    if (pages * PAGE_BYTES >= size) {
      this.#copy(inode, descriptor, 0, size);
      return;
    }
    let end = 0;
    for (let at = 0; at < size; ) {
      const from = this.#seek(inode, at, size, 'data');
      if (from >= size) break;
      end = this.#seek(inode, from, size, 'hole');
      this.#copy(inode, descriptor, from, end);
      at = end;
    }
    if (end < size) ftruncateSync(descriptor, size);
  }

  #copy(inode: number, descriptor: number, from: number, to: number): void {
    for (let at = from; at < to; ) {
      const offset = at;
      const target = to - at < this.#buffer.length ? this.#buffer.subarray(0, to - at) : this.#buffer;
      const length = this.#run(() => read(this.#view, inode, offset, target));
      if (length === 0) return;
      let done = 0;
      while (done < length) done += writeSync(descriptor, this.#buffer, done, length - done, at + done);
      at += length;
      this.bytesWritten += length;
    }
  }

  #seek(inode: number, from: number, size: number, what: 'data' | 'hole'): number {
    for (let at = from; ; ) {
      const start = at;
      const { offset, found } = this.#run(() => {
        try {
          return seekStep(this.#view, inode, start, what);
        } catch (error) {
          if (isByreError(error) && error.code === 'ENXIO') return { offset: size, found: true };
          throw error;
        }
      });
      if (found) return offset;
      at = offset;
    }
  }
}

function unsupported(path: ByteString): Error {
  const error: NodeJS.ErrnoException = new Error(
    'making device nodes, fifos and sockets needs the optional package koffi',
  );
  error.code = 'ENOTSUP';
  error.syscall = 'mknod';
  error.path = path;
  return error;
}
