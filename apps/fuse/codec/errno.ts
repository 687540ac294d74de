/**
 * Which errno the kernel is told for an error. Callers must not send positive numbers on the wire: replies carry them negated.
 */
import { errnoNumbers, isByreError } from '../../../src/errors.ts';

/** Positive Linux numbers of the errors that the server itself raises. */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENODATA: 61,
  EPROTO: 71,
  EOPNOTSUPP: 95,
  ESTALE: 116,
} as const;

const otherCodes: Readonly<Record<string, number>> = {
  BAD_ARGUMENT: errno.EINVAL,
  CLOSED: errno.EIO,
  NO_SUCH_BRANCH: errno.ESTALE,
  READ_ONLY: errno.EROFS,
  STALE: errno.ESTALE,
  UNSUPPORTED: errno.EOPNOTSUPP,
  VALUE_TOO_LARGE: 7,
};

/** The positive errno for anything thrown. What is not an error of byre is a bug or a failing device: EIO. */
export function errnoOf(error: unknown): number {
  if (!isByreError(error)) return errno.EIO;
  const known = errnoNumbers[error.code as keyof typeof errnoNumbers];
  return known === undefined ? (otherCodes[error.code] ?? errno.EIO) : -known;
}
