/**
 * A transaction: a fork of a branch that is merged when it commits. It reads one state, its own writes over it, and never blocks.
 * Callers must end every transaction, by `commit` or `abort`; one that was refused with CONFLICT has ended. A transaction covers the
 * branch as a whole (`branch` is its fork, for other faces), but only tables keep account of what was read.
 */

import { diff } from '../core/diff.ts';
import { applyChange, changesFrom, type KeyChange } from '../core/merge.ts';
import { ByreError } from '../errors.ts';
import type { Branch } from '../pool/branch.ts';
import { adoptRoot } from './adopt.ts';
import { BranchTarget, forkOf } from './branch-target.ts';
import { type Job, runJob, runJobSync, step } from './job.ts';
import { KeySet, ReadSet } from './ops/access.ts';
import { type ShownKey, showKey } from './show.ts';
import { Table, type TableOptions } from './table.ts';
import type { Fork, Target } from './target.ts';

export type Isolation = 'snapshot' | 'serializable';

/** `none`: durable with the pool's next commit. `group`: waits for a commit that others share. `immediate`: a commit of its own. */
export type Durability = 'none' | 'group' | 'immediate';

export interface TransactionOptions {
  readonly isolation?: Isolation;
  readonly durability?: Durability;
  /** How often a transaction that met a CONFLICT is tried again; default 0. Its function must then bear being called again. */
  readonly retries?: number;
}

const options = new Set(['isolation', 'durability', 'retries']);
const MAX_CONFLICTS = 100;

/** A moment of a transaction to go back to. */
export interface Savepoint {
  /** Undoes all that was written since; the savepoint stays. */
  rollback(): void;
  /** Forgets the savepoint; what was written stays. */
  release(): void;
}

export class Transaction {
  /** The fork that the transaction writes; it goes when the transaction ends. */
  readonly branch: Branch;
  private readonly into: Branch;
  private readonly base: { readonly branch: Branch; release(): void };
  private readonly own: { readonly branch: Branch; release(): void };
  private readonly target: Target;
  private readonly reads: ReadSet | undefined;
  private readonly writes = new KeySet();
  private readonly durability: Durability;
  private savepoints = new Set<Fork>();
  private ended = false;

  /** For `beginTransaction`. */
  constructor(into: Branch, { isolation = 'snapshot', durability = 'group' }: TransactionOptions) {
    if (into.readOnly)
      throw new ByreError('READ_ONLY', 'A snapshot, or a pool opened for reading, has no transactions');
    this.into = into;
    this.durability = durability;
    this.base = forkOf(into);
    this.own = forkOf(this.base.branch);
    this.branch = this.own.branch;
    this.reads = isolation === 'serializable' ? new ReadSet() : undefined;
    this.target = new BranchTarget(this.branch, this.reads, this.writes);
  }

  table<Value = unknown>(name: string, options?: TableOptions<Value>): Table<Value> {
    this.checkOpen();
    return new Table<Value>(this.target, name, options);
  }

  savepoint(): Savepoint {
    this.checkOpen();
    const { store } = this.branch;
    const saved = this.target.fork();
    this.savepoints.add(saved);
    const check = () => {
      this.checkOpen();
      if (!this.savepoints.has(saved)) throw new ByreError('CLOSED', 'The savepoint has been released');
    };
    return {
      rollback: () => {
        check();
        this.branch.runSync(() => adoptRoot(store, this.branch.root, saved.root, this.branch.root.page));
      },
      release: () => {
        check();
        this.savepoints.delete(saved);
        saved.release();
      },
    };
  }

  /** Makes the writes part of the branch, all or none. Throws CONFLICT, whose `details.keys` names what others changed. */
  async commit(): Promise<void> {
    const wrote = await runJob(this.into, this.merge());
    if (wrote && this.durability !== 'none') await this.into.pool.commit();
  }

  commitSync(): void {
    const wrote = runJobSync(this.into, this.merge());
    if (wrote && this.durability !== 'none') this.into.pool.commitSync();
  }

  /** Ends the transaction; nothing of it stays. Does nothing if it has ended. */
  abort(): void {
    if (this.ended) return;
    this.ended = true;
    for (const saved of this.savepoints) saved.release();
    this.savepoints.clear();
    this.own.release();
    this.base.release();
  }

  private checkOpen(): void {
    if (this.ended) throw new ByreError('CLOSED', 'The transaction has ended');
  }

