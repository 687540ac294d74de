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

/** The node of the bell (`transport/bell.ts`), in a slot that no branch gets. */
export const BELL_SLOT = SLOT_COUNT_MAX - 1;
export const BELL_INODE = 2;

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

/** How often the kernel was told of each node and has not forgotten it since. */
export class Nodes {
  private readonly slots: (Map<number, number> | undefined)[] = [];

  /** Counts one lookup. True if it is the first. */
  remember(slot: number, inode: number): boolean {
    let lookups = this.slots[slot];
    if (lookups === undefined) {
      lookups = new Map();
      this.slots[slot] = lookups;
    }
    const before = lookups.get(inode);
    lookups.set(inode, (before ?? 0) + 1);
    return before === undefined;
  }

  lookups(slot: number, inode: number): number {
    return this.slots[slot]?.get(inode) ?? 0;
  }

  /** Takes `count` lookups back. True if none are left. A kernel that forgets more than it was told gets away with it. */
  forget(slot: number, inode: number, count: number): boolean {
    const lookups = this.slots[slot];
    const before = lookups?.get(inode);
    if (lookups === undefined || before === undefined) return false;
    if (before > count) {
      lookups.set(inode, before - count);
      return false;
    }
    lookups.delete(inode);
    return true;
  }

  /** Slots of which the kernel knows anything. */
  knownSlots(): number[] {
    return [...this.slots.keys()].filter((slot) => (this.slots[slot]?.size ?? 0) > 0);
  }

  /** Every inode of a slot that the kernel knows. */
  known(slot: number): number[] {
    return [...(this.slots[slot]?.keys() ?? [])];
  }

  clear(): void {
    this.slots.length = 0;
  }
}
