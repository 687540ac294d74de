/**
 * What a mount shows: one branch, or all branches of a pool as directories. The server asks it for the file system of a slot.
 * Implementations must keep a slot's meaning for the life of the mount; a slot whose branch is gone answers undefined.
 */
import type { FileSystem } from './filesystem.ts';

export interface World {
  /** Whether slot 0 is a list of branches rather than a branch itself. */
  readonly listsBranches: boolean;
  /** Whether nothing can be written anywhere. */
  readonly readOnly: boolean;
  files(slot: number): FileSystem | undefined;
  /** The slot whose root an inode of the list stands for; 0 if the inode is the list's own. Asked only of slot 0. */
  slotBehind(inode: number): number;
  /** Makes everything durable: before returning, or before the promise resolves. */
  commit(): Promise<void> | undefined;
}
