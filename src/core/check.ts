/**
 * Proving a pool: walks every tree, holds each node to the rules of its layout, and counts every reference anew.
 * Callers drive the walk step by step while nothing changes. Problems are reported, never mended.
 */

import { compareBytes, readU16, readU32, readU64 } from './bytes.ts';
import * as node from './node.ts';
import { eachChild, eachExtent } from './share.ts';
import type { Root, Store } from './store.ts';

export interface Problem {
  /** For programs. */
  readonly kind: 'count' | 'damaged' | 'face' | 'node' | 'order' | 'reference';
  /** For people. */
  readonly message: string;
  readonly page?: number;
  /** The branch by whose tree it was found. */
  readonly branch?: string;
  /** The first key that the damaged node may hold, or the key of the damaged value. */
  readonly key?: Uint8Array;
}

/** A node yet to be visited: where it is, and what its parent says of it. */
interface Visit {
  readonly page: number;
  readonly low: number;
  readonly high: number;
  /** -1: a root, whose level nobody tells. */
  readonly level: number;
  readonly from: Uint8Array | undefined;
  readonly to: Uint8Array | undefined;
  readonly branch: string;
}

/** A data page and where it is referred to, for scrub. */
export interface DataVisit {
  readonly page: number;
  readonly checksum: number;
  readonly branch: string;
  readonly key: Uint8Array;
}

export class CheckWalk {
  readonly problems: Problem[] = [];
  nodes = 0;
  dataPages = 0;
  private readonly store: Store;
  private readonly recount: Uint32Array;
  private readonly work: Visit[] = [];
  private readonly onData: ((visit: DataVisit) => void) | undefined;

  /** `onData` is told of every data page, once for the first reference to it. */
  constructor(store: Store, onData?: (visit: DataVisit) => void) {
    this.store = store;
    this.recount = new Uint32Array(store.counts.pageCount);
    this.onData = onData;
  }

  /** Adds a reference that stands outside the trees, such as that of a record to a run of pages. */
  addRun(page: number, length: number): void {
    for (let at = page; at < page + length; at++) this.meet(at, 'outside the trees');
  }

  addRoot(root: Root, branch: string): void {
    if (root.page === 0) return;
    this.meetNode({
      page: root.page,
      low: root.low,
      high: root.high,
      level: -1,
      from: undefined,
      to: undefined,
      branch,
    });
  }

  /** The node that the next step visits; a caller whose load of it failed reports that and skips it. */
  get next(): Visit | undefined {
    return this.work[this.work.length - 1];
  }

  skip(problem: Omit<Problem, 'branch' | 'key'>): void {
    const visit = this.work.pop();
    this.problems.push({ ...problem, ...(visit && { branch: visit.branch, key: visit.from ?? new Uint8Array(0) }) });
  }

  /** Visits one node; false when none is left. May fault. */
  step(): boolean {
    const visit = this.next;
    if (!visit) return false;
    const frame = this.store.node(visit.page, visit.low, visit.high);
    this.work.pop();
    this.nodes++;
    if (!this.checkNode(visit, frame)) return true;
    const count = node.cellCount(this.store, frame);
    if (node.level(this.store, frame) === 0) this.visitLeaf(visit, frame, count);
    else this.visitInternal(visit, frame, count);
    return true;
  }

  /** Compares the counts, once everything is visited. */
  finish(): void {
    const { counts } = this.store;
    for (let page = 0; page < counts.pageCount; page++) {
      const stored = counts.count(page);
      if (stored === this.recount[page]) continue;
      const message = `page ${page} has a count of ${stored}, but ${this.recount[page]} references were found`;
      this.problems.push({ kind: 'count', message, page });
    }
  }

  private visitLeaf(visit: Visit, frame: number, count: number): void {
    for (let slot = 0; slot < count; slot++) {
      if (node.kindOf(this.store, frame, slot) !== node.EXTENTS) continue;
      eachExtent(node.cellValue(this.store, frame, slot), (page, checksum) => {
        this.dataPages++;
        if (!this.meet(page, visit.branch)) return;
        this.onData?.({ page, checksum, branch: visit.branch, key: node.keyOf(this.store, frame, slot) });
      });
    }
  }

  private visitInternal(visit: Visit, frame: number, count: number): void {
    let slot = 0;
    const level = node.level(this.store, frame) - 1;
    eachChild(
      this.store,
      frame,
      (page, low, high) => {
        const from = slot === 0 ? visit.from : node.keyOf(this.store, frame, slot);
        slot++;
        const to = slot < count ? node.keyOf(this.store, frame, slot) : visit.to;
        this.meetNode({ page, low, high, level, from, to, branch: visit.branch });
      },
      () => {},
    );
  }

