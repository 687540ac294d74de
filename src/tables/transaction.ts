/**
 * A transaction: a fork of a branch that is merged when it commits. It reads one state, its own writes over it, and never blocks.
 * Callers must end every transaction, by `commit` or `abort`; one that was refused with CONFLICT has ended. A transaction covers the
 * branch as a whole (`branch` is its fork, for other faces), but only tables keep account of what was read.
 */

import { diff } from '../core/diff.ts';
import { applyChange, changesFrom, type KeyChange, type KeyConflict } from '../core/merge.ts';
import type { Root } from '../core/store.ts';
import { assert, ByreError } from '../errors.ts';
import type { Branch } from '../pool/branch.ts';
import type { MergedState, ResolvedConflict, Settle } from '../pool/merge.ts';
import { adopt, BranchTarget, forkOf, type OwnFork } from './branch-target.ts';
import { type Job, runJob, runJobSync, step } from './job.ts';
import { AccessSet } from './ops/access.ts';
import { showKey } from './show.ts';
import { Table, type TableOptions } from './table.ts';

export type Isolation = 'snapshot' | 'serializable';

/**
 * `none`: durable with the pool's next commit. `group`: waits for a commit that it shares with whoever else is about to end.
 * `immediate`: has the commit begun at once.
 */
export type Durability = 'none' | 'group' | 'immediate';

export interface TransactionOptions {
  readonly isolation?: Isolation;
  readonly durability?: Durability;
  /** How often a transaction that met a CONFLICT is tried again; default 0. Its function must then bear being called again. */
  readonly retries?: number;
}

/** Another face's part in the commit of a transaction that met others. */
export interface FacePart {
  /** Conflicts over keys that `settle` decides about. Any other refuses the transaction. */
  settles(conflict: KeyConflict): boolean;
  readonly settle: Settle;
  /** One operation: what a conflict of the face is about; undefined if it is not of the face. */
  show(state: MergedState, conflict: KeyConflict): unknown;
}

const options = new Set(['isolation', 'durability', 'retries']);
const MAX_CONFLICTS = 100;

/** A moment of a transaction to go back to. */
export interface Savepoint {
  /** Undoes all that was written since; the savepoint stays. */
  rollback(): Promise<void>;
  rollbackSync(): void;
  /** Forgets the savepoint; what was written stays. */
  release(): void;
}

export class Transaction {
  private readonly into: Branch;
  /** The fork of the branch, and the forks that savepoints began, each of the one before. The last one is written. */
  private readonly forks: OwnFork[];
  private readonly target: BranchTarget;
  private readonly reads: AccessSet | undefined;
  private readonly writes = new AccessSet();
  private readonly durability: Durability;
  private readonly faces: readonly FacePart[];
  private ended = false;

  /** For `beginTransaction`; `fork` is one of `into`. */
  constructor(into: Branch, fork: OwnFork, given: TransactionOptions, faces: readonly FacePart[]) {
    const { isolation = 'snapshot', durability = 'group' } = given;
    this.into = into;
    this.faces = faces;
    this.durability = durability;
    this.forks = [fork];
    this.reads = isolation === 'serializable' ? new AccessSet() : undefined;
    this.target = new BranchTarget(this.forks[0].branch, this.reads, this.writes);
  }

  /** The fork that is written now. It goes when the transaction ends or goes back to a savepoint. */
  get branch(): Branch {
    this.checkOpen();
    return this.target.branch;
  }

  table<Value = unknown>(name: string, options?: TableOptions<Value>): Table<Value> {
    this.checkOpen();
    return new Table<Value>(this.target, name, options);
  }

  /** A moment to go back to. What was read and written since still counts at the commit. */
  savepoint(): Promise<Savepoint> {
    return runJob(this.into, this.save());
  }

  savepointSync(): Savepoint {
    return runJobSync(this.into, this.save());
  }

