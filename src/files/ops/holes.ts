/**
 * Holes: making them, filling them on paper, and finding where data is. A hole reads as zeros and takes no page.
 * Callers must repeat the stepping functions, from where each left off, until they reach their end.
 */
import { contentRanges, punchContent } from '../../core/content.ts';
import { chunkPages, chunksFrom, edgePages, STEP_CHUNKS } from './cells.ts';
import { requireOffset, stampWrite, type WriteOptions } from './content.ts';
import { Draft, loadFile, loadRecord } from './draft.ts';
import { failure } from './failure.ts';
import { CONTENT_BYTES, contentKey, MAX_FILE_BYTES } from './keys.ts';
import type { InodeRecord } from './record.ts';
import { requireWritable, type Tree, type View } from './view.ts';

export interface AllocateOptions extends WriteOptions {
  /** The file's size stays, even if the range ends beyond it. */
  readonly keepSize?: boolean | undefined;
}

function requireRange(view: Tree, inode: number, from: number, to: number): InodeRecord {
  const record = loadRecord(view, inode);
  if (record.type === 'directory') throw failure('EISDIR', { inode });
  if (record.type !== 'file') throw failure('ENODEV', { inode });
  requireOffset(from);
  requireOffset(to);
  if (to <= from) throw failure('EINVAL', { inode });
  if (to > MAX_FILE_BYTES) throw failure('EFBIG', { inode });
  return record;
}

/**
 * `fallocate`: the file reaches `to` afterwards (unless `keepSize`) and what was a hole stays one. No pages are set aside: in a
 * copy-on-write pool a page set aside would have to be written elsewhere all the same.
 */
export function allocate(view: View, inode: number, from: number, to: number, options: AllocateOptions = {}): void {
  requireWritable(view);
  requireRange(view, inode, from, to);
  const draft = new Draft(view);
  const record = draft.change(inode);
  draft.prepare();
  if (options.keepSize !== true) record.size = Math.max(record.size, to);
  stampWrite(draft, record, options);
  draft.write();
}

/** Makes a hole of `[from, to)` as far as one operation can; returns where to go on, `to` at the end. The size stays. */
export function punchHole(view: View, inode: number, from: number, to: number, options: WriteOptions = {}): number {
  requireWritable(view);
  requireRange(view, inode, from, to);
  return punch(view, inode, from, to, { ...options, keepSize: true });
}

/** {@link punchHole}, but the file reaches `to` afterwards unless `keepSize` (`FALLOC_FL_ZERO_RANGE`). */
export function zeroRange(view: View, inode: number, from: number, to: number, options: AllocateOptions = {}): number {
  requireWritable(view);
  requireRange(view, inode, from, to);
  return punch(view, inode, from, to, options);
}

function punch(view: View, inode: number, from: number, to: number, options: AllocateOptions): number {
  const draft = new Draft(view);
  const record = draft.change(inode);
  // Nothing lies beyond the end of the file: a hole that reaches it takes its last page whole.
  const end = to < record.size ? to : Math.ceil(record.size / CONTENT_BYTES) * CONTENT_BYTES;
  const chunks = chunksFrom(view, inode, Math.floor(from / CONTENT_BYTES), Math.ceil(end / CONTENT_BYTES), STEP_CHUNKS);
  const reached = chunks.length < STEP_CHUNKS ? to : Math.min(to, (chunks.at(-1)! + 1) * CONTENT_BYTES);
  const edges: { key: Uint8Array; from: number; to: number; pages: number }[] = [];
  for (const chunk of chunks) {
    const start = chunk * CONTENT_BYTES;
    const key = contentKey(inode, chunk);
    const pages = chunkPages(view, key);
    if (start >= from && start + CONTENT_BYTES <= end) {
      draft.remove(key);
      record.pages -= pages;
    } else {
      edges.push({ key, from: Math.max(from - start, 0), to: Math.min(end - start, CONTENT_BYTES), pages });
    }
  }
  draft.prepare({ purpose: 'free', content: edges.flatMap((edge) => edgePages(edge.key, edge.from, edge.to)) });
  for (const edge of edges) {
    punchContent(view.store, view.root, edge.key, edge.from, edge.to);
    record.pages += chunkPages(view, edge.key) - edge.pages;
  }
  if (reached === to && options.keepSize !== true) record.size = Math.max(record.size, to);
  stampWrite(draft, record, options);
  draft.write();
  return reached;
}

export interface Seeking {
  /** Where it is, or where to go on. */
  readonly offset: number;
  readonly found: boolean;
}

/** One bounded step towards the next data or hole at or after `offset`. ENXIO at the file's end, and if no data follows. */
export function seekStep(view: Tree, inode: number, offset: number, what: 'data' | 'hole'): Seeking {
  requireOffset(offset);
  const { size } = loadFile(view, inode);
  if (offset >= size) throw failure('ENXIO', { inode });
  const first = Math.floor(offset / CONTENT_BYTES);
  const chunks = chunksFrom(view, inode, first, Math.ceil(size / CONTENT_BYTES), STEP_CHUNKS);
  let at = offset;
  for (const chunk of chunks) {
    const start = chunk * CONTENT_BYTES;
    if (start > at) {
      if (what === 'hole') return { offset: at, found: true };
      at = start;
    }
    for (const range of contentRanges(view.store, view.root, contentKey(inode, chunk))) {
      if (start + range.to <= at) continue;
      const from = Math.max(start + range.from, at);
      if (what === 'data') {
        if (from >= size) throw failure('ENXIO', { inode });
        return { offset: from, found: true };
      }
      if (from > at) return { offset: at, found: true };
      at = start + range.to;
    }
    if (at >= size) break;
    if (what === 'hole' && at < start + CONTENT_BYTES) return { offset: at, found: true };
    at = Math.max(at, start + CONTENT_BYTES);
  }
  if (chunks.length === STEP_CHUNKS && at < size) return { offset: at, found: false };
  if (what === 'data') throw failure('ENXIO', { inode });
  return { offset: Math.min(at, size), found: true };
}

function seek(view: Tree, inode: number, offset: number, what: 'data' | 'hole'): number {
  for (let at = offset; ; ) {
    const { offset: reached, found } = seekStep(view, inode, at, what);
    if (found) return reached;
    at = reached;
  }
}

/** All steps in one: for files that are known not to be huge. */
export function seekData(view: Tree, inode: number, offset: number): number {
  return seek(view, inode, offset, 'data');
}

/** All steps in one: for files that are known not to be huge. */
export function seekHole(view: Tree, inode: number, offset: number): number {
  return seek(view, inode, offset, 'hole');
}
