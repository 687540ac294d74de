/**
 * The public entry of byre on Node: pools in files or memory, whose branches show their faces.
 * It adds no behaviour of its own. Where there is no `node:fs`, as in browsers, use `byre/pool` with a device.
 */

import type { Mounted, MountOptions } from '../apps/fuse/mount.ts';
import type { KeyConflict } from './core/merge.ts';
import { type CheckOptions, type CheckReport, examine, examineSync } from './examine.ts';
import { type Files, type FilesMergeOptions, filesInTransaction, filesOf, settleFiles } from './files/index.ts';
import { HOST_FACE } from './host/memory.ts';
import type { Branch as BareBranch } from './pool/branch.ts';
import type { Device } from './pool/device.ts';
import type { MergeOptions as BareMergeOptions, MergeReport, Settle } from './pool/merge.ts';
import { openPool as openBare, openPoolSync as openBareSync } from './pool/open-pool.ts';
import type { OpenOptions } from './pool/options.ts';
import type { Pool as BarePool } from './pool/pool.ts';
import {
  type Transaction as BareTransaction,
  beginTransaction,
  beginTransactionSync,
  type FacePart,
  settleTables,
  type Table,
  type TableOptions,
  type TablesMergeOptions,
  type TransactionOptions,
  tableNames,
  tableNamesSync,
  tableOf,
  transaction,
  transactionSync,
} from './tables/index.ts';

export type { Mounted, MountOptions } from '../apps/fuse/mount.ts';
export type { KeyConflict } from './core/merge.ts';
export { type ByreCode, ByreError, type ErrnoCode, type ErrorCode, isByreError } from './errors.ts';
export type { CheckOptions, CheckReport, Problem } from './examine.ts';
export {
  checkFiles,
  checkFilesSync,
  compareFiles,
  compareFilesSync,
  type FileChange,
  type FileConflict,
  isFileConflict,
  type ShownFileKey,
} from './files/index.ts';
export type { BranchInfo, BranchLimits } from './pool/branches.ts';
export type { CompactReport } from './pool/compact.ts';
export type { Device, DeviceRequest } from './pool/device.ts';
export { fileDevice } from './pool/file-device.ts';
export { memoryDevice } from './pool/memory-device.ts';
export type { KeyDifference, KeyRange, MergeReport, Resolution } from './pool/merge.ts';
export type { OpenOptions } from './pool/options.ts';
export type { SpaceReport } from './pool/pool.ts';
export type { BranchUsage } from './pool/usage.ts';
export type {
  BatchOperation,
  Bounds,
  Codec,
  CodecName,
  Durability,
  IndexDefinition,
  IndexOptions,
  Isolation,
  Key,
  RangeOptions,
  RowChange,
  RowConflict,
  RowResolution,
  RowResolver,
  Savepoint,
  ShownKey,
  Table,
  TableIndex,
  TableOptions,
  TableProblem,
  TransactionOptions,
  UniqueClash,
} from './tables/index.ts';
export { showKey } from './tables/index.ts';

/** The faces of a branch. */
export interface Faces {
  /** Its files, in the shape of `node:fs`. */
  readonly files: Files;
  /** One of its tables; the first write makes it. */
  table<Value = unknown>(name: string, options?: TableOptions<Value>): Table<Value>;
  /** The names of its tables, in order. */
  tables(): Promise<string[]>;
  tablesSync(): string[];
  /** Runs `work` in a transaction over tables and files, and commits it; an error aborts it. Throws CONFLICT. */
  transaction<T>(work: (transaction: Transaction) => Promise<T> | T, options?: TransactionOptions): Promise<T>;
  transactionSync<T>(work: (transaction: Transaction) => T, options?: TransactionOptions): T;
  /** A transaction that the caller ends, by `commit` or `abort`. */
  beginTransaction(options?: TransactionOptions): Promise<Transaction>;
  beginTransactionSync(options?: TransactionOptions): Transaction;
}

/** A fork of a branch that is merged when it commits; `branch` shows its files. */
export type Transaction = BareTransaction & { readonly branch: Branch };

/** A branch, snapshot or unnamed fork, with its faces. */
export type Branch = BareBranch & Faces;

type Dressed<T> = T extends BareBranch ? Branch : T extends Promise<infer Inner> ? Promise<Dressed<Inner>> : T;

/** How branches are merged: by key, and what the faces add. */
export type MergeOptions = Omit<BareMergeOptions, 'settle'> & FilesMergeOptions & TablesMergeOptions;

interface Checks {
  /** Proves every page, the files and the tables of every branch and snapshot: indexes are compared with their rows. */
  check(options?: CheckOptions): Promise<CheckReport>;
  checkSync(options?: CheckOptions): CheckReport;
  /** The same, and reads every page from the device. */
  scrub(options?: CheckOptions): Promise<CheckReport>;
  scrubSync(options?: CheckOptions): CheckReport;
}

interface Merges {
  /** Brings the changes of one branch since the common base into another; all of them or, on conflicts, none. */
  merge(options: MergeOptions): Promise<MergeReport>;
  mergeSync(options: MergeOptions): MergeReport;
}

