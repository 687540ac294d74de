/**
 * Which inodes of a branch are in use, by descriptors or by tasks under way, whichever handle of the branch opened them.
 * Whoever uses an inode over more than one operation must hold it, and must let go of it through {@link letGo}.
 */
import type { Root } from '../core/store.ts';
import { releaseOrphan } from './ops/unlink.ts';
import type { View } from './ops/view.ts';
import type { Task } from './task.ts';

export class OpenInodes {
  readonly #holders = new Map<number, number>();
  /** Without a name, and waiting for the last holder. */
  readonly #orphans = new Set<number>();

  isHeld(inode: number): boolean {
    return this.#holders.has(inode);
  }

  hold(inode: number): void {
    this.#holders.set(inode, (this.#holders.get(inode) ?? 0) + 1);
  }

  /** True if that was the last holder of an inode without a name, whose end is now the caller's to bring about. */
  drop(inode: number): boolean {
    const left = (this.#holders.get(inode) ?? 0) - 1;
    if (left > 0) {
      this.#holders.set(inode, left);
      return false;
    }
    this.#holders.delete(inode);
    return this.#orphans.delete(inode);
  }

  /** An inode has lost its last name. True if nobody holds it, so that its end is the caller's to bring about. */
  orphaned(inode: number): boolean {
    if (!this.isHeld(inode)) return true;
    this.#orphans.add(inode);
    return false;
  }
}

const byRoot = new WeakMap<Root, OpenInodes>();

/** The one register of a branch, for all its handles. */
export function openInodesOf(root: Root): OpenInodes {
  let register = byRoot.get(root);
  if (register === undefined) {
    register = new OpenInodes();
    byRoot.set(root, register);
  }
  return register;
}

/** Takes away what is left of an inode without names. */
export function* releaseWhole(view: View, inode: number): Task<void> {
  while (!((yield () => releaseOrphan(view, inode)) as boolean));
}

/** Ends a hold; the last one ends an inode without names too. */
export function* letGo(view: View, opened: OpenInodes, inode: number): Task<void> {
  if (opened.drop(inode)) yield* releaseWhole(view, inode);
}
