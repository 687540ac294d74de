/**
 * Mounting a pool's branches as directories, in this process or in one of its own.
 * Callers that mount in their own process must not reach into the mount with synchronous calls, and starting a program is one:
 * Node waits until it has found its directory (`commandIn` helps). Nor may they have more than two asynchronous file calls there at
 * a time: Node has four threads for them, and one waits for the kernel. They have the files API for that.
 */
import { closeSync } from 'node:fs';
import path from 'node:path';
import { ByreError } from '../../src/errors.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { takeCommands } from './commands-here.ts';
import { Invalidator } from './server/invalidator.ts';
import { PoolWorld } from './server/pool-world.ts';
import { Server } from './server/server.ts';
import type { RunCommand } from './setup.ts';
import type { Mounted, MountOptions } from './start.ts';
import { attach, detach, detachAtExit, type MountPlace } from './transport/attach.ts';
import { answerLater, serveEvents } from './transport/loop.ts';
import { Notifier } from './transport/notifier.ts';
import { untilEnded } from './transport/users.ts';

export { type Mounted, type MountOptions, type MountProcessOptions, setupOf, startMountProcess } from './start.ts';

/** A mount that this process serves, and that has a name. */
interface Here {
  readonly pool: Pool;
  readonly place: MountPlace;
  readonly unmount: Mounted['unmount'];
}

const mountedHere = new Set<Here>();

/** Whatever is still mounted here when the process ends would be a dead mount. */
function unmountAtExit(): void {
  for (const { place } of mountedHere) detachAtExit(place);
}

function enter(here: Here): void {
  if (mountedHere.size === 0) process.on('exit', unmountAtExit);
  mountedHere.add(here);
}

function leave(here: Here): void {
  mountedHere.delete(here);
  if (mountedHere.size === 0) process.off('exit', unmountAtExit);
}

/** Unmounts all that this process has mounted of a pool that is to be closed; rejects as `unmount` does, and the rest stays. */
export async function unmountAll(pool: Pool): Promise<void> {
  for (const here of mountedHere) if (here.pool === pool) await here.unmount();
}

/** The same at once: the names go, and who is in there has nothing any more. */
export function unmountAllSync(pool: Pool): void {
  for (const here of mountedHere) {
    if (here.pool !== pool) continue;
    detachAtExit(here.place);
    leave(here);
  }
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
  const settled = async (): Promise<void> => invalidator?.settled();
  const mount = { branch, directory: path.resolve(directory), settled };
  const endCommands = runCommand && (await takeCommands(pool, mount, runCommand));
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
  const ended = serveEvents(descriptor, server, () => false).then(async () => {
    leave(here);
    notifier.close();
    server.end();
    world.close();
    closeSync(descriptor);
    await endCommands?.();
  });
  const unmount: Mounted['unmount'] = async (how = {}) => {
    await detach(attached, how);
    leave(here);
    if (how.lazy !== true) await untilEnded(ended, attached);
  };
  const here: Here = { pool, place: attached, unmount };
  enter(here);
  return { directory: attached.directory, pid: process.pid, ended, settled, unmount };
}
