/**
 * Reading and writing a regular file's bytes.
 * Callers must repeat a read or write until all is done: neither ever crosses from one chunk of 512 KiB into the next.
 */
import { PAGE_BYTES } from '../../core/bytes.ts';
import { readContent, readResident, writeContent } from '../../core/content.ts';
import { withoutPrivileges } from './attributes.ts';
import { Draft, loadFile } from './draft.ts';
import { failure } from './failure.ts';
import { CONTENT_BYTES, contentKey, MAX_FILE_BYTES } from './keys.ts';
import type { InodeRecord } from './record.ts';
import { requireWritable, type Tree, type View } from './view.ts';

export interface WriteOptions {
  /** Takes the suid and sgid bits as a write without privileges must. */
  readonly clearPrivileges?: boolean | undefined;
  /** Of a caller that writes whole pages to the device itself: see `writeContent` in core. */
  readonly direct?: number[] | undefined;
}

export function requireOffset(offset: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0) throw failure('EINVAL');
}

/** What every change of content does to a record beside its size and pages. */
export function stampWrite(draft: Draft, record: InodeRecord, options: WriteOptions): void {
  record.modifyTime = draft.now;
  record.changeTime = draft.now;
  if (options.clearPrivileges === true) record.mode = withoutPrivileges(record.mode);
}

/** Fills the start of `target` and says how far; 0 only at or beyond the file's end (or for an empty target). */
export function read(view: Tree, inode: number, offset: number, target: Uint8Array): number {
  requireOffset(offset);
  const { size } = loadFile(view, inode);
  if (offset >= size) return 0;
  const at = offset % CONTENT_BYTES;
  const length = Math.min(target.length, size - offset, CONTENT_BYTES - at);
  if (length === 0) return 0;
  const wanted = length === target.length ? target : target.subarray(0, length);
  readContent(view.store, view.root, contentKey(inode, Math.floor(offset / CONTENT_BYTES)), at, wanted);
  return length;
}

/**
 * {@link read} from a page's beginning into whole pages, for a caller that then brings what is not resident: `absent` gets the
 * number, the checksum and the place in `target` of each such page. Beyond the file's end the last page may hold anything.
 */
export function readPages(view: Tree, inode: number, offset: number, target: Uint8Array, absent: number[]): number {
  requireOffset(offset);
  absent.length = 0;
  const { size } = loadFile(view, inode);
  if (offset >= size) return 0;
  const at = offset % CONTENT_BYTES;
  const length = Math.min(target.length, size - offset, CONTENT_BYTES - at);
  const whole = target.subarray(0, Math.ceil(length / PAGE_BYTES) * PAGE_BYTES);
  readResident(view.store, view.root, contentKey(inode, Math.floor(offset / CONTENT_BYTES)), at, whole, absent);
  return length;
}

/** Writes a first part of `bytes` and says how much. EFBIG if the offset is where no file can reach. */
export function write(
  view: View,
  inode: number,
  offset: number,
  bytes: Uint8Array,
  options: WriteOptions = {},
): number {
  requireWritable(view);
  requireOffset(offset);
  const draft = new Draft(view);
  loadFile(view, inode);
  if (bytes.length === 0) return 0;
  if (offset >= MAX_FILE_BYTES) throw failure('EFBIG', { inode });
  const record = draft.change(inode);
  const at = offset % CONTENT_BYTES;
  const length = Math.min(bytes.length, CONTENT_BYTES - at);
  const key = contentKey(inode, Math.floor(offset / CONTENT_BYTES));
  draft.prepare({ content: [{ key, from: at, to: at + length }] });
  const part = length === bytes.length ? bytes : bytes.subarray(0, length);
  record.pages += writeContent(view.store, view.root, key, at, part, options.direct);
  record.size = Math.max(record.size, offset + length);
  stampWrite(draft, record, options);
  draft.write();
  return length;
}
