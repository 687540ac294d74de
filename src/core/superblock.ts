/**
 * The superblock: the page from which everything in a pool is reached. Two slots, pages 0 and 1, are written in turn.
 * Callers must not write a superblock before everything it refers to is durable, but for the companions that it lists, nor over
 * the slot of the newest commit. A decoded superblock is whole and plausible; what it refers to may still be damaged, and the
 * newest one does not count unless its companions are whole.
 */
import { assert } from '../errors.ts';
import { type Hash64, PAGE_BYTES, readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './bytes.ts';
import { isPlausibleRecord, type RecordRef, readRecordRef, writeRecordRef } from './record-ref.ts';

export const FORMAT_VERSION = 1;
/** Pages 0 and 1 hold the superblocks and nothing else. */
export const SUPERBLOCK_SLOTS = 2;

const MAGIC = Uint8Array.of(0x62, 0x79, 0x72, 0x65, 0x70, 0x6f, 0x6f, 0x6c); // "byrepool"
const AT_VERSION = 8;
const AT_NODE_BYTES = 12;
const AT_COMMIT = 16;
const AT_POOL_ID = 24;
const POOL_ID_BYTES = 16;
const AT_PAGE_COUNT = 40;
const AT_LIMIT_PAGES = 44;
const AT_DIRECTORY = 48;
const AT_LOG_PAGES = 60;
const AT_NEXT_INODE = 64;
const AT_NEXT_BRANCH_ID = 72;
const AT_MOMENT = 80;
const AT_COUNTS_BASE = 88;
const AT_LOG_HEAD = 108;
const AT_RESERVED_PAGES = 128;
const AT_NODE_COMPANIONS = 132;
const AT_DATA_COMPANIONS = 134;
/** Not covered by the checksum, but equal to it once the companions are known to be durable. */
const AT_SETTLED = 136;
const SETTLED_BYTES = 8;
// From 144 to 189: written as zero and not looked at, so that a later byre may add what this one can do without.
const AT_TAIL_LENGTH = 190;
const AT_TAIL = 192;
const AT_CHECKSUM = PAGE_BYTES - 8;

/** The longest `tail` a superblock can hold, if it has no companions. */
export const SUPERBLOCK_TAIL_BYTES = AT_CHECKSUM - AT_TAIL;
/** What each companion takes of that room. */
export const COMPANION_BYTES = 12;

/** A sealed reference to a node, or to a page of data: where it starts, and the hash of its bytes. */
export interface NodeRef {
  readonly page: number;
  readonly hashLow: number;
  readonly hashHigh: number;
}

/** Nodes and pages that became durable by the same flush as the superblock that lists them. */
export interface Companions {
  readonly nodes: readonly NodeRef[];
  readonly data: readonly NodeRef[];
}

export const NO_COMPANIONS: Companions = { nodes: [], data: [] };

export interface Superblock {
  readonly nodeBytes: number;
  /** Counts up by one with every commit, from 1. */
  readonly commit: number;
  /** 16 random bytes, chosen when the pool is made. */
  readonly poolId: Uint8Array;
  /** Every page in use, the superblocks included, is below this. */
  readonly pageCount: number;
  /** The pool's size limit; 0 for none. */
  readonly limitPages: number;
  /** Root of the branch directory; page 0 while there is none. */
  readonly directory: NodeRef;
  readonly nextInode: number;
  readonly nextBranchId: number;
  /** How many forks and merges the pool has seen. */
  readonly moment: number;
  readonly countsBase: RecordRef;
  /** The newest record of the counts log. */
  readonly logHead: RecordRef;
  /** Pages of all records of the counts log, the base not among them. */
  readonly logPages: number;
  /** Pages that branches with a reservation may still claim. */
  readonly reservedPages: number;
  /** Changes of counts since the newest log record, encoded as that is. */
  readonly tail: Uint8Array;
  readonly companions: Companions;
}

/** Why a page is not a superblock that can be used; `problem` is for people. */
export interface SuperblockProblem {
  readonly code: 'NOT_A_POOL' | 'DAMAGED' | 'UNSUPPORTED';
  readonly problem: string;
}

/** The page that the superblock of a commit is written to. */
export function superblockSlot(commit: number): number {
  return commit % SUPERBLOCK_SLOTS;
}

export function encodeSuperblock(superblock: Superblock, hash: Hash64): Uint8Array {
  const flaw = flawOf(superblock);
  assert(flaw === undefined, 'a superblock to be written must be plausible');
  const page = new Uint8Array(PAGE_BYTES);
  page.set(MAGIC, 0);
  writeU32(page, AT_VERSION, FORMAT_VERSION);
  writeU32(page, AT_NODE_BYTES, superblock.nodeBytes);
  writeU64(page, AT_COMMIT, superblock.commit);
  page.set(superblock.poolId, AT_POOL_ID);
  writeU32(page, AT_PAGE_COUNT, superblock.pageCount);
  writeU32(page, AT_LIMIT_PAGES, superblock.limitPages);
  writeNodeRef(page, AT_DIRECTORY, superblock.directory);
  writeU32(page, AT_LOG_PAGES, superblock.logPages);
  writeU64(page, AT_NEXT_INODE, superblock.nextInode);
  writeU64(page, AT_NEXT_BRANCH_ID, superblock.nextBranchId);
  writeU64(page, AT_MOMENT, superblock.moment);
  writeRecordRef(page, AT_COUNTS_BASE, superblock.countsBase);
  writeRecordRef(page, AT_LOG_HEAD, superblock.logHead);
  writeU32(page, AT_RESERVED_PAGES, superblock.reservedPages);
  writeU16(page, AT_TAIL_LENGTH, superblock.tail.length);
  page.set(superblock.tail, AT_TAIL);
  const { nodes, data } = superblock.companions;
  writeU16(page, AT_NODE_COMPANIONS, nodes.length);
  writeU16(page, AT_DATA_COMPANIONS, data.length);
  let at = AT_TAIL + superblock.tail.length;
  for (const ref of [...nodes, ...data]) {
    writeNodeRef(page, at, ref);
    at += COMPANION_BYTES;
  }
  const sum = checksumOf(page, hash);
  writeU32(page, AT_CHECKSUM, sum[0]);
  writeU32(page, AT_CHECKSUM + 4, sum[1]);
  return page;
}

/**
 * The same superblock, saying that its companions are durable: from then on, if one of them is damaged, that is damage and not a commit
 * that was cut off. It may be written in place: no other byte changes, and a part of this mark says nothing.
 */
export function settledSuperblock(page: Uint8Array): Uint8Array {
  const settled = page.slice();
  settled.copyWithin(AT_SETTLED, AT_CHECKSUM, AT_CHECKSUM + SETTLED_BYTES);
  return settled;
}

function isSettled(page: Uint8Array): boolean {
  for (let at = 0; at < SETTLED_BYTES; at++) if (page[AT_SETTLED + at] !== page[AT_CHECKSUM + at]) return false;
  return true;
}

/** True for a page that begins as a superblock does, whole or not. */
export function hasMagic(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, index) => bytes[index] === byte);
}

