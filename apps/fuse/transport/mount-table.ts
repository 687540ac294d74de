/**
 * What is mounted where, as this process sees it.
 * Callers must compare paths as `realpath` gives them; a mount whose server is dead cannot be resolved itself, only its parent.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';

export const FILE_SYSTEM_TYPE = 'fuse.byre';

export interface MountEntry {
  readonly directory: string;
  readonly type: string;
  /** The name it was mounted under: the pool's path, and `:branch`. */
  readonly source: string;
  /** What it holds at this place, such as `rw,nosuid,relatime`. */
  readonly options: string;
  /** The numbers of its device, such as `0:45`: the same in every namespace. */
  readonly device: string;
}

/** Blank, tab, newline and backslash stand as octal numbers in the table. */
function unescapeField(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Parses the text of `/proc/self/mountinfo`; later entries lie over earlier ones. */
export function parseMountTable(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const [left, right] = line.split(' - ');
    const [, , device, , directory, options] = left?.split(' ') ?? [];
    const [type, source] = right?.split(' ') ?? [];
    if (device === undefined || directory === undefined || options === undefined) continue;
    if (type === undefined || source === undefined) continue;
    entries.push({ directory: unescapeField(directory), type, source: unescapeField(source), options, device });
  }
  return entries;
}

/** Every mount in the namespace of a process; none if that is not ours to see. */
export function mountsOf(pid: number | string): MountEntry[] {
  try {
    return parseMountTable(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
  } catch {
    return [];
  }
}

/** The mounts of byre, in the order they were made. */
export function byreMounts(): MountEntry[] {
  return mountsOf('self').filter((entry) => entry.type === FILE_SYSTEM_TYPE);
}

/** The directory's absolute path without symbolic links. Does not touch the directory itself, which may hang or be dead. */
export function resolveMountPoint(directory: string): string {
  const absolute = path.resolve(directory);
  try {
    return path.join(realpathSync(path.dirname(absolute)), path.basename(absolute));
  } catch {
    return absolute;
  }
}

/** The topmost mount of byre at exactly this directory. */
export function findMount(directory: string): MountEntry | undefined {
  const wanted = resolveMountPoint(directory);
  return byreMounts().findLast((entry) => entry.directory === wanted);
}

/** Whether whoever served the mount has died: nothing there can be reached any more. */
export async function isDead(entry: MountEntry): Promise<boolean> {
  try {
    await stat(entry.directory);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTCONN';
  }
}
