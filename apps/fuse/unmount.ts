/**
 * Unmounting from outside of the process that serves: for `byre umount`.
 * The process that serves the mount must not call it, nor one that serves any other mount of the same pool.
 */
import { existsSync } from 'node:fs';
import { socketPathOf } from './control.ts';
import { cleanStale, detach } from './transport/attach.ts';
import { findMount } from './transport/mount-table.ts';

export interface Unmounted {
  /** What lay there had been left by a process that died. */
  readonly wasDead: boolean;
  /** Something was unmounted. */
  readonly found: boolean;
}

/** How long a mount process may take to commit and to close the pool before nobody waits for it any more. */
const END_TIMEOUT_MS = 30_000;
const LOOK_EVERY_MS = 5;

/**
 * Unmounts what byre has mounted at `directory` and waits until its pool is closed, so that the next command finds it free. Rejects
 * with EBUSY while it is in use, unless lazily: then nobody waits.
 */
export async function unmount(directory: string, options: { readonly lazy?: boolean } = {}): Promise<Unmounted> {
  const wasDead = await cleanStale(directory);
  const entry = findMount(directory);
  if (entry === undefined) return { wasDead, found: wasDead };
  await detach(entry.directory, options);
  if (options.lazy !== true) await untilSilent(entry.source);
  return { wasDead, found: true };
}

/** A mount process removes its socket after it has closed the pool. `source` is the pool's path, perhaps with a branch. */
async function untilSilent(source: string): Promise<void> {
  const socket = [source, source.replace(/:[^:/]*$/, '')].map(socketPathOf).find(existsSync);
  if (socket === undefined) return;
  for (const end = Date.now() + END_TIMEOUT_MS; existsSync(socket) && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
