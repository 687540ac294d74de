/**
 * Real files, as commands read them.
 * A file may lie in a mount of the pool that this process serves: it must be waited for, and never be read synchronously.
 */
import { createReadStream } from 'node:fs';

/** The bytes of a file in pieces. Failures name it, as Node's do only where it is opened. */
export async function* piecesOfFile(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file) as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) Object.assign(error, { path: file });
    throw error;
  }
}
