/**
 * Ordered reading: one leaf's cells at a time, with the key to go on from.
 * Callers must loop until no key is returned, and must not write to the tree inside `visit`; what an entry lends is valid
 * only during the visit.
 */

import { compareBytes } from './bytes.ts';
import * as node from './node.ts';
import type { Root, Store } from './store.ts';

export interface Range {
  /** The first key, inclusive. */
  readonly from?: Uint8Array | undefined;
  /** The end, exclusive. */
  readonly to?: Uint8Array | undefined;
  readonly reverse?: boolean | undefined;
}

/** After so many values of one leaf its bytes are copied once, for all that may follow. */
const SINGLE_COPIES = 4;

/** A cell under the cursor. */
export class Entry {
  store!: Store;
  frame = 0;
  slot = 0;
  private copies = 0;
  private leaf: Uint8Array | undefined;

  /** Goes to a leaf. */
  enter(store: Store, frame: number): void {
    this.store = store;
    this.frame = frame;
    this.copies = 0;
    this.leaf = undefined;
  }

  /** A copy of the key. */
  key(): Uint8Array {
    return node.keyOf(this.store, this.frame, this.slot);
  }

  /** A copy of the inline value, or of the page references of an extents value. */
  value(): Uint8Array {
    const { store, frame, slot } = this;
    if (++this.copies <= SINGLE_COPIES) return node.copyValue(store, frame, slot);
    this.leaf ??= store.nodes.bytes(frame).slice();
    const end = node.valueEnd(store, frame, slot);
    return this.leaf.subarray(end - node.valueLength(store, frame, slot), end);
  }

  /** The value, lent for the visit. */
  borrowValue(): Uint8Array {
    return node.cellValue(this.store, this.frame, this.slot);
  }

  get kind(): 'inline' | 'extents' {
    return node.kindOf(this.store, this.frame, this.slot) === node.EXTENTS ? 'extents' : 'inline';
  }
}

const entry = new Entry();
let separator: Uint8Array | undefined;

/**
 * Visits the cells of one leaf within the range, in order, and returns the bound to go on with: the next `from`, or the
 * next `to` when `reverse`. Undefined means that the range is done, or that `visit` returned false.
 */
export function scan(store: Store, root: Root, range: Range, visit: (entry: Entry) => unknown): Uint8Array | undefined {
  if (root.page === 0) return undefined;
  const { from, to } = range;
  const reverse = range.reverse === true;
  const frame = reverse ? descendBefore(store, root, to) : descend(store, root, from);
  // Each leaf is visited at once, so the shared separator cannot change before it is used.
  const next = separator;
  const low = from === undefined ? 0 : node.searchLeaf(store, frame, from);
  const high = to === undefined ? node.cellCount(store, frame) : node.searchLeaf(store, frame, to);
  entry.enter(store, frame);
  if (reverse) {
    for (let slot = high - 1; slot >= low; slot--) {
      entry.slot = slot;
      if (visit(entry) === false) return undefined;
    }
    return next === undefined || (from !== undefined && compareBytes(next, from) <= 0) ? undefined : next;
  }
  for (let slot = low; slot < high; slot++) {
    entry.slot = slot;
    if (visit(entry) === false) return undefined;
  }
  return next === undefined || (to !== undefined && compareBytes(next, to) >= 0) ? undefined : next;
}

/** The leaf of the first key at or after `from`; `separator` becomes the lower bound of the leaf after it. */
function descend(store: Store, root: Root, from: Uint8Array | undefined): number {
  separator = undefined;
  let frame = store.node(root.page, root.low, root.high);
  while (node.level(store, frame) !== 0) {
    const slot = from === undefined ? 0 : node.searchInternal(store, frame, from);
    if (slot + 1 < node.cellCount(store, frame)) separator = node.keyOf(store, frame, slot + 1);
    frame = child(store, frame, slot);
  }
  return frame;
}

/** The leaf of the last key before `to`; `separator` becomes its lower bound. */
function descendBefore(store: Store, root: Root, to: Uint8Array | undefined): number {
  separator = undefined;
  let frame = store.node(root.page, root.low, root.high);
  while (node.level(store, frame) !== 0) {
    let slot = to === undefined ? node.cellCount(store, frame) - 1 : node.searchInternal(store, frame, to);
    // A child whose lower bound is `to` itself holds nothing before it.
    if (to !== undefined && slot > 0 && compareBytes(node.keyOf(store, frame, slot), to) === 0) slot--;
    if (slot > 0) separator = node.keyOf(store, frame, slot);
    frame = child(store, frame, slot);
  }
  return frame;
}

function child(store: Store, frame: number, slot: number): number {
  return store.node(
    node.childPage(store, frame, slot),
    node.childLow(store, frame, slot),
    node.childHigh(store, frame, slot),
  );
}
