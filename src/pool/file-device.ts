/**
 * A device that is one file, by `node:fs`. What a pool writes is durable once a later `flush` has returned.
 * Callers must not open one file for writing twice (see lock.ts), must not write beyond the device's size, and after a failed
 * write or flush must not believe any byte written since the last good flush.
 */
import * as fs from 'node:fs';
import { dirname, resolve as resolvePath } from 'node:path';
import { assert, ByreError } from '../errors.ts';
import type { Device, DeviceRequest } from './device.ts';
import { promised, readWhole, readWholeSync, writeWhole, writeWholeSync } from './file-calls.ts';
import { fileError } from './file-error.ts';

export interface FileDeviceOptions {
  /** Nothing is written; another process may be writing meanwhile. */
  readonly readOnly?: boolean;
  /** Makes the file if it is missing. */
  readonly create?: boolean;
}

export type FileDevice = Device &
  Required<Pick<Device, 'performSync' | 'closeSync'>> & {
    /** The file was missing and has been made: it has no bytes yet. */
    readonly created: boolean;
  };

const OPTION_NAMES: readonly string[] = ['readOnly', 'create'] satisfies (keyof FileDeviceOptions)[];

/** Opens, and with `create` makes, the file. */
export function fileDevice(path: string, options: FileDeviceOptions = {}): FileDevice {
  for (const key of Object.keys(options)) {
    if (!OPTION_NAMES.includes(key)) throw new ByreError('BAD_ARGUMENT', `fileDevice has no option '${key}'`);
  }
  const { readOnly = false, create = false } = options;
  if (readOnly && create)
    throw new ByreError('BAD_ARGUMENT', 'a file that is opened only for reading cannot be created');
  // Absolute, so that messages stay right when the working directory changes.
  const name = resolvePath(path);
  let fd: number | undefined;
  try {
    const created = create ? createFile(name) : undefined;
    fd = created ?? fs.openSync(name, readOnly ? 'r' : 'r+');
    const stat = fs.fstatSync(fd);
    if (!stat.isFile()) {
      const code = stat.isDirectory() ? 'EISDIR' : 'ENOTSUP';
      throw new ByreError(code, `cannot open ${name}: a pool lies in an ordinary file`, {
        path: name,
        syscall: 'open',
      });
    }
    return new NodeFileDevice(name, fd, readOnly, created !== undefined, stat.size);
  } catch (caught) {
    if (fd !== undefined) fs.closeSync(fd);
    throw caught instanceof ByreError ? caught : fileError(caught, create ? 'create' : 'open', name);
  }
}

/** Undefined if the file is there. Exclusive, so that of two processes that create it one knows that it did. */
function createFile(name: string): number | undefined {
  let fd: number;
  try {
    fd = fs.openSync(name, 'wx+');
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw caught;
  }
  try {
    syncDirectory(dirname(name));
  } catch (caught) {
    fs.closeSync(fd);
    throw caught;
  }
  return fd;
}

