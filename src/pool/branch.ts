/**
 * The public handle of a branch, snapshot or unnamed fork: what faces run their operations on.
 * It needs no closing, except that an unnamed fork should be released; it throws NO_SUCH_BRANCH once the branch is dropped.
 */

import type { Root, Store } from '../core/store.ts';
import { noSuchBranch } from './branches.ts';
import { readAbsent, writeDirect } from './load.ts';
import type { Pool } from './pool.ts';
import { runAsync, runSync } from './run.ts';
import type { OpenBranch, PoolState } from './state.ts';

export class Branch {
  readonly pool: Pool;
  readonly store: Store;
  private readonly state: PoolState;
  private readonly open: OpenBranch;
  private readonly faces = new Map<unknown, unknown>();

  constructor(pool: Pool, state: PoolState, open: OpenBranch) {
    this.pool = pool;
    this.store = state.store;
    this.state = state;
    this.open = open;
  }

  /** Undefined for an unnamed fork. */
  get name(): string | undefined {
    return this.open.name;
  }

  get id(): number {
    return this.open.record.id;
  }

  get kind(): 'branch' | 'snapshot' | 'unnamed' {
    return this.open.record.kind;
  }

  get readOnly(): boolean {
    return this.root.readOnly || this.state.readOnly;
  }

  /** Counts up when the content is replaced as a whole, by a rollback. */
  get version(): number {
    return this.open.version;
  }

  /** What operations read and write. Only core may change it. */
  get root(): Root {
    if (this.open.gone) throw noSuchBranch(this.state, this.open.name ?? 'unnamed fork');
    return this.open.record.root;
  }

  /** The state that it was forked from; it can be read and compared with. */
  get base(): Root | undefined {
    return this.open.record.ancestry[0]?.root;
  }

  /** Calls `listener` soon after the branch's content changed, by whatever means in this process. Returns how to stop. */
  onChange(listener: () => void): () => void {
    const { listeners } = this.state;
    const own = listeners.get(this.open) ?? new Set();
    own.add(listener);
    listeners.set(this.open, own);
    return () => {
      own.delete(listener);
      if (own.size === 0) listeners.delete(this.open);
    };
  }

  /** Runs an operation, waiting where the device makes it. */
  run<T>(operation: () => T): Promise<T> {
    return runAsync(this.state, operation);
  }

  /** Runs an operation at once. */
  runSync<T>(operation: () => T): T {
    return runSync(this.state, operation);
  }

  /**
   * Fills in pages of `target` that an operation has just named as absent (see `readResident` in core): straight from the
   * device, verified, and not kept. Nothing else may have run since.
   */
  readAbsentSync(absent: readonly number[], target: Uint8Array): void {
    readAbsent(this.state, absent, target);
  }

  /** Writes pages that an operation has just asked for as `direct` (see `writeContent` in core). Nothing else may have run since. */
  writeDirectSync(direct: readonly number[], bytes: Uint8Array): void {
    writeDirect(this.state, direct, bytes);
  }

  /** A number that no file of any branch of the pool has had. Only inside an operation, after `prepare`. */
  nextInode(): number {
    this.state.changed = true;
    return this.state.nextInode++;
  }

  /** What the pool knows of it, if it is `state`'s. For this folder only. */
  openIn(state: PoolState): OpenBranch | undefined {
    return state === this.state ? this.open : undefined;
  }

  /** The face that `make` gives for this branch: made once. */
  face<T>(make: (branch: Branch) => T): T {
    if (!this.faces.has(make)) this.faces.set(make, make(this));
    return this.faces.get(make) as T;
  }
}
