/**
 * How many parents refer to each page: one byte a page, larger counts beside it.
 * Callers must not reuse a page whose count fell to zero before {@link Counts.free} says that it is free: the last durable
 * commit may still need it.
 *
 * A page's byte: bits 0 to 6 the count (127: it stands in `overflow`), bit 7 set when the page was born since the last
 * commit was sealed. 0x80, born with no count, means held: freed, but not to be used before a later commit is durable.
 */

import { assert } from '../errors.ts';
import type { CountRun } from './counts-log.ts';

const FRESH = 0x80;
const COUNT = 0x7f;
const HELD = 0x80;

/** Free pages are counted per group, so that a search skips full ones. */
export const GROUP_PAGES = 4096;

/** A commit that lies in one run is durable in half the time of one in four: so much is room for a small one. */
export const LONG_RUN_PAGES = 32;

type MutableRun = { -readonly [Name in keyof CountRun]: CountRun[Name] };

/** Pages as [first, length, first, length, …]. */
export type PageRuns = number[];

export class Counts {
  bytes: Uint8Array = new Uint8Array(GROUP_PAGES);
  groupFree: Uint16Array = new Uint16Array([GROUP_PAGES]);
  /** Set by who has looked: no long run of free pages begins in the group. Unset when one may have come about. */
  groupPoor: Uint8Array = new Uint8Array(1);
  /** Pages below this number belong to the pool's file. */
  pageCount = 0;
  freeCount = 0;
  heldCount = 0;
  /** No page below this one is free. */
  lowestFree = 0;
  private readonly overflow = new Map<number, number>();
  private changed: PageRuns = [];
  private held: PageRuns = [];

  count(page: number): number {
    const low = this.bytes[page] & COUNT;
    return low === COUNT ? this.overflow.get(page)! : low;
  }

  isFresh(page: number): boolean {
    return this.bytes[page] > FRESH;
  }

  /** Count 1 and born since the last sealed commit: it may be written as it is. */
  isOwned(page: number): boolean {
    return this.bytes[page] === (FRESH | 1);
  }

  isFree(page: number): boolean {
    return this.bytes[page] === 0;
  }

  share(page: number): void {
    this.shareRun(page, 1);
  }

  /** {@link share} of each page of a run. */
  shareRun(page: number, length: number): void {
    for (let at = page; at < page + length; at++) {
      const byte = this.bytes[at];
      const low = byte & COUNT;
      assert(low !== 0, 'a page without a count is shared');
      if (low < COUNT - 1) this.bytes[at] = byte + 1;
      else {
        this.overflow.set(at, this.count(at) + 1);
        this.bytes[at] = byte | COUNT;
      }
    }
    this.note(page, length);
  }

  /** Takes one reference back and returns the count that is left, which must not be zero: see {@link release}. */
  unshare(page: number): number {
    const byte = this.bytes[page];
    const low = byte & COUNT;
    assert(low > 1, 'the last reference to a page is unshared');
    this.note(page, 1);
    if (low < COUNT) {
      this.bytes[page] = byte - 1;
      return low - 1;
    }
    const left = this.overflow.get(page)! - 1;
    if (left >= COUNT) this.overflow.set(page, left);
    else {
      this.overflow.delete(page);
      this.bytes[page] = (byte & FRESH) | left;
    }
    return left;
  }

  /** Gives the last reference to a run of pages back. Fresh pages are free at once, others are held. */
  release(page: number, length: number): void {
    for (let at = page; at < page + length; at++) {
      const byte = this.bytes[at];
      assert((byte & COUNT) === 1, 'a page is released that is shared or free');
      if (byte & FRESH) this.setFree(at);
      else {
        this.bytes[at] = HELD;
        this.heldCount++;
        addRun(this.held, at, 1);
      }
    }
    this.note(page, length);
  }

  /** Marks a run of free pages as born with count 1. */
  allocate(page: number, length: number): void {
    for (let at = page; at < page + length; at++) {
      assert(this.bytes[at] === 0, 'a page is allocated twice');
      this.bytes[at] = FRESH | 1;
      const group = Math.floor(at / GROUP_PAGES);
      this.groupFree[group] = this.groupFree[group] - 1;
    }
    this.freeCount -= length;
    this.note(page, length);
  }

  /** Adds free pages at the end. */
  grow(pageCount: number): void {
    this.reserve(pageCount);
    this.freeCount += pageCount - this.pageCount;
    const group = Math.floor(this.pageCount / GROUP_PAGES);
    this.groupPoor.fill(0, Math.max(0, group - 1), Math.floor(pageCount / GROUP_PAGES) + 1);
    this.pageCount = pageCount;
  }

  /** Drops free pages at the end, down to the last one that is used or held, and returns the new page count. */
  shrink(): number {
    let end = this.pageCount;
    while (end > 2 && this.bytes[end - 1] === 0) end--;
    this.freeCount -= this.pageCount - end;
    this.pageCount = end;
    return end;
  }

  /** Forgets everything: {@link restore} begins anew. */
  clear(): void {
    this.bytes.fill(0);
    this.groupFree.fill(GROUP_PAGES);
    this.groupPoor.fill(0);
    this.overflow.clear();
    this.pageCount = 0;
    this.freeCount = 0;
  }

  /** Sets the count of a run as it was stored. For opening a pool only. */
  restore(page: number, length: number, count: number): void {
    this.reserve(page + length);
    for (let at = page; at < page + length; at++) {
      const before = this.bytes[at];
      if ((before & COUNT) === COUNT) this.overflow.delete(at);
      if (count >= COUNT) this.overflow.set(at, count);
      this.bytes[at] = count >= COUNT ? COUNT : count;
      const group = Math.floor(at / GROUP_PAGES);
      if (before === 0 && count !== 0) this.groupFree[group] = this.groupFree[group] - 1;
      if (before !== 0 && count === 0) this.groupFree[group] = this.groupFree[group] + 1;
    }
  }