/** Never throws for what the bytes say. The result keeps nothing of `bytes`, and has no companions if they are durable. */
export function decodeSuperblock(bytes: Uint8Array, hash: Hash64): Superblock | SuperblockProblem {
  if (bytes.length !== PAGE_BYTES || !hasMagic(bytes)) {
    return { code: 'NOT_A_POOL', problem: 'it is not a byre pool' };
  }
  const sum = checksumOf(bytes, hash);
  if (sum[0] !== readU32(bytes, AT_CHECKSUM) || sum[1] !== readU32(bytes, AT_CHECKSUM + 4)) {
    return { code: 'DAMAGED', problem: 'its checksum does not match' };
  }
  // After the checksum, which stays where it is in all versions: else a damaged version would pass for a newer one.
  const version = readU32(bytes, AT_VERSION);
  if (version > FORMAT_VERSION) {
    const problem = `its format version ${version} is newer than this byre, which knows versions up to ${FORMAT_VERSION}`;
    return { code: 'UNSUPPORTED', problem };
  }
  if (version !== FORMAT_VERSION) return damaged('format version');
  const tailLength = readU16(bytes, AT_TAIL_LENGTH);
  const nodes = readU16(bytes, AT_NODE_COMPANIONS);
  const data = readU16(bytes, AT_DATA_COMPANIONS);
  const atCompanions = AT_TAIL + tailLength;
  if (atCompanions + (nodes + data) * COMPANION_BYTES > AT_CHECKSUM) return damaged('tail');
  const superblock: Superblock = {
    nodeBytes: readU32(bytes, AT_NODE_BYTES),
    commit: readU64(bytes, AT_COMMIT),
    poolId: bytes.slice(AT_POOL_ID, AT_POOL_ID + POOL_ID_BYTES),
    pageCount: readU32(bytes, AT_PAGE_COUNT),
    limitPages: readU32(bytes, AT_LIMIT_PAGES),
    directory: readNodeRef(bytes, AT_DIRECTORY),
    logPages: readU32(bytes, AT_LOG_PAGES),
    nextInode: readU64(bytes, AT_NEXT_INODE),
    nextBranchId: readU64(bytes, AT_NEXT_BRANCH_ID),
    moment: readU64(bytes, AT_MOMENT),
    countsBase: readRecordRef(bytes, AT_COUNTS_BASE),
    logHead: readRecordRef(bytes, AT_LOG_HEAD),
    reservedPages: readU32(bytes, AT_RESERVED_PAGES),
    tail: bytes.slice(AT_TAIL, atCompanions),
    companions: isSettled(bytes)
      ? NO_COMPANIONS
      : {
          nodes: readNodeRefs(bytes, atCompanions, nodes),
          data: readNodeRefs(bytes, atCompanions + nodes * COMPANION_BYTES, data),
        },
  };
  const flaw = flawOf(superblock);
  return flaw === undefined ? superblock : damaged(flaw);
}

