/**
 * Reads and writes of a file that are whole when they return: `node:fs` may do part of what is asked, and says how much.
 * Callers must not use the file position, which these leave alone, nor close `fd` before they have settled.
 */
import * as fs from 'node:fs';
import { assert } from '../errors.ts';

/** IOV_MAX on every system Node runs on. */
const MAXIMUM_PIECES = 1024;
/** Node refuses to read more than 2^31 - 1 bytes in one call. */
const MAXIMUM_READ_BYTES = 2 ** 30;

/** Beyond the end of the file, the target is filled with zeros. */
export function readWholeSync(fd: number, offset: number, target: Uint8Array): void {
  let done = 0;
  while (done < target.length) {
    const count = retriedSync(() => fs.readSync(fd, target, done, readBytes(target, done), offset + done));
    if (count === 0) break;
    done += count;
  }
  target.fill(0, done);
}

/** {@link readWholeSync}, waiting. */
export async function readWhole(fd: number, offset: number, target: Uint8Array): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const count = await retried((settle) => fs.read(fd, target, done, readBytes(target, done), offset + done, settle));
    if (count === 0) break;
    done += count;
  }
  target.fill(0, done);
}

/** Writes the pieces one after another from `offset` on. A failure leaves an unknown part of them written. */
export function writeWholeSync(fd: number, offset: number, pieces: readonly Uint8Array[]): void {
  const rest = new Pieces(offset, pieces);
  while (!rest.isDone) rest.advance(retriedSync(() => fs.writevSync(fd, rest.next(), rest.offset)));
}

/** {@link writeWholeSync}, waiting. */
export async function writeWhole(fd: number, offset: number, pieces: readonly Uint8Array[]): Promise<void> {
  const rest = new Pieces(offset, pieces);
  while (!rest.isDone) rest.advance(await retried((settle) => fs.writev(fd, rest.next(), rest.offset, settle)));
}

function readBytes(target: Uint8Array, done: number): number {
  return Math.min(target.length - done, MAXIMUM_READ_BYTES);
}

/** What is left of a write: pieces that lie one after another, taken off as the system writes them. */
class Pieces {
  offset: number;
  readonly #pieces: readonly Uint8Array[];
  #index = 0;
  /** Bytes already written of the piece at `#index`. */
  #skipped = 0;

  constructor(offset: number, pieces: readonly Uint8Array[]) {
    this.offset = offset;
    this.#pieces = pieces;
    this.#skipWritten();
  }

  get isDone(): boolean {
    return this.#index === this.#pieces.length;
  }

  /** As many pieces as one call takes. */
  next(): Uint8Array[] {
    const some = this.#pieces.slice(this.#index, this.#index + MAXIMUM_PIECES);
    if (this.#skipped > 0) some[0] = some[0].subarray(this.#skipped);
    return some;
  }

  advance(count: number): void {
    assert(count > 0, 'a write must make progress');
    this.offset += count;
    this.#skipped += count;
    this.#skipWritten();
  }

  #skipWritten(): void {
    while (this.#index < this.#pieces.length && this.#skipped >= this.#pieces[this.#index].length) {
      this.#skipped -= this.#pieces[this.#index].length;
      this.#index++;
    }
  }
}

/** A system call that a signal interrupted has done nothing, and is made again. */
function retriedSync(call: () => number): number {
  for (;;) {
    try {
      return call();
    } catch (caught) {
      if ((caught as NodeJS.ErrnoException).code !== 'EINTR') throw caught;
    }
  }
}

type Settle<T> = (error: NodeJS.ErrnoException | null, result: T) => void;

/** The answer of one callback-style call. */
export function promised<T = void>(call: (settle: Settle<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

async function retried(call: (settle: Settle<number>) => void): Promise<number> {
  for (;;) {
    try {
      return await promised(call);
    } catch (caught) {
      if ((caught as NodeJS.ErrnoException).code !== 'EINTR') throw caught;
    }
  }
}