interface Mounts {
  /**
   * Shows a branch, or every branch, as a directory, in which any program works (Linux, FUSE). This process serves it, and goes on
   * using the pool: what it changes is seen there at once. It must not reach into the mount with synchronous calls, since it would
   * wait for itself. To start a program with `cwd` there is such a call: spawn what `commandIn` of `byre/mount` gives. Mounts
   * that a process of its own serves, which have none of these limits, are made by `mountBranch` of `byre/mount`. Throws UNSUPPORTED
   * with what to install where no way of mounting works.
   */
  mount(directory: string, options?: MountOptions): Promise<Mounted>;
  /**
   * Commits and closes. What this pool's `mount` has mounted is unmounted first; rejects with EBUSY, and leaves the pool open, while
   * that is in use.
   */
  close(): Promise<void>;
  /** {@link close} without waiting: mounts lose their names, and whoever works in them the pool. */
  closeSync(): void;
}

/** A pool whose branches have their faces. */
export type Pool = Merges &
  Checks &
  Mounts & {
    readonly [Name in Exclude<keyof BarePool, keyof Merges | keyof Checks | keyof Mounts>]: BarePool[Name] extends (
      ...rest: infer Rest
    ) => infer Result
      ? (...rest: Rest) => Dressed<Result>
      : BarePool[Name];
  };

/** What imports remember of host directories makes only the next one quicker: in a merge, that of the branch merged into stays. */
const ofHost = ({ key }: KeyConflict) => key[0] === HOST_FACE;
const settleHost: Settle = function* ({ conflicts }) {
  return conflicts.filter((conflict) => !ofHost(conflict));
};

/** What transactions, which tables make, must know of the rest of a branch. */
const otherFaces: readonly FacePart[] = [
  filesInTransaction,
  { settles: ofHost, settle: settleHost, show: () => undefined },
];

const faces: PropertyDescriptorMap = {
  files: {
    get(this: BareBranch): Files {
      return filesOf(this);
    },
  },
  table: {
    value(this: BareBranch, name: string, options?: TableOptions<unknown>) {
      return tableOf(this, name, options);
    },
  },
  tables: {
    value(this: BareBranch) {
      return tableNames(this);
    },
  },
  tablesSync: {
    value(this: BareBranch) {
      return tableNamesSync(this);
    },
  },
  transaction: {
    value<T>(this: BareBranch, work: (transaction: BareTransaction) => T, options?: TransactionOptions) {
      return transaction(this, work, options, otherFaces);
    },
  },
  transactionSync: {
    value<T>(this: BareBranch, work: (transaction: BareTransaction) => T, options?: TransactionOptions) {
      return transactionSync(this, work, options, otherFaces);
    },
  },
  beginTransaction: {
    value(this: BareBranch, options?: TransactionOptions) {
      return beginTransaction(this, options, otherFaces);
    },
  },
  beginTransactionSync: {
    value(this: BareBranch, options?: TransactionOptions) {
      return beginTransactionSync(this, options, otherFaces);
    },
  },
};

/** Opens, and by default makes, the pool in a file or on a device. Throws LOCKED, NO_SUCH_POOL, NOT_A_POOL, DAMAGED. */
export async function openPool(target: string | Device, options: OpenOptions = {}): Promise<Pool> {
  return dress(await openBare(target, options, { faces }));
}

/** {@link openPool} without waiting; the device must be able to. */
export function openPoolSync(target: string | Device, options: OpenOptions = {}): Pool {
  return dress(openBareSync(target, options, { faces }));
}

/** The pool with merges that know what the keys of the faces mean. */
function dress(bare: BarePool): Pool {
  const known = ({ files, maxTextBytes, tables, codecs, ...options }: MergeOptions): BareMergeOptions => ({
    ...options,
    settle: [
      settleHost,
      settleFiles({ ...(files && { files }), ...(maxTextBytes !== undefined && { maxTextBytes }) }),
      settleTables({ ...(tables && { tables }), ...(codecs && { codecs }) }),
    ],
  });
  // What commands are given is as they know it: they bring the faces' parts themselves.
  const plain = Object.defineProperties({}, Object.getOwnPropertyDescriptors(bare)) as BarePool;
  const { merge, mergeSync, check, checkSync, scrub, scrubSync } = bare;
  const merges: Merges = {
    merge: (options) => merge(known(options)),
    mergeSync: (options) => mergeSync(known(options)),
  };
  const checks: Checks = {
    check: async (options) => examine(bare, await check(), options),
    checkSync: (options) => examineSync(bare, checkSync(), options),
    scrub: async (options) => examine(bare, await scrub(), options),
    scrubSync: (options) => examineSync(bare, scrubSync(), options),
  };
  let fuse: typeof import('../apps/fuse/mount.ts') | undefined;
  const { close, closeSync } = bare;
  const mounts: Mounts = {
    async mount(directory, options) {
      // Loaded only by who mounts: it is for Linux.
      const [mounting, { runCommand }] = await Promise.all([
        import('../apps/fuse/mount.ts'),
        import('../apps/cli/served.ts'),
      ]);
      fuse = mounting;
      return mounting.mountPool(plain, directory, options, runCommand);
    },
    async close() {
      await fuse?.unmountAll(plain);
      await close();
    },
    closeSync() {
      fuse?.unmountAllSync(plain);
      closeSync();
    },
  };
  return Object.assign(bare, merges, checks, mounts) as unknown as Pool;
}
