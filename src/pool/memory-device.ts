/**
 * A device whose bytes live in memory, for pools that need not outlive the process. It runs anywhere, browsers included.
 * Callers must not write beyond its size: it grows by `resize` only. Closing it keeps its bytes, so that a pool on it can be
 * opened again; they are given back when nothing refers to the device any more.
 */
import { assert, ByreError } from '../errors.ts';
import type { Device, DeviceRequest } from './device.ts';

export interface MemoryDeviceOptions {
  /** What error messages call it; `memory` by default. */
  readonly name?: string;
  /** Growing beyond this fails with `ENOSPC`; no limit by default. */
  readonly limitBytes?: number;
  /** Memory is taken in pieces of this size, at their first write; 1 MiB by default. */
  readonly chunkBytes?: number;
}

const OPTION_NAMES: readonly string[] = ['name', 'limitBytes', 'chunkBytes'] satisfies (keyof MemoryDeviceOptions)[];

function resolve(options: MemoryDeviceOptions): Required<MemoryDeviceOptions> {
  for (const key of Object.keys(options)) {
    if (!OPTION_NAMES.includes(key)) throw new ByreError('BAD_ARGUMENT', `memoryDevice has no option '${key}'`);
  }
  const { name = 'memory', limitBytes = Number.MAX_SAFE_INTEGER, chunkBytes = 1024 * 1024 } = options;
  if (!Number.isSafeInteger(limitBytes) || limitBytes < 0) {
    throw new ByreError('BAD_ARGUMENT', `limitBytes must be a whole number of bytes, not ${limitBytes}`);
  }
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1) {
    throw new ByreError('BAD_ARGUMENT', `chunkBytes must be a whole number of bytes above zero, not ${chunkBytes}`);
  }
  return { name, limitBytes, chunkBytes };
}

class MemoryDevice implements Device {
  readonly name: string;
  readonly readOnly = false;
  readonly #limitBytes: number;
  readonly #chunkBytes: number;
  /** A missing chunk is all zeros, and so is every byte of a chunk from the device's end on. */
  readonly #chunks: (Uint8Array | undefined)[] = [];
  #bytes = 0;

  constructor(options: Required<MemoryDeviceOptions>) {
    this.name = options.name;
    this.#limitBytes = options.limitBytes;
    this.#chunkBytes = options.chunkBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  performSync(request: DeviceRequest): void {
    switch (request.kind) {
      case 'read':
        this.#read(request.offset, request.target);
        break;
      case 'write': {
        let offset = request.offset;
        for (const piece of request.pieces) {
          this.#write(offset, piece);
          offset += piece.length;
        }
        break;
      }
      case 'resize':
        this.#resize(request.bytes);
        break;
      case 'flush':
        break;
    }
  }

  // `async` so that a failure is a rejection, never an exception at the call.
  async perform(request: DeviceRequest): Promise<void> {
    this.performSync(request);
  }

  closeSync(): void {}

  async close(): Promise<void> {}

  #read(offset: number, target: Uint8Array): void {
    let done = 0;
    while (done < target.length) {
      const at = offset + done;
      if (at >= this.#bytes) break;
      const inChunk = at % this.#chunkBytes;
      const count = Math.min(target.length - done, this.#chunkBytes - inChunk);
      const chunk = this.#chunks[(at - inChunk) / this.#chunkBytes];
      if (chunk === undefined) target.fill(0, done, done + count);
      else target.set(chunk.subarray(inChunk, inChunk + count), done);
      done += count;
    }
    target.fill(0, done);
  }

  #write(offset: number, piece: Uint8Array): void {
    assert(offset + piece.length <= this.#bytes, 'a write must lie within the device: resize it first');
    let done = 0;
    while (done < piece.length) {
      const at = offset + done;
      const inChunk = at % this.#chunkBytes;
      const count = Math.min(piece.length - done, this.#chunkBytes - inChunk);
      const index = (at - inChunk) / this.#chunkBytes;
      this.#chunks[index] ??= new Uint8Array(this.#chunkBytes);
      this.#chunks[index].set(piece.subarray(done, done + count), inChunk);
      done += count;
    }
  }

  #resize(bytes: number): void {
    assert(Number.isSafeInteger(bytes) && bytes >= 0, 'a device size must be a whole number of bytes');
    if (bytes > this.#limitBytes) {
      throw new ByreError('ENOSPC', `${this.name} cannot grow to ${bytes} bytes: its limit is ${this.#limitBytes}`, {
        syscall: 'resize',
        details: { wantedBytes: bytes, limitBytes: this.#limitBytes },
      });
    }
    if (bytes < this.#bytes) {
      const keptChunks = Math.ceil(bytes / this.#chunkBytes);
      if (this.#chunks.length > keptChunks) this.#chunks.length = keptChunks;
      const inChunk = bytes % this.#chunkBytes;
      if (inChunk !== 0) this.#chunks[keptChunks - 1]?.fill(0, inChunk);
    }
    this.#bytes = bytes;
  }
}

/** A new device of zero bytes. */
export function memoryDevice(
  options: MemoryDeviceOptions = {},
): Device & Required<Pick<Device, 'performSync' | 'closeSync'>> {
  return new MemoryDevice(resolve(options));
}
