/**
 * Three-way merge, key by key: what changed between a base and `from` is brought into `into`, sharing pages.
 * Callers must work on a fork of `into` that nobody else writes, must loop until no key is returned, and must then decide
 * what becomes of the conflicts: nothing is written for them here.
 */

import { copyContent } from './content.ts';
import { diff, type Side, sameSide } from './diff.ts';
import { locate } from './locate.ts';
import * as node from './node.ts';
import { prepare } from './prepare.ts';
import type { Root, Store } from './store.ts';
import { remove } from './tree.ts';

/** A copy of one side of a conflict, which may be kept. */
export interface KeptSide {
  readonly kind: 'inline' | 'extents';
  /** The inline bytes, or the page references. */
  readonly value: Uint8Array;
}

/** A key that both branches changed, differently. An absent side had no such key. */
export interface KeyConflict {
  readonly key: Uint8Array;
  readonly base: KeptSide | undefined;
  /** In the branch that is merged into. */
  readonly ours: KeptSide | undefined;
  /** In the branch that is merged from. */
  readonly theirs: KeptSide | undefined;
}

/** What one key of `from` asks for. */
export interface KeyChange {
  readonly key: Uint8Array;
  readonly base: KeptSide | undefined;
  readonly theirs: KeptSide | undefined;
}

/** The changes from `base` to `from` in one stretch of keys, and where to go on. Reads only. */
export function changesFrom(
  store: Store,
  base: Root,
  from: Root,
  range: { from?: Uint8Array | undefined; to?: Uint8Array | undefined },
): { changes: KeyChange[]; next: Uint8Array | undefined } {
  const changes: KeyChange[] = [];
  const next = diff(store, base, from, range, (key, a, b) => {
    changes.push({ key: key.slice(), base: keep(a), theirs: keep(b) });
  });
  return { changes, next };
}

/**
 * Brings one change into `into`, which must be writable. Returns the conflict if `into` changed the key too; then nothing is
 * written. Two equal changes agree, unless `strict`: for a transaction the second one is a lost update. One operation.
 */
export function applyChange(
  store: Store,
  into: Root,
  from: Root,
  change: KeyChange,
  strict = false,
): KeyConflict | undefined {
  const { key, base, theirs } = change;
  const ours = sideOf(store, into, key);
  if (!strict && sameSide(ours, theirs)) return undefined;
  if (!sameSide(ours, base)) return { key, base, ours: keep(ours), theirs };
  takeCell(store, into, from, key, theirs !== undefined);
  return undefined;
}

/** Makes the cell of `key` in `into` what it is in `from`, sharing its pages. One operation. */
export function takeCell(store: Store, into: Root, from: Root, key: Uint8Array, present: boolean): void {
  if (!present) {
    prepare(store, into, { removes: [key], purpose: 'free' });
    remove(store, into, key);
    return;
  }
  locate(store, from, key);
  prepare(store, into, { puts: [key] });
  copyContent(store, into, key, key, from);
}

/** What a tree has under a key, lent until the next call into core. */
export function sideOf(store: Store, root: Root, key: Uint8Array): Side | undefined {
  const { frame, slot } = locate(store, root, key);
  if (frame < 0) return undefined;
  const kind = node.kindOf(store, frame, slot) === node.EXTENTS ? 'extents' : 'inline';
  return { kind, value: node.cellValue(store, frame, slot) };
}

function keep(side: Side | undefined): KeptSide | undefined {
  return side && { kind: side.kind, value: side.value.slice() };
}
