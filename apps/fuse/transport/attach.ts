/**
 * Mounting and unmounting: gets a descriptor on which the kernel talks to a server, by whatever way the machine has.
 * Callers must serve the descriptor at once: until then everything that touches the directory waits. They must not touch it
 * themselves with synchronous calls while the same thread serves it.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ByreError } from '../../../src/errors.ts';
import {
  FILE_SYSTEM_TYPE,
  findMount,
  isDead,
  mountedAlready,
  mountsOf,
  mountsOfPool,
  resolveMountPoint,
  topMount,
} from './mount-table.ts';
import { runProgram } from './program.ts';
import { canReceiveDescriptors, mountByHelper } from './receive-descriptor.ts';

const DEVICE = '/dev/fuse';
const EXIT_TIMEOUT_MS = 3000;

export interface AttachOptions {
  /** What `mount` and `df` show. */
  readonly name: string;
  readonly readOnly: boolean;
  /** Whether set-uid programs and device nodes in the branch have their power: only for branches whose makers are trusted. */
  readonly privileges: boolean;
}

/** A mount, told from what else may be mounted at the same directory. */
export interface MountPlace {
  /** Absolute and without symbolic links. */
  readonly directory: string;
  /** The numbers of its device; undefined if it was gone before anybody looked. */
  readonly device: string | undefined;
}

export interface Attachment extends MountPlace {
  readonly descriptor: number;
  readonly how: 'mount' | 'fusermount3';
}

const CAP_SYS_ADMIN = 21n;

/** Whether the kernel lets this process mount: root, and whoever has that right in a user namespace, under whatever number. */
export function mayMount(): boolean {
  if (process.geteuid?.() === 0) return true;
  try {
    const effective = /^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
  } catch {
    return false;
  }
}

/** Nothing is mounted over what is no directory. */
async function requireDirectory(directory: string): Promise<void> {
  if (!(await stat(directory)).isDirectory()) {
    throw new ByreError('ENOTDIR', `${directory} is not a directory: mount over an existing one`, { path: directory });
  }
}

/** Commas separate options, so a name with one would add options of its own. */
function escapeName(name: string): string {
  return name.replace(/[\\,]/g, '\\$&');
}

function flags(options: AttachOptions): string[] {
  const privileges = options.privileges ? [] : ['nosuid', 'nodev'];
  return [options.readOnly ? 'ro' : 'rw', ...privileges, 'default_permissions'];
}

/** As root or with root's right to mount, also in a user namespace: mount(8) is given the opened device as descriptor 3. */
async function mountAsRoot(directory: string, options: AttachOptions): Promise<number> {
  const descriptor = openSync(DEVICE, 'r+');
  const own = [
    'fd=3',
    'rootmode=40000',
    `user_id=${process.geteuid!()}`,
    `group_id=${process.getegid!()}`,
    'allow_other',
  ];
  const list = [...own, ...flags(options)].join(',');
  const args = ['-i', '-t', FILE_SYSTEM_TYPE, '-o', list, '--', options.name, directory];
  const { status, complaint } = await runProgram('mount', args, { descriptor });
  if (status === 0) return descriptor;
  closeSync(descriptor);
  throw new ByreError('EPERM', complaint || 'mount failed');
}

function mountAsUser(directory: string, options: AttachOptions): Promise<number> {
  const own = ['subtype=byre', `fsname=${escapeName(options.name)}`];
  return mountByHelper(directory, [...own, ...flags(options)].join(','));
}

