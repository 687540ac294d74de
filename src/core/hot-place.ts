/**
 * Where hot nodes go while a pool has only gaps left. Every small commit writes the same few nodes anew, a root, one below it, the
 * branch directory, and then a leaf here and there. The former are put beside each other, so that they are written in one piece,
 * into a part of the pool that leaves are kept out of: a leaf stays, and would break it up.
 * It only chooses: callers must allocate what they are given, must keep everything else out while they can, and must give the place up
 * before they say that the pool is full.
 */

import type { Counts } from './counts.ts';

/** So many hot nodes has a small commit. */
const HOT_NODES = 3;
/** The part of the pool that is kept: a few times what all nodes take that lie above leaves, each of which stays until it is written. */
const KEPT_PART = 1 / 32;
const MOST_KEPT_PAGES = 512;
/** A pool of which so much is free gets no further place: it would grow for ever where none lasts. */
const MOST_FREE_PART = 1 / 8;
/** Smaller pools are not worth it. */
const LEAST_POOL_PAGES = 1024;
/** So many small commits must have missed a place before the first is made, and before another is: forks that keep hot nodes use one up. */
const MISSED_FIRST = 16;
const MISSED_AGAIN = 512;

export class HotPlace {
  /** The pages that are kept, `end` not among them; none are if it is 0. */
  at = 0;
  end = 0;
  private readonly counts: Counts;
  private readonly nodePages: number;
  private missed = 0;
  private mostMissed = MISSED_FIRST;
  /** Where the present commit's nodes go; the next commit's search goes on behind it. */
  private runAt = 0;
  private runEnd = 0;
  private hasSearched = false;

  constructor(counts: Counts, nodePages: number) {
    this.counts = counts;
    this.nodePages = nodePages;
  }

  has(page: number): boolean {
    return page >= this.at && page < this.end;
  }

  /** How many pages would make a good place, if it is time to make one; else 0. */
  get wantedPages(): number {
    const { pageCount, freeCount } = this.counts;
    if (this.missed < this.mostMissed || pageCount < LEAST_POOL_PAGES) return 0;
    return freeCount > pageCount * MOST_FREE_PART ? 0 : Math.min(MOST_KEPT_PAGES, Math.floor(pageCount * KEPT_PART));
  }

  keep(at: number, end: number): void {
    this.at = this.runEnd = at;
    this.end = end;
    this.missed = 0;
    this.mostMissed = MISSED_AGAIN;
    this.hasSearched = false;
  }

  giveUp(): void {
    this.at = this.end = this.runAt = this.runEnd = 0;
  }

  /** A page at which a hot node may begin, beside those of this commit before it; 0 if there is none. */
  next(): number {
    if (!this.hasSearched) this.search();
    const page = this.runAt;
    if (page === 0 || page + this.nodePages > this.runEnd || !this.isFree(page)) return 0;
    this.runAt += this.nodePages;
    return page;
  }

  /** The next commit's nodes begin a run of their own. */
  endCommit(isSmall: boolean): void {
    if (isSmall && this.hasSearched && this.runAt === 0) this.missed++;
    this.runAt = 0;
    this.hasSearched = false;
  }

  private search(): void {
    this.hasSearched = true;
    if (this.end === 0) return;
    const behind = this.runEnd;
    if (!this.searchFrom(behind)) this.searchFrom(this.at);
  }

  private searchFrom(from: number): boolean {
    const { bytes, pageCount } = this.counts;
    const wanted = HOT_NODES * this.nodePages;
    const end = Math.min(this.end, pageCount);
    let free = 0;
    for (let page = from; page < end; page++) {
      free = bytes[page] === 0 ? free + 1 : 0;
      if (free < wanted) continue;
      this.runEnd = page + 1;
      this.runAt = this.runEnd - wanted;
      return true;
    }
    return false;
  }

  private isFree(page: number): boolean {
    for (let at = page; at < page + this.nodePages; at++) if (!this.counts.isFree(at)) return false;
    return true;
  }
}
