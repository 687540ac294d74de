/**
 * What belongs to a trial of the present directory: where its things lie, which pool it has, and who has that.
 * It must stay quick to load: nothing here opens a pool.
 */
import { realpathSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isByreError } from '../../src/errors.ts';
import { HandedOver } from './failure.ts';
import { waitMs } from './pool.ts';
import { nearestPool, pathOf, poolFileAt, realPathOf } from './pools.ts';
import { type Left, type Session, usage } from './session.ts';
import { trialDirectory } from './trial-place.ts';

const TELL_AFTER_MS = 1000;

export interface TrialPlace {
  /** The real directory, without symbolic links. */
  readonly root: string;
  /** Where workspaces and journals lie. */
  readonly home: string;
  readonly poolPath: string;
}

/** The place of the present directory; `poolNamed` is a pool that was typed but not as an option. */
export async function trialPlace(session: Session, poolNamed?: string): Promise<TrialPlace> {
  const { given } = session;
  if (poolNamed !== undefined && session.values.pool !== undefined) {
    throw usage('name the pool once: before the branch or by --pool');
  }
  // A process that serves a mount must not wait for itself.
  const root =
    given === undefined
      ? realpathSync(session.directory)
      : await realpath(await realPathOf(session, session.directory));
  const home = trialDirectory(root, session.environment);
  if (given !== undefined) return { root, home, poolPath: given.poolPath };
  const named = poolNamed ?? session.values.pool ?? session.environment.BYRE_POOL;
  const found = typeof named === 'string' && named !== '' ? poolFileAt(pathOf(session, named)) : nearestPool(root);
  return { root, home, poolPath: realFile(found ?? path.join(home, 'pool.byre')) };
}

/** The path without symbolic links, as far as it is there: the process that has a pool listens beside that. */
function realFile(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    const above = path.dirname(file);
    return above === file ? file : path.join(realFile(above), path.basename(file));
  }
}

/** Calls `attempt` until it does not find the pool locked, as long as `--wait` says. */
export async function patiently<T>(session: Session, attempt: () => Promise<T>): Promise<T> {
  const since = Date.now();
  const until = since + waitMs(session);
  for (let pause = 5; ; pause = Math.min(2 * pause, 50)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isByreError(error) || error.code !== 'LOCKED' || Date.now() >= until) throw error;
      if (Date.now() - since > TELL_AFTER_MS) session.progress(`waiting: ${error.message}`);
      await sleep(pause);
      session.progress(undefined);
    }
  }
}

/** Has the process that has the pool mounted run the command, or what is left of it: throws HandedOver if there is one. */
export async function handOver(session: Session, { poolPath }: TrialPlace, left?: Left): Promise<void> {
  const status = await session.handOver(poolPath, left);
  if (status !== undefined) throw new HandedOver(status);
}
