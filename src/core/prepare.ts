/**
 * The step between reading and writing: names every key that an operation will write, loads what the writes will touch,
 * and decides about space before anything changes.
 * Callers must call it once per operation and tree, after their last read of anything not named here, and before the
 * first write. Nothing may fault afterwards.
 */

import { ByreError } from '../errors.ts';
import { PAGE_BYTES } from './bytes.ts';
import { CONTENT_PAGES, pageIndex, partialPages } from './content-layout.ts';
import { Fault } from './fault.ts';
import * as node from './node.ts';
import type { Root, Store } from './store.ts';
import { locate } from './tree.ts';

/** A cell of content and the byte range of it that will be written, cut off or made a hole. */
export interface ContentRange {
  readonly key: Uint8Array;
  readonly from: number;
  readonly to: number;
}

export interface Plan {
  readonly puts?: readonly Uint8Array[];
  readonly removes?: readonly Uint8Array[];
  readonly content?: readonly ContentRange[];
  /** Cells whose pages will be taken as they are, by another key or another tree: read, not written. */
  readonly shares?: readonly Uint8Array[];
  /** `free`: the operation gives space back and may use part of the reserve. `commit`: it may use all of it. */
  readonly purpose?: 'write' | 'free' | 'commit';
}

/** Readies an operation that writes to `root` alone. */
export function prepare(store: Store, root: Root, plan: Plan): void {
  let nodes = 0;
  let data = 0;
  for (const key of plan.puts ?? []) {
    if (key.length === 0 || key.length > store.maxKeyBytes) throw badKey(store, key);
    nodes += touchPath(store, root, key, false);
  }
  for (const key of plan.removes ?? []) nodes += touchPath(store, root, key, true);
  for (const key of plan.shares ?? []) locate(store, root, key);
  if (plan.content !== undefined) {
    const fault = new Fault('load');
    for (const range of plan.content) {
      if (range.key.length === 0 || range.key.length > store.maxKeyBytes) throw badKey(store, range.key);
      nodes += touchPath(store, root, range.key, false);
      // Besides the range, inline content moves to pages when it outgrows its node.
      const spilled = Math.ceil(store.maxInlineBytes / PAGE_BYTES);
      data += Math.min(CONTENT_PAGES, pageIndex(range.to - 1) - pageIndex(range.from) + 1 + spilled);
      faultPartialPages(store, root, range, fault);
    }
    if (fault.data.length > 0) throw fault;
  }
  store.reserve(root, nodes, data, plan.purpose ?? 'write');
  store.charged = root;
  store.writing = true;
}

function badKey(store: Store, key: Uint8Array): ByreError {
  return new ByreError('BAD_KEY', `a key has 1 to ${store.maxKeyBytes} bytes`, { details: { bytes: key.length } });
}

/**
 * Loads the path of a key, with the neighbours that it may merge with when cells go, and returns how many nodes the write
 * may need: each of the path copied and split, a new root, and the merged neighbours.
 */
function touchPath(store: Store, root: Root, key: Uint8Array, removing: boolean): number {
  let depth = 1;
  let { page, low, high } = root;
  if (page === 0) return 3;
  for (;;) {
    const frame = store.node(page, low, high);
    if (node.level(store, frame) === 0) break;
    const slot = node.searchInternal(store, frame, key);
    page = node.childPage(store, frame, slot);
    low = node.childLow(store, frame, slot);
    high = node.childHigh(store, frame, slot);
    depth++;
    if (removing) touchNeighbour(store, frame, slot, store.node(page, low, high));
  }
  return (removing ? 3 : 2) * depth + 1;
}

/** Loads the neighbour that {@link tree.remove} would merge with, where the child may become underfull. */
function touchNeighbour(store: Store, parent: number, slot: number, child: number): void {
  if (node.usedBytes(store, child) > store.nodeBytes / 2) return;
  const count = node.cellCount(store, parent);
  if (count < 2) return;
  const other = slot + 1 < count ? slot + 1 : slot - 1;
  store.node(
    node.childPage(store, parent, other),
    node.childLow(store, parent, other),
    node.childHigh(store, parent, other),
  );
}

/** Adds the pages whose old bytes a write needs, because it covers them only in part, to a fault. */
function faultPartialPages(store: Store, root: Root, range: ContentRange, fault: Fault): void {
  const { frame, slot } = locate(store, root, range.key);
  if (frame < 0 || node.kindOf(store, frame, slot) !== node.EXTENTS) return;
  const value = node.cellValue(store, frame, slot);
  for (const { page, checksum } of partialPages(value, range.from, range.to)) {
    if (store.data.find(page) < 0) fault.data.push(page, checksum);
  }
}