  /** True if there was anything to bring in. */
  private *merge(): Job<boolean> {
    this.checkOpen();
    const { into, base } = this;
    const { store } = into;
    try {
      const basePage = base.branch.root.page;
      if (this.branch.root.page === basePage) return false;
      for (;;) {
        if (yield* step(() => adoptRoot(store, into.root, this.branch.root, basePage))) return true;
        if (yield* this.mergeChanged()) return true;
      }
    } finally {
      this.abort();
    }
  }

  /** The branch has changed since the base: merges into a fork of it. False if it changed again meanwhile. */
  private *mergeChanged(): Job<boolean> {
    const { into, base } = this;
    const { store } = into;
    const currentPage = into.root.page;
    const current = forkOf(into);
    try {
      this.refuse(yield* this.changedBesides(current.branch));
      for (let from: Uint8Array | undefined = new Uint8Array(0); from !== undefined; ) {
        const at: Uint8Array = from;
        const stretch: { changes: KeyChange[]; next: Uint8Array | undefined } = yield* step(() =>
          changesFrom(store, base.branch.root, this.branch.root, { from: at }),
        );
        for (const change of stretch.changes) {
          const conflict = yield* step(() => applyChange(store, current.branch.root, this.branch.root, change));
          if (conflict !== undefined) this.refuse([conflict.key]);
        }
        from = stretch.next;
      }
      return yield* step(() => adoptRoot(store, into.root, current.branch.root, currentPage));
    } finally {
      current.release();
    }
  }

  /** Keys that the transaction relies on and others changed since its base: it wrote them, or, if serializable, read them. */
  private *changedBesides(current: Branch): Job<Uint8Array[]> {
    const { reads, writes } = this;
    const { store } = current;
    const found: Uint8Array[] = [];
    for (let from: Uint8Array | undefined = new Uint8Array(0); from !== undefined && found.length < MAX_CONFLICTS; ) {
      const at: Uint8Array = from;
      const stretch = yield* step(() => {
        const keys: Uint8Array[] = [];
        const next = diff(store, this.base.branch.root, current.root, { from: at }, (key) => {
          if (writes.has(key) || reads?.covers(key)) keys.push(key.slice());
        });
        return { keys, next };
      });
      found.push(...stretch.keys);
      from = stretch.next;
    }
    return found;
  }

  private refuse(keys: readonly Uint8Array[]): void {
    if (keys.length === 0) return;
    const shown: ShownKey[] = keys.slice(0, MAX_CONFLICTS).map(showKey);
    const message = 'Others changed what the transaction read or wrote: nothing of it was done, run it again';
    throw new ByreError('CONFLICT', message, { details: { keys: shown } });
  }
}

export function beginTransaction(branch: Branch, given: TransactionOptions = {}): Transaction {
  checkOptions(given);
  return new Transaction(branch, given);
}

/** Runs `work` in a transaction and commits it; an error aborts it and is passed on. */
export async function transaction<T>(
  branch: Branch,
  work: (transaction: Transaction) => Promise<T> | T,
  given: TransactionOptions = {},
): Promise<T> {
  checkOptions(given);
  for (let left = given.retries ?? 0; ; left--) {
    const one = new Transaction(branch, given);
    try {
      const result = await work(one);
      await one.commit();
      return result;
    } catch (error) {
      one.abort();
      if (left <= 0 || !isConflict(error)) throw error;
    }
  }
}

/** {@link transaction} without waiting: `work` must not return a promise. */
export function transactionSync<T>(
  branch: Branch,
  work: (transaction: Transaction) => T,
  given: TransactionOptions = {},
): T {
  checkOptions(given);
  for (let left = given.retries ?? 0; ; left--) {
    const one = new Transaction(branch, given);
    try {
      const result = work(one);
      if (typeof (result as { then?: unknown } | undefined)?.then === 'function') {
        throw new ByreError('BAD_ARGUMENT', 'The work of a transactionSync must not be asynchronous');
      }
      one.commitSync();
      return result;
    } catch (error) {
      one.abort();
      if (left <= 0 || !isConflict(error)) throw error;
    }
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof ByreError && error.code === 'CONFLICT';
}

function checkOptions(given: TransactionOptions): void {
  const { isolation = 'snapshot', durability = 'group', retries = 0 } = given;
  for (const name in given) {
    if (!options.has(name)) throw new ByreError('BAD_ARGUMENT', `A transaction has no option ${name}`);
  }
  const valid =
    ['snapshot', 'serializable'].includes(isolation) &&
    ['none', 'group', 'immediate'].includes(durability) &&
    Number.isSafeInteger(retries) &&
    retries >= 0;
  if (!valid) throw new ByreError('BAD_ARGUMENT', 'A transaction has unusable options', { details: { ...given } });
}
