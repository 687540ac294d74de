/**
 * The one error class of byre, its closed set of codes, and the two kinds of assertion.
 * Callers must not throw anything else out of byre, and must not parse messages: `code` and `details` are the interface.
 */

/** Codes that byre itself defines. */
export type ByreCode =
  | 'BAD_ARGUMENT' // a call's arguments are unusable
  | 'BAD_KEY' // a key is empty or longer than the tree allows
  | 'CLOSED' // the handle or the pool is closed
  | 'CONFLICT' // two changes cannot both stand
  | 'DAMAGED' // stored bytes are not what was written
  | 'EXISTS' // a branch or pool of that name is there already
  | 'INTERNAL' // a broken invariant: a bug in byre
  | 'LOCKED' // another process writes the pool
  | 'NOT_A_POOL' // the file is not a byre pool
  | 'NO_COMMON_BASE' // two branches share no history to merge from
  | 'NO_SUCH_BRANCH' // no branch or snapshot has that name
  | 'NO_SUCH_POOL' // no pool is there
  | 'POISONED' // an earlier write or flush failed; open the pool again
  | 'READ_ONLY' // a snapshot, or a pool opened for reading, was to be written
  | 'STALE' // a reader's commit has been overwritten by the writer; refresh it
  | 'UNSUPPORTED' // this platform or format version cannot do it
  | 'VALUE_TOO_LARGE'; // a value does not fit where it was put

/** errno codes that byre raises, with Linux numbers (negated, as Node has them in `errno`). */
export const errnoNumbers = {
  E2BIG: -7,
  EACCES: -13,
  EAGAIN: -11,
  EBADF: -9,
  EBUSY: -16,
  EDQUOT: -122,
  EEXIST: -17,
  EFBIG: -27,
  EINTR: -4,
  EINVAL: -22,
  EIO: -5,
  EISDIR: -21,
  ELOOP: -40,
  EMFILE: -24,
  EMLINK: -31,
  ENAMETOOLONG: -36,
  ENODATA: -61,
  ENODEV: -19,
  ENOENT: -2,
  ENOSPC: -28,
  ENOSYS: -38,
  ENOTDIR: -20,
  ENOTEMPTY: -39,
  ENOTSUP: -95,
  ENXIO: -6,
  EOVERFLOW: -75,
  EPERM: -1,
  EPIPE: -32,
  ERANGE: -34,
  EROFS: -30,
  ESPIPE: -29,
  ESTALE: -116,
  ETXTBSY: -26,
  EXDEV: -18,
} as const;

export type ErrnoCode = keyof typeof errnoNumbers;
export type ErrorCode = ByreCode | ErrnoCode;

export interface ErrorOptions {
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  readonly syscall?: string;
  readonly path?: string;
  readonly dest?: string;
}

const mark = Symbol.for('byre.error');

/** Every failure that byre reports. `errno`, `syscall`, `path` and `dest` are there where `node:fs` would have them. */
export class ByreError extends Error {
  override readonly name = 'ByreError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  readonly errno?: number;
  readonly syscall?: string;
  readonly path?: string;
  readonly dest?: string;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    if (code in errnoNumbers) this.errno = errnoNumbers[code as ErrnoCode];
    if (options.syscall !== undefined) this.syscall = options.syscall;
    if (options.path !== undefined) this.path = options.path;
    if (options.dest !== undefined) this.dest = options.dest;
    Object.defineProperty(this, mark, { value: true });
  }
}

/** True for a ByreError of this or any other copy of the library in the process. */
export function isByreError(value: unknown): value is ByreError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[mark] === true;
}

/** An O(1) invariant, always on. `message` must be a constant: building it must cost nothing. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ByreError('INTERNAL', message);
}

let verifying = false;

/** Turns the expensive invariants of {@link verify} on or off; tests turn them on. */
export function setVerifying(on: boolean): void {
  verifying = on;
}

/** An invariant too expensive for every call: evaluated only while verifying is on. */
export function verify(condition: () => boolean, message: string): void {
  if (verifying && !condition()) throw new ByreError('INTERNAL', message);
}
