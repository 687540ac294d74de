/**
 * What a mount of a pool shows: one branch, or a root with every branch as a directory and the snapshots in `.snapshots`.
 * Callers must use one world per mount, and close it after the server has ended.
 */
import { statfsSync } from 'node:fs';
import path from 'node:path';
import type { Change } from '../../../src/files/changes.ts';
import { Context } from '../../../src/files/context.ts';
import { HostMemory } from '../../../src/host/memory.ts';
import type { Branch } from '../../../src/pool/branch.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import { BranchFiles } from './branch-files.ts';
import { BranchList } from './branch-list.ts';
import { type Attributes, type FileSystem, ROOT_INODE, type StatfsNumbers } from './filesystem.ts';
import { BELL_SLOT } from './nodes.ts';
import type { World } from './world.ts';

const BLOCK_BYTES = 4096;

/** What is changed by others than the kernel: one inode or name of a slot, or (undefined) all of it. */
export type ForeignChange = (slot: number, change: NamedChange | undefined) => void;
export type NamedChange = Exclude<Change, { readonly event: 'everything' }>;

interface Shown {
  readonly branch: Branch;
  readonly files: BranchFiles;
  version: number;
  readonly unlisten: () => void;
  readonly unwatch: () => void;
}

export interface WorldOptions {
  /** Undefined: all branches. */
  readonly branch: Branch | undefined;
  /** Commits before `commit` returns; otherwise it gives a promise. */
  readonly commitsAtOnce: boolean;
  readonly onForeignChange: ForeignChange;
}

/** The room of the pool: up to its limit, or else as far as the disk beneath it goes. */
function roomOf(pool: Pool): StatfsNumbers {
  const { usedBytes, freeBytes, limitBytes } = pool.space();
  let free = freeBytes;
  // Only a pool in a file is named by a path.
  if (limitBytes === undefined && path.isAbsolute(pool.name)) {
    try {
      const host = statfsSync(path.dirname(pool.name));
      free = Math.max(0, host.bavail * host.bsize);
    } catch {
      // The pool says itself what is free.
    }
  }
  const blocks = Math.floor((usedBytes + free) / BLOCK_BYTES);
  const freeBlocks = Math.floor(free / BLOCK_BYTES);
  return { blocks, freeBlocks, availableBlocks: freeBlocks, files: 0, freeFiles: 0, blockBytes: BLOCK_BYTES };
}

/** The same, but no more than a branch's quota leaves. */
function roomOfBranch(branch: Branch): StatfsNumbers {
  const room = roomOf(branch.pool);
  const { quotaPages, chargedPages } = branch.root;
  if (quotaPages === 0) return room;
  const blocks = Math.min(room.blocks, quotaPages);
  const left = Math.max(0, quotaPages - chargedPages);
  const freeBlocks = Math.min(room.freeBlocks, left);
  return { ...room, blocks, freeBlocks, availableBlocks: freeBlocks };
}

/**
 * The root directory of a branch is nobody's, which is stored as the superuser's, until it is given to somebody or imported: who
 * mounts it first gets it, or could make nothing there.
 */
function claimRoot(context: Context, files: BranchFiles): void {
  const owner = process.geteuid?.() ?? 0;
  const { uid, gid, birthTime } = files.getAttributes(ROOT_INODE);
  if (owner === 0 || uid !== 0 || gid !== 0 || birthTime.seconds !== 0) return;
  const memory = new HostMemory(context.view, (operation) => context.runSync(operation));
  if (memory.origin(ROOT_INODE) !== undefined) return;
  files.setAttributes(ROOT_INODE, { uid: owner, gid: process.getegid?.() ?? 0 });
}

export class PoolWorld implements World {
  readonly listsBranches: boolean;
  readonly readOnly: boolean;
  readonly pool: Pool;
  private readonly options: WorldOptions;
  private readonly slots: (Shown | undefined)[] = [];
  private readonly slotOfBranch = new Map<number, number>();
  private readonly list: BranchList | undefined;

  constructor(pool: Pool, options: WorldOptions) {
    this.pool = pool;
    this.options = options;
    this.listsBranches = options.branch === undefined;
    this.readOnly = options.branch?.readOnly ?? pool.readOnly;
    if (options.branch === undefined) {
      this.list = new BranchList(pool, {
        reserve: (id) => this.reserve(id),
        rootOf: (branch) => this.rootOf(branch),
        numbers: () => roomOf(pool),
      });
    } else {
      this.slots[0] = this.show(0, options.branch);
    }
  }

  private show(slot: number, branch: Branch): Shown {
    const context = new Context(branch, {});
    const files = new BranchFiles(context, () => roomOfBranch(branch));
    // Sweeps what an earlier life of the branch left without names.
    context.performSync(() => undefined);
    if (!branch.readOnly) claimRoot(context, files);
    const unlisten = context.changes.listen((change) => {
      if (!files.telling) this.options.onForeignChange(slot, change.event === 'everything' ? undefined : change);
    });
    const unwatch = branch.onChange(() => this.look(slot));
    return { branch, files, version: branch.version, unlisten, unwatch };
  }

  /** A merge, a rollback, a transaction and the end of a branch tell nothing of what they change: all of it may be other. */
  private look(slot: number): void {
    const shown = this.slots[slot];
    if (shown === undefined || shown.version === shown.branch.version) return;
    shown.version = shown.branch.version;
    this.options.onForeignChange(slot, undefined);
  }

  /** The slot of the branch with that id, kept for it from now on; 0 if there are too many. The branch is not opened. */
  private reserve(id: number): number {
    const known = this.slotOfBranch.get(id);
    if (known !== undefined) return known;
    const slot = this.slotOfBranch.size + 1;
    if (slot >= BELL_SLOT) return 0;
    this.slotOfBranch.set(id, slot);
    return slot;
  }

  /** The root of a branch in its slot, which is shown from now on. */
  private rootOf(branch: Branch): { slot: number; attributes: Attributes } | undefined {
    const slot = this.reserve(branch.id);
    if (slot === 0) return undefined;
    const known = this.slots[slot];
    // A branch that was renewed goes on in its directory; what was open in it is gone.
    const isKnown = known?.branch === branch;
    if (known !== undefined && !isKnown) hide(known);
    const shown = isKnown ? known : this.show(slot, branch);
    this.slots[slot] = shown;
    return { slot, attributes: shown.files.getAttributes(ROOT_INODE) };
  }

  files(slot: number): FileSystem | undefined {
    if (slot === 0 && this.list !== undefined) return this.list;
    return this.slots[slot]?.files;
  }

  slotBehind(inode: number): number {
    return this.list?.slotBehind(inode) ?? 0;
  }

  commit(): Promise<void> | undefined {
    if (!this.pool.dirty) return undefined;
    if (!this.options.commitsAtOnce) return this.pool.commit();
    this.pool.commitSync();
    return undefined;
  }

  close(): void {
    for (const shown of this.slots) if (shown !== undefined) hide(shown);
  }
}

function hide({ unlisten, unwatch }: Shown): void {
  unlisten();
  unwatch();
}
