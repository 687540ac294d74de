/**
 * One writing process per pool: a file beside the pool that names its holder. It outlives a killed holder, and is then taken
 * over, because the next process can tell that the holder is dead.
 * Callers must take it before they read what they mean to change, write the pool only while they hold it, and release it last.
 *
 * Why two processes never both hold it: the file appears whole, and only if none was there. It disappears only by its holder's
 * hand, or by that of a process that has found the holder dead and holds the claim to that one holder's place: a second lock,
 * of this same kind, whose name is made of the dead holder's token. While the claim is held nobody else may remove the file;
 * and as a token is never used again, a late claimant finds another one in the file and leaves it alone.
 */
import * as fs from 'node:fs';
import { basename, dirname, join, resolve as resolvePath } from 'node:path';
import { ByreError } from '../errors.ts';
import { fileError } from './file-error.ts';
import {
  createLockFile,
  DRAFT_SUFFIX,
  type LockHolder,
  names,
  newHolder,
  readHolder,
  removeIfThere,
  removeLockFile,
} from './lock-file.ts';
import { lifeOf } from './process-life.ts';

export interface Lock {
  /** The lock file. */
  readonly path: string;
  readonly holder: LockHolder;
  /** False once other hands have removed or replaced the file: then the pool must not be written any more. */
  isHeld(): boolean;
  /** Gives the lock up; again, or after other hands removed the file, does nothing. */
  release(): void;
}

const WAIT_MS = 5;
/** How often to wait while another process takes a dead holder's lock over. */
const TAKEOVER_WAITS = 400;
/** How often to wait for a holder that was killed to be gone. */
const ENDING_WAITS = 400;
/** How often to look again at a file that names nobody: its writer may be at work, where there are no links. */
const UNREADABLE_WAITS = 20;

/** A draft that names nobody is left behind, not being written, when it is as old as this. */
const UNFINISHED_MS = 60 * 60 * 1000;
/** What follows the lock's name in the names of claims and drafts. */
const LEFT_BEHIND = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.draft)?$/;

/** Statfs types of file systems that only one machine at a time can have mounted: ext, xfs, btrfs, zfs, f2fs, bcachefs, tmpfs, overlay. */
const LOCAL_DISKS: readonly number[] = [
  ...[0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0xca451a4e, 0x01021994, 0x794c7630],
];

/** What one call of {@link acquireLock} is about, however many claims it needs. */
interface Attempt {
  readonly poolPath: string;
  readonly lockPath: string;
  tookOver: boolean;
}

/** Somebody else holds it; `doubt` says why it cannot be told whether they live. */
interface Refusal {
  readonly by: LockHolder;
  readonly doubt: string | undefined;
}

/** Takes the lock of the pool at `path`, which need not be there yet, or throws `LOCKED` with who holds it. */
export function acquireLock(path: string): Lock {
  const poolPath = canonical(path);
  const lockPath = `${poolPath}.lock`;
  const attempt: Attempt = { poolPath, lockPath, tookOver: false };
  const holder = newHolder();
  let refusal: Refusal | undefined;
  try {
    refusal = acquire(lockPath, holder, attempt);
  } catch (caught) {
    throw caught instanceof ByreError ? caught : fileError(caught, 'lock the pool with', lockPath);
  }
  if (refusal !== undefined) throw lockedError(attempt, refusal, holder);
  if (attempt.tookOver) sweep(attempt, holder);
  return {
    path: lockPath,
    holder,
    isHeld: heldTest(lockPath, holder),
    release: () => {
      try {
        removeLockFile(lockPath, holder);
      } catch (caught) {
        throw fileError(caught, 'remove the lock', lockPath);
      }
    },
  };
}

/** Asked before every commit: the file is read only when it is not the one that was read last. */
function heldTest(path: string, holder: LockHolder): () => boolean {
  let known: string | undefined;
  return () => {
    const file = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
    const present = file && `${file.dev} ${file.ino} ${file.ctimeNs} ${file.size}`;
    if (present !== undefined && present === known) return true;
    known = undefined;
    if (!names(path, holder)) return false;
    known = present;
    return true;
  };
}

