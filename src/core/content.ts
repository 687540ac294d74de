/**
 * A cell's value as a range of bytes: files, disks, memory and large rows are cut into such cells of up to CONTENT_BYTES.
 * Small content stays in its node, larger content lies in data pages that are copied one by one when written. Callers must
 * keep the logical length themselves: content is only known to be zero beyond what was written.
 */

import { assert, ByreError } from '../errors.ts';
import { PAGE_BYTES, readU32, writeU32 } from './bytes.ts';
import { CONTENT_BYTES, CONTENT_PAGES, pageIndex } from './content-layout.ts';
import { Fault } from './fault.ts';
import { locate } from './locate.ts';
import * as node from './node.ts';
import { eachExtent } from './share.ts';
import type { Root, Store } from './store.ts';
import { ownLeaf, putCell, remove } from './tree.ts';

export { CONTENT_BYTES, CONTENT_PAGES } from './content-layout.ts';
export { type ContentRange, type Plan, prepare } from './prepare.ts';

const REF = node.EXTENT_REF_BYTES;
const zeros = new Uint8Array(PAGE_BYTES);

/** Fills `target` from `offset` of the cell's content; what was never written reads as zeros. */
export function readContent(store: Store, root: Root, key: Uint8Array, offset: number, target: Uint8Array): void {
  const value = extentsOrFill(store, root, key, offset, target);
  if (value === undefined) return;
  faultMissing(store, value, offset, offset + target.length);
  for (let done = 0; done < target.length; ) {
    const at = offset + done;
    const within = at % PAGE_BYTES;
    const length = Math.min(PAGE_BYTES - within, target.length - done);
    const ref = pageIndex(at) * REF;
    const page = ref < value.length ? readU32(value, ref) : 0;
    if (page === 0) target.fill(0, done, done + length);
    else {
      const from = store.data.find(page) * PAGE_BYTES + within;
      target.set(store.data.u8.subarray(from, from + length), done);
    }
    done += length;
  }
}

/**
 * Whole pages of the cell's content from `offset`, a multiple of a page, for a caller that reads the device without a fault:
 * fills in what is resident or zero, and adds of every other page its number, its checksum and its place in `target` to `absent`.
 */
export function readResident(
  store: Store,
  root: Root,
  key: Uint8Array,
  offset: number,
  target: Uint8Array,
  absent: number[],
): void {
  assert(offset % PAGE_BYTES === 0 && target.length % PAGE_BYTES === 0, 'whole pages are read');
  const value = extentsOrFill(store, root, key, offset, target);
  if (value === undefined) return;
  const { data } = store;
  for (let place = 0, ref = pageIndex(offset) * REF; place < target.length; place += PAGE_BYTES, ref += REF) {
    const page = ref < value.length ? readU32(value, ref) : 0;
    const frame = page === 0 ? -1 : data.find(page);
    if (page === 0) target.fill(0, place, place + PAGE_BYTES);
    else if (frame >= 0) target.set(data.bytes(frame), place);
    else absent.push(page, readU32(value, ref + 4), place);
  }
}

/** The value of a cell that holds pages; of any other the content is filled in, and undefined returned. */
function extentsOrFill(
  store: Store,
  root: Root,
  key: Uint8Array,
  offset: number,
  target: Uint8Array,
): Uint8Array | undefined {
  const { frame, slot } = locate(store, root, key);
  if (frame < 0) {
    target.fill(0);
    return undefined;
  }
  const value = node.cellValue(store, frame, slot);
  if (node.kindOf(store, frame, slot) !== node.INLINE) return value;
  const part = value.subarray(offset, offset + target.length);
  target.set(part);
  target.fill(0, part.length);
  return undefined;
}

/** One fault that names every page of the range that is not resident. */
function faultMissing(store: Store, value: Uint8Array, from: number, to: number): void {
  let fault: Fault | undefined;
  const end = Math.min(value.length, pageIndex(to + PAGE_BYTES - 1) * REF);
  for (let at = pageIndex(from) * REF; at < end; at += REF) {
    const page = readU32(value, at);
    if (page === 0 || store.data.find(page) >= 0) continue;
    fault ??= new Fault('load');
    fault.data.push(page, readU32(value, at + 4));
  }
  if (fault === undefined) return;
  assert(!store.writing, 'an operation faults while it writes');
  throw fault;
}

