/**
 * The two loops that carry requests from the kernel to the server and answers back: one that blocks its thread, and one that
 * lives in the event loop. Callers must run one loop at a time per descriptor, and must not touch the server while it blocks.
 *
 * Blocking costs half the time per request, but nothing else runs in the thread: no timers, no sockets, no promises. A ring
 * of the bell (`bell.ts`), from any thread, brings a request along, so that the loop looks up.
 */
import { read, readSync, writeSync } from 'node:fs';
import { REPLY_HEADER_BYTES } from '../codec/protocol.ts';
import type { Server } from '../server/server.ts';

/** Why a loop ended: the mount is gone, or it was told to. */
export type LoopEnd = 'unmounted' | 'told';

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** True if reading simply goes on: the request that was to be read was taken back, or a signal came. False at the mount's end. */
function goesOn(error: unknown): boolean {
  const code = codeOf(error);
  if (code === 'ENODEV' || code === 'ECONNABORTED') return false;
  if (code === 'ENOENT' || code === 'EINTR' || code === 'EAGAIN') return true;
  throw error;
}

/** What a reply may meet without harm: whoever asked has gone, the mount has, or the kernel does not like the answer. */
const HARMLESS: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENODEV', 'EINTR', 'EINVAL', 'ECONNABORTED']);

/** Sends the reply that the server has built. */
function send(descriptor: number, bytes: Uint8Array, length: number): void {
  try {
    writeSync(descriptor, bytes, 0, length);
  } catch (error) {
    if (!HARMLESS.has(codeOf(error))) throw error;
  }
}

/** Lets the server answer `fsync` later. */
export function answerLater(descriptor: number, server: Server): void {
  server.sendLater = (uniqueLow, uniqueHigh, failure) => {
    const bytes = new Uint8Array(REPLY_HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, REPLY_HEADER_BYTES, true);
    view.setInt32(4, -failure, true);
    view.setUint32(8, uniqueLow, true);
    view.setUint32(12, uniqueHigh, true);
    send(descriptor, bytes, REPLY_HEADER_BYTES);
  };
}

/** Serves until the mount is gone or `until` says that it is enough, asked before every request. */
export function serveBlocking(descriptor: number, server: Server, until: () => boolean): LoopEnd {
  const { request, reply } = server;
  const buffer = request.bytes;
  while (!until()) {
    let received: number;
    try {
      received = readSync(descriptor, buffer, 0, buffer.length, null);
    } catch (error) {
      if (goesOn(error)) continue;
      return 'unmounted';
    }
    const length = server.handle(received);
    if (length > 0) send(descriptor, reply.bytes, length);
  }
  return 'told';
}

/** Serves in the event loop until the mount is gone or `until` says that it is enough, asked after every request. */
export function serveEvents(descriptor: number, server: Server, until: () => boolean): Promise<LoopEnd> {
  const { request, reply } = server;
  const buffer = request.bytes;
  return new Promise((resolve, reject) => {
    const next = (): void => read(descriptor, buffer, 0, buffer.length, null, received);
    const received = (error: NodeJS.ErrnoException | null, bytes: number): void => {
      try {
        if (error === null) {
          const length = server.handle(bytes);
          if (length > 0) send(descriptor, reply.bytes, length);
        } else if (!goesOn(error)) {
          resolve('unmounted');
          return;
        }
      } catch (failure) {
        reject(failure);
        return;
      }
      if (until()) resolve('told');
      else next();
    };
    next();
  });
}
