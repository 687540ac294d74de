/**
 * Who uses what: the pages that roots reach, and those that would be free if the roots were released.
 * Callers drive the walks step by step, between other operations; a step may fault, and the tree must not change meanwhile.
 */

import { eachChild } from './share.ts';
import type { Root, Store } from './store.ts';

/** Goes down from roots to every page that it may enter, and counts these. */
export class PageWalk {
  pages = 0;
  /** The pages counted, one bit a page. */
  readonly bits: Uint8Array;
  private readonly store: Store;
  private readonly mayEnter: (page: number) => boolean;
  private readonly work: number[] = [];

  /** `mayEnter` is asked at every reference to a page that is met. */
  constructor(store: Store, roots: readonly Root[], mayEnter: (page: number) => boolean) {
    this.store = store;
    this.mayEnter = mayEnter;
    this.bits = new Uint8Array(Math.ceil(store.counts.pageCount / 8));
    for (const root of roots) this.meetNode(root.page, root.low, root.high);
  }

  /** One bounded step; false when the walk is done. */
  step(): boolean {
    const { work, store } = this;
    if (work.length === 0) return false;
    const at = work.length - 3;
    const frame = store.node(work[at], work[at + 1], work[at + 2]);
    work.length = at;
    eachChild(
      store,
      frame,
      (page, low, high) => this.meetNode(page, low, high),
      (page) => this.enter(page),
    );
    return true;
  }

  private meetNode(page: number, low: number, high: number): void {
    if (page === 0 || !this.enter(page)) return;
    for (let tail = 1; tail < this.store.nodePages; tail++) this.mark(page + tail);
    this.work.push(page, low, high);
  }

  /** Counts a page if the walk may enter it and has not yet. */
  private enter(page: number): boolean {
    return this.mayEnter(page) && this.mark(page);
  }

  private mark(page: number): boolean {
    const byte = Math.floor(page / 8);
    const bit = 1 << (page % 8);
    if (this.bits[byte] & bit) return false;
    this.bits[byte] |= bit;
    this.pages++;
    return true;
  }
}

/** A walk over the pages that roots reach. */
export function reachWalk(store: Store, roots: readonly Root[]): PageWalk {
  return new PageWalk(store, roots, () => true);
}

/** A walk over the pages that would lose their last reference if the roots were released: a release only reckoned. */
export function releaseWalk(store: Store, roots: readonly Root[]): PageWalk {
  const taken = new Map<number, number>();
  return new PageWalk(store, roots, (page) => {
    const count = store.counts.count(page);
    if (count === 1) return true;
    const references = (taken.get(page) ?? 0) + 1;
    taken.set(page, references);
    return references === count;
  });
}

/** How many pages have their bits set in both. */
export function countCommon(a: Uint8Array, b: Uint8Array): number {
  let pages = 0;
  for (let i = 0; i < a.length; i++) {
    for (let bits = a[i] & b[i]; bits !== 0; bits &= bits - 1) pages++;
  }
  return pages;
}