/** Makes the file's name durable: flushing the file alone keeps its bytes, but not that it is found. */
function syncDirectory(directory: string): void {
  // Windows has no such call, and journals its directories.
  if (process.platform === 'win32') return;
  const fd = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

class NodeFileDevice implements FileDevice {
  readonly name: string;
  readonly readOnly: boolean;
  readonly created: boolean;
  #fd: number;
  #bytes: number;
  /** Requests that were begun by `perform` and have not settled: closing under them could write into another file. */
  readonly #begun = new Set<Promise<void>>();
  /** How many of these change or read bytes; the rest are flushes. */
  #begunTransfers = 0;

  constructor(name: string, fd: number, readOnly: boolean, created: boolean, bytes: number) {
    this.name = name;
    this.readOnly = readOnly;
    this.created = created;
    this.#fd = fd;
    this.#bytes = bytes;
  }

  get bytes(): number {
    // A reader's file is resized by its writer.
    if (this.readOnly && this.#fd >= 0) this.#bytes = fs.fstatSync(this.#fd).size;
    return this.#bytes;
  }

  performSync(request: DeviceRequest): void {
    this.#admit(request);
    try {
      switch (request.kind) {
        case 'read':
          readWholeSync(this.#fd, request.offset, request.target);
          break;
        case 'write':
          writeWholeSync(this.#fd, request.offset, request.pieces);
          break;
        case 'resize':
          this.#admitGrowth(request.bytes);
          fs.ftruncateSync(this.#fd, request.bytes);
          this.#bytes = request.bytes;
          break;
        case 'flush':
          fs.fdatasyncSync(this.#fd);
          break;
      }
    } catch (caught) {
      throw this.#failure(caught, request);
    }
  }

  async perform(request: DeviceRequest): Promise<void> {
    this.#admit(request);
    const transfers = request.kind === 'flush' ? 0 : 1;
    const settled = this.#perform(request);
    this.#begun.add(settled);
    this.#begunTransfers += transfers;
    try {
      await settled;
    } finally {
      this.#begun.delete(settled);
      this.#begunTransfers -= transfers;
    }
  }

  async #perform(request: DeviceRequest): Promise<void> {
    const fd = this.#fd;
    try {
      switch (request.kind) {
        case 'read':
          await readWhole(fd, request.offset, request.target);
          break;
        case 'write':
          await writeWhole(fd, request.offset, request.pieces);
          break;
        case 'resize':
          this.#admitGrowth(request.bytes);
          await promised((done) => fs.ftruncate(fd, request.bytes, done));
          this.#bytes = request.bytes;
          break;
        case 'flush':
          await promised((done) => fs.fdatasync(fd, done));
          break;
      }
    } catch (caught) {
      throw this.#failure(caught, request);
    }
  }

  closeSync(): void {
    assert(this.#begunTransfers === 0, 'a device with transfers under way can only be closed by waiting');
    const fd = this.#takeFile();
    if (this.#begun.size === 0) this.#closeFile(fd);
    // A flush that somebody else has overtaken changes nothing: its descriptor is given back when it ends.
    else void Promise.allSettled(this.#begun).then(() => this.#closeFile(fd));
  }

  async close(): Promise<void> {
    const fd = this.#takeFile();
    await Promise.allSettled(this.#begun);
    this.#closeFile(fd);
  }

  /** From here on no request is admitted. */
  #takeFile(): number {
    const fd = this.#fd;
    this.#fd = -1;
    return fd;
  }

  #closeFile(fd: number): void {
    if (fd < 0) return;
    try {
      fs.closeSync(fd);
    } catch (caught) {
      throw fileError(caught, 'close', this.name);
    }
  }

  #admit(request: DeviceRequest): void {
    if (this.#fd < 0) throw new ByreError('CLOSED', `${this.name} is closed`, { path: this.name });
    if (request.kind === 'read') return;
    if (this.readOnly)
      throw new ByreError('READ_ONLY', `${this.name} was opened only for reading`, { path: this.name });
    if (request.kind === 'write') {
      let end = request.offset;
      for (const piece of request.pieces) end += piece.length;
      assert(end <= this.#bytes, 'a write must lie within the device: resize it first');
    } else if (request.kind === 'resize') {
      const { bytes } = request;
      assert(Number.isSafeInteger(bytes) && bytes >= 0, 'a device size must be a whole number of bytes');
    }
  }

  /**
   * `ftruncate` makes a hole and takes no space, so a full disk would show only when pages are written: too late to refuse
   * the operation that made them. Asking first is a race with other processes, but then only they can lose it for us.
   */
  #admitGrowth(bytes: number): void {
    const growth = bytes - this.#bytes;
    if (growth <= 0) return;
    const disk = diskOf(this.name);
    if (disk === undefined) return;
    const freeBytes = disk.bavail * disk.bsize;
    // File systems that do not know their size say zero blocks.
    if (disk.blocks === 0 || growth <= freeBytes) return;
    const message = `cannot grow ${this.name} by ${growth} bytes: its disk has ${freeBytes} bytes free; free space there (ENOSPC)`;
    const details = { growthBytes: growth, freeBytes };
    throw new ByreError('ENOSPC', message, { path: this.name, syscall: 'ftruncate', details });
  }

  #failure(caught: unknown, request: DeviceRequest): ByreError {
    if (caught instanceof ByreError) return caught;
    const at = 'offset' in request ? ` at offset ${request.offset} of` : '';
    return fileError(caught, `${request.kind}${at}`, this.name);
  }
}

function diskOf(name: string): fs.StatsFs | undefined {
  try {
    return fs.statfsSync(name);
  } catch {
    // The file may have been moved, or the system may not tell: then nothing can be said beforehand.
    return undefined;
  }
}
