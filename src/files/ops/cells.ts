/**
 * The chunks of one file's content: which there are, and how many pages each holds. Bounded looks at core, no writes.
 * Callers must remember that a chunk that is not there is a hole, and that a chunk may end before the file does.
 */
import { PAGE_BYTES } from '../../core/bytes.ts';
import { type ContentRange, contentPages } from '../../core/content.ts';
import { collect } from './collect.ts';
import { chunkOf, contentKey, Kind, kindStart } from './keys.ts';
import type { Tree } from './view.ts';

/** How many whole chunks one operation takes away or shares. */
export const STEP_CHUNKS = 8;

const LAST_CHUNK = 0xffff_ffff;

/** Pages of one chunk as attributes count them: a file with bytes never shows none. */
export function chunkPages(tree: Tree, key: Uint8Array): number {
  return contentPages(tree.store, tree.root, key);
}

/**
 * What a cut or a hole of `[from, to)` in one chunk has to write: the pages that it takes only in part. Whole pages are given
 * back, and room for them must not be asked for where there may be none left.
 */
export function edgePages(key: Uint8Array, from: number, to: number): ContentRange[] {
  const firstWhole = Math.ceil(from / PAGE_BYTES) * PAGE_BYTES;
  const lastWhole = Math.floor(to / PAGE_BYTES) * PAGE_BYTES;
  if (lastWhole < firstWhole) return [{ key, from, to }];
  return [
    { key, from, to: firstWhole },
    { key, from: lastWhole, to },
  ];
}

/** The numbers of the first `limit` stored chunks with `from <= chunk < to`, ascending. */
export function chunksFrom(tree: Tree, inode: number, from: number, to: number, limit: number): number[] {
  if (from >= to || from > LAST_CHUNK) return [];
  const end = to > LAST_CHUNK ? kindStart(inode, Kind.content + 1) : contentKey(inode, to);
  return collect(tree, { from: contentKey(inode, from), to: end }, limit, (entry) => chunkOf(entry.key()));
}

/** The numbers of the last `limit` stored chunks at or after `from`, descending. */
export function chunksFromEnd(tree: Tree, inode: number, from: number, limit: number): number[] {
  if (from > LAST_CHUNK) return [];
  const range = { from: contentKey(inode, from), to: kindStart(inode, Kind.content + 1), reverse: true };
  return collect(tree, range, limit, (entry) => chunkOf(entry.key()));
}
