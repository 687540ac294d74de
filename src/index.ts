/**
 * The public entry of byre on Node: pools in files or memory, whose branches show their faces.
 * It adds no behaviour of its own. Where there is no `node:fs`, as in browsers, use `byre/pool` with a device.
 */

import type { Mounted, MountOptions } from '../apps/fuse/mount.ts';
import type { KeyConflict } from './core/merge.ts';
import { isByreError } from './errors.ts';
import {
  checkFiles,
  checkFilesSync,
  type Files,
  type FilesMergeOptions,
  type FilesProblem,
  filesInTransaction,
  filesOf,
  pathOfKey,
  settleFiles,
  textOf,
} from './files/index.ts';
import { HOST_FACE } from './host/memory.ts';
import type { Branch as BareBranch } from './pool/branch.ts';
import type { CheckReport as BareCheckReport, Problem as BareProblem } from './pool/check.ts';
import type { Device } from './pool/device.ts';
import type { MergeOptions as BareMergeOptions, MergeReport, Settle } from './pool/merge.ts';
import { openPool as openBare, openPoolSync as openBareSync } from './pool/open-pool.ts';
import type { OpenOptions } from './pool/options.ts';
import type { Pool as BarePool } from './pool/pool.ts';
import {
  type Transaction as BareTransaction,
  beginTransaction,
  beginTransactionSync,
  type CheckTablesOptions,
  checkTables,
  checkTablesSync,
  type FacePart,
  settleTables,
  type Table,
  type TableOptions,
  type TablesCheck,
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

export interface Problem extends BareProblem {
  /** The file that is hit, in the problem's branch, where there is one and the way to it can be read. */
  readonly path?: string;
}

/** What is wrong with a pool: with its pages, or with what they mean as files and tables. */
export interface CheckReport extends BareCheckReport {
  readonly problems: readonly Problem[];
  /** Tables whose indexes could not be compared with their rows, since their codec was not given. */
  readonly unchecked: ReadonlyArray<{ readonly branch: string; readonly table: string }>;
}

/** What a table's own codec is must be told. */
export type CheckOptions = CheckTablesOptions;

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
}

/** A pool whose branches have their faces. */
export type Pool = Merges &
  Checks &
  Mounts & {
    readonly [Name in Exclude<keyof BarePool, keyof Merges | keyof Checks>]: BarePool[Name] extends (
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
  const mounts: Mounts = {
    async mount(directory, options) {
      // Loaded only by who mounts: it is for Linux.
      const [{ mountPool }, { runCommand }] = await Promise.all([
        import('../apps/fuse/mount.ts'),
        import('../apps/cli/served.ts'),
      ]);
      return mountPool(plain, directory, options, runCommand);
    },
  };
  return Object.assign(bare, merges, checks, mounts) as unknown as Pool;
}

/**
 * Which files damaged pages belong to; and what the faces hold about a pool whose pages are sound: what is damaged below says nothing
 * about them.
 */
async function examine(pool: BarePool, pages: BareCheckReport, options?: CheckOptions): Promise<CheckReport> {
  const problems: Problem[] = [];
  for (const problem of pages.problems) problems.push(at(problem, await located(pool, problem)));
  const found: Examined[] = [];
  if (pages.ok) {
    for (const { name } of await pool.branches()) {
      const branch = await pool.branch(name);
      found.push({ name, files: await checkFiles(branch), tables: await checkTables(branch, options) });
    }
  }
  return reportOf(pages, problems, found);
}

function examineSync(pool: BarePool, pages: BareCheckReport, options?: CheckOptions): CheckReport {
  const problems = pages.problems.map((problem) => at(problem, locatedSync(pool, problem)));
  const found: Examined[] = [];
  if (pages.ok) {
    for (const { name } of pool.branchesSync()) {
      const branch = pool.branchSync(name);
      found.push({ name, files: checkFilesSync(branch), tables: checkTablesSync(branch, options) });
    }
  }
  return reportOf(pages, problems, found);
}

async function located(pool: BarePool, { branch: name, key }: BareProblem): Promise<string | undefined> {
  if (name === undefined || name === '' || key === undefined) return undefined;
  try {
    const branch = await pool.branch(name);
    return await branch.run(() => pathOfKey(branch, key));
  } catch (error) {
    return unlessLost(error);
  }
}

function locatedSync(pool: BarePool, { branch: name, key }: BareProblem): string | undefined {
  if (name === undefined || name === '' || key === undefined) return undefined;
  try {
    const branch = pool.branchSync(name);
    return branch.runSync(() => pathOfKey(branch, key));
  } catch (error) {
    return unlessLost(error);
  }
}

/** The way to a file may be damaged as well, and an unnamed fork cannot be asked for. */
function unlessLost(error: unknown): undefined {
  if (!isByreError(error) || (error.code !== 'DAMAGED' && error.code !== 'NO_SUCH_BRANCH')) throw error;
}

function at(problem: BareProblem, path: string | undefined): Problem {
  return path === undefined ? problem : { ...problem, path };
}

interface Examined {
  readonly name: string;
  readonly files: readonly FilesProblem[];
  readonly tables: TablesCheck;
}

function reportOf(pages: BareCheckReport, below: readonly Problem[], examined: readonly Examined[]): CheckReport {
  const problems: Problem[] = [...below];
  const unchecked: { branch: string; table: string }[] = [];
  for (const { name, files, tables } of examined) {
    const add = (message: string, path?: string) => problems.push(at({ kind: 'face', branch: name, message }, path));
    for (const { inode, text, path } of files) add(`files: inode ${inode}: ${text}`, path && textOf(path));
    for (const { table, index, problem } of tables.problems) {
      add(index === undefined ? `table ${table}: ${problem}` : `index ${index} of table ${table}: ${problem}`);
    }
    for (const table of tables.unchecked) unchecked.push({ branch: name, table });
  }
  return { ...pages, ok: problems.length === 0, problems, unchecked };
}