/**
 * Writes bytes into the cell's content at `offset`, copying only the pages it touches; creates the cell. Returns by how much
 * {@link contentPages} has grown. A caller that writes to the device itself gives `direct`, which gets the number of each whole
 * page that is not resident and its place in `bytes`: before anything else runs it must be written there.
 */
export function writeContent(
  store: Store,
  root: Root,
  key: Uint8Array,
  offset: number,
  bytes: Uint8Array,
  direct?: number[],
): number {
  const end = offset + bytes.length;
  checkRange(offset, end);
  if (bytes.length === 0) return 0;
  const { frame, slot } = locate(store, root, key);
  let added = 0;
  if (frame < 0 || node.kindOf(store, frame, slot) === node.INLINE) {
    const old = frame < 0 ? zeros.subarray(0, 0) : node.cellValue(store, frame, slot);
    const before = frame < 0 ? 0 : 1;
    const whole = Math.max(old.length, end);
    if (whole <= store.maxInlineBytes) {
      const value = new Uint8Array(whole);
      value.set(old);
      value.set(bytes, offset);
      putCell(store, root, { key, kind: node.INLINE, value });
      return 1 - before;
    }
    added = putPages(store, root, key, new Uint8Array(pageIndex(whole + PAGE_BYTES - 1) * REF), 0, old) - before;
  }
  const own = ownLeaf(store, root, key);
  const value = node.cellValue(store, own.frame, own.slot);
  const pages = pageIndex(end + PAGE_BYTES - 1);
  if (pages * REF <= value.length) return added + writePages(store, value, offset, bytes, true, direct);
  const longer = new Uint8Array(pages * REF);
  longer.set(value);
  return added + putPages(store, root, key, longer, offset, bytes, direct);
}

/** Writes bytes to the pages of an extents value, puts it, and returns how many of the pages were holes. */
function putPages(
  store: Store,
  root: Root,
  key: Uint8Array,
  value: Uint8Array,
  offset: number,
  bytes: Uint8Array,
  direct?: number[],
): number {
  const added = writePages(store, value, offset, bytes, false, direct);
  putCell(store, root, { key, kind: node.EXTENTS, value });
  return added;
}

/**
 * Writes bytes to the pages of an extents value, and returns how many of them were holes. Pages that are replaced are given
 * back here if the value is that in the tree; otherwise when it is put there.
 */
function writePages(
  store: Store,
  value: Uint8Array,
  offset: number,
  bytes: Uint8Array,
  inTree: boolean,
  direct?: number[],
): number {
  let added = 0;
  for (let done = 0; done < bytes.length; ) {
    const at = offset + done;
    const within = at % PAGE_BYTES;
    const length = Math.min(PAGE_BYTES - within, bytes.length - done);
    const index = pageIndex(at);
    const old = readU32(value, index * REF);
    const part = length === bytes.length ? bytes : bytes.subarray(done, done + length);
    const isDirect = direct !== undefined && length === PAGE_BYTES && !(old !== 0 && isWritable(store, old));
    const page = isDirect ? nameDirect(store, value, index, part) : writePage(store, value, index, within, part);
    if (isDirect) direct.push(page, done);
    if (old === 0) added++;
    else if (inTree && page !== old) store.releaseData(old);
    done += length;
  }
  return added;
}

/** A page that is resident and owned: it is written where it is. */
function isWritable(store: Store, page: number): boolean {
  return store.counts.isOwned(page) && store.data.find(page) >= 0;
}

/** Refers to a whole page of bytes that the caller writes to the device, and returns its number. */
function nameDirect(store: Store, value: Uint8Array, index: number, bytes: Uint8Array): number {
  const old = readU32(value, index * REF);
  const page = old !== 0 && store.counts.isOwned(old) ? old : store.allocateData();
  store.data.noteWrite(page);
  store.hash(bytes, store.hashWords);
  writeU32(value, index * REF, page);
  writeU32(value, index * REF + 4, store.hashWords[0]);
  return page;
}

