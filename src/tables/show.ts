/**
 * Keys of the tree as people and programs may read them.
 * Callers must expect keys of other faces too: those are shown as bytes.
 */

import { describeKey } from './ops/layout.ts';
import type { Key } from './ops/tuple.ts';
import { decodeKey, readElements } from './ops/tuple-read.ts';

export type ShownKey =
  | { readonly table: string; readonly part: 'row'; readonly key: Key }
  | { readonly table: string; readonly part: 'index'; readonly index: string; readonly entry: readonly Key[] }
  | { readonly table: string; readonly part: 'record' }
  /** A part of a value of more than 524,284 bytes, which goes with its row. */
  | { readonly table: string; readonly part: 'value' }
  | { readonly bytes: Uint8Array };

export function showKey(key: Uint8Array): ShownKey {
  const described = describeKey(key);
  if (described === undefined) return { bytes: key };
  const { table, part, start } = described;
  if (part === 'row') return { table, part, key: decodeKey(key.subarray(start)) };
  if (part === 'index')
    return { table, part, index: described.index ?? '', entry: readElements(key, start, key.length) };
  return { table, part };
}
