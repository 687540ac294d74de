/**
 * Nodes: how the kernel names files. A node is a branch's slot in the mount and an inode, packed into the 64 bits that the
 * protocol has: the slot in the upper 20, the inode in the lower 44. They are unique in the mount and serve as inode numbers.
 * The kernel says how often it was told of a node (lookups) when it forgets it; callers must count every entry that they send.
 */
import { assert } from '../../../src/errors.ts';

const TWO_32 = 0x1_0000_0000;
const SLOT_SHIFT = 12;
const INODE_HIGH_MASK = (1 << SLOT_SHIFT) - 1;
/** Half of what 20 bits hold, so that inode numbers stay positive where they are taken as signed. */
export const SLOT_COUNT_MAX = 1 << 19;

export function slotOf(nodeHigh: number): number {
  return nodeHigh >>> SLOT_SHIFT;
}

export function inodeOf(nodeLow: number, nodeHigh: number): number {
  return (nodeHigh & INODE_HIGH_MASK) * TWO_32 + nodeLow;
}

export function nodeLowOf(inode: number): number {
  return inode % TWO_32;
}

export function nodeHighOf(slot: number, inode: number): number {
  const high = Math.floor(inode / TWO_32);
  assert(high <= INODE_HIGH_MASK, 'an inode number of at most 44 bits');
  return ((slot << SLOT_SHIFT) | high) >>> 0;
}

export interface Orphan {
  readonly slot: number;
  readonly inode: number;
}

/** What the kernel knows of: lookups per node, and which nodes have lost their last name meanwhile. */
export class Nodes {
  private readonly slots: (Map<number, number> | undefined)[] = [];
  private readonly orphans: (Set<number> | undefined)[] = [];
  /** Orphans that nobody knows any more; whoever serves takes them from the end and releases them. */
  readonly abandoned: Orphan[] = [];

  /** Counts one lookup. */
  remember(slot: number, inode: number): void {
    let lookups = this.slots[slot];
    if (lookups === undefined) {
      lookups = new Map();
      this.slots[slot] = lookups;
    }
    lookups.set(inode, (lookups.get(inode) ?? 0) + 1);
  }

  lookups(slot: number, inode: number): number {
    return this.slots[slot]?.get(inode) ?? 0;
  }

  /** Takes `count` lookups back. A kernel that forgets more than it was told gets away with it. */
  forget(slot: number, inode: number, count: number): void {
    const lookups = this.slots[slot];
    const left = (lookups?.get(inode) ?? 0) - count;
    if (left > 0) {
      lookups!.set(inode, left);
      return;
    }
    lookups?.delete(inode);
    if (this.orphans[slot]?.delete(inode) === true) this.abandoned.push({ slot, inode });
  }

  /** An inode has lost its last name: it is released when the kernel forgets it, or now if the kernel does not know it. */
  orphan(slot: number, inode: number): void {
    if (this.lookups(slot, inode) === 0) {
      this.abandoned.push({ slot, inode });
      return;
    }
    let orphans = this.orphans[slot];
    if (orphans === undefined) {
      orphans = new Set();
      this.orphans[slot] = orphans;
    }
    orphans.add(inode);
  }

  /** An orphan was linked to a name again. */
  adopted(slot: number, inode: number): void {
    this.orphans[slot]?.delete(inode);
  }

  /** Every inode of a slot that the kernel knows. */
  known(slot: number): number[] {
    return [...(this.slots[slot]?.keys() ?? [])];
  }

  /** The end of the mount: the kernel forgets everything without saying so. */
  forgetAll(): void {
    for (const [slot, orphans] of this.orphans.entries()) {
      for (const inode of orphans ?? []) this.abandoned.push({ slot, inode });
    }
    this.slots.length = 0;
    this.orphans.length = 0;
  }
}
