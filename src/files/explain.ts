/**
 * Errors as `node:fs` shows them: its texts, codes, and the system call and paths that they concern.
 * Operations must not build these themselves: they throw an errno, and the call around them is explained here.
 */
import { ByreError, type ErrnoCode, type ErrorCode, errnoNumbers, isByreError } from '../errors.ts';

/** libuv's texts. */
const texts: Readonly<Record<ErrnoCode, string>> = {
  E2BIG: 'argument list too long',
  EACCES: 'permission denied',
  EAGAIN: 'resource temporarily unavailable',
  EBADF: 'bad file descriptor',
  EBUSY: 'resource busy or locked',
  EDQUOT: 'disk quota exceeded',
  EEXIST: 'file already exists',
  EFBIG: 'file too large',
  EINTR: 'interrupted system call',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  ELOOP: 'too many symbolic links encountered',
  EMFILE: 'too many open files',
  EMLINK: 'too many links',
  ENAMETOOLONG: 'name too long',
  ENODATA: 'no data available',
  ENODEV: 'no such device',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOSYS: 'function not implemented',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  ENOTSUP: 'operation not supported on socket',
  ENXIO: 'no such device or address',
  EOVERFLOW: 'value too large for defined data type',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  ERANGE: 'result too large',
  EROFS: 'read-only file system',
  ESPIPE: 'invalid seek',
  ESTALE: 'stale file handle',
  ETXTBSY: 'text file is busy',
  EXDEV: 'cross-device link not permitted',
};

/** What was called: the name of the system call, and its paths where it has any. */
export interface Call {
  readonly syscall: string;
  readonly path?: string | undefined;
  readonly dest?: string | undefined;
}

/** An errno without a call yet: {@link calling} adds it. */
export function errno(code: ErrnoCode): ByreError {
  return new ByreError(code, texts[code]);
}

export function callError(code: ErrnoCode, call: Call, cause?: unknown): ByreError {
  const { syscall, path, dest } = call;
  const paths = path === undefined ? '' : dest === undefined ? ` '${path}'` : ` '${path}' -> '${dest}'`;
  return new ByreError(code, `${code}: ${texts[code]}, ${syscall}${paths}`, {
    syscall,
    ...(path === undefined ? {} : { path }),
    ...(dest === undefined ? {} : { dest }),
    ...(isByreError(cause) ? { details: cause.details, cause } : {}),
  });
}

/** The error with its call, if it is an errno that has none yet; anything else, faults too, as it is. */
function explained(error: unknown, call: Call): unknown {
  if (!isByreError(error) || error.syscall !== undefined || !(error.code in errnoNumbers)) return error;
  return callError(error.code as ErrnoCode, call, error);
}

/** The operation, with its failures told as those of `call`. */
export function calling<T>(call: Call, operation: () => T): () => T {
  return () => {
    try {
      return operation();
    } catch (error) {
      throw explained(error, call);
    }
  };
}

/** Codes that Node has for refusals of its own, and that users look for. */
export type NodeCode =
  | 'ABORT_ERR'
  | 'ERR_DIR_CLOSED'
  | 'ERR_FS_CP_DIR_TO_NON_DIR'
  | 'ERR_FS_CP_EEXIST'
  | 'ERR_FS_CP_EINVAL'
  | 'ERR_FS_CP_NON_DIR_TO_DIR'
  | 'ERR_FS_EISDIR'
  | 'ERR_FS_FILE_TOO_LARGE'
  | 'ERR_INCOMPATIBLE_OPTION_PAIR'
  | 'ERR_INVALID_ARG_TYPE'
  | 'ERR_INVALID_ARG_VALUE'
  | 'ERR_INVALID_FILE_URL_HOST'
  | 'ERR_INVALID_FILE_URL_PATH'
  | 'ERR_INVALID_URL_SCHEME'
  | 'ERR_OUT_OF_RANGE';

export function nodeError(code: NodeCode, message: string, call?: Call): ByreError {
  const { syscall, path, dest } = call ?? {};
  return new ByreError(code as string as ErrorCode, message, {
    ...(syscall === undefined ? {} : { syscall }),
    ...(path === undefined ? {} : { path }),
    ...(dest === undefined ? {} : { dest }),
  });
}

export interface SignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** What a call rejects with when its signal says stop. */
export function abortError(signal: SignalLike): ByreError {
  const error = new ByreError('ABORT_ERR' as string as ErrorCode, 'The operation was aborted', {
    cause: signal.reason,
  });
  Object.defineProperty(error, 'name', { value: 'AbortError' });
  return error;
}

export function throwIfAborted(signal: SignalLike | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}
