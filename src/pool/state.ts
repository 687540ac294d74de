/**
 * What an open pool consists of, shared by the procedures of this folder.
 * Only this folder may touch it, and only between the yields that steps.ts speaks of.
 */

import type { PageRuns } from '../core/counts.ts';
import type { BranchRecord } from '../core/directory.ts';
import { NO_RECORD, type RecordRef } from '../core/record-ref.ts';
import { emptyRoot, type Root, type Store } from '../core/store.ts';
import type { Superblock } from '../core/superblock.ts';
import { ByreError } from '../errors.ts';
import type { Device } from './device.ts';
import type { Flight } from './flight.ts';
import type { WaitRequest } from './steps.ts';

/** A branch that is open: its record's root is the one that operations change. */
export interface OpenBranch {
  /** Undefined for an unnamed fork. */
  name: string | undefined;
  record: BranchRecord;
  /** It has a record in the directory. */
  recorded: boolean;
  /** Dropped or released: its root is gone. */
  gone: boolean;
  /** Counts up when the content is replaced as a whole, by a rollback or a merge, or is gone. */
  version: number;
}

/** Where the counts of the last sealed commit are stored. */
export interface StoredCounts {
  base: RecordRef;
  /** Oldest first. */
  log: RecordRef[];
  /** So many of the log's records are parts of the base, for which no run of pages was long enough. */
  baseParts: number;
  /** Pages whose counts changed since the newest record: they stand in the superblock. */
  tailPages: PageRuns;
  tail: Uint8Array;
}

/** The newest commit, which could not be opened, so that the one before it was. */
export interface LostCommit {
  readonly commit: number;
  readonly error: ByreError;
}

export class PoolState {
  readonly device: Device;
  readonly store: Store;
  readonly poolId: Uint8Array;
  readonly readOnly: boolean;
  readonly directory: Root;
  readonly open = new Map<string, OpenBranch>();
  readonly unnamed = new Set<OpenBranch>();
  /** Open branches whose directory records are not what they should be. */
  readonly stale = new Set<OpenBranch>();
  /** Which open branch a root belongs to, for the commit. */
  readonly branchOf = new WeakMap<Root, OpenBranch>();
  readonly counts: StoredCounts = { base: NO_RECORD, log: [], baseParts: 0, tailPages: [], tail: new Uint8Array(0) };
  /** 0: none. */
  limitPages = 0;
  nextInode = 2;
  nextBranchId = 1;
  moment = 1;
  /** The last commit that is durable; 0: none yet. */
  durable = 0;
  /** The page counts of the last two durable commits, which the device must not be cut below. */
  durablePages = 0;
  previousPages = 0;
  /** Set while the counts are not loaded: the superblock that leads to them. */
  uncounted: Superblock | undefined;
  /** How often pages were written (whoever does it must count), and how often before the last flush: alike if all are durable. */
  writes = 0;
  flushedWrites = 0;
  /** The superblock of the last durable commit, while it does not say that its companions are durable. */
  unsettled: Uint8Array | undefined;
  /** Pages freed by the last durable commit: free once the next one is durable. */
  heldPages: PageRuns = [];
  /** Something besides branches and directory has changed: limits, numbers, counts. */
  changed = false;
  /** The next commit stores all counts anew, in low pages. */
  foldCounts = false;
  closed = false;
  poison: ByreError | undefined;
  /** An operation is running; none may begin inside it. */
  running = false;
  /** How many operations are having pages loaded, and those that wait to. */
  served = 0;
  readonly turns: Array<() => void> = [];
  /** While set, operations wait: a device that takes its time is being written what they would change. */
  gate: WaitRequest | undefined;
  /** A commit is being sealed and written. */
  sealing = false;
  /** The sealed commit that is becoming durable. */
  flight: Flight | undefined;

  constructor(device: Device, store: Store, poolId: Uint8Array, readOnly: boolean) {
    this.device = device;
    this.store = store;
    this.poolId = poolId;
    this.readOnly = readOnly;
    this.directory = emptyRoot(readOnly);
    store.onTouch = (root) => this.tell(root);
  }

  /** False once another process may have taken the pool over. */
  mayWrite: (() => boolean) | undefined;
  lost: LostCommit | undefined;
  /** Properties of every branch handle. */
  faces: PropertyDescriptorMap | undefined;
  /** Who wants to know when an open branch changes. */
  readonly listeners = new Map<OpenBranch, Set<() => void>>();
  private readonly told = new Set<OpenBranch>();

  /** Tells a branch's listeners, once for everything that happens until they are called. */
  tell(root: Root): void {
    if (this.listeners.size === 0) return;
    const branch = this.branchOf.get(root);
    if (!branch || branch.record.root !== root || !this.listeners.has(branch) || this.told.has(branch)) return;
    this.told.add(branch);
    queueMicrotask(() => {
      this.told.delete(branch);
      for (const listener of this.listeners.get(branch) ?? []) listener();
    });
  }

  /** Throws if nothing can be done with the pool any more. */
  checkUsable(): void {
    if (this.closed) throw new ByreError('CLOSED', `the pool ${this.device.name} is closed: open it again`);
    if (this.poison) {
      throw new ByreError(
        'POISONED',
        `the pool ${this.device.name} cannot be used any more since an operation failed (${this.poison.message}): close it and open it again; it is then as it was at its last commit`,
        { cause: this.poison },
      );
    }
  }

  /** Throws if operations must wait. */
  checkGate(): void {
    if (!this.gate) return;
    throw new ByreError('UNSUPPORTED', `${this.device.name} must be waited for: use the method without Sync`);
  }

  /** Makes the pool unusable: what is in memory may not be what is on the device. */
  poisonBy(error: unknown): void {
    this.poison ??=
      error instanceof ByreError
        ? error
        : new ByreError('INTERNAL', String((error as Error)?.message), { cause: error });
  }

  /** True if a commit would store anything. */
  get dirty(): boolean {
    return this.changed || this.store.dirtyRoots.size > 0;
  }
}