  /** Counts a reference to a node, and queues the node at the first. */
  private meetNode(visit: Visit): void {
    if (!this.meet(visit.page, visit.branch)) return;
    for (let tail = 1; tail < this.store.nodePages; tail++) this.meet(visit.page + tail, visit.branch);
    this.work.push(visit);
  }

  /** Counts a reference; true at the first. */
  private meet(page: number, branch: string): boolean {
    if (page >= this.recount.length) {
      this.problems.push({ kind: 'reference', message: `page ${page} lies beyond the pool's end`, page, branch });
      return false;
    }
    this.recount[page]++;
    return this.recount[page] === 1;
  }

  /** Holds a node to its layout; false if its cells cannot be walked. */
  private checkNode(visit: Visit, frame: number): boolean {
    const { store } = this;
    const base = frame * store.nodeBytes;
    const { u8 } = store.nodes;
    const report = (kind: Problem['kind'], message: string) => {
      this.problems.push({
        kind,
        message: `node ${visit.page}: ${message}`,
        page: visit.page,
        branch: visit.branch,
        ...(visit.from && { key: visit.from }),
      });
      return false;
    };
    const level = u8[base + 1];
    const count = readU16(u8, base + 2);
    if (u8[base] !== node.NODE_MAGIC) return report('node', 'does not begin as one');
    if (readU32(u8, base + 4) !== visit.page) return report('node', 'bears another page number');
    if (readU64(u8, base + 8) > store.building) return report('node', 'was born after the last commit');
    if (visit.level >= 0 && level !== visit.level)
      return report('node', `has level ${level} in place of ${visit.level}`);
    if (count === 0) return report('node', 'is empty');
    const flaw = layoutFlaw(store, frame);
    if (flaw !== undefined) return report('node', flaw);
    return this.checkOrder(visit, frame, count, report);
  }

  private checkOrder(
    visit: Visit,
    frame: number,
    count: number,
    report: (kind: Problem['kind'], message: string) => boolean,
  ): boolean {
    const { store } = this;
    const first = node.level(store, frame) === 0 ? 0 : 1;
    let previous: Uint8Array | undefined;
    for (let slot = first; slot < count; slot++) {
      const key = node.keyOf(store, frame, slot);
      if (previous && compareBytes(previous, key) >= 0) return report('order', `cell ${slot} is out of order`);
      if (slot === first && visit.from && compareBytes(key, visit.from) < 0)
        return report('order', 'begins below its bound');
      if (visit.to && compareBytes(key, visit.to) >= 0) return report('order', 'ends above its bound');
      previous = key;
    }
    return true;
  }
}

/** What is wrong with the places and lengths in a node, if anything. */
function layoutFlaw(store: Store, frame: number): string | undefined {
  const base = frame * store.nodeBytes;
  const { u8 } = store.nodes;
  const count = readU16(u8, base + 2);
  const heap = readU16(u8, base + 16);
  const dead = readU16(u8, base + 18);
  const prefix = readU16(u8, base + 20);
  const leaf = u8[base + 1] === 0;
  const slotsEnd = node.HEADER_BYTES + count * node.SLOT_BYTES;
  if (slotsEnd + heap > store.nodeBytes) return 'has more cells than it can hold';
  let used = leaf ? prefix : (prefix + 3) & ~3;
  let extents = 0;
  for (let slot = 0; slot < count; slot++) {
    const offset = node.cellAt(store, frame, slot) - base;
    const suffix = node.suffixLength(store, frame, slot);
    if (offset < store.nodeBytes - heap || offset + 2 > store.nodeBytes) return `cell ${slot} lies outside its heap`;
    const bytes = leaf ? 2 + suffix + node.cellValue(store, frame, slot).length : (node.REF_BYTES + suffix + 3) & ~3;
    if (offset + bytes > store.nodeBytes) return `cell ${slot} runs over the end`;
    if (leaf && node.kindOf(store, frame, slot) === node.EXTENTS) extents++;
    else if (leaf && node.kindOf(store, frame, slot) !== node.INLINE) return `cell ${slot} is of no known kind`;
    if (node.headFlaw(store, frame, slot)) return `slot ${slot} has the wrong head`;
    used += bytes;
  }
  if (used + dead !== heap) return `uses ${used} bytes and ${dead} dead ones of a heap of ${heap}`;
  if (leaf && extents !== node.extentsCount(store, frame)) return 'miscounts its cells that refer to pages';
  return undefined;
}