  /** Ends {@link restore}: fixes the totals for a file of `pageCount` pages. */
  restored(pageCount: number): void {
    this.reserve(pageCount);
    this.pageCount = pageCount;
    this.freeCount = 0;
    for (let page = 0; page < pageCount; page++) if (this.bytes[page] === 0) this.freeCount++;
    this.lowestFree = 0;
  }

  /** The pages whose counts changed since the last call of {@link seal}. */
  changedPages(): PageRuns {
    this.changed = mergeRuns(this.changed);
    return this.changed.slice();
  }

  /** The present counts of some pages, given ascending and apart. */
  runsOf(pages: PageRuns): CountRun[] {
    const runs: MutableRun[] = [];
    for (let i = 0; i < pages.length; i += 2) this.countRuns(pages[i], pages[i + 1], runs);
    return runs;
  }

  /** Every run of pages with a count, ascending. */
  allRuns(): CountRun[] {
    const runs: MutableRun[] = [];
    this.countRuns(0, this.pageCount, runs);
    return runs.filter((run) => run.count !== 0);
  }

  /**
   * Ends the building of a commit: nothing is fresh any more. Returns the pages that were freed while it was built; they
   * stay held until {@link free} is called with them.
   */
  seal(): PageRuns {
    this.changed = mergeRuns(this.changed);
    for (let i = 0; i < this.changed.length; i += 2) {
      const end = this.changed[i] + this.changed[i + 1];
      for (let page = this.changed[i]; page < end; page++) {
        const byte = this.bytes[page];
        if (byte > FRESH) this.bytes[page] = byte & COUNT;
      }
    }
    this.changed = [];
    const held = mergeRuns(this.held);
    this.held = [];
    return held;
  }

  /** Makes held pages free: a later commit is durable. */
  free(runs: PageRuns): void {
    for (let i = 0; i < runs.length; i += 2) {
      const end = runs[i] + runs[i + 1];
      for (let page = runs[i]; page < end; page++) {
        assert(this.bytes[page] === HELD, 'a page is freed that is not held');
        this.heldCount--;
        this.setFree(page);
      }
    }
  }

  private setFree(page: number): void {
    this.bytes[page] = 0;
    const group = Math.floor(page / GROUP_PAGES);
    this.groupFree[group] = this.groupFree[group] + 1;
    // A long run around this page takes in one of these two.
    if (this.bytes[page - LONG_RUN_PAGES / 2] === 0 || this.bytes[page + LONG_RUN_PAGES / 2] === 0) {
      this.groupPoor[group] = 0;
      if (group > 0) this.groupPoor[group - 1] = 0;
    }
    this.freeCount++;
    if (page < this.lowestFree) this.lowestFree = page;
  }

  private note(page: number, length: number): void {
    addRun(this.changed, page, length);
    if (this.changed.length > 1 << 18) this.changed = mergeRuns(this.changed);
  }

  private countRuns(from: number, length: number, runs: MutableRun[]): void {
    let run: MutableRun | undefined;
    const last = runs[runs.length - 1];
    if (last && last.page + last.length === from) run = last;
    for (let page = from; page < from + length; ) {
      const count = this.count(page);
      let end = page + 1;
      while (end < from + length && this.count(end) === count) end++;
      if (run && run.count === count) run.length += end - page;
      else {
        run = { page, length: end - page, count };
        runs.push(run);
      }
      page = end;
    }
  }

  private reserve(pageCount: number): void {
    if (pageCount <= this.bytes.length) return;
    const groups = Math.ceil(Math.max(pageCount, this.bytes.length * 1.5) / GROUP_PAGES);
    const bytes = new Uint8Array(groups * GROUP_PAGES);
    bytes.set(this.bytes);
    const groupFree = new Uint16Array(groups).fill(GROUP_PAGES);
    groupFree.set(this.groupFree);
    const groupPoor = new Uint8Array(groups);
    groupPoor.set(this.groupPoor);
    this.bytes = bytes;
    this.groupFree = groupFree;
    this.groupPoor = groupPoor;
  }
}

/** Appends a run, joined to the last one where they touch. */
export function addRun(runs: PageRuns, page: number, length: number): void {
  const last = runs.length - 2;
  if (last >= 0) {
    const end = runs[last] + runs[last + 1];
    if (page === end) {
      runs[last + 1] = runs[last + 1] + length;
      return;
    }
    if (page >= runs[last] && page + length <= end) return;
  }
  runs.push(page, length);
}

/** Sorted, disjoint and as long as can be. */
export function mergeRuns(runs: PageRuns): PageRuns {
  const order: number[] = [];
  let sorted = true;
  for (let i = 0; i < runs.length; i += 2) {
    order.push(i);
    if (i > 0 && runs[i] <= runs[i - 2] + runs[i - 1]) sorted = false;
  }
  if (sorted) return runs;
  order.sort((a, b) => runs[a] - runs[b]);
  const merged: PageRuns = [];
  for (const i of order) {
    const last = merged.length - 2;
    const end = last >= 0 ? merged[last] + merged[last + 1] : -1;
    if (last >= 0 && runs[i] <= end) {
      merged[last + 1] = Math.max(end, runs[i] + runs[i + 1]) - merged[last];
    } else merged.push(runs[i], runs[i + 1]);
  }
  return merged;
}
