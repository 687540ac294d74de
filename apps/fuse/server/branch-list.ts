/**
 * The root of a mount that shows all branches: directories that are made elsewhere, by fork and snapshot. Nothing can be made,
 * renamed or removed here through the mount.
 * Callers must ask `slotBehind` for an entry's inode before they take it for a directory of the list.
 */
import { ByreError } from '../../../src/errors.ts';
import type { Branch } from '../../../src/pool/branch.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import type { Attributes, Entry, FileSystem, FullEntry, Removed, StatfsNumbers, Time } from './filesystem.ts';
import { ROOT_INODE } from './filesystem.ts';

const SNAPSHOTS_INODE = 2;
/** Inodes from here on stand for branches: their slot plus this. */
const FIRST_BRANCH_INODE = 16;
// A name may begin with what others take for a byte order mark.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
const snapshotsName = '.snapshots';

function refuse(): never {
  throw new ByreError('EPERM', 'branches are made and removed with byre, not in the mount');
}

/** Where branches are in the mount. */
export interface BranchPlaces {
  /** The slot of a branch that need not be open, by its id; 0 if there is none left. */
  readonly reserve: (id: number) => number;
  /** The root of a branch, which is shown from now on; undefined if there is no slot left. */
  readonly rootOf: (branch: Branch) => { readonly slot: number; readonly attributes: Attributes } | undefined;
  /** The room of the pool. */
  readonly numbers: () => StatfsNumbers;
}

export class BranchList implements FileSystem {
  readonly readOnly = false;
  private readonly pool: Pool;
  private readonly places: BranchPlaces;
  private readonly made: Time = { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 };

  constructor(pool: Pool, places: BranchPlaces) {
    this.pool = pool;
    this.places = places;
  }

  slotBehind(inode: number): number {
    return inode >= FIRST_BRANCH_INODE ? inode - FIRST_BRANCH_INODE : 0;
  }

  now(): Time {
    return this.made;
  }

  getAttributes(inode: number): Attributes {
    if (inode !== ROOT_INODE && inode !== SNAPSHOTS_INODE) throw new ByreError('ENOENT', 'no such branch');
    return {
      inode,
      type: 'directory',
      mode: 0o555,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      links: 2,
      size: 0,
      device: 0,
      accessTime: this.made,
      modifyTime: this.made,
      changeTime: this.made,
      birthTime: this.made,
      pages: 0,
    };
  }

  lookup(parent: number, name: Uint8Array): Attributes | undefined {
    const text = decoder.decode(name);
    if (parent === ROOT_INODE && text === snapshotsName) return this.getAttributes(SNAPSHOTS_INODE);
    const branch = this.open(text);
    if (branch === undefined || (branch.kind === 'snapshot') !== (parent === SNAPSHOTS_INODE)) return undefined;
    return this.rootOf(branch);
  }

  private open(name: string): Branch | undefined {
    try {
      return this.pool.branchSync(name);
    } catch (error) {
      const code = (error as ByreError).code;
      if (code === 'NO_SUCH_BRANCH' || code === 'BAD_ARGUMENT') return undefined;
      throw error;
    }
  }

  /** The branch's root as an entry here: what the kernel then asks of it, the branch answers. */
  private rootOf(branch: Branch): Attributes | undefined {
    const root = this.places.rootOf(branch);
    return root === undefined ? undefined : { ...root.attributes, inode: FIRST_BRANCH_INODE + root.slot };
  }

  readDirectory(inode: number, after: Uint8Array | undefined, limit: number): readonly Entry[] {
    const wanted = inode === SNAPSHOTS_INODE ? 'snapshot' : 'branch';
    const inodes = new Map<string, number>();
    if (inode === ROOT_INODE) inodes.set(snapshotsName, SNAPSHOTS_INODE);
    for (const { name, id, kind } of this.pool.branchesSync()) {
      const hidden = kind !== wanted || inodes.has(name);
      if (!hidden) inodes.set(name, FIRST_BRANCH_INODE + this.places.reserve(id));
    }
    const last = after === undefined ? undefined : decoder.decode(after);
    const names = [...inodes.keys()].sort(compareBytes);
    return names
      .filter((name) => last === undefined || compareBytes(name, last) > 0)
      .slice(0, limit)
      .map((name) => ({ name: encoder.encode(name), inode: inodes.get(name)!, type: 'directory' }));
  }

  /** Entries here are other slots' roots: they are listed without attributes. */
  readDirectoryFull(): readonly FullEntry[] {
    return refuse();
  }

  parentOf(): number {
    return ROOT_INODE;
  }

  statfs(): StatfsNumbers {
    return this.places.numbers();
  }

  listXattrs(): readonly Uint8Array[] {
    return [];
  }

  getXattr(): undefined {
    return undefined;
  }

  setAttributes(): void {
    refuse();
  }
  create(): number {
    return refuse();
  }
  createUnnamed(): number {
    return refuse();
  }
  link(): void {
    refuse();
  }
  unlink(): Removed {
    return refuse();
  }
  removeDirectory(): Removed {
    return refuse();
  }
  rename(): Removed | undefined {
    return refuse();
  }
  readLink(): Uint8Array {
    throw new ByreError('EINVAL', 'a directory is no link');
  }
  read(): number {
    throw new ByreError('EISDIR', 'a directory is not read');
  }
  write(): number {
    throw new ByreError('EISDIR', 'a directory is not written');
  }
  allocate(): void {
    refuse();
  }
  punchHole(): void {
    refuse();
  }
  zeroRange(): void {
    refuse();
  }
  seekData(): number {
    throw new ByreError('EISDIR', 'a directory has no holes');
  }
  seekHole(): number {
    throw new ByreError('EISDIR', 'a directory has no holes');
  }
  copyRange(): number {
    throw new ByreError('EISDIR', 'a directory is not copied');
  }
  setXattr(): void {
    refuse();
  }
  removeXattr(): void {
    refuse();
  }
  hold(): void {}
  drop(): boolean {
    return false;
  }
  orphaned(): boolean {
    return false;
  }
  release(): boolean {
    return true;
  }
}

/** The order in which the files face lists names: that of their bytes. */
function compareBytes(left: string, right: string): number {
  const a = encoder.encode(left);
  const b = encoder.encode(right);
  for (let at = 0; at < a.length && at < b.length; at++) if (a[at] !== b[at]) return a[at]! - b[at]!;
  return a.length - b.length;
}
