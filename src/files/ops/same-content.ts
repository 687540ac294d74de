/**
 * Whether two files hold the same bytes, in one tree or in two of one store: shared pages and checksums tell most of it, and bytes
 * are read only where these agree by what may be chance.
 * Callers must run it as a job, while nobody writes to either tree.
 */
import { readU32 } from '../../core/bytes.ts';
import { readContent } from '../../core/content.ts';
import { sideOf } from '../../core/merge.ts';
import { EXTENT_REF_BYTES } from '../../core/node.ts';
import { chunksFrom } from './cells.ts';
import { type Job, perform } from './job.ts';
import { CONTENT_BYTES, contentKey } from './keys.ts';
import type { Tree } from './view.ts';

/** A file of a tree. */
export interface FileAt {
  readonly tree: Tree;
  readonly inode: number;
  readonly size: number;
}

const CHUNKS_AT_ONCE = 64;

/** True if the files have one length and the same bytes. */
export function* sameFile(a: FileAt, b: FileAt): Job<boolean> {
  if (a.size !== b.size) return false;
  for (let from = 0; ; ) {
    const start = from;
    const chunks = yield* perform(() => [
      ...chunksFrom(a.tree, a.inode, start, Number.POSITIVE_INFINITY, CHUNKS_AT_ONCE),
      ...chunksFrom(b.tree, b.inode, start, Number.POSITIVE_INFINITY, CHUNKS_AT_ONCE),
    ]);
    if (chunks.length === 0) return true;
    const sorted = [...new Set(chunks)].sort((x, y) => x - y).slice(0, CHUNKS_AT_ONCE);
    if (!(yield* sameChunks(a, b, sorted))) return false;
    from = sorted.at(-1)! + 1;
  }
}

/** True if the two files have the same bytes in these chunks. */
export function* sameChunks(a: FileAt, b: FileAt, chunks: readonly number[]): Job<boolean> {
  for (const chunk of chunks) {
    if (!(yield* perform(() => sameChunk(a, b, chunk)))) return false;
  }
  return true;
}

function sameChunk(a: FileAt, b: FileAt, chunk: number): boolean {
  const keyA = contentKey(a.inode, chunk);
  const keyB = contentKey(b.inode, chunk);
  const sideA = sideOf(a.tree.store, a.tree.root, keyA);
  const sideB = sideOf(b.tree.store, b.tree.root, keyB);
  if (sideA === undefined && sideB === undefined) return true;
  if (sideA?.kind === 'extents' && sideB?.kind === 'extents') {
    const verdict = compareReferences(sideA.value, sideB.value);
    if (verdict !== undefined) return verdict;
  }
  const bytesA = new Uint8Array(Math.min(CONTENT_BYTES, a.size - chunk * CONTENT_BYTES));
  const bytesB = new Uint8Array(bytesA.length);
  readContent(a.tree.store, a.tree.root, keyA, 0, bytesA);
  readContent(b.tree.store, b.tree.root, keyB, 0, bytesB);
  return bytesA.every((byte, at) => byte === bytesB[at]);
}

/** True: the same pages. False: a checksum differs, so bytes do. Undefined: only the bytes can tell. */
function compareReferences(a: Uint8Array, b: Uint8Array): boolean | undefined {
  let same = true;
  for (let at = 0; at < Math.max(a.length, b.length); at += EXTENT_REF_BYTES) {
    const pageA = at < a.length ? readU32(a, at) : 0;
    const pageB = at < b.length ? readU32(b, at) : 0;
    if (pageA === pageB) continue;
    same = false;
    if (pageA !== 0 && pageB !== 0 && readU32(a, at + 4) !== readU32(b, at + 4)) return false;
  }
  return same ? true : undefined;
}
