/**
 * Where new pages go: low addresses first, the nodes of one commit in one run, the data of one commit in another.
 * Callers must have made sure by {@link Space.available} and {@link Space.hasNodes} that the pages exist before they begin
 * to write.
 */

import { assert, ByreError } from '../errors.ts';
import { type Counts, GROUP_PAGES, LONG_RUN_PAGES } from './counts.ts';

/** The length of run that a window asks for. */
const WINDOW_PAGES = 256;
/** Among how many pages a search looks for the longest gap, and how often it goes on to the next ones if there is none. */
const SEARCH_PAGES = 1024;
const SEARCHES = 64;
/** While no more than this part of the pool is free it grows, if it can, rather than fill gaps. */
const GAPS_PART = 1 / 16;
/** Page numbers are 32 bits. */
export const MAX_PAGES = 0xffff_fff0;

/** Free pages set aside for one kind of page; they are not allocated yet. */
interface Window {
  at: number;
  end: number;
}

export class Space {
  /** While set, the lowest free pages are taken, however they are scattered. */
  packs = false;
  /** The size limit of the pool. */
  limitPages = MAX_PAGES;
  private readonly counts: Counts;
  private readonly nodePages: number;
  private readonly nodeWindow: Window = { at: 0, end: 0 };
  private readonly dataWindow: Window = { at: 0, end: 0 };
  /** There is room for at least so many nodes. */
  private knownNodes = 0;
  /** Where the next search for gaps begins: they are filled in turn, since the longest among all would cost a look at all. */
  private gapsFrom = 0;

  constructor(counts: Counts, limitPages: number, nodePages: number) {
    this.counts = counts;
    this.nodePages = nodePages;
    this.setLimit(limitPages);
  }

  /** 0: as many as there are page numbers. */
  setLimit(limitPages: number): void {
    this.limitPages = limitPages === 0 ? MAX_PAGES : Math.min(limitPages, MAX_PAGES);
  }

  /** Pages that can be allocated now; held ones are not among them. */
  get available(): number {
    return this.counts.freeCount + Math.max(0, this.limitPages - this.counts.pageCount);
  }

  /** True if there is room for so many nodes: runs of contiguous pages, which single free pages are not. */
  hasNodes(nodes: number): boolean {
    if (this.nodePages === 1) return this.available >= nodes;
    if (this.growthPages >= nodes * this.nodePages) return true;
    if (this.knownNodes < nodes) this.knownNodes = this.countNodes(4 * nodes);
    return this.knownNodes >= nodes;
  }

  /** The first page of a new node. */
  allocateNode(): number {
    // One that does not stand at the beginning of its run may spoil another, whose pages are left at both its sides.
    this.knownNodes -= 2;
    return this.allocate(this.nodeWindow, this.dataWindow, this.nodePages, WINDOW_PAGES);
  }

  /** One new page for data. */
  allocateData(): number {
    this.knownNodes--;
    // Near the limit data fills gaps, lowest first, and leaves runs to nodes: so many pages spoil few runs.
    const fillsGaps = this.nodePages > 1 && this.growthPages < WINDOW_PAGES;
    return this.allocate(this.dataWindow, this.nodeWindow, 1, fillsGaps ? 1 : WINDOW_PAGES);
  }

  /** New contiguous pages: `most` of them, or as many as there are in one run. Throws ENOSPC if there is not one. */
  allocateRun(most: number): { page: number; length: number } {
    const { nodeWindow: own, dataWindow: other, counts } = this;
    this.closeWindows();
    const { lowestFree, pageCount } = counts;
    const found = this.search(own, other, 1, most, lowestFree, SEARCHES * SEARCH_PAGES);
    if (!found || own.end - own.at < most) {
      if (this.growthPages >= most) this.grow(own, most);
      else if (!this.search(own, other, 1, most, lowestFree, pageCount)) this.grow(own, most);
    }
    const { at: page } = own;
    const length = Math.min(most, own.end - page);
    if (length <= 0) throw new ByreError('ENOSPC', 'the pool is full: not one page is left to commit with');
    own.at += length;
    this.knownNodes -= length;
    counts.allocate(page, length);
    return { page, length };
  }

  /** Gives the windows up, so that the next commit begins at low addresses again. */
  closeWindows(): void {
    this.nodeWindow.at = this.nodeWindow.end = 0;
    this.dataWindow.at = this.dataWindow.end = 0;
  }

  private get growthPages(): number {
    return Math.max(0, this.limitPages - this.counts.pageCount);
  }

  private allocate(own: Window, other: Window, length: number, wanted: number): number {
    if (own.end - own.at < length) this.openWindow(own, other, length, wanted);
    const page = own.at;
    own.at += length;
    this.counts.allocate(page, length);
    return page;
  }

