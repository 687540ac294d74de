/**
 * The file that names who holds a lock: made whole or not at all, read, and removed by whom it names.
 * Callers must not remove it in another holder's name without the claim that lock.ts describes.
 */
import * as fs from 'node:fs';
import { basename } from 'node:path';
import { ByreError } from '../errors.ts';
import { ownIdentity, type ProcessIdentity } from './process-life.ts';

export interface LockHolder extends ProcessIdentity {
  /** Random, and never used again. */
  readonly token: string;
  /** What was run, for people. */
  readonly command: string;
  readonly sinceMs: number;
}

const LONGEST_COMMAND = 160;
/** More than any holder's description; a file beyond it was written by something else. */
const LONGEST_FILE_BYTES = 16 * 1024;
/** What `link` fails with on file systems that have no hard links. */
const NO_LINKS: readonly (string | undefined)[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

export const DRAFT_SUFFIX = '.draft';

/** This process, under a token of its own. */
export function newHolder(): LockHolder {
  // A long path to the program must not crowd out what it was told to do.
  const [program, ...words] = process.argv;
  const command = [basename(program!), ...words].join(' ');
  return {
    token: crypto.randomUUID(),
    ...ownIdentity(),
    command: command.length > LONGEST_COMMAND ? `…${command.slice(1 - LONGEST_COMMAND)}` : command,
    sinceMs: Date.now(),
  };
}

/** Makes the file, whole from its first moment, unless there is one already. `draftPath` must be nobody else's. */
export function createLockFile(path: string, draftPath: string, holder: LockHolder): boolean {
  const text = `${JSON.stringify(holder)}\n`;
  try {
    writeDurably(draftPath, text);
    return isCreated(() => fs.linkSync(draftPath, path));
  } catch (caught) {
    if (!NO_LINKS.includes((caught as NodeJS.ErrnoException).code)) throw caught;
    // Without links there is a moment in which the file is there and empty: readers give it time.
    return isCreated(() => writeDurably(path, text));
  } finally {
    removeIfThere(draftPath);
  }
}

function isCreated(create: () => void): boolean {
  try {
    create();
    return true;
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw caught;
  }
}

/** Durably, or else a power failure could leave the name with nothing behind it, which says nothing about the holder. */
function writeDurably(path: string, text: string): void {
  const fd = fs.openSync(path, 'wx');
  try {
    fs.writeFileSync(fd, text);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Undefined if there is no such file; `LOCKED` if it names nobody. */
export function readHolder(path: string): LockHolder | undefined {
  let text: string;
  try {
    const stat = fs.statSync(path);
    if (!stat.isFile() || stat.size > LONGEST_FILE_BYTES) throw unreadable(path);
    text = fs.readFileSync(path, 'utf8');
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw caught;
  }
  let holder: unknown;
  try {
    holder = JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (!isLockHolder(holder)) throw unreadable(path);
  return holder;
}

/** Removes the file if it names this holder. */
export function removeLockFile(path: string, holder: LockHolder): void {
  if (names(path, holder)) removeIfThere(path);
}

export function names(path: string, holder: LockHolder): boolean {
  try {
    return readHolder(path)?.token === holder.token;
  } catch (caught) {
    if (caught instanceof ByreError) return false; // whoever wrote that, it was not this holder
    throw caught;
  }
}

export function removeIfThere(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code !== 'ENOENT') throw caught;
  }
}

function unreadable(path: string, cause?: unknown): ByreError {
  const message =
    `the lock file ${path} does not say who holds the pool; ` +
    'if you are sure that no process writes the pool, remove that file and try again';
  return new ByreError('LOCKED', message, { path, details: { lockPath: path, isUnreadable: true }, cause });
}

function isLockHolder(value: unknown): value is LockHolder {
  if (typeof value !== 'object' || value === null) return false;
  const holder = value as Partial<Record<keyof LockHolder, unknown>>;
  const { token, pid, processStart, bootId, pidNamespace, host, command, sinceMs } = holder;
  return (
    typeof token === 'string' &&
    // It becomes part of a file name.
    /^[0-9a-f-]{1,64}$/.test(token) &&
    // Zero and below mean whole groups of processes to `kill`.
    typeof pid === 'number' &&
    Number.isInteger(pid) &&
    pid > 0 &&
    (processStart === null || typeof processStart === 'number') &&
    isTextOrNull(bootId) &&
    isTextOrNull(pidNamespace) &&
    typeof host === 'string' &&
    typeof command === 'string' &&
    typeof sinceMs === 'number' &&
    Math.abs(sinceMs) <= 8.64e15
  );
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}
