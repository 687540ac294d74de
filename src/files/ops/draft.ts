/**
 * A draft is what one operation means to write: records changed, cells put and removed. It is the law of «read first, write
 * second» in one place: everything is read into the draft, then `prepare` is called once, then it is written.
 * Callers must not read through core what they have already staged, and must not stage after `prepare` anything they did not
 * stage before; records that were marked before may still change.
 */
import { type Plan, prepare } from '../../core/prepare.ts';
import { borrow, put, remove } from '../../core/tree.ts';
import { failure } from './failure.ts';
import { isEntryKey, ROOT_INODE, recordKey } from './keys.ts';
import type { Known } from './known.ts';
import { copyRecord, decodeRecord, encodeRecord, type InodeRecord, RECORD_BYTES } from './record.ts';
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
export function findRecord(view: Tree, inode: number): Readonly<InodeRecord> | undefined {
  const { root } = view;
  const known = view.known?.at(root);
  const before = known?.records.get(inode);
  if (before !== undefined) return before;
  const bytes = borrow(view.store, root, recordKey(inode));
  if (bytes === undefined && inode !== ROOT_INODE) return undefined;
  const record = bytes === undefined ? untouchedRoot() : decodeRecord(bytes);
  known?.records.set(inode, record);
  return record;
}

/** The record; ENOENT if there is no such inode. */
export function loadRecord(view: Tree, inode: number): Readonly<InodeRecord> {
  const record = findRecord(view, inode);
  if (record === undefined) throw failure('ENOENT', { inode });
  return record;
}

/** The record of a directory; ENOENT or ENOTDIR. */
export function loadDirectory(view: Tree, inode: number): Readonly<InodeRecord> {
  const record = loadRecord(view, inode);
  if (record.type !== 'directory') throw failure('ENOTDIR', { inode });
  return record;
}

/** The record of a regular file; ENOENT, EISDIR, or EINVAL for anything else. */
export function loadFile(view: Tree, inode: number): Readonly<InodeRecord> {
  const record = loadRecord(view, inode);
  if (record.type === 'directory') throw failure('EISDIR', { inode });
  if (record.type !== 'file') throw failure('EINVAL', { inode });
  return record;
}

interface StagedRecord {
  readonly inode: number;
  readonly record: InodeRecord;
  /** Given once it is to be written. */
  key: Uint8Array | undefined;
}

/** A record stands here while it is put, which copies it. */
const encoded = new Uint8Array(RECORD_BYTES);

export class Draft {
  readonly view: View;
  /** The one time that everything in this operation is stamped with. */
  readonly now: Time;
  /** Few: a search of them is faster than a map. */
  readonly #records: StagedRecord[] = [];
  readonly #puts: Uint8Array[] = [];
  readonly #values: Uint8Array[] = [];
  readonly #removes: Uint8Array[] = [];
  readonly #dropped: number[] = [];
  /** A name that stood for something stands for it no more. */
  #takesNames = false;
  #known: Known | undefined;
  #changesBefore = 0;

  constructor(view: View) {
    this.view = view;
    this.now = view.now();
  }

  /** The record as this operation will leave it; changing it counts only after {@link change}. */
  read(inode: number): InodeRecord {
    return this.#staged(inode).record;
  }

  #staged(inode: number): StagedRecord {
    for (const staged of this.#records) if (staged.inode === inode) return staged;
    const staged = { inode, record: copyRecord(loadRecord(this.view, inode)), key: undefined };
    this.#records.push(staged);
    return staged;
  }

  /** A directory that can take entries: ENOENT if it was removed and is only still open. */
  directory(inode: number): InodeRecord {
    const record = this.read(inode);
    if (record.type !== 'directory') throw failure('ENOTDIR', { inode });
    if (record.links === 0) throw failure('ENOENT', { inode });
    return record;
  }

  #unstage(inode: number): void {
    const at = this.#records.findIndex((staged) => staged.inode === inode);
    if (at >= 0) this.#records.splice(at, 1);
  }

  /** Marks a record that was read to be written. */
  change(inode: number): InodeRecord {
    const staged = this.#staged(inode);
    staged.key ??= recordKey(inode);
    return staged.record;
  }

  /** Stages the record of a new inode. */
  add(inode: number, record: InodeRecord): void {
    this.#unstage(inode);
    this.#records.push({ inode, record, key: recordKey(inode) });
  }

  /** Stages the end of an inode. */
  drop(inode: number): void {
    this.#unstage(inode);
    this.#removes.push(recordKey(inode));
    this.#dropped.push(inode);
  }

  /** Stamps a directory whose entries change. */
  touchEntries(inode: number): InodeRecord {
    const record = this.change(inode);
    record.modifyTime = this.now;
    record.changeTime = this.now;
    return record;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.putNew(key, value);
    this.#noteName(key);
  }

  /** {@link put} of a cell that is known not to be there yet. */
  putNew(key: Uint8Array, value: Uint8Array): void {
    this.#puts.push(key);
    this.#values.push(value);
  }

  remove(key: Uint8Array): void {
    this.#removes.push(key);
    this.#noteName(key);
  }

  #noteName(key: Uint8Array): void {
    if (isEntryKey(key)) this.#takesNames = true;
  }

  /** After this nothing may fail: room is reserved and all paths are resident. */
  prepare(more: Pick<Plan, 'content' | 'shares' | 'purpose'> = {}): void {
    const { store, root } = this.view;
    this.#known = this.view.known?.at(root);
    this.#changesBefore = root.changes;
    const puts = this.#puts.slice();
    for (const { key } of this.#records) if (key !== undefined) puts.push(key);
    const { content, shares, purpose } = more;
    prepare(store, root, { puts, removes: this.#removes, content, shares, purpose });
  }

  write(): void {
    const { store, root } = this.view;
    for (const key of this.#removes) remove(store, root, key);
    for (let at = 0; at < this.#puts.length; at++) put(store, root, this.#puts[at]!, this.#values[at]!);
    for (const { record, key } of this.#records) {
      if (key !== undefined) put(store, root, key, encodeRecord(record, encoded));
    }
    if (this.#known !== undefined) this.#tell(this.#known);
  }

  /** What is known of the tree has to be true of what was written, too. */
  #tell(known: Known): void {
    if (this.#takesNames) known.paths.clear();
    for (const inode of this.#dropped) known.records.delete(inode);
    for (const { inode, record, key } of this.#records) if (key !== undefined) known.records.set(inode, record);
    known.keep(this.view.root, this.#changesBefore);
  }

  /** {@link prepare} and {@link write}, for operations without content. */
  apply(purpose: 'write' | 'free' = 'write'): void {
    this.prepare({ purpose });
    this.write();
  }
}
