/**
 * What a private mount namespace is to look like for a command that is tried: the fork over the directory's path, and, if the command
 * is confined, everything else read-only but for a temporary directory of its own. Only planned here; `overlay.ts` does it.
 * Callers must make what `makes` names, and do the lines in their order: each is a line for `mount --all --fstab`.
 */
import path from 'node:path';
import type { MountEntry } from '../fuse/transport/mount-table.ts';

export interface NamespaceOptions {
  /** The mounts that the namespace begins with. */
  readonly mounts: readonly MountEntry[];
  /** The real directory, over which the fork comes. */
  readonly directory: string;
  /** Where all branches are mounted, if that is to be seen by nobody. */
  readonly hidden: string | undefined;
  /** An existing directory of our own, opened as descriptor 8; the fork is descriptor 9. */
  readonly own: string;
  readonly confine: boolean;
  /** The command may have the rights to change the kernel's settings: these become read-only, too. */
  readonly isRoot: boolean;
  /** Directories that may be written although the command is confined. */
  readonly writable: readonly string[];
  /** Directories for temporary files that the machine has, without symbolic links. */
  readonly temporary: readonly string[];
}

export interface NamespacePlan {
  readonly lines: readonly string[];
  /** Directories to be made before, and the mode of each. */
  readonly makes: readonly (readonly [directory: string, mode: number])[];
  /** How the root is to be remounted, which `mount --all` passes over; undefined: not at all. */
  readonly root: string | undefined;
  /** Where the temporary directory is, as the command sees it; undefined if it has none of its own. */
  readonly temporary: string | undefined;
}

const OWN = '/proc/self/fd/8';
const FORK = '/proc/self/fd/9';
/** What `mount` and the kernel know and must be told again, lest it be taken for a wish to clear them. */
const KEPT_FLAGS = ['nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime', 'relatime', 'nosymfollow'];
/** Their mount points must not be touched, or what they hold is no file of anybody's. */
const LEFT_TYPES = new Set(['proc', 'autofs', 'binfmt_misc']);

export const isWithin = (inner: string, outer: string): boolean =>
  inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);

const escapeField = (text: string): string =>
  text.replace(/[\\ \t\n]/g, (letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, '0')}`);

const line = (source: string, target: string, options: string): string =>
  `${escapeField(source)} ${escapeField(target)} none ${options} 0 0`;

function readOnlyOptions({ options }: MountEntry): string {
  const kept = options.split(',').filter((flag) => KEPT_FLAGS.includes(flag));
  return ['remount', 'bind', 'ro', ...kept].join(',');
}

/** The mount that a path lies in. */
function mountOf(mounts: readonly MountEntry[], at: string): MountEntry {
  let found = mounts[0]!;
  for (const entry of mounts)
    if (isWithin(at, entry.directory) && entry.directory.length >= found.directory.length) found = entry;
  return found;
}

interface Temporary {
  readonly at: string;
  /** Its name in our own directory. */
  readonly name: string;
  /** What of the real one stays to be seen, since the directory, or what may be written, lies in it. */
  readonly stays: readonly string[];
}

function temporaries({ temporary, directory, writable, confine }: NamespaceOptions): Temporary[] {
  if (!confine) return [];
  return temporary
    .filter((at) => !isWithin(at, directory))
    .map((at) => {
      const inside = [directory, ...writable].filter((each) => each !== at && isWithin(each, at));
      const stays = inside.map((each) => path.join(at, path.relative(at, each).split('/')[0]!));
      return { at, name: at.slice(1).replaceAll('/', '-'), stays: [...new Set(stays)] };
    });
}

/** Puts the fork and what else is new in its place. Sources that may be hidden by then are named by descriptors. */
function placing(options: NamespaceOptions, own: readonly Temporary[]): string[] {
  const lines: string[] = [];
  for (const at of options.confine ? options.writable : []) lines.push(line(at, at, 'rbind'));
  for (const { at, name, stays } of own) {
    for (const each of stays) lines.push(line(each, `${OWN}/${name}/${path.basename(each)}`, 'rbind'));
    lines.push(line(`${OWN}/${name}`, at, 'rbind'));
  }
  lines.push(line(FORK, options.directory, 'bind'));
  return lines;
}

/** Whether a path can still be seen when all is in place. */
function isVisible(at: string, { directory }: NamespaceOptions, own: readonly Temporary[]): boolean {
  if (isWithin(at, directory)) return false;
  return own.every((each) => !isWithin(at, each.at) || each.stays.some((kept) => isWithin(at, kept)));
}

function readOnly(options: NamespaceOptions, own: readonly Temporary[]): string[] {
  const { mounts, writable, directory, hidden } = options;
  const lines = new Set<string>();
  for (const kept of own.flatMap(({ stays }) => stays)) {
    const isWritable = kept === directory || writable.some((each) => isWithin(kept, each));
    if (!isWritable) lines.add(line('byre', kept, readOnlyOptions(mountOf(mounts, kept))));
  }
  for (const entry of mounts) {
    const at = entry.directory;
    const isLeft = at === '/' || at === hidden || LEFT_TYPES.has(entry.type) || entry.options.split(',')[0] === 'ro';
    if (isLeft || !isVisible(at, options, own) || writable.some((each) => isWithin(at, each))) continue;
    lines.add(line('byre', at, readOnlyOptions(entry)));
  }
  if (options.isRoot) lines.add(line('/proc/sys', '/proc/sys', 'bind,ro'));
  return [...lines];
}

export function planNamespace(options: NamespaceOptions): NamespacePlan {
  const { own, hidden, confine } = options;
  const temporary = temporaries(options);
  const lines = [...placing(options, temporary), ...(confine ? readOnly(options, temporary) : [])];
  const makes: [string, number][] = [];
  for (const { name, stays } of temporary) {
    makes.push([path.join(own, name), 0o1777]);
    for (const each of stays) makes.push([path.join(own, name, path.basename(each)), 0o755]);
  }
  if (hidden !== undefined && isVisible(hidden, options, temporary)) {
    makes.push([path.join(own, 'empty'), 0o555]);
    lines.push(line(`${OWN}/empty`, hidden, 'bind,ro'));
  }
  const root = confine ? readOnlyOptions(mountOf(options.mounts, '/')) : undefined;
  return { lines, makes, root, temporary: temporary[0]?.at };
}

/** Variables that lead programs to the temporary directory, where they would otherwise write what is read-only now. */
export function confinedVariables(
  temporary: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  if (temporary === undefined) return {};
  const cache = path.join(temporary, 'byre-cache');
  const wanted = { XDG_CACHE_HOME: cache, npm_config_cache: path.join(cache, 'npm') };
  const variables = Object.fromEntries(Object.entries(wanted).filter(([name]) => !environment[name]));
  for (const name of ['TMPDIR', 'TMP', 'TEMP']) if (environment[name]) variables[name] = temporary;
  return variables;
}
