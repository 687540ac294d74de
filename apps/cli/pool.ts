/**
 * The pool of a command: which one is meant, and opening it, or having the process that holds it do the command.
 * Commands must open it by `withPool` before they read input or write output: until then the command may be handed over and begin anew.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ByreError, isByreError } from '../../src/errors.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { HandedOver } from './failure.ts';
import { locatePool } from './pools.ts';
import { type Session, usage } from './session.ts';
import type { Target } from './target.ts';

const WAIT_SECONDS = 10;
/** A reader's commit may be overwritten by the writer while it is read: then it begins anew with the newest. */
const READ_ATTEMPTS = 8;
const POLL_MS_MAX = 200;
const TELL_AFTER_MS = 1000;

export interface UseOptions {
  /** `read` sees the last commit, beside a process that writes; `write` waits for it to end; `either` writes if it can at once. */
  readonly mode: 'read' | 'write' | 'either';
  /** What the command line names, of which any may name the pool. */
  readonly targets?: readonly (Target | undefined)[];
  readonly cacheBytes?: number;
}

/** Why a pool may be read and not written: another process writes it, or its place or its file cannot be written. */
const CANNOT_WRITE: readonly string[] = ['LOCKED', 'EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT'];

/** How long to wait for another writer. */
export function waitMs(session: Session): number {
  const { wait } = session.values;
  if (wait === undefined) return WAIT_SECONDS * 1000;
  const seconds = Number(wait);
  if (wait === '' || !(seconds >= 0)) throw usage(`--wait takes a number of seconds, not '${String(wait)}'`);
  return seconds * 1000;
}

/** Opens the pool, or throws HandedOver after the process that holds it has run the command. */
async function open(session: Session, poolPath: string, options: UseOptions): Promise<Pool> {
  const { openPool } = await import('../../src/pool/open-pool.ts');
  const patience = waitMs(session);
  const since = Date.now();
  let told = false;
  for (let pause = 10; ; pause = Math.min(2 * pause, POLL_MS_MAX)) {
    const status = await session.handOver(poolPath);
    if (status !== undefined) throw new HandedOver(status);
    const size = options.cacheBytes === undefined ? {} : { cacheBytes: options.cacheBytes };
    const how = { create: false, ...size };
    try {
      return await openPool(poolPath, { ...how, readOnly: options.mode === 'read' });
    } catch (error) {
      const waited = Date.now() - since;
      if (!isByreError(error)) throw error;
      if (options.mode === 'either' && CANNOT_WRITE.includes(error.code)) {
        return await openPool(poolPath, { ...how, readOnly: true });
      }
      if (error.code !== 'LOCKED' || waited >= patience) throw error;
      if (waited > TELL_AFTER_MS && !told) {
        told = true;
        session.progress(`waiting: ${error.message}`);
      }
      await sleep(pause, undefined, { signal: session.signal });
    } finally {
      if (told) session.progress(undefined);
    }
  }
}

/** A pool that had to do without its newest commit must not seem whole. */
function warnOfLoss(session: Session, pool: Pool): void {
  const { lostCommit } = pool;
  if (lostCommit === undefined) return;
  const message = `commit ${lostCommit.commit}, the newest, is not whole; this is the one before it: ${lostCommit.error.message}`;
  session.say(
    session.json ? JSON.stringify({ warning: { code: 'LOST_COMMIT', message } }) : `byre: warning: ${message}`,
  );
}

async function workOn<T>(
  session: Session,
  pool: Pool,
  options: UseOptions,
  work: (pool: Pool) => Promise<T> | T,
): Promise<T> {
  warnOfLoss(session, pool);
  const result = await work(pool);
  if (options.mode === 'write' && !pool.readOnly) await pool.commit();
  return result;
}

/** Opens the pool that the command means, runs `work`, commits and closes. What `work` has done when it throws is committed. */
export async function withPool<T>(
  session: Session,
  options: UseOptions,
  work: (pool: Pool, poolPath: string) => Promise<T> | T,
): Promise<T> {
  const poolPath = await locatePool(session, options.targets);
  const { given } = session;
  if (given !== undefined) {
    return await workOn(session, given.pool, options, (pool) => work(pool, poolPath));
  }
  for (let attempt = 1; ; attempt++) {
    const pool = await open(session, poolPath, options);
    let result: T;
    try {
      result = await workOn(session, pool, options, (opened) => work(opened, poolPath));
    } catch (error) {
      // The first failure is the one to tell; what comes of closing after it follows from it.
      await pool.close().catch((_after: ByreError) => {});
      const isStale = isByreError(error) && error.code === 'STALE';
      if (isStale && !session.wrote && attempt < READ_ATTEMPTS) continue;
      throw error;
    }
    await pool.close();
    return result;
  }
}
