/**
 * One branch as the server's file system: the files face's operations, each run to its end by the branch's runner.
 * An operation of the face does a bounded piece; the loops over pieces are here. Callers must not use it inside an operation.
 */
import { isByreError } from '../../../src/errors.ts';
import type { Changes } from '../../../src/files/changes.ts';
import type { Context } from '../../../src/files/context.ts';
import type { OpenInodes } from '../../../src/files/opened.ts';
import { getAttributes, setAttributes } from '../../../src/files/ops/attributes.ts';
import { read, readPages, write } from '../../../src/files/ops/content.ts';
import { copyRange } from '../../../src/files/ops/copy.ts';
import { create, createUnnamed } from '../../../src/files/ops/create.ts';
import { lookup, parentOf, readDirectory } from '../../../src/files/ops/directory.ts';
import { allocate, punchHole, seekStep, zeroRange } from '../../../src/files/ops/holes.ts';
import { link, readLink } from '../../../src/files/ops/link.ts';
import { rename } from '../../../src/files/ops/rename.ts';
import { releaseOrphan, removeDirectory, unlink } from '../../../src/files/ops/unlink.ts';
import type { View } from '../../../src/files/ops/view.ts';
import { getXattr, listXattrs, removeXattr, setXattr } from '../../../src/files/ops/xattrs.ts';
import type {
  AttributeChanges,
  Attributes,
  Entry,
  FileSystem,
  FullEntry,
  NewNode,
  Removed,
  StatfsNumbers,
  Time,
} from './filesystem.ts';

/** Entries read by one operation; a listing's buffer seldom takes more. */
const ENTRIES_PER_OPERATION = 128;
const PAGE_BYTES = 4096;
/** Shorter writes are gathered in memory and written in long runs later. */
const DIRECT_BYTES = 64 * 1024;
const capability = new TextEncoder().encode('security.capability');

export class BranchFiles implements FileSystem {
  /** True while this file system tells others of a change that the kernel asked for. */
  telling = false;
  /** What a read found not resident. */
  private readonly absent: number[] = [];
  /** What a write leaves to be written to the device. */
  private readonly direct: number[] = [];
  private readonly context: Context;
  private readonly view: View;
  private readonly opened: OpenInodes;
  private readonly changes: Changes;
  private readonly numbers: () => StatfsNumbers;

  constructor(context: Context, numbers: () => StatfsNumbers) {
    this.context = context;
    this.view = context.view;
    this.opened = context.opened;
    this.changes = context.changes;
    this.numbers = numbers;
  }

  get readOnly(): boolean {
    return this.view.readOnly;
  }

  private run<T>(operation: () => T): T {
    return this.context.runSync(operation);
  }

  /** Tells whoever watches the branch in this process that a name has changed. */
  private tellName(parent: number, name: Uint8Array, inode: number): void {
    this.telling = true;
    this.changes.named(parent, name, inode);
    this.telling = false;
  }

  private tellContent(inode: number): void {
    this.telling = true;
    this.changes.changed(inode);
    this.telling = false;
  }

  now(): Time {
    return this.view.now();
  }

  lookup(parent: number, name: Uint8Array): Attributes | undefined {
    return this.run(() => {
      const inode = lookup(this.view, parent, name);
      return inode === 0 ? undefined : getAttributes(this.view, inode);
    });
  }

  getAttributes(inode: number): Attributes {
    return this.run(() => getAttributes(this.view, inode));
  }

  setAttributes(inode: number, changes: AttributeChanges): void {
    while (!this.run(() => setAttributes(this.view, inode, changes)));
    if (changes.clearPrivileges === true) this.dropCapabilities(inode);
    this.tellContent(inode);
  }

  create(parent: number, name: Uint8Array, node: NewNode): number {
    const inode = this.run(() => create(this.view, parent, name, node));
    this.tellName(parent, name, inode);
    return inode;
  }

  createUnnamed(_parent: number, node: NewNode): number {
    return this.run(() => createUnnamed(this.view, node));
  }

  link(inode: number, parent: number, name: Uint8Array): void {
    this.run(() => link(this.view, inode, parent, name));
    this.tellName(parent, name, inode);
  }

  unlink(parent: number, name: Uint8Array): Removed {
    const removed = this.run(() => unlink(this.view, parent, name));
    this.tellName(parent, name, removed.inode);
    return removed;
  }

  removeDirectory(parent: number, name: Uint8Array): Removed {
    const removed = this.run(() => removeDirectory(this.view, parent, name));
    this.tellName(parent, name, removed.inode);
    return removed;
  }

  rename(
    fromParent: number,
    fromName: Uint8Array,
    toParent: number,
    toName: Uint8Array,
    options: { readonly noReplace: boolean; readonly exchange: boolean },
  ): Removed | undefined {
    let moved = 0;
    const replaced = this.run(() => {
      moved = lookup(this.view, fromParent, fromName);
      return rename(this.view, fromParent, fromName, toParent, toName, options);
    });
    this.tellName(fromParent, fromName, moved);
    this.tellName(toParent, toName, moved);
    return replaced;
  }

  parentOf(inode: number): number {
    return this.run(() => parentOf(this.view, inode));
  }

  readDirectory(inode: number, after: Uint8Array | undefined, limit: number): readonly Entry[] {
    const count = Math.min(limit, ENTRIES_PER_OPERATION);
    return this.run(() => readDirectory(this.view, inode, after, count));
  }

