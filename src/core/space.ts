/**
 * Where new pages go: low addresses first, the nodes of one commit in one run, the data of one commit in another.
 * Callers must have made sure by {@link Space.available} and {@link Space.hasNodes} that the pages exist before they begin
 * to write.
 */

import { assert, ByreError } from '../errors.ts';
import { type Counts, GROUP_PAGES, LONG_RUN_PAGES } from './counts.ts';
import { HotPlace } from './hot-place.ts';

/** The length of run that a window asks for. */
const WINDOW_PAGES = 256;
/** Among how many pages a search looks for the longest gap, and how often it goes on to the next ones if there is none. */
const SEARCH_PAGES = 1024;
const SEARCHES = 64;
/** A commit of no more leaves is a small one: each may fill a gap of its own. */
const SMALL_LEAVES = 4;
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
  private readonly hotPlace: HotPlace;
  /** There is room for at least so many nodes. */
  private knownNodes = 0;
  /** The present commit has found no long run. */
  private isScattered = false;
  /** How many leaves of the present commit were placed one by one, and where the next search for a gap for one begins. */
  private leaves = 0;
  private leavesFrom = 0;
  /** Where the next search for gaps begins: they are filled in turn, since the longest among all would cost a look at all. */
  private gapsFrom = 0;

  constructor(counts: Counts, limitPages: number, nodePages: number) {
    this.counts = counts;
    this.nodePages = nodePages;
    this.hotPlace = new HotPlace(counts, nodePages);
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

  /** Pages below this number stay in the pool even if the last of them are free. */
  get keptPages(): number {
    return this.hotPlace.end;
  }

  /** The first page of a new node. A hot one is written anew by nearly every commit: a root, or a node above others. */
  allocateNode(isHot: boolean): number {
    // One that does not stand at the beginning of its run may spoil another, whose pages are left at both its sides.
    this.knownNodes -= 2;
    const { nodeWindow, dataWindow, nodePages } = this;
    if (nodeWindow.end - nodeWindow.at < nodePages && !this.packs && !this.openLong()) {
      const page = isHot ? this.placeHot() : this.placeLeaf();
      if (page !== 0) {
        this.counts.allocate(page, nodePages);
        return page;
      }
    }
    return this.allocate(nodeWindow, dataWindow, nodePages, WINDOW_PAGES);
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
      this.giveUpHotPlace();
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
    this.hotPlace.endCommit(this.leaves <= SMALL_LEAVES);
    this.isScattered = false;
    this.leaves = 0;
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

  /** Opens the window of nodes on a long run. That has room for hot nodes, too: kept where they were they could hold the pool's end. */
  private openLong(): boolean {
    if (this.isScattered) return false;
    const found = this.searchLong(this.nodeWindow, this.dataWindow, WINDOW_PAGES);
    if (found) this.giveUpHotPlace();
    this.isScattered = !found;
    return found;
  }

  /** Where a hot node goes if all is scattered; 0: where others go. */
  private placeHot(): number {
    const { hotPlace, counts } = this;
    const page = hotPlace.next();
    const wanted = hotPlace.wantedPages;
    if (page !== 0 || wanted === 0 || this.growthPages < wanted + WINDOW_PAGES) return page;
    const from = counts.pageCount;
    counts.grow(from + wanted);
    hotPlace.keep(from, from + wanted);
    return hotPlace.next();
  }

  /** Where one of few leaves goes if all is scattered: into the next gap outside of what is kept or set aside; 0: where others go. */
  private placeLeaf(): number {
    const { counts, nodePages, dataWindow, hotPlace } = this;
    if (++this.leaves > SMALL_LEAVES || hotPlace.end === 0) return 0;
    const from = Math.max(this.leavesFrom, counts.lowestFree);
    const stop = Math.min(counts.pageCount, from + SEARCH_PAGES);
    this.leavesFrom = stop < counts.pageCount ? stop : 0;
    for (let page = this.nextFree(from, stop); page < stop; page = this.nextFree(page, stop)) {
      const end = this.runEnd(page, page + nodePages, dataWindow);
      if (end === page + nodePages) {
        this.leavesFrom = end;
        return page;
      }
      page = Math.max(end, this.asideEnd(end, dataWindow), page + 1);
    }
    return 0;
  }

  private giveUpHotPlace(): void {
    const { hotPlace, counts } = this;
    if (hotPlace.end === 0) return;
    // While it was kept nobody looked for a long run there.
    counts.groupPoor.fill(0, Math.floor(hotPlace.at / GROUP_PAGES), Math.floor(hotPlace.end / GROUP_PAGES) + 1);
    hotPlace.giveUp();
  }

  private openWindow(own: Window, other: Window, length: number, usual: number): void {
    own.at = own.end = 0;
    const { counts } = this;
    if (this.packs) this.giveUpHotPlace();
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
    // What is left may lie far off, or be kept or set aside only.
    other.at = other.end = 0;
    this.giveUpHotPlace();
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
        page = this.nextFree(Math.max(end, this.asideEnd(end, other)), groupEnd);
      }
      if (!hasOther) groupPoor[group] = 1;
    }
    return false;
  }

  /** Where what is set aside or kept, and has this page, ends; 0 if nothing has it. */
  private asideEnd(page: number, other: Window): number {
    if (page >= other.at && page < other.end) return other.end;
    return this.hotPlace.has(page) ? this.hotPlace.end : 0;
  }

  /** Where the free pages from `page` on end, at the latest at `limit`. */
  private runEnd(page: number, limit: number, other: Window): number {
    const { hotPlace } = this;
    const { bytes, pageCount } = this.counts;
    let last = Math.min(pageCount, limit);
    for (const aside of [other, hotPlace]) if (aside.end > page) last = Math.min(last, aside.at);
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
      const aside = this.asideEnd(page, other);
      if (aside !== 0) {
        page = aside;
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
    const isLowest = other.end === 0 && (this.hotPlace.end === 0 || this.hotPlace.at > lowest);
    if (lowest >= 0 && from === counts.lowestFree && isLowest) counts.lowestFree = lowest;
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
