/**
 * Mounting a pool's branches as directories, in this process or in one of its own.
 * Callers that mount in their own process must not reach into the mount with synchronous calls, and starting a program is one:
 * Node waits until it has found its directory (`commandIn` helps). Nor may they have more than two asynchronous file calls there at
 * a time: Node has four threads for them, and one waits for the kernel. They have the files API for that.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { ByreError, type ErrorCode } from '../../src/errors.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { takeCommands } from './commands-here.ts';
import { Invalidator } from './server/invalidator.ts';
import { PoolWorld } from './server/pool-world.ts';
import { Server } from './server/server.ts';
import type { MountSetup, RunCommand } from './setup.ts';
import { attach, detach, detachAtExit } from './transport/attach.ts';
import { answerLater, serveEvents } from './transport/loop.ts';
import { Notifier } from './transport/notifier.ts';

export interface MountOptions {
  /** The branch or snapshot to show; by default the root of the mount has every branch as a directory. */
  readonly branch?: string;
  readonly readOnly?: boolean;
  /** Whether set-uid programs and device nodes in the branch have their power. Default false. */
  readonly privileges?: boolean;
  /** Lets the kernel gather writes: faster, but what a full pool refuses is then told at fsync or close only. Default false. */
  readonly writeback?: boolean;
  /** How long the kernel may keep names and attributes without asking. */
  readonly cacheSeconds?: number;
}

export interface Mounted {
  /** Absolute and without symbolic links. */
  readonly directory: string;
  /** The process that serves it. */
  readonly pid: number;
  /** Resolves when the mount is gone, by whatever hand, and (for a process of its own) the pool closed. */
  readonly ended: Promise<void>;
  /** Rejects with EBUSY while something in the mount is in use, unless lazily: then the names go now, the rest later. */
  unmount(options?: { readonly lazy?: boolean }): Promise<void>;
  /** Resolves when the kernel has taken every change that this process has made so far. At once for other processes. */
  settled(): Promise<void>;
}

const mountedHere = new Set<string>();

/** Whatever is still mounted here when the process ends would be a dead mount. */
function unmountAtExit(): void {
  for (const directory of mountedHere) detachAtExit(directory);
}

/**
 * The program and arguments to give to `spawn` (without `cwd`) so that `program` runs in `directory`: for directories in a mount
 * that this very process serves, where `cwd` would make it wait for itself.
 */
export function commandIn(directory: string, program: string, args: readonly string[]): [string, string[]] {
  return ['sh', ['-c', 'cd -- "$0" && exec "$@"', directory, program, ...args]];
}

/** Names changed by others than the API are seen after this long; its own changes are told at once. */
const CACHE_SECONDS_HERE = 1;

const optionNames: ReadonlySet<string> = new Set<keyof MountOptions>([
  'branch',
  'readOnly',
  'privileges',
  'writeback',
  'cacheSeconds',
]);

/**
 * Mounts a pool that this process has open, and goes on using. With `runCommand` commands of other processes, which find the pool
 * locked, are run here meanwhile.
 */