  private *save(): Job<Savepoint> {
    this.checkOpen();
    const { into, forks } = this;
    const depth = forks.length;
    let valid = yield* this.push();
    const check = () => {
      this.checkOpen();
      if (forks[depth] === valid) return;
      throw new ByreError('CLOSED', 'The savepoint was released, or an earlier one was gone back to');
    };
    const push = () => this.push();
    function* rollback(): Job<void> {
      check();
      for (const fork of forks.splice(depth)) fork.release();
      valid = yield* push();
    }
    return {
      rollback: () => runJob(into, rollback()),
      rollbackSync: () => runJobSync(into, rollback()),
      release: () => {
        check();
        // Its fork stays until the commit folds it into the one before: releasing must not wait.
        valid = forks[depth - 1];
      },
    };
  }

  private *push(): Job<OwnFork> {
    const fork = yield* forkOf(this.forks[this.forks.length - 1].branch);
    this.forks.push(fork);
    this.target.moveTo(fork.branch);
    return fork;
  }

  /** Makes the writes part of the branch, all or none. Throws CONFLICT, whose `details.keys` names what others changed. */
  async commit(): Promise<void> {
    const wrote = await runJob(this.into, this.merge());
    if (!wrote || this.durability === 'none') return;
    if (this.durability === 'group') await turn();
    await this.into.pool.commit();
  }

  commitSync(): void {
    const wrote = runJobSync(this.into, this.merge());
    if (wrote && this.durability !== 'none') this.into.pool.commitSync();
  }

  /** Ends the transaction; nothing of it stays. Does nothing if it has ended. */
  abort(): void {
    if (this.ended) return;
    this.ended = true;
    for (const fork of this.forks.splice(0).reverse()) fork.release();
  }

  private checkOpen(): void {
    if (this.ended) throw new ByreError('CLOSED', 'The transaction has ended');
  }

  /** True if there was anything to bring in. */
  private *merge(): Job<boolean> {
    this.checkOpen();
    const { into, forks } = this;
    try {
      while (forks.length > 1) {
        const last = forks[forks.length - 1];
        const before = forks[forks.length - 2];
        yield* adopt(before.branch, last.branch);
        this.target.moveTo(before.branch);
        forks.pop();
        last.release();
      }
      return yield* this.mergeInto(into);
    } finally {
      this.abort();
    }
  }

  private *mergeInto(into: Branch): Job<boolean> {
    const own = this.target.branch;
    if (own.root.page === baseOf(own).page) return false;
    for (;;) {
      if (yield* adopt(into, own)) return true;
      const work = yield* forkOf(into);
      try {
        refuse((yield* this.changedBesides(own, work.branch)).slice(0, MAX_CONFLICTS).map(showKey));
        yield* this.apply(own, work.branch);
        if (yield* adopt(into, work.branch)) return true;
      } finally {
        work.release();
      }
    }
  }

  /** The branch has changed since the base: brings the transaction's changes into a fork of it. */
  private *apply(own: Branch, work: Branch): Job<void> {
    const { store } = own;
    const { faces } = this;
    const state = {
      store,
      base: baseOf(own),
      ours: baseOf(work),
      theirs: own.root,
      work: work.root,
      conflicts: [],
      nextNumber: () => work.nextInode(),
    };
    const refused: KeyConflict[] = [];
    const met: ResolvedConflict[] = [];
    for (let from: Uint8Array | undefined = new Uint8Array(0); from !== undefined && refused.length < MAX_CONFLICTS; ) {
      const at: Uint8Array = from;
      const stretch: { changes: KeyChange[]; next: Uint8Array | undefined } = yield* step(() =>
        changesFrom(store, state.base, own.root, { from: at }),
      );
      for (const change of stretch.changes) {
        const conflict = yield* step(() => applyChange(store, work.root, own.root, change, true));
        if (conflict === undefined) continue;
        if (faces.some((face) => face.settles(conflict))) met.push({ ...conflict, resolution: 'conflict' });
        else refused.push(conflict);
      }
      from = stretch.next;
    }
    yield* this.refuseConflicts(state, refused);
    // Also without any: changes that have no key in common may yet not go together.
    let settled: readonly ResolvedConflict[] = met;
    for (const face of faces) settled = yield* face.settle({ ...state, conflicts: settled });
    yield* this.refuseConflicts(state, settled);
  }

