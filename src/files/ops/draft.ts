/**
 * A draft is what one operation means to write: records changed, cells put and removed. It is the law of «read first, write
 * second» in one place: everything is read into the draft, then `prepare` is called once, then it is written.
 * Callers must not read through core what they have already staged, and must not stage after `prepare` anything they did not
 * stage before; records that were marked before may still change.
 */
import { type Plan, prepare } from '../../core/prepare.ts';
import { borrow, put, remove } from '../../core/tree.ts';
import { failure } from './failure.ts';
import { ROOT_INODE, recordKey } from './keys.ts';
import { decodeRecord, encodeRecord, type InodeRecord } from './record.ts';
import type { Time, Tree, View } from './view.ts';

const EPOCH: Time = { seconds: 0, nanoseconds: 0 };

/** The root directory of a branch in which nothing was ever made: it is always there, and is stored once it changes. */
function untouchedRoot(): InodeRecord {
  return {
    type: 'directory',
    mode: 0o755,
    uid: 0,
    gid: 0,
    links: 2,
    size: 0,
    device: 0,
    pages: 0,
    linkable: false,
    accessTime: EPOCH,
    modifyTime: EPOCH,
    changeTime: EPOCH,
    birthTime: EPOCH,
  };
}

/** The record, or undefined if there is no such inode. */
export function findRecord(view: Tree, inode: number): InodeRecord | undefined {
  const bytes = borrow(view.store, view.root, recordKey(inode));
  if (bytes !== undefined) return decodeRecord(bytes);
  return inode === ROOT_INODE ? untouchedRoot() : undefined;
}

/** The record; ENOENT if there is no such inode. */
export function loadRecord(view: Tree, inode: number): InodeRecord {
  const record = findRecord(view, inode);
  if (record === undefined) throw failure('ENOENT', { inode });
  return record;
}

/** The record of a directory; ENOENT or ENOTDIR. */
export function loadDirectory(view: Tree, inode: number): InodeRecord {
  const record = loadRecord(view, inode);
  if (record.type !== 'directory') throw failure('ENOTDIR', { inode });
  return record;
}

/** The record of a regular file; ENOENT, EISDIR, or EINVAL for anything else. */
export function loadFile(view: Tree, inode: number): InodeRecord {
  const record = loadRecord(view, inode);
  if (record.type === 'directory') throw failure('EISDIR', { inode });
  if (record.type !== 'file') throw failure('EINVAL', { inode });
  return record;
}

interface StagedRecord {
  readonly record: InodeRecord;
  changed: boolean;
}

export class Draft {
  readonly view: View;
  /** The one time that everything in this operation is stamped with. */
  readonly now: Time;
  readonly #records = new Map<number, StagedRecord>();
  readonly #puts: Uint8Array[] = [];
  readonly #values: Uint8Array[] = [];
  readonly #removes: Uint8Array[] = [];

  constructor(view: View) {
    this.view = view;
    this.now = view.now();
  }

  /** The record as this operation will leave it; changing it counts only after {@link change}. */
  read(inode: number): InodeRecord {
    const staged = this.#records.get(inode);
    if (staged !== undefined) return staged.record;
    const record = loadRecord(this.view, inode);
    this.#records.set(inode, { record, changed: false });
    return record;
  }

  /** A directory that can take entries: ENOENT if it was removed and is only still open. */
  directory(inode: number): InodeRecord {
    const record = this.read(inode);
    if (record.type !== 'directory') throw failure('ENOTDIR', { inode });
    if (record.links === 0) throw failure('ENOENT', { inode });
    return record;
  }

  /** Marks a record that was read to be written. */
  change(inode: number): InodeRecord {
    const record = this.read(inode);
    this.#records.get(inode)!.changed = true;
    return record;
  }

  /** Stages the record of a new inode. */
  add(inode: number, record: InodeRecord): void {
    this.#records.set(inode, { record, changed: true });
  }

  /** Stages the end of an inode. */
  drop(inode: number): void {
    this.#records.delete(inode);
    this.#removes.push(recordKey(inode));
  }

  /** Stamps a directory whose entries change. */
  touchEntries(inode: number): InodeRecord {
    const record = this.change(inode);
    record.modifyTime = this.now;
    record.changeTime = this.now;
    return record;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#puts.push(key);
    this.#values.push(value);
  }

  remove(key: Uint8Array): void {
    this.#removes.push(key);
  }

  /** After this nothing may fail: room is reserved and all paths are resident. */
  prepare(more: Pick<Plan, 'content' | 'shares' | 'purpose'> = {}): void {
    const puts = this.#puts.slice();
    for (const [inode, staged] of this.#records) if (staged.changed) puts.push(recordKey(inode));
    prepare(this.view.store, this.view.root, { ...more, puts, removes: this.#removes });
  }

  write(): void {
    const { store, root } = this.view;
    for (const key of this.#removes) remove(store, root, key);
    for (let at = 0; at < this.#puts.length; at++) put(store, root, this.#puts[at]!, this.#values[at]!);
    for (const [inode, staged] of this.#records) {
      if (staged.changed) put(store, root, recordKey(inode), encodeRecord(staged.record));
    }
  }

  /** {@link prepare} and {@link write}, for operations without content. */
  apply(purpose: 'write' | 'free' = 'write'): void {
    this.prepare({ purpose });
    this.write();
  }
}
