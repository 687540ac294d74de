/**
 * Who has a mount, in whatever mount namespace.
 * Callers must take "nobody" for what it is: a process that enters the mount's own namespace a moment later is not foreseen.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { mountsOf } from './mount-table.ts';

/** The mount namespace of a process; undefined if that is not ours to see. */
export function namespaceOf(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

/** Whether some process in another mount namespace than ours has the device mounted. */
export function isMountedElsewhere(device: string): boolean {
  const seen = new Set([namespaceOf('self')]);
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const namespace = namespaceOf(pid);
    if (namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    if (mountsOf(pid).some((entry) => entry.device === device)) return true;
  }
  return false;
}