/** Cuts the content off at `length`: later growth reads zeros. Length 0 removes the cell. */
export function truncateContent(store: Store, root: Root, key: Uint8Array, length: number): void {
  const { frame, slot } = locate(store, root, key);
  if (frame < 0) return;
  if (length === 0) {
    remove(store, root, key);
    return;
  }
  if (node.kindOf(store, frame, slot) === node.INLINE) {
    const old = node.cellValue(store, frame, slot);
    if (old.length > length) putCell(store, root, { key, kind: node.INLINE, value: old.slice(0, length) });
    return;
  }
  const value = ownedExtents(store, root, key, 0);
  const cut = length % PAGE_BYTES;
  const pages = pageIndex(length + PAGE_BYTES - 1);
  if (pages * REF > value.length) return;
  if (cut !== 0 && readU32(value, (pages - 1) * REF) !== 0) {
    writePage(store, value, pages - 1, cut, zeros.subarray(cut));
  }
  putExtents(store, root, key, value.subarray(0, pages * REF));
}

/** Makes `[from, to)` a hole: whole pages are given back, the edges zeroed. */
export function punchContent(store: Store, root: Root, key: Uint8Array, from: number, to: number): void {
  checkRange(from, to);
  const { frame, slot } = locate(store, root, key);
  if (frame < 0 || from >= to) return;
  if (node.kindOf(store, frame, slot) === node.INLINE) {
    const value = node.cellValue(store, frame, slot).slice();
    value.fill(0, Math.min(from, value.length), Math.min(to, value.length));
    putCell(store, root, { key, kind: node.INLINE, value });
    return;
  }
  const value = ownedExtents(store, root, key, 0);
  for (let at = from; at < to; ) {
    const within = at % PAGE_BYTES;
    const length = Math.min(PAGE_BYTES - within, to - at);
    const ref = pageIndex(at) * REF;
    if (ref < value.length && readU32(value, ref) !== 0) {
      if (length === PAGE_BYTES) value.fill(0, ref, ref + REF);
      else writePage(store, value, pageIndex(at), within, zeros.subarray(0, length));
    }
    at += length;
  }
  putExtents(store, root, key, value);
}

/**
 * Gives `toKey` the content of `fromKey`, of this tree or another one of the store, sharing its pages. Returns by how much
 * {@link contentPages} of `toKey` has grown.
 */
export function copyContent(store: Store, root: Root, fromKey: Uint8Array, toKey: Uint8Array, fromRoot = root): number {
  const before = contentPages(store, root, toKey);
  const { frame, slot } = locate(store, fromRoot, fromKey);
  if (frame < 0) {
    remove(store, root, toKey);
    return -before;
  }
  const kind = node.kindOf(store, frame, slot);
  const stored = node.cellValue(store, frame, slot);
  if (kind === node.INLINE) {
    putCell(store, root, { key: toKey, kind, value: stored.slice() });
    return 1 - before;
  }
  // The node that it stands in may move.
  const value = copied.subarray(0, stored.length);
  value.set(stored);
  const pages = shareMoved(store, root, toKey, value);
  putCell(store, root, { key: toKey, kind, value });
  return pages - before;
}

/** References stand here while they are put into another cell. */
const copied = new Uint8Array(CONTENT_PAGES * REF);

/**
 * Takes references to the pages of an extents value, but for those that `toKey` holds at the same index already. Returns how
 * many pages the value has.
 */
function shareMoved(store: Store, root: Root, toKey: Uint8Array, value: Uint8Array): number {
  // Owned first: a shared leaf's pages gain their counts before they are compared.
  const old = locate(store, root, toKey).frame < 0 ? undefined : ownLeaf(store, root, toKey);
  const kept =
    old && node.kindOf(store, old.frame, old.slot) === node.EXTENTS
      ? node.cellValue(store, old.frame, old.slot)
      : zeros;
  let pages = 0;
  for (let at = 0; at < value.length; at += REF) {
    const page = readU32(value, at);
    if (page === 0) continue;
    pages++;
    if (kept !== zeros && at < kept.length && readU32(kept, at) === page) continue;
    store.counts.share(page);
  }
  return pages;
}

