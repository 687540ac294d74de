/**
 * What differs between two states of a table, row by row: the source of change feeds, of diffs, and of merges' reports.
 * Callers must hold both states for as long as they read. Cost goes with what differs, not with the table.
 */
import { diff, type Side } from '../core/diff.ts';
import type { Root, Store } from '../core/store.ts';
import { ByreError } from '../errors.ts';
import { type Job, step } from './job.ts';
import { fetchValue } from './long.ts';
import type { ResolvedRange } from './ops/range.ts';
import type { Key } from './ops/tuple.ts';
import type { Schema } from './schema.ts';
import type { Target } from './target.ts';

/** A row that one state has and the other has not, or not so. */
export type RowChange<Value> =
  | { readonly type: 'insert'; readonly key: Key; readonly value: Value }
  | { readonly type: 'change'; readonly key: Key; readonly value: Value; readonly before: Value }
  | { readonly type: 'delete'; readonly key: Key; readonly before: Value };

interface RawChange {
  readonly key: Uint8Array;
  /** Undefined: absent. Null: lies in pages and has to be read. */
  readonly before: Uint8Array | null | undefined;
  readonly after: Uint8Array | null | undefined;
}

/** Some changed rows, and where to go on. */
export interface RawChanges {
  readonly changes: readonly RawChange[];
  readonly next: Uint8Array | undefined;
}

/** One operation: the changed rows of one stretch of the range. */
export function changedRows(store: Store, a: Root, b: Root, from: Uint8Array, to: Uint8Array): RawChanges {
  const changes: RawChange[] = [];
  const next = diff(store, a, b, { from, to }, (key, before, after) => {
    changes.push({ key: key.slice(), before: inlineOf(before), after: inlineOf(after) });
  });
  return { changes, next };
}

function inlineOf(side: Side | undefined): Uint8Array | null | undefined {
  if (side === undefined) return undefined;
  return side.kind === 'inline' ? side.value.slice() : null;
}

/** The rows of a range that differ between `a` and `b`, as changes from `a` to `b`; a stretch for each `give`. */
export function* eachChange<Value>(
  schema: Schema<Value>,
  states: { readonly store: Store; readonly a: Root; readonly b: Root },
  range: Pick<ResolvedRange, 'from' | 'to'>,
  give: (changes: RowChange<Value>[]) => void,
): Job<void> {
  const { store, a, b } = states;
  for (let from: Uint8Array | undefined = range.from; from !== undefined; ) {
    const at: Uint8Array = from;
    const stretch: RawChanges = yield* step(() => changedRows(store, a, b, at, range.to));
    const changes: RowChange<Value>[] = [];
    for (const { key, before, after } of stretch.changes) {
      const old = before === null ? yield* fetchValue(store, a, key) : before;
      const now = after === null ? yield* fetchValue(store, b, key) : after;
      const change = changeOf(schema, key, old, now);
      if (change !== undefined) changes.push(change);
    }
    if (changes.length > 0) give(changes);
    from = stretch.next;
  }
}

/** The changes of a range between two states that are held for the while. */
export function* changesBetween<Value>(
  schema: Schema<Value>,
  before: Target,
  after: Target,
  range: Pick<ResolvedRange, 'from' | 'to'>,
): Job<RowChange<Value>[]> {
  const { store } = after;
  if (before.store !== store) throw new ByreError('BAD_ARGUMENT', 'The two branches are of different pools');
  const changes: RowChange<Value>[] = [];
  const a = yield* before.fork();
  try {
    const b = yield* after.fork();
    try {
      yield* eachChange(schema, { store, a: a.root, b: b.root }, range, (some) => {
        for (const change of some) changes.push(change);
      });
    } finally {
      b.release();
    }
  } finally {
    a.release();
  }
  return changes;
}

function changeOf<Value>(
  schema: Schema<Value>,
  rowKey: Uint8Array,
  before: Uint8Array | undefined,
  after: Uint8Array | undefined,
): RowChange<Value> | undefined {
  const key = schema.layout.keyOf(rowKey);
  const { codec } = schema;
  if (before === undefined) return after && { type: 'insert', key, value: codec.decode(after) };
  if (after === undefined) return { type: 'delete', key, before: codec.decode(before) };
  return { type: 'change', key, value: codec.decode(after), before: codec.decode(before) };
}
