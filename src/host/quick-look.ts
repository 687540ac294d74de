/**
 * The quick way through a directory that has not changed: its stored memory is compared with what the host says, word by word, and
 * nothing is made of either.
 * Callers must take the long way when it says no; it says so as soon as anything is not exactly as it was.
 */
import { borrow } from '../core/tree.ts';
import { recordKey } from '../files/ops/keys.ts';
import type { View } from '../files/ops/view.ts';
import type { ImportReport } from './import-state.ts';
import type { HostMemory, Run } from './memory.ts';
import type { ByteString } from './names.ts';
import { type Native, native } from './native.ts';
import { stored } from './record.ts';

/** Where `struct statx` has what is compared. */
const at = { mode: 28, hostInode: 32, size: 40, birthTime: 80, changeTime: 96, modifyTime: 112 } as const;
const STATX_BYTES = 256;
const TYPE_BITS = 0o170000;
const DIRECTORY_BITS = 0o040000;
const DIRECTORY = 2;
const FILE = 1;

/** By the stored number of a type. */
const typeBits = [0, 0o100000, 0o040000, 0o120000, 0o010000, 0o020000, 0o060000, 0o140000];

/** Where an inode record has its change time: seconds and nanoseconds as here. */
const RECORD_CHANGE_TIME = 72;

/** Paths of more bytes are not for the host. */
const LONGEST_PATH = 4000;

export interface Below {
  readonly name: ByteString;
  readonly inode: number;
}

export class QuickLook {
  readonly #view: View;
  readonly #run: Run;
  readonly #memory: HostMemory;
  readonly #trusted: boolean;
  readonly #calls: Native;
  readonly #stat = new Uint8Array(STATX_BYTES);
  readonly #host = new DataView(this.#stat.buffer);

  private constructor(view: View, run: Run, memory: HostMemory, trusted: boolean, calls: Native) {
    this.#view = view;
    this.#run = run;
    this.#memory = memory;
    this.#trusted = trusted;
    this.#calls = calls;
  }

  /** Undefined where the host's calls are out of reach. */
  static make(view: View, run: Run, memory: HostMemory, trusted: boolean): QuickLook | undefined {
    const calls = native();
    return calls === undefined ? undefined : new QuickLook(view, run, memory, trusted, calls);
  }

  /** The directories in a directory of which neither the names nor any other entry has changed; undefined if anything has. */
  unchanged(path: ByteString, inode: number, report: ImportReport): Below[] | undefined {
    if (!isPlain(path) || path.length > LONGEST_PATH) return undefined;
    const parts = this.#memory.loadParts(inode);
    const [first] = parts;
    if (first === undefined || !stored.isFirst(first) || stored.isSuspectDirectory(first)) return undefined;
    if (!this.#calls.statInto(path, this.#stat) || !this.#isSameDirectory(first)) return undefined;
    if (!this.#trusted && !this.#isBranchSame(inode, first, stored.own + 32)) return undefined;
    const below: Below[] = [];
    let files = 0;
    let others = 0;
    for (const bytes of parts) {
      for (let start = stored.firstEntry(bytes); start < bytes.length; start = stored.next(bytes, start)) {
        const type = bytes[start]!;
        const name = plainName(bytes, start);
        if (name === undefined || !this.#isSame(`${path}/${name}`, bytes, start, type)) return undefined;
        if (type === DIRECTORY) below.push({ name, inode: this.#inodeOf(bytes, start) });
        else if (type === FILE) files++;
        else others++;
      }
    }
    report.files += files;
    report.others += others;
    report.unchanged += files + others;
    return below;
  }

  #inodeOf(bytes: Uint8Array, start: number): number {
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Number(words.getBigUint64(stored.afterName(bytes, start) + stored.inode, true));
  }

  #isSameDirectory(first: Uint8Array): boolean {
    const { own } = stored;
    return (
      (this.#host.getUint16(at.mode, true) & TYPE_BITS) === DIRECTORY_BITS &&
      this.#isEqual(first, own, at.hostInode, 8) &&
      this.#isEqual(first, own + 8, at.modifyTime, 12) &&
      this.#isEqual(first, own + 20, at.changeTime, 12)
    );
  }

  #isSame(path: string, bytes: Uint8Array, start: number, type: number): boolean {
    if (stored.isSuspect(bytes, start) && type !== DIRECTORY) return false;
    if (!this.#calls.statInto(path, this.#stat)) return false;
    if ((this.#host.getUint16(at.mode, true) & TYPE_BITS) !== typeBits[type]) return false;
    const entry = stored.afterName(bytes, start);
    if (!this.#isEqual(bytes, entry + stored.hostInode, at.hostInode, 8)) return false;
    if (type === DIRECTORY) return this.#isEqual(bytes, entry + stored.birthTime, at.birthTime, 12);
    return (
      this.#isEqual(bytes, entry + stored.size, at.size, 8) &&
      this.#isEqual(bytes, entry + stored.modifyTime, at.modifyTime, 12) &&
      this.#isEqual(bytes, entry + stored.changeTime, at.changeTime, 12) &&
      (this.#trusted || this.#isBranchSame(this.#inodeOf(bytes, start), bytes, entry + stored.branchTime))
    );
  }

  #isEqual(bytes: Uint8Array, from: number, offset: number, length: number): boolean {
    const stat = this.#stat;
    for (let i = 0; i < length; i++) if (bytes[from + i] !== stat[offset + i]) return false;
    return true;
  }

  /** Whether the branch's inode has the change time that it had then. */
  #isBranchSame(inode: number, bytes: Uint8Array, from: number): boolean {
    const { store, root } = this.#view;
    const key = recordKey(inode);
    return this.#run(() => {
      const record = borrow(store, root, key);
      if (record === undefined) return false;
      for (let i = 0; i < 12; i++) if (record[RECORD_CHANGE_TIME + i] !== bytes[from + i]) return false;
      return true;
    });
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant, but the zero byte.
const plain = /^[\x01-\x7f]*$/;

const isPlain = (path: ByteString) => plain.test(path);

/** The name of an entry; undefined if it is not plain ASCII. */
function plainName(bytes: Uint8Array, start: number): ByteString | undefined {
  let name = '';
  let all = 0;
  for (let at = start + 3, end = at + bytes[start + 2]!; at < end; at++) {
    const byte = bytes[at]!;
    all |= byte;
    name += String.fromCharCode(byte);
  }
  return all < 0x80 ? name : undefined;
}