  private openWindow(own: Window, other: Window, length: number, usual: number): void {
    own.at = own.end = 0;
    const { counts } = this;
    const wanted = this.packs ? length : usual;
    if (counts.freeCount >= length) {
      if (wanted >= LONG_RUN_PAGES && this.searchLong(own, other, wanted)) return;
      const fillsGaps = this.growthPages < WINDOW_PAGES || counts.freeCount > counts.pageCount * GAPS_PART;
      if (wanted === length && this.search(own, other, length, length, counts.lowestFree, counts.pageCount)) return;
      if (wanted > length && fillsGaps && this.searchGaps(own, other, length, wanted)) return;
    }
    if (this.growthPages >= length) {
      this.grow(own, Math.max(length, WINDOW_PAGES));
      return;
    }
    // What is left may lie far off, or in the other window, which only sets pages aside.
    other.at = other.end = 0;
    const found = this.search(own, other, length, length, counts.lowestFree, counts.pageCount);
    assert(found, 'pages are allocated that were not reserved');
  }

  private grow(own: Window, wanted: number): void {
    const from = this.counts.pageCount;
    const grown = Math.min(this.growthPages, wanted);
    this.counts.grow(from + grown);
    own.at = from;
    own.end = from + grown;
  }

  /** How many nodes there is room for, counted up to `most`. */
  private countNodes(most: number): number {
    const { bytes, pageCount, lowestFree } = this.counts;
    let nodes = Math.floor(this.growthPages / this.nodePages);
    for (let page = this.nextFree(lowestFree, pageCount); page < pageCount && nodes < most; ) {
      let end = page + 1;
      while (end < pageCount && bytes[end] === 0) end++;
      nodes += Math.floor((end - page) / this.nodePages);
      page = this.nextFree(end, pageCount);
    }
    return nodes;
  }

  /** Finds the first long run; groups that were found to have none are passed over until pages are freed there. */
  private searchLong(own: Window, other: Window, wanted: number): boolean {
    const { counts } = this;
    const { groupFree, groupPoor, pageCount } = counts;
    for (let group = Math.floor(counts.lowestFree / GROUP_PAGES); group * GROUP_PAGES < pageCount; group++) {
      if (groupFree[group] === 0 || groupPoor[group] === 1) continue;
      const groupEnd = Math.min(pageCount, (group + 1) * GROUP_PAGES);
      let hasOther = false;
      for (let page = this.nextFree(group * GROUP_PAGES, groupEnd); page < groupEnd; ) {
        const end = this.runEnd(page, page + wanted, other);
        if (end - page >= LONG_RUN_PAGES) {
          own.at = page;
          own.end = end;
          return true;
        }
        hasOther ||= end >= other.at && end < other.end;
        page = this.nextFree(hasOther ? Math.max(end, other.end) : end, groupEnd);
      }
      if (!hasOther) groupPoor[group] = 1;
    }
    return false;
  }

  /** Where the free pages from `page` on end, at the latest at `limit`. */
  private runEnd(page: number, limit: number, other: Window): number {
    const { bytes, pageCount } = this.counts;
    const last = Math.min(pageCount, limit, other.end > page ? other.at : pageCount);
    let end = page;
    while (end < last && bytes[end] === 0) end++;
    return end;
  }

  /** Finds the longest gap of at least `length` pages among the next ones that have any. */
  private searchGaps(own: Window, other: Window, length: number, wanted: number): boolean {
    const { counts } = this;
    for (let searches = 0; searches < SEARCHES; searches++) {
      const from = this.nextFree(Math.max(this.gapsFrom, counts.lowestFree), counts.pageCount);
      this.gapsFrom = from < counts.pageCount ? from + SEARCH_PAGES : 0;
      if (!this.search(own, other, length, wanted, from, SEARCH_PAGES)) continue;
      this.gapsFrom = own.end;
      return true;
    }
    return false;
  }

  /** Finds the first run of `wanted` pages from a place on, or the longest of at least `length` within `bound` pages of its first. */
  private search(own: Window, other: Window, length: number, wanted: number, from: number, bound: number): boolean {
    const { counts } = this;
    const { pageCount } = counts;
    let bestFrom = 0;
    let bestLength = 0;
    let lowest = -1;
    let stop = pageCount;
    let page = from;
    while (page < stop) {
      page = this.nextFree(page, stop);
      if (page >= stop) break;
      if (page >= other.at && page < other.end) {
        page = other.end;
        continue;
      }
      if (lowest < 0) {
        lowest = page;
        stop = Math.min(stop, page + bound);
      }
      const end = this.runEnd(page, page + wanted, other);
      if (end - page > bestLength) {
        bestFrom = page;
        bestLength = end - page;
        if (bestLength >= wanted) break;
      }
      page = end;
    }
    if (lowest >= 0 && from === counts.lowestFree && other.end === 0) counts.lowestFree = lowest;
    if (bestLength < length) return false;
    own.at = bestFrom;
    own.end = bestFrom + bestLength;
    return true;
  }

  private nextFree(from: number, stop: number): number {
    const { bytes, groupFree } = this.counts;
    let page = from;
    while (page < stop) {
      const group = Math.floor(page / GROUP_PAGES);
      const groupEnd = (group + 1) * GROUP_PAGES;
      if (groupFree[group] !== 0) {
        const end = Math.min(stop, groupEnd);
        while (page < end && bytes[page] !== 0) page++;
        if (page < end) return page;
      }
      page = groupEnd;
    }
    return stop;
  }
}