  private *refuseConflicts(state: MergedState, conflicts: readonly KeyConflict[]): Job<void> {
    const shown: unknown[] = [];
    for (const conflict of conflicts.slice(0, MAX_CONFLICTS)) {
      let found: unknown;
      for (const face of this.faces) found ??= yield* step(() => face.show(state, conflict));
      shown.push(found ?? showKey(conflict.key));
    }
    refuse(shown);
  }

  /** Keys that the transaction relies on and others changed since its base: it wrote them, or, if serializable, read them. */
  private *changedBesides(own: Branch, current: Branch): Job<Uint8Array[]> {
    const { reads, writes } = this;
    const { store } = current;
    const found: Uint8Array[] = [];
    for (let from: Uint8Array | undefined = new Uint8Array(0); from !== undefined && found.length < MAX_CONFLICTS; ) {
      const at: Uint8Array = from;
      const stretch = yield* step(() => {
        const keys: Uint8Array[] = [];
        const next = diff(store, baseOf(own), current.root, { from: at }, (key) => {
          if (writes.covers(key) || reads?.covers(key)) keys.push(key.slice());
        });
        return { keys, next };
      });
      found.push(...stretch.keys);
      from = stretch.next;
    }
    return found;
  }
}

/** Lets others have their turn, who may end at the same time: the first of them would else have a commit for itself alone. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else queueMicrotask(resolve);
  });
}

/** Throws CONFLICT over these keys, if there are any. */
function refuse(keys: readonly unknown[]): void {
  if (keys.length === 0) return;
  const message = 'Others changed what the transaction read or wrote: nothing of it was done, run it again';
  throw new ByreError('CONFLICT', message, { details: { keys } });
}

/** The state that a fork began with. */
function baseOf(fork: Branch): Root {
  const { base } = fork;
  assert(base !== undefined, 'a fork does not know its base');
  return base;
}

function* begin(branch: Branch, given: TransactionOptions, faces: readonly FacePart[]): Job<Transaction> {
  checkOptions(given);
  if (branch.readOnly)
    throw new ByreError('READ_ONLY', 'A snapshot, or a pool opened for reading, has no transactions');
  return new Transaction(branch, yield* forkOf(branch), given, faces);
}

export function beginTransaction(
  branch: Branch,
  given: TransactionOptions = {},
  faces: readonly FacePart[] = [],
): Promise<Transaction> {
  return runJob(branch, begin(branch, given, faces));
}

export function beginTransactionSync(
  branch: Branch,
  given: TransactionOptions = {},
  faces: readonly FacePart[] = [],
): Transaction {
  return runJobSync(branch, begin(branch, given, faces));
}

/** Runs `work` in a transaction and commits it; an error aborts it and is passed on. */
export async function transaction<T>(
  branch: Branch,
  work: (transaction: Transaction) => Promise<T> | T,
  given: TransactionOptions = {},
  faces: readonly FacePart[] = [],
): Promise<T> {
  for (let left = given.retries ?? 0; ; left--) {
    const one = await beginTransaction(branch, given, faces);
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
  faces: readonly FacePart[] = [],
): T {
  for (let left = given.retries ?? 0; ; left--) {
    const one = beginTransactionSync(branch, given, faces);
    try {
      const result = work(one);
      if (typeof (result as { then?: unknown } | undefined)?.then === 'function') {
        // The work goes on and will fail on the ended transaction: that is told here, once.
        Promise.resolve(result).catch(() => {});
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
