/**
 * The rows of one leaf, taken out of the tree as one copy and decoded when they are asked for.
 * Callers must own the row's table by layout: `start` says where the primary key begins in every key of the range. Values are views
 * of the copy: theirs to keep, at the price that one kept value keeps the copy.
 */
import { HEADER_BYTES, SLOT_BYTES } from '../../core/node.ts';
import { type Entry, type Range, scan } from '../../core/scan.ts';
import type { Root, Store } from '../../core/store.ts';
import type { Key } from './tuple.ts';
import { readKey } from './tuple-read.ts';

const LENGTH_MASK = 0x3fff;
const KIND_SHIFT = 14;

/** A copy of a node and the run of its slots that a range covers, in the order of the scan. */
export class LeafCopy {
  private image: Uint8Array;
  private prefix = 0;
  private key = new Uint8Array(0);
  private slot = 0;
  private at = 0;
  private suffix = 0;
  /** 1, or -1 when the scan runs backwards. */
  private way = 1;
  /** How many rows are left. */
  left = 0;

  constructor() {
    this.image = this.key;
  }

  /** Within an operation: takes up to `limit` rows of the range's first leaf; returns the key to go on from, as `scan` does. */
  take(store: Store, root: Root, range: Range, limit: number): Uint8Array | undefined {
    let first = -1;
    let frame = -1;
    let count = 0;
    const next = scan(store, root, range, (entry: Entry) => {
      if (first < 0) {
        first = entry.slot;
        frame = entry.frame;
      }
      return ++count < limit;
    });
    this.left = count;
    this.way = range.reverse ? -1 : 1;
    this.slot = first - this.way;
    if (count === 0) return next;
    const base = frame * store.nodeBytes;
    this.image = store.nodes.u8.slice(base, base + store.nodeBytes);
    this.prefix = this.image[20] | (this.image[21] << 8);
    if (this.key.length < store.maxKeyBytes) this.key = new Uint8Array(store.maxKeyBytes);
    this.key.set(this.image.subarray(store.nodeBytes - this.prefix));
    return next;
  }

  /** Goes to the next row; false if there is none. */
  advance(): boolean {
    if (this.left === 0) return false;
    this.left--;
    this.slot += this.way;
    this.find();
    return true;
  }

  /** Whether any cell that is left lies in pages: its value must be read from the tree. */
  get hasLarge(): boolean {
    return (this.image[22] | (this.image[23] << 8)) !== 0;
  }

  /** The primary key of the present row. */
  readKey(start: number): Key {
    const end = this.assemble();
    return readKey(this.key, start, end);
  }

  /** The tree's key of the present row, as a copy. */
  treeKey(): Uint8Array {
    return this.key.slice(0, this.assemble());
  }

  /** The tree's key of the last row that is left. */
  lastTreeKey(): Uint8Array {
    const { slot } = this;
    this.slot = slot + this.way * this.left;
    this.find();
    const key = this.treeKey();
    this.slot = slot;
    return key;
  }

  /** The value of the present row; undefined if it lies in pages. */
  value(): Uint8Array | undefined {
    const { image, at } = this;
    const header = image[at] | (image[at + 1] << 8);
    if (header >>> KIND_SHIFT !== 0) return undefined;
    const from = at + 2 + this.suffix;
    return image.subarray(from, from + (header & LENGTH_MASK));
  }

  /** Puts the present row's key together behind the prefix and returns its end. */
  private assemble(): number {
    const { image, key, prefix, suffix } = this;
    const from = this.at + 2;
    for (let i = 0; i < suffix; i++) key[prefix + i] = image[from + i];
    return prefix + suffix;
  }

  /** Where the cell of the present slot lies, and how long its key is after the prefix. */
  private find(): void {
    const { image } = this;
    const slot = HEADER_BYTES + this.slot * SLOT_BYTES + 4;
    this.at = image[slot] | (image[slot + 1] << 8);
    this.suffix = image[slot + 2] | (image[slot + 3] << 8);
  }
}