function isUsable(): boolean {
  try {
    accessSync(DEVICE, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What could be done about it, for a machine on which nothing works. */
function advice(): string {
  if (process.platform !== 'linux') return 'mounting works on Linux only';
  if (!existsSync(DEVICE))
    return `there is no ${DEVICE}: load the fuse module, or in a container add --device ${DEVICE}`;
  if (!isUsable())
    return `${DEVICE} is not open to you: let its owner do «chmod 666 ${DEVICE}», as most distributions have it`;
  if (mayMount()) return 'in a container, add --cap-add SYS_ADMIN; elsewhere, see the reason above';
  if (!canReceiveDescriptors()) {
    return 'as an ordinary user, install fuse3 and the npm package koffi, or run inside «unshare -Urm»';
  }
  return 'install fuse3 (its fusermount3 must be set-uid root), or run inside «unshare -Urm»';
}

/** Where this process is about to mount. */
const attaching = new Set<string>();

/**
 * Mounts at `directory`; a dead mount of byre that lies there is cleaned first, over a living one none is laid (EBUSY). Says why and
 * what to do if no way works.
 */
export async function attach(directory: string, options: AttachOptions): Promise<Attachment> {
  const resolved = resolveMountPoint(directory);
  if (attaching.has(resolved)) {
    throw new ByreError('EBUSY', `this process is about to mount at ${resolved} already`, { path: resolved });
  }
  attaching.add(resolved);
  try {
    await cleanStale(resolved);
    const entry = findMount(resolved);
    if (entry !== undefined) throw mountedAlready(entry);
    await requireDirectory(resolved);
    return await mountSomehow(resolved, options);
  } finally {
    attaching.delete(resolved);
  }
}

async function mountSomehow(resolved: string, options: AttachOptions): Promise<Attachment> {
  const reasons: string[] = [];
  const ways = [['mount', mountAsRoot] as const, ['fusermount3', mountAsUser] as const];
  for (const [how, mount] of mayMount() ? ways : ways.slice(1)) {
    try {
      const descriptor = await mount(resolved, options);
      return { descriptor, directory: resolved, device: findMount(resolved)?.device, how };
    } catch (error) {
      reasons.push(`${how}: ${(error as Error).message}`);
    }
  }
  throw new ByreError('UNSUPPORTED', `cannot mount at ${resolved} (${reasons.join('; ')}): ${advice()}`, {
    path: resolved,
    details: { reasons },
  });
}

function unmountCommand(directory: string, lazy: boolean): readonly [string, string[]] {
  if (mayMount()) return ['umount', ['-i', ...(lazy ? ['-l'] : []), '--', directory]];
  return ['fusermount3', [lazy ? '-uz' : '-u', '--', directory]];
}

/**
 * Unmounts it where it is mounted, and nothing else that lies there. Lazily: at once from the names, for its users when the last is gone.
 */
export async function detach(place: MountPlace, options: { readonly lazy?: boolean } = {}): Promise<void> {
  const { directory, device } = place;
  const top = topMount(directory);
  if (top !== undefined && top.device !== device) {
    const isBelow = mountsOf('self').some((entry) => entry.directory === directory && entry.device === device);
    if (isBelow) {
      const message = `cannot unmount ${directory}: ${top.source} (${top.type}) is mounted over it; unmount that first`;
      throw new ByreError('EBUSY', message, { path: directory });
    }
    throw new ByreError('EINVAL', `cannot unmount ${directory}: it is not mounted there any more`, { path: directory });
  }
  const [program, args] = unmountCommand(directory, options.lazy === true);
  const { status, complaint } = await runProgram(program, args);
  if (status === 0) return;
  const code = /busy/i.test(complaint) ? 'EBUSY' : 'EINVAL';
  throw new ByreError(code, `cannot unmount ${directory}: ${complaint}`, { path: directory });
}

/** The last resort of a process that ends: the names are freed, and nobody waits for anybody. */
export function detachAtExit({ directory, device }: MountPlace): void {
  if (topMount(directory)?.device !== device) return;
  const [program, args] = unmountCommand(directory, true);
  spawnSync(program, args, { stdio: 'ignore', timeout: EXIT_TIMEOUT_MS });
}

/** Takes away mounts at `directory` whose server has died. True if there was one. */
export async function cleanStale(directory: string): Promise<boolean> {
  let cleaned = false;
  for (let entry = topMount(directory); entry !== undefined && (await isDead(entry)); entry = topMount(directory)) {
    await detach(entry, { lazy: true });
    cleaned = true;
  }
  return cleaned;
}

/** Every dead mount of a pool, wherever it lies: what a killed mount process leaves. Returns the directories. */
export async function cleanStaleOf(poolPath: string): Promise<string[]> {
  const cleaned: string[] = [];
  // Those that lie over others first.
  for (const entry of mountsOfPool(poolPath).reverse()) {
    if (!(await isDead(entry))) continue;
    await detach(entry, { lazy: true });
    cleaned.push(entry.directory);
  }
  return cleaned;
}
