/**
 * What every operation of a pool works on: resident nodes and data pages, counts, space, and the law of operations.
 * Callers must read first, {@link prepare}-d second and write last; nothing may fault while `writing` is set.
 */

import { assert, ByreError } from '../errors.ts';
import { type Hash64, PAGE_BYTES } from './bytes.ts';
import { Counts } from './counts.ts';
import { Fault } from './fault.ts';
import { Frames } from './frames.ts';
import { Space } from './space.ts';

/** A cell's value may be given in its node up to this part of the node. */
const INLINE_PART = 4;
const KEY_PART = 8;
const MIN_FRAMES = 256;
/** Frames that one operation may need besides what is dirty: its paths, their siblings and its content. */
const OPERATION_FRAMES = 128;
/** Ordinary writes leave room for so many nodes. */
const RESERVE_NODES = 64;
/** After so many commits for the sake of one operation nothing more will become clean or free. */
const MAX_COMMITS = 3;

/**
 * A reference to a tree's root and what is charged to it. Page 0 is the empty tree; a zero hash means not sealed yet.
 * Only core writes `page`, `low` and `high`.
 */
export interface Root {
  page: number;
  low: number;
  high: number;
  /** Counts up with every change of the tree: what was read at one value is true for as long as it stands. */
  changes: number;
  /** Pages written under this root less pages given back: what a quota bounds. It errs upwards until reckoned anew. */
  chargedPages: number;
  /** The store's `releases` and this root's `changes` when the charge was last reckoned by walking. */
  reckonedAt: number;
  /** 0: no quota. */
  quotaPages: number;
  /** Pages that other roots leave to this one. */
  reservedPages: number;
  readonly readOnly: boolean;
}

export interface StoreOptions {
  readonly nodeBytes: number;
  readonly cacheBytes: number;
  /** 0: none. */
  readonly limitPages: number;
  readonly hash: Hash64;
}

export class Store {
  readonly nodeBytes: number;
  readonly nodePages: number;
  readonly maxKeyBytes: number;
  readonly maxInlineBytes: number;
  readonly hash: Hash64;
  readonly hashWords = new Uint32Array(2);
  readonly nodes: Frames;
  readonly data: Frames;
  readonly counts: Counts;
  readonly space: Space;
  /** The number of the commit that is being built. */
  building = 1;
  /** Roots changed since the last commit was sealed. */
  readonly dirtyRoots = new Set<Root>();
  /** Nodes that lost their last reference and whose children have still to be released: [page, low, high, …]. */
  readonly reclaim: number[] = [];
  /** Pages that roots with a reservation may still claim: the sum of what is {@link unclaimed}. */
  reservedPages = 0;
  /** How often a root was given up: pages that are charged to others may have been freed by it. */
  releases = 0;
  /** Set between an operation's `prepare` and its end. */
  writing = false;
  /** Set once the running operation has changed something: an error after that leaves the pool unusable. */
  wrote = false;
  /** Counts attempts at operations: what was found in one attempt is true within it only. */
  attempts = 0;
  /** How often the running operation has been run before, so that it asks for a commit only while that can help. */
  attempt = 0;
  /** Whose quota the pages of the running operation are charged to. */
  charged: Root | undefined;
  /** Told of every root that changes, while the operation that changes it still runs. */
  onTouch: ((root: Root) => void) | undefined;

  constructor(options: StoreOptions) {
    const { nodeBytes, cacheBytes } = options;
    this.nodeBytes = nodeBytes;
    this.nodePages = nodeBytes / PAGE_BYTES;
    this.maxKeyBytes = nodeBytes / KEY_PART;
    this.maxInlineBytes = nodeBytes / INLINE_PART - 64;
    this.hash = options.hash;
    this.nodes = new Frames(nodeBytes, Math.max(MIN_FRAMES, Math.floor((cacheBytes * 0.6) / nodeBytes)));
    this.data = new Frames(PAGE_BYTES, Math.max(2 * MIN_FRAMES, Math.floor((cacheBytes * 0.4) / PAGE_BYTES)));
    this.counts = new Counts();
    this.space = new Space(this.counts, options.limitPages, this.nodePages);
  }

  /** Begins an operation; its runner calls this before each attempt. */
  begin(attempt: number): void {
    this.nodes.begin();
    this.data.begin();
    this.writing = false;
    this.wrote = false;
    this.attempts++;
    this.attempt = attempt;
    this.charged = undefined;
  }

  end(): void {
    this.writing = false;
    this.charged = undefined;
  }

  /** The frame of a node, or a fault that names it. */
  node(page: number, low: number, high: number): number {
    const frame = this.nodes.find(page);
    if (frame >= 0) return frame;
    assert(!this.writing, 'an operation faults while it writes');
    assert((low | high) !== 0, 'an unsealed node is not resident');
    const fault = new Fault('load');
    fault.nodes.push(page, low, high);
    throw fault;
  }

