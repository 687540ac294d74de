/**
 * The difference of two trees, key by key, skipping what they share: cost goes with what differs, not with their sizes.
 * Callers must loop until no key is returned, and must write to neither tree inside `visit`; what is lent is valid only there.
 */

import { compareBytes } from './bytes.ts';
import * as node from './node.ts';
import type { Root, Store } from './store.ts';

/** One side of a difference, lent for the visit. */
export interface Side {
  readonly kind: 'inline' | 'extents';
  readonly value: Uint8Array;
}

/** `a` undefined: added; `b` undefined: removed; both: changed. */
export type DiffVisit = (key: Uint8Array, a: Side | undefined, b: Side | undefined) => void;

/** A node on the way down in one tree, and the keys that bound it. */
interface Position {
  frame: number;
  /** Exclusive end of what the node may hold; undefined: no end. */
  end: Uint8Array | undefined;
}

/**
 * Visits the differences of one stretch of keys from `from` on, in order, and returns where to go on; undefined at the end.
 * `to` is exclusive.
 */
export function diff(
  store: Store,
  a: Root,
  b: Root,
  range: { from?: Uint8Array | undefined; to?: Uint8Array | undefined },
  visit: DiffVisit,
): Uint8Array | undefined {
  if (a.page === b.page) return undefined;
  const left: Position | undefined =
    a.page === 0 ? undefined : { frame: store.node(a.page, a.low, a.high), end: undefined };
  const right: Position | undefined =
    b.page === 0 ? undefined : { frame: store.node(b.page, b.low, b.high), end: undefined };
  let from = range.from ?? new Uint8Array(0);
  if (left && right) {
    // Come down level by level, passing over children that both share.
    for (;;) {
      if (left.frame === right.frame) return limited(least(left.end, right.end), range.to);
      const levelA = node.level(store, left.frame);
      const levelB = node.level(store, right.frame);
      if (levelA === 0 || levelB === 0) break;
      if (levelA > levelB) descendOnce(store, left, from);
      else if (levelB > levelA) descendOnce(store, right, from);
      else {
        const next = descendTogether(store, left, right, from);
        if (!next.descended) return limited(next.from, range.to);
        from = next.from;
      }
    }
  }
  if (left) descendAlone(store, left, from);
  if (right) descendAlone(store, right, from);
  // The taller tree may have come down to a node of the other.
  if (left && right && left.frame === right.frame) return limited(least(left.end, right.end), range.to);
  const end = least(left?.end, right?.end);
  const to = end === undefined ? range.to : range.to === undefined ? end : least(end, range.to);
  compareLeaves(store, left, right, from, to, visit);
  return limited(end, range.to);
}

/**
 * One level down in both trees: passes over equal children side by side, then enters the first ones that differ. Where the
 * two do not begin with one key, or one node ends, the caller starts anew from `from`.
 */
function descendTogether(
  store: Store,
  left: Position,
  right: Position,
  from: Uint8Array,
): { descended: true; from: Uint8Array } | { descended: false; from: Uint8Array | undefined } {
  let slotA = node.searchInternal(store, left.frame, from);
  let slotB = node.searchInternal(store, right.frame, from);
  const countA = node.cellCount(store, left.frame);
  const countB = node.cellCount(store, right.frame);
  let passed = false;
  while (
    slotA < countA &&
    slotB < countB &&
    node.childPage(store, left.frame, slotA) === node.childPage(store, right.frame, slotB)
  ) {
    slotA++;
    slotB++;
    passed = true;
  }
  const startA = passed ? separatorAt(store, left, slotA, countA) : undefined;
  const startB = passed ? separatorAt(store, right, slotB, countB) : undefined;
  if (passed) {
    const start = least(startA, startB);
    const together = startA !== undefined && startB !== undefined && compareBytes(startA, startB) === 0;
    if (slotA >= countA || slotB >= countB || !together) return { descended: false, from: start };
    enter(store, left, slotA, countA);
    enter(store, right, slotB, countB);
    return { descended: true, from: startA };
  }
  enter(store, left, slotA, countA);
  enter(store, right, slotB, countB);
  return { descended: true, from };
}

function descendAlone(store: Store, position: Position, from: Uint8Array): void {
  while (node.level(store, position.frame) !== 0) descendOnce(store, position, from);
}

function descendOnce(store: Store, position: Position, from: Uint8Array): void {
  const slot = node.searchInternal(store, position.frame, from);
  enter(store, position, slot, node.cellCount(store, position.frame));
}

function enter(store: Store, position: Position, slot: number, count: number): void {
  position.end = separatorAt(store, position, slot + 1, count);
  const { frame } = position;
  position.frame = store.node(
    node.childPage(store, frame, slot),
    node.childLow(store, frame, slot),
    node.childHigh(store, frame, slot),
  );
}

/** Where the child at `slot` begins, or where the node ends. */
function separatorAt(store: Store, position: Position, slot: number, count: number): Uint8Array | undefined {
  return slot < count ? node.keyOf(store, position.frame, slot) : position.end;
}

/** The smaller of two ends; undefined is beyond all keys. */
function least(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return compareBytes(a, b) <= 0 ? a : b;
}

function limited(next: Uint8Array | undefined, to: Uint8Array | undefined): Uint8Array | undefined {
  return next === undefined || (to !== undefined && compareBytes(next, to) >= 0) ? undefined : next;
}

/** Compares two leaves cell by cell over `[from, to)`. */
function compareLeaves(
  store: Store,
  left: Position | undefined,
  right: Position | undefined,
  from: Uint8Array,
  to: Uint8Array | undefined,
  visit: DiffVisit,
): void {
  let a = left ? node.searchLeaf(store, left.frame, from) : 0;
  let b = right ? node.searchLeaf(store, right.frame, from) : 0;
  const endA = left ? endSlot(store, left.frame, to) : 0;
  const endB = right ? endSlot(store, right.frame, to) : 0;
  while (a < endA || b < endB) {
    const keyA = left && a < endA ? node.keyOf(store, left.frame, a) : undefined;
    const keyB = right && b < endB ? node.keyOf(store, right.frame, b) : undefined;
    const order = keyA === undefined ? 1 : keyB === undefined ? -1 : compareBytes(keyA, keyB);
    if (order < 0) visit(keyA as Uint8Array, side(store, (left as Position).frame, a++), undefined);
    else if (order > 0) visit(keyB as Uint8Array, undefined, side(store, (right as Position).frame, b++));
    else {
      const sideA = side(store, (left as Position).frame, a++);
      const sideB = side(store, (right as Position).frame, b++);
      if (!sameSide(sideA, sideB)) visit(keyA as Uint8Array, sideA, sideB);
    }
  }
}

function endSlot(store: Store, frame: number, to: Uint8Array | undefined): number {
  return to === undefined ? node.cellCount(store, frame) : node.searchLeaf(store, frame, to);
}

function side(store: Store, frame: number, slot: number): Side {
  const kind = node.kindOf(store, frame, slot) === node.EXTENTS ? 'extents' : 'inline';
  return { kind, value: node.cellValue(store, frame, slot) };
}

/** True if both are absent, or are cells of one kind with the same bytes or page references. */
export function sameSide(a: Side | undefined, b: Side | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.kind === b.kind && compareBytes(a.value, b.value) === 0;
}
