/**
 * Changing a file's size. Growing is one number; shrinking takes whole chunks away from the end, a few in each operation.
 * Callers must repeat a step until it says that it is done; between steps the file is a shorter one, and whole.
 */
import { truncateContent } from '../../core/content.ts';
import { chunkPages, chunksFromEnd, edgePages, STEP_CHUNKS } from './cells.ts';
import { Draft, loadFile } from './draft.ts';
import { failure } from './failure.ts';
import { CONTENT_BYTES, contentKey, MAX_FILE_BYTES } from './keys.ts';
import type { InodeRecord } from './record.ts';
import { requireWritable, type Tree, type View } from './view.ts';

export interface Resizing {
  /** False if this is but one step of the way. */
  readonly done: boolean;
  /** The size after this step. */
  readonly size: number;
  /** Chunks that go, and what they held. */
  readonly removes: readonly Uint8Array[];
  readonly removedPages: number;
  /** The chunk in which the file is to end, if content of it goes. */
  readonly edge: { readonly key: Uint8Array; readonly from: number; readonly pages: number } | undefined;
}

/** Finds out what a step towards `size` takes, changing nothing. EISDIR, EINVAL, EFBIG. */
export function planSize(view: Tree, inode: number, record: InodeRecord, size: number): Resizing {
  if (record.type === 'directory') throw failure('EISDIR', { inode });
  if (record.type !== 'file' || !Number.isSafeInteger(size) || size < 0) throw failure('EINVAL', { inode });
  if (size > MAX_FILE_BYTES) throw failure('EFBIG', { inode });
  if (size >= record.size) return { done: true, size, removes: [], removedPages: 0, edge: undefined };
  const firstGone = Math.ceil(size / CONTENT_BYTES);
  const found = chunksFromEnd(view, inode, firstGone, STEP_CHUNKS + 1);
  const done = found.length <= STEP_CHUNKS;
  const gone = done ? found : found.slice(0, STEP_CHUNKS);
  const removes = gone.map((chunk) => contentKey(inode, chunk));
  let removedPages = 0;
  for (const key of removes) removedPages += chunkPages(view, key);
  if (!done) return { done, size: gone.at(-1)! * CONTENT_BYTES, removes, removedPages, edge: undefined };
  const from = size % CONTENT_BYTES;
  if (from === 0) return { done, size, removes, removedPages, edge: undefined };
  const key = contentKey(inode, firstGone - 1);
  return { done, size, removes, removedPages, edge: { key, from, pages: chunkPages(view, key) } };
}

/** Prepares and carries a plan out on a record that the draft will write; the caller writes the draft. */
export function applySize(draft: Draft, record: InodeRecord, plan: Resizing): void {
  const { view } = draft;
  const shrinks = plan.size < record.size;
  for (const key of plan.removes) draft.remove(key);
  const edge = plan.edge;
  draft.prepare({
    purpose: shrinks ? 'free' : 'write',
    content: edge === undefined ? [] : edgePages(edge.key, edge.from, CONTENT_BYTES),
  });
  record.pages -= plan.removedPages;
  if (edge !== undefined) {
    truncateContent(view.store, view.root, edge.key, edge.from);
    record.pages += chunkPages(view, edge.key) - edge.pages;
  }
  record.size = plan.size;
  record.modifyTime = draft.now;
  record.changeTime = draft.now;
}

/** One step towards `size`; true when the file has that size. For callers that truncate and set nothing else. */
export function truncateStep(view: View, inode: number, size: number): boolean {
  requireWritable(view);
  const plan = planSize(view, inode, loadFile(view, inode), size);
  const draft = new Draft(view);
  const record = draft.change(inode);
  applySize(draft, record, plan);
  draft.write();
  return plan.done;
}
