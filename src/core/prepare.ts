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
import { forgetKey, locate, noteKey, type Place } from './locate.ts';
import * as node from './node.ts';
import type { Root, Store } from './store.ts';

/** A cell of content and the byte range of it that will be written, cut off or made a hole. */
export interface ContentRange {
  readonly key: Uint8Array;
  readonly from: number;
  readonly to: number;
}

export interface Plan {
  readonly puts?: readonly Uint8Array[] | undefined;
  readonly removes?: readonly Uint8Array[] | undefined;
  readonly content?: readonly ContentRange[] | undefined;
  /** Cells whose pages will be taken as they are, by another key or another tree: read, not written. */
  readonly shares?: readonly Uint8Array[] | undefined;
  /** `free`: the operation gives space back and may use part of the reserve. `commit`: it may use all of it. */
  readonly purpose?: 'write' | 'free' | 'commit' | undefined;
}

/** Readies an operation that writes to `root` alone. */
export function prepare(store: Store, root: Root, plan: Plan): void {
  forgetKey();
  let nodes = 0;
  let data = 0;
  for (const key of plan.puts ?? []) nodes += nodesToPut(placeToPut(store, root, key));
  for (const key of plan.removes ?? []) nodes += touchPath(store, root, key);
  for (const key of plan.shares ?? []) locate(store, root, key);
  let fault: Fault | undefined;
  for (const range of plan.content ?? []) {
    const place = placeToPut(store, root, range.key);
    nodes += nodesToPut(place);
    // Besides the range, inline content moves to pages when it outgrows its node.
    const spilled = Math.ceil(store.maxInlineBytes / PAGE_BYTES);
    data += Math.min(CONTENT_PAGES, pageIndex(range.to - 1) - pageIndex(range.from) + 1 + spilled);
    fault = faultPartialPages(store, place, range, fault);
  }
  if (fault !== undefined) throw fault;
  store.reserve(root, nodes, data, plan.purpose ?? 'write');
  store.charged = root;
  store.writing = true;
}

/** Loads the path of a key to be put, and says where the key is. */
function placeToPut(store: Store, root: Root, key: Uint8Array): Place {
  if (key.length === 0 || key.length > store.maxKeyBytes) {
    throw new ByreError('BAD_KEY', `a key has 1 to ${store.maxKeyBytes} bytes`, { details: { bytes: key.length } });
  }
  const place = locate(store, root, key);
  noteKey(key);
  return place;
}

/** How many nodes a put may need: each of the path copied and split, and a new root. */
function nodesToPut({ depth }: Place): number {
  return 2 * (depth + 1) + 1;
}

/**
 * Loads the path of a key to be removed, with the neighbours that nodes may merge with, and returns how many nodes the removal
 * may need: {@link nodesToPut}, and the merged neighbours.
 */
function touchPath(store: Store, root: Root, key: Uint8Array): number {
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
    touchNeighbour(store, frame, slot, store.node(page, low, high));
  }
  return 3 * depth + 1;
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
function faultPartialPages(
  store: Store,
  { frame, slot }: Place,
  { from, to }: ContentRange,
  fault: Fault | undefined,
): Fault | undefined {
  if (from % PAGE_BYTES === 0 && to % PAGE_BYTES === 0) return fault;
  if (frame < 0 || node.kindOf(store, frame, slot) !== node.EXTENTS) return fault;
  let missing = fault;
  for (const { page, checksum } of partialPages(node.cellValue(store, frame, slot), from, to)) {
    if (store.data.find(page) >= 0) continue;
    missing ??= new Fault('load');
    missing.data.push(page, checksum);
  }
  return missing;
}
