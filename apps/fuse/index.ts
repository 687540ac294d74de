/**
 * The entry `byre/mount`: branches as directories, served by this process or by one of its own, and what goes with them.
 * It adds no behaviour of its own. Linux only; `docs/mount.md` says what a mount needs and promises.
 */
export {
  commandIn,
  type MountBranchOptions,
  type Mounted,
  type MountOptions,
  type MountProcessOptions,
  mountBranch,
  mountPool,
  startMountProcess,
} from './mount.ts';
export { type Unmounted, unmount } from './unmount.ts';
