/**
 * Files in a transaction: what two transactions that ran at the same time may both have done to one tree of files.
 * Callers must hand all conflicts of keys that `settles` accepts to `settle`, and refuse the transaction over all others. A transaction
 * is stricter than a merge of branches: what both wrote is a conflict even where bytes agree or lines could be merged.
 */
import type { KeyConflict } from '../core/merge.ts';
import type { MergedState, Settle } from '../pool/merge.ts';
import { textOf } from './examine.ts';
import { isFileConflict, settleFiles } from './merge.ts';
import { describe } from './ops/describe.ts';
import { parseKey } from './ops/keys.ts';
import type { FileConflictKind } from './ops/merge/conflict.ts';
import { decodeRecord } from './ops/record.ts';

/** What a transaction and others both changed of files. */
export interface ShownFileKey {
  /** Undefined: the file is nowhere any more. */
  readonly path: string | undefined;
  readonly part: 'inode' | 'xattr' | 'entry' | 'content' | 'link' | 'orphan';
  /** Set where no single key was changed by both, but the changes do not go together. */
  readonly conflict?: FileConflictKind;
}

/** Both changed a directory: what is in it, by other keys. Its times and its count of links follow from that. */
export function settles({ key, ours, theirs }: KeyConflict): boolean {
  if (parseKey(key)?.part !== 'inode' || ours === undefined || theirs === undefined) return false;
  return [ours, theirs].every(({ value }) => decodeRecord(value).type === 'directory');
}

/** Brings the directories of both sides together, or says why they cannot be. */
export const settle: Settle = settleFiles({ files: 'fail', maxTextBytes: 0 });

/** For people; undefined if the conflict is about something else. One operation. */
export function show({ store, ours, theirs }: MergedState, conflict: KeyConflict): ShownFileKey | undefined {
  const found = describe({ store, root: ours }, conflict.key);
  if (found === undefined) return undefined;
  const path = found.path ?? describe({ store, root: theirs }, conflict.key)?.path;
  const kind = isFileConflict(conflict) ? { conflict: conflict.file.kind } : {};
  const names = isFileConflict(conflict) ? conflict.file.path : path;
  return { path: names && textOf(names), part: found.part, ...kind };
}
