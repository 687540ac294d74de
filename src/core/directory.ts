/**
 * The branch directory: a tree whose cells name branches and hold their roots.
 * Callers must manage the counts of the roots in a record themselves: to the tree a record is plain bytes. While a branch
 * is open its handle's root stands for the record's, which is only brought up to date when a commit is sealed.
 */

import { ByreError } from '../errors.ts';
import { readU16, readU32, readU64, writeU16, writeU32, writeU64, writeU64BE } from './bytes.ts';
import { emptyRoot, type Root } from './store.ts';

/** Cells of named branches and snapshots, by name; cells of unnamed forks, by number: these end with the process. */
export const NAMED = 0x01;
export const UNNAMED = 0x02;

export type BranchKind = 'branch' | 'snapshot' | 'unnamed';

/** A state of another branch that a branch contains: where a merge of the two begins. */
export interface Ancestor {
  readonly branchId: number;
  /** The pool's moment (its count of forks and merges) of that state. */
  readonly moment: number;
  readonly root: Root;
}

export interface BranchRecord {
  readonly id: number;
  readonly kind: BranchKind;
  readonly createdMs: number;
  /** The branch it was forked from; 0 for none. */
  readonly parentId: number;
  readonly root: Root;
  /** Newest first. */
  readonly ancestry: readonly Ancestor[];
}

/** Forks remember this many states: enough for forks of forks, few enough for a record to stay small. */
export const MAX_ANCESTORS = 8;
const FIXED_BYTES = 56;
const ROOT_BYTES = 12;
const ANCESTOR_BYTES = 16 + ROOT_BYTES;
const VERSION = 1;
const KINDS: readonly BranchKind[] = ['branch', 'snapshot', 'unnamed'];
export const MAX_NAME_BYTES = 255;

const encoder = new TextEncoder();
/** A name may begin with what would be a byte order mark in a file. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The directory key of a named branch. */
export function nameKey(name: string): Uint8Array {
  const bytes = encoder.encode(name);
  if (
    bytes.length === 0 ||
    bytes.length > MAX_NAME_BYTES ||
    /[\p{Cc}\p{Cs}/:]/u.test(name) ||
    name === '.' ||
    name === '..'
  ) {
    throw new ByreError(
      'BAD_ARGUMENT',
      `'${name}' is not a branch name: it has 1 to ${MAX_NAME_BYTES} bytes of UTF-8, no control characters, no '/' or ':', and is not '.' or '..'`,
      { details: { name } },
    );
  }
  const key = new Uint8Array(1 + bytes.length);
  key[0] = NAMED;
  key.set(bytes, 1);
  return key;
}

export function unnamedKey(id: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = UNNAMED;
  writeU64BE(key, 1, id);
  return key;
}

export function nameOf(key: Uint8Array): string {
  return decoder.decode(key.subarray(1));
}

/** Layout: version u8, kind u8, ancestors u16, id u64, created u64 (ms), parent u64, charged u64, quota u32, reserved u32, root, ancestors. */
export function encodeRecord(record: BranchRecord): Uint8Array {
  const bytes = new Uint8Array(FIXED_BYTES + record.ancestry.length * ANCESTOR_BYTES);
  bytes[0] = VERSION;
  bytes[1] = KINDS.indexOf(record.kind);
  writeU16(bytes, 2, record.ancestry.length);
  writeU64(bytes, 4, record.id);
  writeU64(bytes, 12, record.createdMs);
  writeU64(bytes, 20, record.parentId);
  writeU64(bytes, 28, record.root.chargedPages);
  writeU32(bytes, 36, record.root.quotaPages);
  writeU32(bytes, 40, record.root.reservedPages);
  writeRoot(bytes, 44, record.root);
  record.ancestry.forEach((ancestor, index) => {
    const at = FIXED_BYTES + index * ANCESTOR_BYTES;
    writeU64(bytes, at, ancestor.branchId);
    writeU64(bytes, at + 8, ancestor.moment);
    writeRoot(bytes, at + 16, ancestor.root);
  });
  return bytes;
}

/** Throws DAMAGED for what no writer can have meant. */
export function decodeRecord(bytes: Uint8Array, readOnly: boolean): BranchRecord {
  const kind = KINDS[bytes[1]];
  const ancestors = bytes.length < FIXED_BYTES ? 0 : readU16(bytes, 2);
  if (bytes[0] !== VERSION || kind === undefined || bytes.length !== FIXED_BYTES + ancestors * ANCESTOR_BYTES) {
    throw new ByreError('DAMAGED', 'a record of the branch directory is malformed');
  }
  const root = readRoot(bytes, 44, readOnly || kind === 'snapshot');
  root.chargedPages = readU64(bytes, 28);
  root.quotaPages = readU32(bytes, 36);
  root.reservedPages = readU32(bytes, 40);
  const ancestry: Ancestor[] = [];
  for (let at = FIXED_BYTES; at < bytes.length; at += ANCESTOR_BYTES) {
    ancestry.push({
      branchId: readU64(bytes, at),
      moment: readU64(bytes, at + 8),
      root: readRoot(bytes, at + 16, true),
    });
  }
  return { id: readU64(bytes, 4), kind, createdMs: readU64(bytes, 12), parentId: readU64(bytes, 20), root, ancestry };
}

/** Every root that a record refers to, its own first. */
export function rootsOf(record: BranchRecord): Root[] {
  return [record.root, ...record.ancestry.map((ancestor) => ancestor.root)];
}

function writeRoot(bytes: Uint8Array, at: number, root: Root): void {
  writeU32(bytes, at, root.page);
  writeU32(bytes, at + 4, root.low);
  writeU32(bytes, at + 8, root.high);
}

function readRoot(bytes: Uint8Array, at: number, readOnly: boolean): Root {
  const root = emptyRoot(readOnly);
  root.page = readU32(bytes, at);
  root.low = readU32(bytes, at + 4);
  root.high = readU32(bytes, at + 8);
  return root;
}
