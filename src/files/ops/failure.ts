/**
 * The errors of the files face: one errno, one constant message each.
 * Callers must add the system call and the paths where they know them; an operation knows inodes and names only.
 */
import { ByreError, type ErrnoCode } from '../../errors.ts';

const messages = {
  E2BIG: 'argument list too long',
  EEXIST: 'file already exists',
  EFBIG: 'file too large',
  EINVAL: 'invalid argument',
  EISDIR: 'illegal operation on a directory',
  EMLINK: 'too many links',
  ENAMETOOLONG: 'name too long',
  ENODATA: 'no data available',
  ENODEV: 'no such device',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  ENXIO: 'no such device or address',
  EPERM: 'operation not permitted',
  ERANGE: 'result too large',
  EROFS: 'read-only file system',
} as const satisfies Partial<Record<ErrnoCode, string>>;

export type FilesErrno = keyof typeof messages;

export function failure(code: FilesErrno, details?: Readonly<Record<string, unknown>>): ByreError {
  return new ByreError(code, messages[code], details === undefined ? {} : { details });
}
