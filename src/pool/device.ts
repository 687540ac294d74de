/**
 * A device is where a pool's pages live: a plain array of bytes that can be read, written, resized and flushed.
 * Callers must not assume that a write is durable, or even whole, before a later `flush` has returned.
 *
 * A device has the synchronous methods, the asynchronous `perform`, or both. The runners prefer the synchronous ones for
 * reads and writes (no promise on the hot path) and the asynchronous one for flushes (other work goes on meanwhile).
 */

/** One step that the pool asks of a device. Offsets and lengths are bytes; a write's pieces lie one after another from `offset`. */
export type DeviceRequest =
  | { readonly kind: 'read'; readonly offset: number; readonly target: Uint8Array }
  | { readonly kind: 'write'; readonly offset: number; readonly pieces: readonly Uint8Array[] }
  | { readonly kind: 'resize'; readonly bytes: number }
  | { readonly kind: 'flush' };

export interface Device {
  /** What error messages call it: a path, or a word such as `memory`. */
  readonly name: string;
  readonly readOnly: boolean;
  /** Present size in bytes. */
  readonly bytes: number;
  /** Carries the request out before returning. A read beyond the end leaves zeros in the target. Absent on devices that can only wait. */
  performSync?(request: DeviceRequest): void;
  /** Carries the request out; the request's arrays stay untouched by the caller until the promise settles. */
  perform(request: DeviceRequest): Promise<void>;
  closeSync?(): void;
  close(): Promise<void>;
}
