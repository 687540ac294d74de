/**
 * Standard output and error written at once, and input that ends when the command is interrupted.
 * Callers must not write to these descriptors by other means while a command runs. A reader that is slow holds the process up: that is wanted.
 */
import { writeSync } from 'node:fs';
import { messageOf } from './reason.ts';
import { CommandFailure, Status } from './session.ts';

const PIPE_CLOSED = 141;
const RETRY_MS = 2;

const encoder = new TextEncoder();
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes all of it. Not by `process.stdout`: where that is a pipe it keeps what the reader has not taken, without bounds, and loses
 * it at `process.exit`.
 */
export function writeWhole(descriptor: 1 | 2, text: string | Uint8Array): void {
  const bytes = typeof text === 'string' ? encoder.encode(text) : text;
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Whoever reads has had enough, as `head` has.
      if (code === 'EPIPE') process.exit(PIPE_CLOSED);
      // Somebody else has made the pipe a non-blocking one.
      if (code !== 'EAGAIN') {
        // Where errors cannot be written, there is nowhere to say so.
        if (descriptor === 2) return;
        throw new CommandFailure(`standard output cannot be written: ${messageOf(error as Error)}`, Status.refused);
      }
      Atomics.wait(sleeper, 0, 0, RETRY_MS);
    }
  }
}

/** The input, until it ends or the signal says stop: then it throws. */
export async function* abortable(input: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stop = new Promise<never>((_, reject) => {
    const end = (): void => reject(signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
  // It may well be that nobody waits for it when it comes.
  stop.catch(() => {});
  const pieces = input[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await Promise.race([pieces.next(), stop]);
    if (done === true) return;
    yield value;
  }
}
