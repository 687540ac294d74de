/**
 * Copying a range of one file into another, or elsewhere in the same: whole chunks are shared, other bytes are copied.
 * Callers must repeat a step from where it left off until all is copied or it says 0, the end of the source.
 */
import {
  type ContentRange,
  contentRanges,
  copyContent,
  punchContent,
  readContent,
  writeContent,
} from '../../core/content.ts';
import { beginsLeaf, canGraft, graftLeaf, type Scion, wholeLeaf } from '../../core/graft.ts';
import { has } from '../../core/tree.ts';
import { chunkPages, chunksFrom, edgePages, STEP_CHUNKS } from './cells.ts';
import { requireOffset, stampWrite, type WriteOptions } from './content.ts';
import { Draft, loadFile } from './draft.ts';
import { failure } from './failure.ts';
import { CONTENT_BYTES, chunkOf, contentKey, MAX_FILE_BYTES } from './keys.ts';
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
  const done =
    skipHole(draft, copy) ||
    shareLeaves(draft, record, copy) ||
    shareChunks(draft, record, copy) ||
    copyPages(draft, record, copy);
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

/** Bytes of a content key before its chunk. */
const OWNER_BYTES = contentKey(0, 0).length - 4;
/** How many leaves of the tree one operation shares. */
const STEP_LEAVES = 8;

/**
 * Shares leaves of the tree that hold nothing but chunks to be shared, where the target has nothing: the chunks get their new keys all at
 * once. Otherwise it does nothing and says 0.
 */
function shareLeaves(draft: Draft, record: InodeRecord, copy: Copy): number {
  const { store, root } = draft.view;
  const { from, to, fromOffset, toOffset, bytes } = copy;
  if (fromOffset % CONTENT_BYTES !== 0 || fromOffset !== toOffset || from === to) return 0;
  const isTail = fromOffset + bytes === copy.fromSize && toOffset + bytes >= record.size;
  const endChunk = isTail ? chunkAt(fromOffset + bytes - 1) + 1 : chunkAt(fromOffset + bytes);
  const end = contentKey(from, endChunk);
  const leaves: Scion[] = [];
  let chunk = chunkAt(fromOffset);
  while (leaves.length < STEP_LEAVES && chunk < endChunk) {
    const leaf = wholeLeaf(store, root, contentKey(from, chunk), end, OWNER_BYTES);
    if (leaf === undefined) break;
    leaves.push(leaf);
    chunk = chunkOf(leaf.last) + 1;
  }
  const first = contentKey(to, chunkAt(fromOffset));
  if (leaves.length === 0 || !canGraft(store, root, first)) return 0;
  if (chunksFrom(draft.view, to, chunkAt(fromOffset), chunk, 1).length > 0) return 0;
  const content = leaves.map((leaf) => ({ key: contentKey(to, chunkOf(leaf.first)), from: 0, to: 0 }));
  content.push({ key: contentKey(to, chunk - 1), from: 0, to: 0 });
  draft.prepare({ shares: leaves.map((leaf) => leaf.first), content });
  const owner = first.subarray(0, OWNER_BYTES);
  for (const leaf of leaves) record.pages += graftLeaf(store, root, leaf, owner);
  return Math.min(bytes, chunk * CONTENT_BYTES - fromOffset);
}

/** Shares a few whole chunks if that says the same as copying them; otherwise does nothing and says 0. */
function shareChunks(draft: Draft, record: InodeRecord, copy: Copy): number {
  if (copy.fromOffset % CONTENT_BYTES !== 0 || copy.toOffset % CONTENT_BYTES !== 0) return 0;
  const { store, root } = draft.view;
  const fromKeys: Uint8Array[] = [];
  const content: ContentRange[] = [];
  let length = 0;
  while (fromKeys.length < STEP_CHUNKS && length < copy.bytes) {
    const part = Math.min(copy.bytes - length, CONTENT_BYTES);
    const isTail = copy.fromOffset + length + part === copy.fromSize && copy.toOffset + length + part >= record.size;
    if (part < CONTENT_BYTES && !isTail) break;
    const fromKey = contentKey(copy.from, chunkAt(copy.fromOffset + length));
    const key = contentKey(copy.to, chunkAt(copy.toOffset + length));
    // What begins a leaf may be shared as a leaf.
    if (length > 0 && beginsLeaf(store, root, fromKey)) break;
    if (!has(store, root, fromKey)) {
      if (length > 0) break;
      record.pages -= chunkPages(draft.view, key);
      draft.remove(key);
      draft.prepare({ purpose: 'free' });
      return part;
    }
    fromKeys.push(fromKey);
    content.push({ key, from: 0, to: 0 });
    length += part;
  }
  if (length === 0) return 0;
  draft.prepare({ shares: fromKeys, content });
  for (const [at, fromKey] of fromKeys.entries()) {
    record.pages += copyContent(store, root, fromKey, content[at]!.key);
  }
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