  readDirectoryFull(inode: number, after: Uint8Array | undefined, limit: number): readonly FullEntry[] {
    const count = Math.min(limit, ENTRIES_PER_OPERATION);
    return this.run(() =>
      readDirectory(this.view, inode, after, count).map((entry) => ({
        name: entry.name,
        attributes: getAttributes(this.view, entry.inode),
      })),
    );
  }

  readLink(inode: number): Uint8Array {
    return this.run(() => readLink(this.view, inode));
  }

  /** The kernel asks for whole pages and keeps them: they go straight from the device to where it wants them. */
  read(inode: number, offset: number, target: Uint8Array): number {
    if (offset % PAGE_BYTES !== 0 || target.length % PAGE_BYTES !== 0) return this.readPart(inode, offset, target);
    const { absent } = this;
    let done = 0;
    while (done < target.length && done % PAGE_BYTES === 0) {
      const rest = done === 0 ? target : target.subarray(done);
      const bytes = this.run(() => readPages(this.view, inode, offset + done, rest, absent));
      if (absent.length > 0) this.context.branch.readAbsentSync(absent, rest);
      if (bytes === 0) break;
      done += bytes;
    }
    return done;
  }

  private readPart(inode: number, offset: number, target: Uint8Array): number {
    let done = 0;
    while (done < target.length) {
      const rest = done === 0 ? target : target.subarray(done);
      const bytes = this.run(() => read(this.view, inode, offset + done, rest));
      if (bytes === 0) break;
      done += bytes;
    }
    return done;
  }

  write(inode: number, offset: number, bytes: Uint8Array, clearPrivileges: boolean): number {
    const direct = bytes.length >= DIRECT_BYTES ? this.direct : undefined;
    const options = { clearPrivileges, direct };
    let done = 0;
    try {
      while (done < bytes.length) {
        const rest = done === 0 ? bytes : bytes.subarray(done);
        this.direct.length = 0;
        done += this.run(() => write(this.view, inode, offset + done, rest, options));
        if (this.direct.length > 0) this.context.branch.writeDirectSync(this.direct, rest);
      }
    } catch (error) {
      if (done === 0 || !isByreError(error)) throw error;
    }
    if (clearPrivileges) this.dropCapabilities(inode);
    this.tellContent(inode);
    return done;
  }

  allocate(inode: number, from: number, to: number, keepSize: boolean): void {
    this.run(() => allocate(this.view, inode, from, to, { keepSize }));
    this.tellContent(inode);
  }

  punchHole(inode: number, from: number, to: number): void {
    for (let at = from; at < to; ) at = this.run(() => punchHole(this.view, inode, at, to));
    this.tellContent(inode);
  }

  zeroRange(inode: number, from: number, to: number, keepSize: boolean): void {
    for (let at = from; at < to; ) at = this.run(() => zeroRange(this.view, inode, at, to, { keepSize }));
    this.tellContent(inode);
  }

  seekData(inode: number, offset: number): number {
    return this.seek(inode, offset, 'data');
  }

  seekHole(inode: number, offset: number): number {
    return this.seek(inode, offset, 'hole');
  }

  private seek(inode: number, offset: number, what: 'data' | 'hole'): number {
    for (let at = offset; ; ) {
      const { offset: reached, found } = this.run(() => seekStep(this.view, inode, at, what));
      if (found) return reached;
      at = reached;
    }
  }

  copyRange(fromInode: number, fromOffset: number, toInode: number, toOffset: number, bytes: number): number {
    let done = 0;
    try {
      while (done < bytes) {
        const step = this.run(() =>
          copyRange(this.view, fromInode, fromOffset + done, toInode, toOffset + done, bytes - done),
        );
        if (step === 0) break;
        done += step;
      }
    } catch (error) {
      if (done === 0 || !isByreError(error)) throw error;
    }
    this.tellContent(toInode);
    return done;
  }

  getXattr(inode: number, name: Uint8Array): Uint8Array | undefined {
    return this.run(() => getXattr(this.view, inode, name));
  }

  setXattr(inode: number, name: Uint8Array, value: Uint8Array, options: { create: boolean; replace: boolean }): void {
    this.run(() => setXattr(this.view, inode, name, value, options));
    this.tellContent(inode);
  }

  listXattrs(inode: number): readonly Uint8Array[] {
    return this.run(() => listXattrs(this.view, inode));
  }

  removeXattr(inode: number, name: Uint8Array): void {
    this.run(() => removeXattr(this.view, inode, name));
    this.tellContent(inode);
  }

  hold(inode: number): void {
    this.opened.hold(inode);
  }

  drop(inode: number): boolean {
    return this.opened.drop(inode);
  }

  orphaned(inode: number): boolean {
    return this.opened.orphaned(inode);
  }

  release(inode: number): boolean {
    return this.readOnly || this.run(() => releaseOrphan(this.view, inode));
  }

  statfs(): StatfsNumbers {
    return this.numbers();
  }

  /** What the set-id bits are to a mode, a file capability is beside it: a write or a new owner takes it. */
  private dropCapabilities(inode: number): void {
    this.run(() => {
      if (getXattr(this.view, inode, capability) !== undefined) removeXattr(this.view, inode, capability);
    });
  }
}
