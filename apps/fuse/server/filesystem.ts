/**
 * What the server needs of one branch's files, operation by operation: the files face's operations, run to their end.
 * Implementations throw ByreError with an errno code. Callers must not expect permission checks: the kernel makes them
 * (`default_permissions`); and must treat names and data they pass as theirs to reuse once the call has returned.
 */
import type { Attributes, FileType, Time } from '../codec/attributes.ts';
import type { StatfsNumbers } from '../codec/reply.ts';

export type { Attributes, FileType, Time } from '../codec/attributes.ts';
export type { StatfsNumbers } from '../codec/reply.ts';

/** The inode of every branch's root directory. */
export const ROOT_INODE = 1;

export interface AttributeChanges {
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  accessTime?: Time;
  modifyTime?: Time;
  changeTime?: Time;
  /** Takes the suid bit, the sgid bit of what its group may execute, and file capabilities. */
  clearPrivileges?: boolean;
}

export interface NewNode {
  readonly type: FileType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly device: number;
  /** Of a symbolic link. */
  readonly target?: Uint8Array;
}

/** An inode that lost a name; with no links left it lives until `release`. */
export interface Removed {
  readonly inode: number;
  readonly links: number;
}

export interface Entry {
  readonly name: Uint8Array;
  readonly inode: number;
  readonly type: FileType;
}

export interface FullEntry {
  readonly name: Uint8Array;
  readonly attributes: Attributes;
}

export interface FileSystem {
  readonly readOnly: boolean;
  now(): Time;
  /** The attributes of what the name stands for; undefined if nothing. */
  lookup(parent: number, name: Uint8Array): Attributes | undefined;
  getAttributes(inode: number): Attributes;
  setAttributes(inode: number, changes: AttributeChanges): void;
  create(parent: number, name: Uint8Array, node: NewNode): number;
  /** A file without a name, as O_TMPFILE makes it; `link` may give it one. */
  createUnnamed(parent: number, node: NewNode): number;
  link(inode: number, parent: number, name: Uint8Array): void;
  unlink(parent: number, name: Uint8Array): Removed;
  removeDirectory(parent: number, name: Uint8Array): Removed;
  /** Returns what the new name stood for before, if that lost the name. */
  rename(
    fromParent: number,
    fromName: Uint8Array,
    toParent: number,
    toName: Uint8Array,
    options: { readonly noReplace: boolean; readonly exchange: boolean },
  ): Removed | undefined;
  parentOf(inode: number): number;
  /** Up to `limit` entries after the name `after`, in byte order; fewer only at the end. */
  readDirectory(inode: number, after: Uint8Array | undefined, limit: number): readonly Entry[];
  readDirectoryFull(inode: number, after: Uint8Array | undefined, limit: number): readonly FullEntry[];
  readLink(inode: number): Uint8Array;
  /** Fills `target`; returns the bytes there were, fewer only at the end of the file. */
  read(inode: number, offset: number, target: Uint8Array): number;
  /** Returns the bytes written: fewer than given only if room ran out after some. */
  write(inode: number, offset: number, bytes: Uint8Array, clearPrivileges: boolean): number;
  allocate(inode: number, from: number, to: number, keepSize: boolean): void;
  punchHole(inode: number, from: number, to: number): void;
  zeroRange(inode: number, from: number, to: number, keepSize: boolean): void;
  seekData(inode: number, offset: number): number;
  seekHole(inode: number, offset: number): number;
  copyRange(fromInode: number, fromOffset: number, toInode: number, toOffset: number, bytes: number): number;
  /** Undefined if there is no such attribute. */
  getXattr(inode: number, name: Uint8Array): Uint8Array | undefined;
  setXattr(inode: number, name: Uint8Array, value: Uint8Array, options: { create: boolean; replace: boolean }): void;
  listXattrs(inode: number): readonly Uint8Array[];
  removeXattr(inode: number, name: Uint8Array): void;
  /** The kernel knows the inode from now on: without names it lives on. */
  hold(inode: number): void;
  /** The kernel has forgotten it. True if it has no name left and nobody else uses it: `release` it. */
  drop(inode: number): boolean;
  /** It has lost its last name. True if nobody uses it: `release` it. */
  orphaned(inode: number): boolean;
  /** Gives back the room of an inode without names that nobody uses any more. True when all of it is gone; else call again. */
  release(inode: number): boolean;
  statfs(): StatfsNumbers;
}