export async function mountPool(
  pool: Pool,
  directory: string,
  options: MountOptions = {},
  runCommand?: RunCommand,
): Promise<Mounted> {
  for (const name of Object.keys(options)) {
    if (!optionNames.has(name)) throw new ByreError('BAD_ARGUMENT', `a mount has no option '${name}'`);
  }
  const branch = options.branch === undefined ? undefined : await pool.branch(options.branch);
  let invalidator: Invalidator | undefined;
  const world = new PoolWorld(pool, {
    branch,
    commitsAtOnce: false,
    onForeignChange: (slot, change) => invalidator?.changed(slot, change),
  });
  const readOnly = options.readOnly === true || world.readOnly;
  const name = branch === undefined ? pool.name : `${pool.name}:${branch.name}`;
  const mount = { branch: options.branch, directory: path.resolve(directory) };
  const settled = async (): Promise<void> => invalidator?.settled();
  const endCommands = runCommand && (await takeCommands(pool, mount, runCommand, settled));
  const attached = await attach(directory, { name, readOnly, privileges: options.privileges === true }).catch(
    async (error: unknown) => {
      await endCommands?.();
      world.close();
      throw error;
    },
  );
  const { descriptor } = attached;
  const server = new Server(world, {
    writeback: options.writeback === true,
    cacheSeconds: options.cacheSeconds ?? CACHE_SECONDS_HERE,
    changesAreTold: false,
    silentOpen: branch !== undefined,
  });
  const notifier = new Notifier(descriptor);
  invalidator = new Invalidator(server, notifier);
  answerLater(descriptor, server);
  if (mountedHere.size === 0) process.on('exit', unmountAtExit);
  mountedHere.add(attached.directory);
  const ended = serveEvents(descriptor, server, () => false).then(async () => {
    mountedHere.delete(attached.directory);
    if (mountedHere.size === 0) process.off('exit', unmountAtExit);
    notifier.close();
    server.end();
    world.close();
    closeSync(descriptor);
    await endCommands?.();
  });
  return {
    directory: attached.directory,
    pid: process.pid,
    ended,
    settled,
    async unmount(how = {}) {
      await detach(attached.directory, how);
      if (how.lazy !== true) await ended;
    },
  };
}

export interface MountProcessOptions extends MountOptions {
  readonly poolPath: string;
  readonly directory: string;
  /** Memory of the mount process for resident pages. */
  readonly cacheBytes?: number;
  /** URL of a module that calls `runEngine` (`engine.ts`) with what runs commands; by default the mount takes none. */
  readonly engine?: string | URL;
  /** Ends the process when no command of others is under way and nobody elsewhere has the mount. Default false. */
  readonly transient?: boolean;
  /** What is to start the process, such as a program that makes a mount namespace for it: it must become that process. */
  readonly within?: readonly string[];
}

/** The setup of a mount process from a caller's options. */
export function setupOf(options: MountProcessOptions): MountSetup {
  return {
    poolPath: realpathSync(options.poolPath),
    branch: options.branch,
    directory: path.resolve(options.directory),
    readOnly: options.readOnly === true,
    privileges: options.privileges === true,
    writeback: options.writeback === true,
    cacheBytes: options.cacheBytes,
    bell: `.byre-bell-${randomUUID()}`,
    engine: options.engine === undefined ? undefined : String(options.engine),
    transient: options.transient === true,
  };
}

function firstMessage(child: ChildProcess): Promise<{ mounted?: string; failed?: string; code?: string }> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as { mounted?: string }));
    child.once('error', reject);
    child.once('exit', (status) => {
      // What it said last may be heard after its end.
      const fail = (): void => reject(new ByreError('INTERNAL', `the mount process ended with ${status}`));
      if (child.connected) child.once('disconnect', () => setImmediate(fail));
      else setImmediate(fail);
    });
  });
}

/** Starts a process of its own that opens the pool and mounts it. It outlives this one; unmounting ends it. */
export async function startMountProcess(options: MountProcessOptions): Promise<Mounted> {
  const program = fileURLToPath(new URL('./main.js', import.meta.url));
  const [first, ...others] = [...(options.within ?? []), process.execPath, program, JSON.stringify(setupOf(options))];
  // A pipe would stay open for as long as the mount is there, and its reader would wait for that.
  const complaints = isatty(2) && options.transient !== true ? 'inherit' : 'ignore';
  const child = spawn(first!, others, {
    detached: true,
    stdio: ['ignore', 'ignore', complaints, 'ipc'],
    cwd: '/',
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const { mounted, failed, code } = await firstMessage(child);
  if (mounted === undefined) {
    await ended;
    throw new ByreError((code ?? 'INTERNAL') as ErrorCode, failed ?? 'the mount process said nothing');
  }
  child.unref();
  return {
    directory: mounted,
    pid: child.pid!,
    ended,
    settled: () => Promise.resolve(),
    async unmount(how = {}) {
      await detach(mounted, how);
      child.ref();
      if (how.lazy !== true) await ended;
    },
  };
}
