/**
 * What every method of a branch's files works with: the branch, its view, its open files, the defaults for new ones.
 * Methods must reach the branch through this alone, and must not keep it beyond their end.
 */
import { ByreError } from '../errors.ts';
import type { Branch } from '../pool/branch.ts';
import { integerOf } from './arguments.ts';
import { type Changes, changesOf } from './changes.ts';
import { now } from './clock.ts';
import { Descriptors } from './descriptor.ts';
import { type OpenInodes, openInodesOf, releaseWhole } from './opened.ts';
import { knownOf } from './ops/known.ts';
import { orphans } from './ops/unlink.ts';
import type { View } from './ops/view.ts';
import { presentUser } from './platform.ts';
import {
  drive,
  driveFrom,
  driveSync,
  isTask,
  type Runner,
  type Step,
  type Task,
  type Wait,
  type Work,
} from './task.ts';

export interface FilesOptions {
  /** Permission bits that new files and directories do not get. Default 0o022. */
  readonly umask?: number;
  /** Owner of what is made. Default: the process's user, or 0 where there are no users. */
  readonly uid?: number;
  readonly gid?: number;
}

const MAX_OWNER = 0xffff_fffe;
const ORPHANS_AT_ONCE = 64;

export class Context implements Runner {
  readonly branch: Branch;
  readonly view: View;
  readonly descriptors = new Descriptors();
  /** The FileHandles given out: another's would name another file by the same number. */
  readonly handles = new WeakSet<object>();
  readonly opened: OpenInodes;
  readonly changes: Changes;
  readonly umask: number;
  readonly uid: number;
  readonly gid: number;
  /** Makes durable what was done so far. */
  readonly commit: Wait;
  /** The version of the branch whose leftover orphans were released. */
  #sweptVersion = -1;

  constructor(branch: Branch, options: FilesOptions) {
    const user = presentUser();
    this.branch = branch;
    this.view = {
      store: branch.store,
      known: knownOf(branch.root),
      // A getter: a dropped branch says so when it is asked.
      get root() {
        return branch.root;
      },
      get readOnly() {
        return branch.readOnly;
      },
      now,
      nextInode: () => branch.nextInode(),
    };
    this.opened = openInodesOf(branch.root);
    this.changes = changesOf(branch.root);
    const { umask = 0o022, uid = user.uid, gid = user.gid, ...others } = options;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new ByreError('BAD_ARGUMENT', `files have no option '${unknown}'`);
    this.umask = integerOf(umask, 'umask', 0, 0o777);
    this.uid = integerOf(uid, 'uid', 0, MAX_OWNER);
    this.gid = integerOf(gid, 'gid', 0, MAX_OWNER);
    this.commit = { wait: () => branch.pool.commit(), waitSync: () => branch.pool.commitSync() };
  }

  run<T>(operation: () => T): Promise<T> {
    return this.branch.run(operation);
  }

  runSync<T>(operation: () => T): T {
    return this.branch.runSync(operation);
  }

  /** The number that tells this branch's inodes from those of others, as `st_dev`. */
  get device(): number {
    return this.branch.id;
  }

  performSync<T>(work: Work<T>): T {
    if (this.#mustSweep()) driveSync(this, this.#sweep());
    return driveSync(this, work);
  }

  /** Throws at once what the work throws before its first step. */
  perform<T>(work: Work<T>): Promise<T> {
    if (!this.#mustSweep()) return drive(this, work);
    return this.#sweepThen(work, isTask(work) ? work.next() : undefined);
  }

  #mustSweep(): boolean {
    return this.#sweptVersion !== this.branch.version && !this.branch.readOnly;
  }

  async #sweepThen<T>(work: Work<T>, first: IteratorResult<Step, T> | undefined): Promise<T> {
    await drive(this, this.#sweep());
    return isTask(work) ? driveFrom(this, work, first!) : this.run(work);
  }

  /** Releases what lost its last name in an earlier life of the branch, or in the branch that this one was forked from. */
  *#sweep(): Task<void> {
    this.#sweptVersion = this.branch.version;
    for (let after = 0; ; ) {
      const found = (yield () => orphans(this.view, after, ORPHANS_AT_ONCE)) as number[];
      for (const inode of found) {
        after = inode;
        if (!this.opened.isHeld(inode)) yield* releaseWhole(this.view, inode);
      }
      if (found.length < ORPHANS_AT_ONCE) return;
    }
  }
}
