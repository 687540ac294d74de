/**
 * Copying a range of one file into another, or elsewhere in the same: whole chunks are shared, other bytes are copied.
 * Callers must repeat a step from where it left off until all is copied or it says 0, the end of the source.
 */
import { contentRanges, copyContent, punchContent, readContent, writeContent } from '../../core/content.ts';
import { chunkPages, chunksFrom, edgePages } from './cells.ts';
import { requireOffset, stampWrite, type WriteOptions } from './content.ts';
import { Draft, loadFile } from './draft.ts';
import { failure } from './failure.ts';
import { CONTENT_BYTES, contentKey, MAX_FILE_BYTES } from './keys.ts';
import type { InodeRecord } from './record.ts';
import { requireWritable, type Tree, type View } from './view.ts';

/** Where a step starts and how far it may go, in bytes of source and target. */
interface Copy {
  readonly from: number;
  readonly fromOffset: number;
  readonly to: number;
  readonly toOffset: number;
  /** Within the source. */
  readonly bytes: number;
  readonly fromSize: number;
}

/**
 * Copies up to `bytes` bytes as far as one operation can and says how many, 0 only at the end of the source. EINVAL if the
 * ranges overlap in one file, EFBIG if the target would grow too long. A chunk is shared, not copied, when both offsets are
 * multiples of 512 KiB and it is taken whole, or up to the source's end where the target has nothing beyond. Holes stay holes.
 */
export function copyRange(
  view: View,
  fromInode: number,
  fromOffset: number,
  toInode: number,
  toOffset: number,
  bytes: number,
  options: WriteOptions = {},
): number {
  requireWritable(view);
  requireOffset(fromOffset);
  requireOffset(toOffset);
  requireOffset(bytes);
  const { size: fromSize } = loadFile(view, fromInode);
  const draft = new Draft(view);
  loadFile(view, toInode);
  const length = Math.min(bytes, fromSize - fromOffset);
  if (length <= 0) return 0;
  if (toOffset + length > MAX_FILE_BYTES) throw failure('EFBIG', { inode: toInode });
  if (fromInode === toInode && fromOffset < toOffset + length && toOffset < fromOffset + length) {
    throw failure('EINVAL', { inode: toInode });
  }
  const copy: Copy = { from: fromInode, fromOffset, to: toInode, toOffset, bytes: length, fromSize };
  const record = draft.change(toInode);
  const done = skipHole(draft, copy) || shareChunk(draft, record, copy) || copyPages(draft, record, copy);
  record.size = Math.max(record.size, toOffset + done);
  stampWrite(draft, record, options);
  draft.write();
  return done;
}

function chunkAt(offset: number): number {
  return Math.floor(offset / CONTENT_BYTES);
}

/** Bytes of hole at an offset, as far as whole chunks are absent; 0 if the chunk there is stored. */
function absentBytes(view: Tree, inode: number, offset: number, bytes: number): number {
  const [next] = chunksFrom(view, inode, chunkAt(offset), Math.ceil((offset + bytes) / CONTENT_BYTES), 1);
  if (next === undefined) return bytes;
  return Math.min(bytes, Math.max(0, next * CONTENT_BYTES - offset));
}

/** Where neither file has anything, there is nothing to do but to grow. */
function skipHole(draft: Draft, copy: Copy): number {
  const inSource = absentBytes(draft.view, copy.from, copy.fromOffset, copy.bytes);
  if (inSource === 0) return 0;
  const length = absentBytes(draft.view, copy.to, copy.toOffset, inSource);
  if (length > 0) draft.prepare();
  return length;
}

/** Shares one whole chunk if that says the same as copying it; otherwise does nothing and says 0. */
function shareChunk(draft: Draft, record: InodeRecord, copy: Copy): number {
  if (copy.fromOffset % CONTENT_BYTES !== 0 || copy.toOffset % CONTENT_BYTES !== 0) return 0;
  const length = Math.min(copy.bytes, CONTENT_BYTES);
  const isTail = copy.fromOffset + length === copy.fromSize && copy.toOffset + length >= record.size;
  if (length < CONTENT_BYTES && !isTail) return 0;
  const { store, root } = draft.view;
  const fromKey = contentKey(copy.from, chunkAt(copy.fromOffset));
  const toKey = contentKey(copy.to, chunkAt(copy.toOffset));
  const pages = chunkPages(draft.view, fromKey);
  const pagesBefore = chunkPages(draft.view, toKey);
  if (pages === 0) {
    draft.remove(toKey);
    draft.prepare({ purpose: 'free' });
  } else {
    draft.prepare({ shares: [fromKey], content: [{ key: toKey, from: 0, to: 0 }] });
    copyContent(store, root, fromKey, toKey);
  }
  record.pages += pages - pagesBefore;
  return length;
}

/** Copies one run of data, or makes one hole, within one chunk of each file. */
function copyPages(draft: Draft, record: InodeRecord, copy: Copy): number {
  const { view } = draft;
  const { store, root } = view;
  const fromKey = contentKey(copy.from, chunkAt(copy.fromOffset));
  const toKey = contentKey(copy.to, chunkAt(copy.toOffset));
  const fromAt = copy.fromOffset % CONTENT_BYTES;
  const toAt = copy.toOffset % CONTENT_BYTES;
  const room = Math.min(copy.bytes, CONTENT_BYTES - fromAt, CONTENT_BYTES - toAt);
  const run = contentRanges(store, root, fromKey).find((range) => range.to > fromAt);
  const isHole = run === undefined || run.from > fromAt;
  const end = run === undefined ? CONTENT_BYTES : isHole ? run.from : run.to;
  const length = Math.min(room, end - fromAt);
  const pagesBefore = chunkPages(view, toKey);
  if (isHole) {
    draft.prepare({ content: edgePages(toKey, toAt, toAt + length), purpose: 'free' });
    punchContent(store, root, toKey, toAt, toAt + length);
  } else {
    const bytes = new Uint8Array(length);
    readContent(store, root, fromKey, fromAt, bytes);
    draft.prepare({ content: [{ key: toKey, from: toAt, to: toAt + length }] });
    writeContent(store, root, toKey, toAt, bytes);
  }
  record.pages += chunkPages(view, toKey) - pagesBefore;
  return length;
}
