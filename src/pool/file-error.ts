/**
 * Turns what `node:fs` throws into a ByreError of the same errno that says what to do about it.
 * Callers must pass the error as caught: its code and syscall are read from it.
 */
import { ByreError, type ErrnoCode, errnoNumbers } from '../errors.ts';

const ADVICE: Partial<Record<ErrnoCode, string>> = {
  EACCES: 'you may not use it: change its permissions, or run as a user who may',
  EBUSY: 'something else is using it: find out what, and try again',
  EDQUOT: 'your disk quota is used up: free space or have the quota raised, then open the pool again',
  EEXIST: 'something is there already: choose another path',
  EFBIG: 'the file would be larger than the file system or the shell (`ulimit -f`) allows',
  EINVAL: 'the system refused the request for this kind of file: keep pools on an ordinary file system',
  EIO: 'the storage failed: look at the system log, check the hardware, then open the pool again and run `byre scrub`',
  EISDIR: 'it is a directory: name a file in it',
  ELOOP: 'its symbolic links lead in a circle',
  EMFILE: 'this process has too many files open: close some, or raise the limit (`ulimit -n`)',
  ENAMETOOLONG: 'its name is too long: choose a shorter one',
  ENODEV: 'the device it lies on is gone',
  ENOENT: 'there is no such file or directory: look for a slip in the path',
  ENOSPC: 'the disk is full: free space there, then open the pool again',
  ENOTDIR: 'part of the path is a file, not a directory',
  ENXIO: 'the device it lies on is gone',
  EPERM: 'the system does not permit it: look for an immutable flag or a sandbox',
  EROFS: 'its file system is read-only: open the pool with `readOnly`, or mount the file system for writing',
  ESTALE: 'its network file system lost it: mount that again, then open the pool again',
  ETXTBSY: 'it is being executed',
};

/** `doing` completes "cannot …", such as `write 4096 bytes at offset 0 of`. */
export function fileError(caught: unknown, doing: string, path: string): ByreError {
  const { code: systemCode, syscall } = (caught ?? {}) as NodeJS.ErrnoException;
  const isKnown = systemCode !== undefined && Object.hasOwn(errnoNumbers, systemCode);
  // Codes outside the closed set are rare and platform-bound: to a caller they are failures of input or output.
  const code = isKnown ? (systemCode as ErrnoCode) : 'EIO';
  const advice = isKnown ? (ADVICE[code] ?? 'the system refused') : `the system says ${String(systemCode ?? caught)}`;
  return new ByreError(code, `cannot ${doing} ${path}: ${advice} (${systemCode ?? code})`, {
    path,
    cause: caught,
    ...(syscall === undefined ? {} : { syscall }),
    ...(isKnown || systemCode === undefined ? {} : { details: { systemCode } }),
  });
}
