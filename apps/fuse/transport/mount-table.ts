/**
 * What is mounted where, as this process sees it.
 * Callers must compare paths as `realpath` gives them; a mount whose server is dead cannot be resolved itself, only its parent.
 */
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { ByreError } from '../../../src/errors.ts';

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

/** The mounts of a pool, or of one of its branches. */
export function mountsOfPool(poolPath: string): MountEntry[] {
  return byreMounts().filter(({ source }) => source === poolPath || source.startsWith(`${poolPath}:`));
}

/** As many as the kernel follows. */
const LINKS_MAX = 40;

/** The directory's absolute path without symbolic links. Asks nothing of what is mounted there, which may hang or be dead. */
export function resolveMountPoint(directory: string): string {
  let absolute = path.resolve(directory);
  for (let link = 0; link < LINKS_MAX; link++) {
    try {
      absolute = path.join(realpathSync(path.dirname(absolute)), path.basename(absolute));
      absolute = path.resolve(path.dirname(absolute), readlinkSync(absolute));
    } catch {
      break;
    }
  }
  return absolute;
}

/** What programs find at exactly this directory: the topmost mount there, whoever's it is. */
export function topMount(directory: string): MountEntry | undefined {
  const wanted = resolveMountPoint(directory);
  return mountsOf('self').findLast((entry) => entry.directory === wanted);
}

/** The topmost mount of byre at exactly this directory. */
export function findMount(directory: string): MountEntry | undefined {
  const wanted = resolveMountPoint(directory);
  return byreMounts().findLast((entry) => entry.directory === wanted);
}

/** Why nothing is mounted over it, or no second time. */
export function mountedAlready({ source, directory }: MountEntry, orElse = ''): ByreError {
  const advice = `unmount that first, with 'byre umount ${directory}'${orElse}`;
  return new ByreError('EBUSY', `${source} is mounted at ${directory} already; ${advice}`, { path: directory });
}

/** Whether it is a mount of byre that can be seen, and whoever served it has died. */
export async function isDead(entry: MountEntry): Promise<boolean> {
  // What is asked is answered by the topmost mount.
  if (entry.type !== FILE_SYSTEM_TYPE || topMount(entry.directory)?.device !== entry.device) return false;
  try {
    // Not `stat`, which the kernel answers from memory for as long as it may.
    await statfs(entry.directory);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTCONN';
  }
}
