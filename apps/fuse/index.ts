/**
 * The entry `byre/mount`: a branch as a directory, whoever serves it, and what goes with mounts.
 * Linux only; `docs/mount.md` says what a mount needs and promises. `pool.mount` of the main entry is for a pool that is open already.
 */
import type { Pool } from '../../src/index.ts';
import { type Mounted, type MountOptions, startMountProcess } from './mount.ts';

export { commandIn, type Mounted, type MountOptions } from './mount.ts';
export { type Unmounted, unmount } from './unmount.ts';

/** Runs the commands of other processes in the mount process, as that of `byre mount` does. */
const engine = new URL(import.meta.url.endsWith('.ts') ? '../cli/engine.ts' : '../cli/engine.js', import.meta.url);

/** Where the branch to mount is: a pool that this process has open, or one that a mount process is to open. */
export type MountBranchOptions = MountOptions & {
  readonly directory: string;
} & (
    | { readonly pool: Pick<Pool, 'mount'> }
    | {
        readonly poolPath: string;
        /** Memory of the mount process for resident pages. */
        readonly cacheBytes?: number;
      }
  );

/** Mounts a branch, or all of them: for whoever wants a directory and does not care who serves it. */
export function mountBranch(options: MountBranchOptions): Promise<Mounted> {
  if (!('pool' in options)) return startMountProcess({ ...options, engine });
  const { pool, directory, ...rest } = options;
  return pool.mount(directory, rest);
}
