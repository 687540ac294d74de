/**
 * Iterators over a cursor, for callers that wait and callers that do not.
 * Callers must let a loop over them end, by `break` too, or call `return`: the cursor holds a fork.
 */
import type { Cursor } from './cursor.ts';
import { type Job, runJob, runJobSync } from './job.ts';
import type { Target } from './target.ts';

/** What an iterator yields of the cursor's present row; given the value's bytes if it asked for them. */
export interface Shape<Item> {
  readonly needsValue: boolean;
  item(cursor: Cursor, value: Uint8Array | undefined): Item;
}

/** The same, for items that take operations of their own to make; the cursor holds its state from the start. */
export interface WorkedShape<Item> {
  make(cursor: Cursor): Job<Item>;
}

export function* iterateSync<Item>(
  target: Target,
  open: Job<Cursor>,
  shape: Shape<Item> | WorkedShape<Item>,
): Generator<Item, void, void> {
  const cursor = runJobSync(target, open);
  const load = () => cursor.load();
  const worked = 'make' in shape;
  if (worked && !cursor.ended) runJobSync(target, cursor.hold());
  try {
    while (!cursor.ended) {
      if (worked) while (cursor.advance()) yield runJobSync(target, shape.make(cursor));
      else if (!shape.needsValue) while (cursor.advance()) yield shape.item(cursor, undefined);
      else {
        while (cursor.advance()) yield shape.item(cursor, cursor.leaf.value() ?? runJobSync(target, cursor.value()));
      }
      if (!cursor.ended && !target.runSync(load)) {
        runJobSync(target, cursor.hold());
        target.runSync(load);
      }
    }
  } finally {
    cursor.close();
  }
}

export async function* iterate<Item>(
  target: Target,
  open: Job<Cursor>,
  shape: Shape<Item> | WorkedShape<Item>,
): AsyncGenerator<Item, void, void> {
  const cursor = await runJob(target, open);
  const load = () => cursor.load();
  const worked = 'make' in shape;
  if (worked && !cursor.ended) await runJob(target, cursor.hold());
  try {
    while (!cursor.ended) {
      if (worked) while (cursor.advance()) yield await runJob(target, shape.make(cursor));
      else if (!shape.needsValue) while (cursor.advance()) yield shape.item(cursor, undefined);
      else {
        while (cursor.advance())
          yield shape.item(cursor, cursor.leaf.value() ?? (await runJob(target, cursor.value())));
      }
      if (!cursor.ended && !(await target.run(load))) {
        await runJob(target, cursor.hold());
        await target.run(load);
      }
    }
  } finally {
    cursor.close();
  }
}
