/**
 * Many small new files of one directory in one operation: what an import of a fresh tree mostly consists of. Nothing is looked up
 * that is known, and the keys come in an order that keeps to a few nodes.
 * Callers must have made the directory in this same import, must offer no name twice, and must flush before they finish the directory.
 */
import { writeContent } from '../core/content.ts';
import { prepare } from '../core/prepare.ts';
import { put } from '../core/tree.ts';
import { isByreError } from '../errors.ts';
import { create } from '../files/ops/create.ts';
import { contentKey, entryKey, linkKey, recordKey } from '../files/ops/keys.ts';
import { requireName } from '../files/ops/names.ts';
import { encodeEntry, encodeRecord } from '../files/ops/record.ts';
import type { View } from '../files/ops/view.ts';
import type { Run } from './memory.ts';
import { type ByteString, bytesOfName } from './names.ts';
import { type HostStat, timeOf } from './stat.ts';

const BATCH_FILES = 16;
const BATCH_BYTES = 256 * 1024;
const PAGE_BYTES = 4096;
const NOTHING = new Uint8Array(0);

export interface BatchFile {
  readonly name: ByteString;
  readonly stat: HostStat;
  readonly steady: boolean;
  readonly content: Uint8Array;
}

export class Batch {
  readonly #view: View;
  readonly #run: Run;
  readonly #buffer = Buffer.alloc(BATCH_BYTES);
  #files: BatchFile[] = [];
  #used = 0;

  constructor(view: View, run: Run) {
    this.#view = view;
    this.#run = run;
  }

  /** Where the next file of so many bytes can be read into; undefined if the batch is full. */
  room(bytes: number): Buffer | undefined {
    if (this.#files.length === BATCH_FILES || this.#used + bytes > BATCH_BYTES) return undefined;
    return this.#buffer.subarray(this.#used, this.#used + bytes);
  }

  /** Takes a file whose bytes lie at the start of what `room` gave. */
  add(name: ByteString, stat: HostStat, steady: boolean, bytes: number): void {
    const content = this.#buffer.subarray(this.#used, this.#used + bytes);
    this.#files.push({ name, stat, steady, content });
    this.#used += bytes;
  }

  /** Makes the files; tells of each which inode it became. */
  flush(parent: number, made: (file: BatchFile, inode: number) => void): void {
    const files = this.#files;
    if (files.length === 0) return;
    this.#files = [];
    this.#used = 0;
    const inodes = this.#makeAll(parent, files);
    for (let at = 0; at < files.length; at++) made(files[at]!, inodes[at]!);
  }

  #makeAll(parent: number, files: readonly BatchFile[]): number[] {
    try {
      return this.#run(() => makeFiles(this.#view, parent, files));
    } catch (error) {
      // Little room is left, and many files at once need more of it than each by itself.
      if (!isByreError(error) || (error.code !== 'ENOSPC' && error.code !== 'EDQUOT')) throw error;
      return files.map((file) => this.#makeOne(parent, file));
    }
  }

  #makeOne(parent: number, { name, stat, content }: BatchFile): number {
    const { mode, uid, gid } = stat;
    const accessTime = timeOf(stat.accessTime);
    const modifyTime = timeOf(stat.modifyTime);
    const options = { type: 'file', mode, uid, gid, content, accessTime, modifyTime } as const;
    return this.#run(() => create(this.#view, parent, bytesOfName(name), options));
  }
}

/** The files' keys; the numbers are not known before all is prepared, so room is made where the next ones will be. */
function makeFiles(view: View, parent: number, files: readonly BatchFile[]): number[] {
  const { store, root } = view;
  const names = files.map((file) => bytesOfName(file.name));
  for (const name of names) requireName(name);
  const inodes = files.map(() => view.nextInode());
  const puts: Uint8Array[] = [];
  const content: Array<{ key: Uint8Array; from: number; to: number }> = [];
  for (let at = 0; at < files.length; at++) {
    const inode = inodes[at]!;
    puts.push(entryKey(parent, names[at]!), recordKey(inode), linkKey(inode, parent, names[at]!));
    const { length } = files[at]!.content;
    if (length > 0) content.push({ key: contentKey(inode, 0), from: 0, to: length });
  }
  prepare(store, root, { puts, content });
  const now = view.now();
  for (let at = 0; at < files.length; at++) put(store, root, puts[3 * at]!, encodeEntry(inodes[at]!, 'file'));
  for (let at = 0, next = 0; at < files.length; at++) {
    const { stat, content: bytes } = files[at]!;
    const isInline = bytes.length <= store.maxInlineBytes;
    const record = {
      type: 'file',
      mode: stat.mode,
      uid: stat.uid,
      gid: stat.gid,
      links: 1,
      size: bytes.length,
      device: 0,
      pages: bytes.length === 0 ? 0 : isInline ? 1 : Math.ceil(bytes.length / PAGE_BYTES),
      linkable: false,
      accessTime: timeOf(stat.accessTime),
      modifyTime: timeOf(stat.modifyTime),
      changeTime: now,
      birthTime: now,
    } as const;
    put(store, root, puts[3 * at + 1]!, encodeRecord(record));
    if (bytes.length > 0) writeContent(store, root, content[next++]!.key, 0, bytes);
    put(store, root, puts[3 * at + 2]!, NOTHING);
  }
  return inodes;
}
