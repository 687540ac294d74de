/**
 * A range of a database as `abstract-level` gives it, and cursors over it.
 * Callers must give bounds that are encoded; a limit of -1 means none.
 */
import { compareBytes } from '../core/bytes.ts';
import { Cursor } from '../tables/cursor.ts';
import type { TableLayout } from '../tables/ops/layout.ts';
import { after, type ResolvedRange, resolveRange } from '../tables/ops/range.ts';
import type { Target } from '../tables/target.ts';

export interface RangeBounds {
  readonly gt?: Uint8Array;
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

const empty = new Uint8Array(0);

export class LevelRange {
  readonly resolved: ResolvedRange;
  private readonly layout: TableLayout;

  constructor(layout: TableLayout, maxBytes: number, options: RangeBounds) {
    const { gt, gte, lt, lte, reverse = false, limit = -1 } = options;
    // The inclusive bound holds if both are given; rows under other keys than bytes are not the database's.
    const lower = gte !== undefined ? { gte } : gt !== undefined ? { gt } : {};
    const upper = lte !== undefined ? { lte } : lt !== undefined ? { lt } : {};
    const space = { from: layout.rowsFrom, to: layout.rowsTo, maxBytes };
    this.layout = layout;
    this.resolved = resolveRange(space, {
      ...lower,
      ...upper,
      prefix: empty,
      reverse,
      limit: limit < 0 ? Number.POSITIVE_INFINITY : limit,
    });
  }

  open(target: Target): Cursor {
    return new Cursor(target, this.resolved, this.layout.rowStart);
  }

  /** A cursor that begins at `key`; at nothing, if the range does not cover it. */
  openAt(target: Target, key: Uint8Array): Cursor {
    const { from, to, reverse } = this.resolved;
    const at = this.layout.rowKey(key).slice();
    const covered = compareBytes(from, at) <= 0 && compareBytes(at, to) < 0;
    const rest = !covered ? { from: to, to } : reverse ? { from, to: after(at) } : { from: at, to };
    return new Cursor(target, { ...this.resolved, ...rest }, this.layout.rowStart);
  }
}