  /** Marks a root changed: its hash is unknown until the next commit seals it. */
  touchRoot(root: Root): void {
    this.wrote = true;
    root.low = 0;
    root.high = 0;
    root.changes++;
    this.dirtyRoots.add(root);
    this.onTouch?.(root);
  }

  allocateNode(): number {
    if (this.charged) this.charge(this.charged, this.nodePages);
    const page = this.space.allocateNode();
    // A load that ended after the page was given up may have left it resident.
    this.nodes.drop(page);
    return page;
  }

  allocateData(): number {
    if (this.charged) this.charge(this.charged, 1);
    const page = this.space.allocateData();
    this.data.drop(page);
    return page;
  }

  /** Gives back the last reference to a node whose children live on elsewhere or are gone. */
  freeNode(page: number): void {
    this.nodes.drop(page);
    this.counts.release(page, this.nodePages);
    if (this.charged) this.charge(this.charged, -this.nodePages);
  }

  /** Gives back one reference to a data page. */
  releaseData(page: number): void {
    if (this.counts.count(page) > 1) {
      this.counts.unshare(page);
      return;
    }
    this.data.drop(page);
    this.counts.release(page, 1);
    if (this.charged) this.charge(this.charged, -1);
  }

  /** Gives back one reference to a node; at the last one its children are queued for release. */
  releaseNode(page: number, low: number, high: number): void {
    if (page === 0) return;
    if (this.counts.count(page) > 1) this.counts.unshare(page);
    else this.reclaim.push(page, low, high);
  }

  /**
   * Makes sure that an operation can write: frames for `nodes` nodes and `data` data pages, and pages for both. Throws a
   * Fault for what the shell can do about it, or ENOSPC or EDQUOT. Who frees may use part of the reserve; who commits, or
   * drops a branch, all of it.
   */
  reserve(root: Root, nodes: number, data: number, purpose: 'write' | 'free' | 'commit'): void {
    if (root.readOnly) throw new ByreError('READ_ONLY', 'a snapshot, or a pool opened for reading, cannot be written');
    if (purpose === 'commit') {
      assert(this.nodes.takeable >= nodes, 'no frames are left to commit with');
      return;
    }
    const freeing = purpose === 'free';
    const pages = nodes * this.nodePages + data;
    if (this.nodes.takeable < nodes + OPERATION_FRAMES || this.nodes.dirtyCount > this.nodes.capacity / 2) {
      assert(this.attempt < MAX_COMMITS, 'an operation needs more frames than there are');
      throw new Fault('commit');
    }
    if (this.data.takeable < data + OPERATION_FRAMES || this.data.dirtyCount > this.data.capacity / 2) {
      throw new Fault('flush');
    }
    if (root.quotaPages !== 0 && !freeing && root.chargedPages + data + this.nodePages > root.quotaPages) {
      if (root.reckonedAt !== this.releases + root.changes) throw new Fault('reckon', root);
      throw new ByreError('EDQUOT', 'the branch has reached its quota: free something in it or raise the quota', {
        details: { quotaPages: root.quotaPages, chargedPages: root.chargedPages },
      });
    }
    const keep = this.reservePages * (freeing ? 0.25 : 1) + (freeing ? 0 : this.reservedPages - unclaimed(root));
    // Data that fills gaps spoils no more runs than it could fill, and one.
    const keepNodes = nodes + Math.floor(data / this.nodePages) + 1 + RESERVE_NODES * (freeing ? 0.25 : 1);
    if (this.space.available - pages >= keep && this.space.hasNodes(keepNodes)) return;
    if (this.counts.heldCount > 0 && this.attempt < MAX_COMMITS) throw new Fault('commit');
    throw new ByreError(
      'ENOSPC',
      'the pool is full, and a copy-on-write store needs free pages even to overwrite: drop branches, remove files, or raise its limit',
      { details: { availablePages: this.space.available, neededPages: pages, reservePages: keep } },
    );
  }

  /** Pages that ordinary writes leave free, for commits and for getting out of a full pool. */
  get reservePages(): number {
    return Math.max(RESERVE_NODES * this.nodePages, Math.min(1024, Math.floor(this.space.limitPages / 64)));
  }

  /** Adds pages to a root's charge, or takes them off it. */
  charge(root: Root, pages: number): void {
    const before = unclaimed(root);
    root.chargedPages = Math.max(0, root.chargedPages + pages);
    this.reservedPages += unclaimed(root) - before;
  }
}

/** What is left of a root's reservation. */
export function unclaimed(root: Root): number {
  return Math.max(0, root.reservedPages - root.chargedPages);
}

/** A root that refers to nothing. */
export function emptyRoot(readOnly = false): Root {
  const limits = { chargedPages: 0, reckonedAt: -1, quotaPages: 0, reservedPages: 0 };
  return { page: 0, low: 0, high: 0, changes: 0, ...limits, readOnly };
}
