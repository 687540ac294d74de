/**
 * Where new pages go: low addresses first, the nodes of one commit in one run, the data of one commit in another.
 * Callers must have made sure by {@link Space.available} that the pages exist before they begin to write.
 */

import { assert } from '../errors.ts';
import { type Counts, GROUP_PAGES } from './counts.ts';

/** The length of run that a window asks for, and how much occupied space a search passes before it takes a shorter one. */
const WINDOW_PAGES = 256;
const SEARCH_PAGES = 64 * GROUP_PAGES;
/** Page numbers are 32 bits. */
export const MAX_PAGES = 0xffff_fff0;

/** Free pages set aside for one kind of page; they are not allocated yet. */
interface Window {
  at: number;
  end: number;
}

export class Space {
  /** The size limit of the pool. */
  limitPages = MAX_PAGES;
  private readonly counts: Counts;
  private readonly nodeWindow: Window = { at: 0, end: 0 };
  private readonly dataWindow: Window = { at: 0, end: 0 };

  constructor(counts: Counts, limitPages: number) {
    this.counts = counts;
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

  /** The first page of `length` contiguous new ones for nodes and other structures. */
  allocateNode(length: number): number {
    return this.allocate(this.nodeWindow, this.dataWindow, length);
  }

  /** One new page for data. */
  allocateData(): number {
    return this.allocate(this.dataWindow, this.nodeWindow, 1);
  }

  /** Gives the windows up, so that the next commit begins at low addresses again. */
  closeWindows(): void {
    this.nodeWindow.at = this.nodeWindow.end = 0;
    this.dataWindow.at = this.dataWindow.end = 0;
  }

  private allocate(own: Window, other: Window, length: number): number {
    if (own.end - own.at < length) this.openWindow(own, other, length);
    const page = own.at;
    own.at += length;
    this.counts.allocate(page, length);
    return page;
  }

  private openWindow(own: Window, other: Window, length: number): void {
    own.at = own.end = 0;
    const wanted = Math.max(WINDOW_PAGES, length);
    if (this.counts.freeCount >= length && this.search(own, other, length, wanted)) return;
    const from = this.counts.pageCount;
    const room = this.limitPages - from;
    if (room >= length) {
      const grown = Math.min(room, wanted);
      this.counts.grow(from + grown);
      own.at = from;
      own.end = from + grown;
      return;
    }
    // What is left may lie in the other window, which only sets pages aside.
    other.at = other.end = 0;
    assert(this.search(own, other, length, length), 'pages are allocated that were not reserved');
  }

  /** Finds the first free run of `wanted` pages, or the longest of at least `length` within the bound of a search. */
  private search(own: Window, other: Window, length: number, wanted: number): boolean {
    const { counts } = this;
    const { bytes, pageCount } = counts;
    let bestFrom = 0;
    let bestLength = 0;
    let lowest = -1;
    let stop = pageCount;
    let page = counts.lowestFree;
    while (page < stop) {
      page = this.nextFree(page, stop);
      if (page >= stop) break;
      if (page >= other.at && page < other.end) {
        page = other.end;
        continue;
      }
      if (lowest < 0) {
        lowest = page;
        stop = Math.min(stop, page + SEARCH_PAGES);
      }
      const limit = Math.min(pageCount, page + wanted, other.at > page ? other.at : pageCount);
      let end = page + 1;
      while (end < limit && bytes[end] === 0) end++;
      if (end - page > bestLength) {
        bestFrom = page;
        bestLength = end - page;
        if (bestLength >= wanted) break;
      }
      page = end;
    }
    if (lowest >= 0 && other.end === 0) counts.lowestFree = lowest;
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