/** Bytes the cell holds: exact for inline content, a multiple of PAGE_BYTES for pages, 0 if there is no cell. */
export function contentLength(store: Store, root: Root, key: Uint8Array): number {
  const { frame, slot } = locate(store, root, key);
  if (frame < 0) return 0;
  const { length } = node.cellValue(store, frame, slot);
  return node.kindOf(store, frame, slot) === node.INLINE ? length : (length / REF) * PAGE_BYTES;
}

/** The ranges of the content that are data and not holes, ascending and apart. */
export function contentRanges(store: Store, root: Root, key: Uint8Array): Array<{ from: number; to: number }> {
  const { frame, slot } = locate(store, root, key);
  if (frame < 0) return [];
  const value = node.cellValue(store, frame, slot);
  if (node.kindOf(store, frame, slot) === node.INLINE) return [{ from: 0, to: value.length }];
  const ranges: Array<{ from: number; to: number }> = [];
  for (let index = 0; index * REF < value.length; index++) {
    if (readU32(value, index * REF) === 0) continue;
    const last = ranges[ranges.length - 1];
    if (last && last.to === index * PAGE_BYTES) last.to += PAGE_BYTES;
    else ranges.push({ from: index * PAGE_BYTES, to: (index + 1) * PAGE_BYTES });
  }
  return ranges;
}

/** How many data pages the cell refers to; content that is kept in its node counts as one. */
export function contentPages(store: Store, root: Root, key: Uint8Array): number {
  const { frame, slot } = locate(store, root, key);
  if (frame < 0) return 0;
  if (node.kindOf(store, frame, slot) === node.INLINE) return 1;
  let pages = 0;
  eachExtent(node.cellValue(store, frame, slot), () => pages++);
  return pages;
}

function checkRange(from: number, to: number): void {
  if (from >= 0 && to <= CONTENT_BYTES) return;
  throw new ByreError('BAD_ARGUMENT', `the content of a cell ends at ${CONTENT_BYTES} bytes`, {
    details: { from, to },
  });
}

/** A copy of the cell's references, at least `pages` long, after its leaf is owned: only then do counts tell who shares. */
function ownedExtents(store: Store, root: Root, key: Uint8Array, pages: number): Uint8Array {
  const { frame, slot } = ownLeaf(store, root, key);
  const old = node.cellValue(store, frame, slot);
  const value = new Uint8Array(Math.max(old.length, Math.min(pages, CONTENT_PAGES) * REF));
  value.set(old);
  return value;
}

/**
 * Writes bytes into one page of an extents value: in place if it is owned, else into a new page; renews the reference, and
 * returns the page. The value may stand in an owned leaf.
 */
function writePage(store: Store, value: Uint8Array, index: number, within: number, bytes: Uint8Array): number {
  const { data, counts } = store;
  const old = readU32(value, index * REF);
  const whole = bytes.length === PAGE_BYTES;
  let page = old;
  let frame = old === 0 ? -1 : data.find(old);
  assert(old === 0 || whole || frame >= 0, 'a page to be written in part is not resident');
  if (old === 0 || !counts.isOwned(old)) {
    const from = frame * PAGE_BYTES;
    page = store.allocateData();
    frame = data.take(page);
    const to = frame * PAGE_BYTES;
    if (!whole && old !== 0) data.u8.copyWithin(to, from, from + PAGE_BYTES);
    else if (!whole) data.u8.fill(0, to, to + PAGE_BYTES);
  } else if (frame < 0) frame = data.take(page);
  data.u8.set(bytes, frame * PAGE_BYTES + within);
  data.markDirty(frame);
  store.hash(whole ? bytes : data.bytes(frame), store.hashWords);
  writeU32(value, index * REF, page);
  writeU32(value, index * REF + 4, store.hashWords[0]);
  return page;
}

/** Writes an extents value without the holes at its end; one that is all holes goes. */
function putExtents(store: Store, root: Root, key: Uint8Array, value: Uint8Array): void {
  let length = value.length;
  while (length > 0 && readU32(value, length - REF) === 0) length -= REF;
  if (length === 0) remove(store, root, key);
  else putCell(store, root, { key, kind: node.EXTENTS, value: value.slice(0, length) });
}
