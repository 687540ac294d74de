/**
 * A bounded piece of a range of cells, in order: what listings are made of.
 * Callers must pass a limit that one operation can bear, and must not call into core from `take`.
 */
import { type Entry, scan } from '../../core/scan.ts';
import type { Tree } from './view.ts';

export interface CellRange {
  /** The first key, inclusive. */
  readonly from: Uint8Array;
  /** The end, exclusive. */
  readonly to: Uint8Array;
  /** Descending, from the end. */
  readonly reverse?: boolean;
}

/** What `take` makes of the first `limit` cells. Fewer than `limit` means that the range holds no more. */
export function collect<T>(tree: Tree, range: CellRange, limit: number, take: (entry: Entry) => T): T[] {
  const found: T[] = [];
  if (limit <= 0) return found;
  let { from, to } = range;
  const reverse = range.reverse === true;
  for (;;) {
    const next = scan(tree.store, tree.root, { from, to, reverse }, (entry) => {
      found.push(take(entry));
      return found.length < limit;
    });
    if (next === undefined) return found;
    if (reverse) to = next;
    else from = next;
  }
}
