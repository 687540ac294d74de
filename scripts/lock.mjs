/**
 * A lock between processes that set up one checkout at the same time. It is a file that its holder touches every second: a holder
 * that died, in whatever way, is known by the file's age, on every system and however process ids are reused.
 * Callers must not block the event loop while they hold it.
 */
import { closeSync, mkdirSync, openSync, rmSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TOUCH_EVERY_MS = 1_000;
const DEAD_AFTER_MS = 10_000;

/**
 * @param {string} file
 * @returns {boolean} whether the file is now there because of this call
 */
function createNew(file) {
  try {
    closeSync(openSync(file, 'wx'));
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
}

/** @param {string} file */
function isDead(file) {
  const entry = statSync(file, { throwIfNoEntry: false });
  return entry !== undefined && Date.now() - entry.mtimeMs > DEAD_AFTER_MS;
}

/**
 * Removes a dead holder's lock. A second lock guards the removal, and the age is read again under it: otherwise two waiters could
 * both see the dead lock, and the slower one would remove the lock that the faster one had just taken.
 * @param {string} file
 */
function removeDead(file) {
  const guard = `${file}.removal`;
  if (!createNew(guard)) {
    if (isDead(guard)) rmSync(guard, { force: true });
    return;
  }
  try {
    if (isDead(file)) rmSync(file, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

/**
 * Runs `job` while no other process runs one under the same file.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} job
 * @param {() => void} [onWait] called once if another process holds the lock
 * @returns {Promise<T>}
 */
export async function withLock(file, job, onWait) {
  mkdirSync(path.dirname(file), { recursive: true });
  for (let waited = false; !createNew(file); waited = true) {
    if (!waited) onWait?.();
    if (isDead(file)) removeDead(file);
    await sleep(100);
  }
  const touching = setInterval(() => {
    const now = new Date();
    utimesSync(file, now, now);
  }, TOUCH_EVERY_MS);
  const release = () => {
    clearInterval(touching);
    rmSync(file, { force: true });
  };
  const interrupted = () => process.exit(130);
  process.once('exit', release).once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await job();
  } finally {
    process.off('exit', release).off('SIGINT', interrupted).off('SIGTERM', interrupted);
    release();
  }
}
