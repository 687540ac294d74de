/**
 * Who has a mount, in whatever mount namespace.
 * Callers must take "nobody" for what it is: a process that enters the mount's own namespace a moment later is not foreseen.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { ByreError } from '../../../src/errors.ts';
import type { MountPlace } from './attach.ts';
import { mountsOf } from './mount-table.ts';

/** The mount namespace of a process; undefined if that is not ours to see. */
export function namespaceOf(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

/** A process in another mount namespace than ours that has the device mounted, if there is one. */
export function mountedElsewhere(device: string): number | undefined {
  const seen = new Set([namespaceOf('self')]);
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const namespace = namespaceOf(pid);
    if (namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    if (mountsOf(pid).some((entry) => entry.device === device)) return Number(pid);
  }
  return undefined;
}

function servedStill(directory: string, why: string): ByreError {
  const message = `${directory} is unmounted, but ${why}: it is served until that has ended`;
  return new ByreError('EBUSY', message, { path: directory });
}

/** Who still has what was unmounted at its directory, in words. */
function otherUser({ device }: MountPlace): string | undefined {
  if (device === undefined) return undefined;
  const here = mountsOf('self').find((entry) => entry.device === device);
  if (here !== undefined) return `it is mounted at ${here.directory}, too`;
  const pid = mountedElsewhere(device);
  return pid === undefined ? undefined : `process ${pid} has it in a mount namespace of its own`;
}

/**
 * The kernel tells the end of a mount at once, unless somebody else has it: who makes a mount namespace has what is mounted then. Those
 * of tries, as a rule, end by themselves.
 */
export const TOLD_WITHIN_MS = 20_000;
/** How long the end of a mount may take: a pool may have much to commit. */
export const END_TIMEOUT_MS = 30_000;

/** True if it comes in time. */
async function comesWithin(ended: Promise<void>, milliseconds: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  try {
    return await Promise.race([ended.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Throws EBUSY if others have what was unmounted at its directory: to wait for its end is to wait for theirs. */
export function requireGone(place: MountPlace): void {
  const user = otherUser(place);
  if (user !== undefined) throw servedStill(place.directory, user);
}

/** Waits for the end of a mount that has just been unmounted. Rejects with EBUSY if others have it, or it does not come. */
export async function untilEnded(ended: Promise<void>, place: MountPlace): Promise<void> {
  if (await comesWithin(ended, TOLD_WITHIN_MS)) return;
  requireGone(place);
  if (await comesWithin(ended, END_TIMEOUT_MS)) return;
  throw servedStill(place.directory, 'what its process is still doing takes long');
}