function writeNodeRef(bytes: Uint8Array, at: number, ref: NodeRef): void {
  writeU32(bytes, at, ref.page);
  writeU32(bytes, at + 4, ref.hashLow);
  writeU32(bytes, at + 8, ref.hashHigh);
}

function readNodeRef(bytes: Uint8Array, at: number): NodeRef {
  return { page: readU32(bytes, at), hashLow: readU32(bytes, at + 4), hashHigh: readU32(bytes, at + 8) };
}

function readNodeRefs(bytes: Uint8Array, at: number, count: number): NodeRef[] {
  return Array.from({ length: count }, (_, index) => readNodeRef(bytes, at + index * COMPANION_BYTES));
}

function damaged(field: string): SuperblockProblem {
  return { code: 'DAMAGED', problem: `its checksum matches, but its ${field} makes no sense` };
}

function checksumOf(page: Uint8Array, hash: Hash64): Uint32Array {
  const sum = new Uint32Array(2);
  const covered = page.slice(0, AT_CHECKSUM);
  covered.fill(0, AT_SETTLED, AT_SETTLED + SETTLED_BYTES);
  hash(covered, sum);
  return sum;
}

/** Names a field that no writer can have meant. The same rules hold for what is written and what is read. */
function flawOf(superblock: Superblock): string | undefined {
  const { nodeBytes, directory, pageCount } = superblock;
  if (nodeBytes < PAGE_BYTES || nodeBytes > 16 * PAGE_BYTES || !Number.isInteger(Math.log2(nodeBytes)))
    return 'node size';
  if (!isWhole(superblock.commit) || superblock.commit === 0) return 'commit number';
  if (superblock.poolId.length !== POOL_ID_BYTES) return 'pool id';
  if (!isU32(pageCount) || pageCount < SUPERBLOCK_SLOTS) return 'page count';
  if (!isU32(superblock.limitPages)) return 'size limit';
  const hasDirectory = directory.page !== 0;
  const isSealed = directory.hashLow !== 0 || directory.hashHigh !== 0;
  if (hasDirectory !== isSealed) return 'branch directory';
  if (hasDirectory && (directory.page < SUPERBLOCK_SLOTS || directory.page + nodeBytes / PAGE_BYTES > pageCount)) {
    return 'branch directory';
  }
  if (!isWhole(superblock.nextInode)) return 'next inode number';
  if (!isWhole(superblock.nextBranchId)) return 'next branch id';
  if (!isWhole(superblock.moment)) return 'moment';
  if (!isPlausibleRecord(superblock.countsBase, pageCount)) return 'counts base';
  if (!isPlausibleRecord(superblock.logHead, pageCount)) return 'counts log';
  if (superblock.logPages < superblock.logHead.pages || superblock.logPages > pageCount) return 'counts log length';
  if (!isU32(superblock.reservedPages)) return 'reservations';
  return flawOfRest(superblock);
}

function flawOfRest({ tail, companions: { nodes, data }, nodeBytes, pageCount }: Superblock): string | undefined {
  if (tail.length + (nodes.length + data.length) * COMPANION_BYTES > SUPERBLOCK_TAIL_BYTES) return 'tail';
  const isIn = (ref: NodeRef, pages: number) => ref.page >= SUPERBLOCK_SLOTS && ref.page + pages <= pageCount;
  const areIn = nodes.every((ref) => isIn(ref, nodeBytes / PAGE_BYTES)) && data.every((ref) => isIn(ref, 1));
  return areIn ? undefined : 'companions';
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
