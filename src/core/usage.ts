/**
 * Who uses what: the pages that roots reach, and those that would be free if the roots were released.
 * Callers drive the walks step by step, between other operations; a step may fault, and the tree must not change meanwhile.
 */

import { eachChild } from './share.ts';
import type { Root, Store } from './store.ts';

/** Pages that some roots reach, each counted once. */
export class ReachWalk {
  pages = 0;
  /** One bit a page. */
  readonly seen: Uint8Array;
  private readonly store: Store;
  private readonly work: number[] = [];

  constructor(store: Store, roots: readonly Root[]) {
    this.store = store;
    this.seen = new Uint8Array(Math.ceil(store.counts.pageCount / 8));
    for (const root of roots) this.meetNode(root.page, root.low, root.high);
  }

  /** One bounded step; false when the walk is done. */
  step(): boolean {
    const { work } = this;
    if (work.length === 0) return false;
    const at = work.length - 3;
    const frame = this.store.node(work[at], work[at + 1], work[at + 2]);
    work.length = at;
    eachChild(
      this.store,
      frame,
      (page, low, high) => this.meetNode(page, low, high),
      (page) => {
        if (this.isNew(page)) this.pages++;
      },
    );
    return true;
  }

  private meetNode(page: number, low: number, high: number): void {
    if (page === 0 || !this.isNew(page)) return;
    for (let tail = 1; tail < this.store.nodePages; tail++) this.isNew(page + tail);
    this.pages += this.store.nodePages;
    this.work.push(page, low, high);
  }

  private isNew(page: number): boolean {
    return mark(this.seen, page);
  }
}

/** Sets a page's bit; false if it was set. */
function mark(bits: Uint8Array, page: number): boolean {
  const byte = Math.floor(page / 8);
  const bit = 1 << (page % 8);
  if (bits[byte] & bit) return false;
  bits[byte] |= bit;
  return true;
}

/** How many pages have their bits set in both. */
export function countCommon(a: Uint8Array, b: Uint8Array): number {
  let pages = 0;
  for (let i = 0; i < a.length; i++) {
    for (let bits = a[i] & b[i]; bits !== 0; bits &= bits - 1) pages++;
  }
  return pages;
}

/** Pages that would lose their last reference if the roots were released: a release that is only reckoned. */
export class ReleaseWalk {
  pages = 0;
  /** One bit a page. */
  readonly freed: Uint8Array;
  private readonly store: Store;
  /** References taken back so far, for pages that have others left. */
  private readonly taken = new Map<number, number>();
  private readonly work: number[] = [];

  constructor(store: Store, roots: readonly Root[]) {
    this.store = store;
    this.freed = new Uint8Array(Math.ceil(store.counts.pageCount / 8));
    for (const root of roots) this.takeNode(root.page, root.low, root.high);
  }

  /** One bounded step; false when the walk is done. */
  step(): boolean {
    const { work } = this;
    if (work.length === 0) return false;
    const at = work.length - 3;
    const frame = this.store.node(work[at], work[at + 1], work[at + 2]);
    work.length = at;
    eachChild(
      this.store,
      frame,
      (page, low, high) => this.takeNode(page, low, high),
      (page) => {
        if (this.isLast(page)) this.pages++;
      },
    );
    return true;
  }

  private takeNode(page: number, low: number, high: number): void {
    if (page === 0 || !this.isLast(page)) return;
    for (let tail = 1; tail < this.store.nodePages; tail++) mark(this.freed, page + tail);
    this.pages += this.store.nodePages;
    this.work.push(page, low, high);
  }

  private isLast(page: number): boolean {
    const taken = (this.taken.get(page) ?? 0) + 1;
    if (taken < this.store.counts.count(page)) {
      this.taken.set(page, taken);
      return false;
    }
    this.taken.delete(page);
    mark(this.freed, page);
    return true;
  }
}