/** One name for one pool, whatever symbolic links lead to it. */
function canonical(path: string): string {
  const absolute = resolvePath(path);
  try {
    return fs.realpathSync(absolute);
  } catch (caught) {
    if ((caught as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError(caught, 'lock', absolute);
  }
  try {
    return join(fs.realpathSync(dirname(absolute)), basename(absolute));
  } catch (caught) {
    throw fileError(caught, 'lock', absolute);
  }
}

/** Makes the file at `path`, the lock or a claim, name `holder`, or says who is in the way. */
function acquire(path: string, holder: LockHolder, attempt: Attempt): Refusal | undefined {
  for (let waits = 0, endingWaits = 0; ; ) {
    const present = readPatiently(path);
    if (present === undefined) {
      const draftPath = `${attempt.lockPath}.${crypto.randomUUID()}${DRAFT_SUFFIX}`;
      if (createLockFile(path, draftPath, holder)) return undefined;
      continue;
    }
    // A network file system may have done what it reported as failed.
    if (present.token === holder.token) return undefined;
    const life = lifeOf(present, holder, () => mayBeShared(attempt.lockPath));
    if (life.lives === 'ending' && endingWaits++ < ENDING_WAITS) {
      wait();
      continue;
    }
    if (life.lives !== 'no') return { by: present, doubt: life.lives === 'unknown' ? life.reason : undefined };
    const refusal = takeAway(path, present, attempt);
    if (refusal === undefined) continue;
    if (++waits > TAKEOVER_WAITS) return refusal;
    wait();
  }
}

/** Removes the file of a dead holder, unless that is gone already. Refused while another process is about it. */
function takeAway(path: string, dead: LockHolder, attempt: Attempt): Refusal | undefined {
  const claimPath = `${attempt.lockPath}.${dead.token}`;
  const claimant = newHolder();
  const refusal = acquire(claimPath, claimant, attempt);
  if (refusal !== undefined) return refusal;
  try {
    removeLockFile(path, dead);
  } finally {
    removeLockFile(claimPath, claimant);
  }
  attempt.tookOver = true;
  return undefined;
}

function readPatiently(path: string): LockHolder | undefined {
  for (let waits = 0; ; waits++) {
    try {
      return readHolder(path);
    } catch (caught) {
      if (!(caught instanceof ByreError) || waits >= UNREADABLE_WAITS) throw caught;
      wait();
    }
  }
}

function wait(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
}

/** Whether machines that do not know of each other's processes may both use the directory. */
function mayBeShared(lockPath: string): boolean {
  return !LOCAL_DISKS.includes(fs.statfsSync(dirname(lockPath)).type);
}

/** Removes what processes left that were killed while they took the lock or took it over. What fails here can wait. */
function sweep(attempt: Attempt, self: LockHolder): void {
  const directory = dirname(attempt.lockPath);
  const prefix = `${basename(attempt.lockPath)}.`;
  try {
    for (const name of fs.readdirSync(directory)) {
      if (!name.startsWith(prefix) || !LEFT_BEHIND.test(name.slice(prefix.length))) continue;
      sweepOne(join(directory, name), attempt, self);
    }
  } catch {
    // The lock is ours all the same.
  }
}

function sweepOne(path: string, attempt: Attempt, self: LockHolder): void {
  let left: LockHolder | undefined;
  try {
    left = readHolder(path);
  } catch (caught) {
    if (!(caught instanceof ByreError) || Date.now() - fs.statSync(path).mtimeMs < UNFINISHED_MS) return;
    removeIfThere(path); // a draft whose writer was killed before its first byte
    return;
  }
  if (left === undefined || lifeOf(left, self, () => mayBeShared(path)).lives !== 'no') return;
  if (path.endsWith(DRAFT_SUFFIX)) removeIfThere(path);
  else takeAway(path, left, attempt);
}

function lockedError({ poolPath, lockPath }: Attempt, { by, doubt }: Refusal, self: LockHolder): ByreError {
  const who = `process ${by.pid} on ${by.host} (${by.command}), since ${new Date(by.sinceMs).toISOString()}`;
  const isOurs = by.pid === self.pid && by.processStart === self.processStart && by.pidNamespace === self.pidNamespace;
  let text: string;
  if (doubt !== undefined) {
    text = `${who}; ${doubt}. If you are sure that it does not run any more, remove ${lockPath}`;
  } else if (isOurs) {
    text = 'this process has it open already: use that pool, or close it first';
  } else {
    text = `${who}. Wait until it is done, or open the pool with readOnly`;
    // Without the time of its start, an old number on a new process looks just like this.
    if (by.processStart === null) text += `. If that process has nothing to do with byre, remove ${lockPath}`;
  }
  const details = { poolPath, lockPath, ...by, ...(doubt === undefined ? {} : { doubt }) };
  return new ByreError('LOCKED', `the pool ${poolPath} is locked: ${text}`, { path: poolPath, details });
}
