/**
 * Unmounting from outside of the process that serves: for `byre umount`.
 * The process that serves the mount must not call it, nor one that serves any other mount of the same pool.
 */
import { existsSync } from 'node:fs';
import { isListening, socketPathOf } from './control.ts';
import { cleanStale, detach } from './transport/attach.ts';
import { findMount, type MountEntry, mountsOfPool } from './transport/mount-table.ts';
import { END_TIMEOUT_MS, requireGone, TOLD_WITHIN_MS } from './transport/users.ts';

export interface Unmounted {
  /** What lay there had been left by a process that died. */
  readonly wasDead: boolean;
  /** Something was unmounted. */
  readonly found: boolean;
}

const LOOK_FIRST_MS = 5;
const LOOK_LAST_MS = 100;

/**
 * Unmounts what byre has mounted at `directory` and waits until its pool is closed, so that the next command finds it free. Rejects
 * with EBUSY while it is in use, unless lazily: then nobody waits; and if something else is mounted over it.
 */
export async function unmount(directory: string, options: { readonly lazy?: boolean } = {}): Promise<Unmounted> {
  const wasDead = await cleanStale(directory);
  const entry = findMount(directory);
  if (entry === undefined) return { wasDead, found: wasDead };
  await detach(entry, options);
  if (options.lazy !== true) await untilSilent(entry);
  return { wasDead, found: true };
}

/**
 * A mount process ceases to listen after it has closed the pool, unless that is mounted elsewhere, too. The source is the pool's path,
 * perhaps with a branch. Throws EBUSY if others have the mount.
 */
async function untilSilent(entry: MountEntry): Promise<void> {
  const { source } = entry;
  const poolPath = [source, source.replace(/:[^:/]*$/, '')].find((each) => existsSync(socketPathOf(each)));
  if (poolPath === undefined || mountsOfPool(poolPath).length > 0) return;
  const since = Date.now();
  for (let pause = LOOK_FIRST_MS; await isListening(poolPath); pause = Math.min(2 * pause, LOOK_LAST_MS)) {
    const waitedMs = Date.now() - since;
    if (waitedMs > TOLD_WITHIN_MS) requireGone(entry);
    if (waitedMs > END_TIMEOUT_MS) return;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
