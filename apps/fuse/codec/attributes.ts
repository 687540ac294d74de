/**
 * A node's attributes as the kernel wants them: in GETATTR, LOOKUP and STATX form.
 * Callers must give times whose nanoseconds lie in 0 to 999,999,999; seconds may be negative.
 */
import { modeType } from './protocol.ts';

export type FileType = 'file' | 'directory' | 'symlink' | 'fifo' | 'character' | 'block' | 'socket';

export interface Time {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export interface Attributes {
  readonly inode: number;
  readonly type: FileType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: number;
  readonly device: number;
  readonly accessTime: Time;
  readonly modifyTime: Time;
  readonly changeTime: Time;
  readonly birthTime: Time;
  /** Data pages that the file refers to. */
  readonly pages: number;
}

export const ATTRIBUTES_BYTES = 88;
/** Of `fuse_statx_out`: the lead and the body. */
export const STATX_LEAD_BYTES = 32;
export const STATX_BYTES = 288;

const TWO_32 = 0x1_0000_0000;
const BLOCK_BYTES = 512;
const PAGE_BYTES = 4096;
const BLOCKS_PER_PAGE = PAGE_BYTES / BLOCK_BYTES;
/** Basic statistics and the time of birth: every field that STATX carries. */
const STATX_MASK = 0xfff;

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % TWO_32, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

/** Two's complement, as the kernel has seconds before 1970. */
export function writeI64(view: DataView, at: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  view.setUint32(at, value - high * TWO_32, true);
  view.setInt32(at + 4, high, true);
}

export function typeBits(type: FileType): number {
  switch (type) {
    case 'file':
      return modeType.file;
    case 'directory':
      return modeType.directory;
    case 'symlink':
      return modeType.symlink;
    case 'fifo':
      return modeType.fifo;
    case 'character':
      return modeType.character;
    case 'block':
      return modeType.block;
    case 'socket':
      return modeType.socket;
  }
}

/** The type that a mode word states; undefined if it states none that there is. A mode without type bits means a file. */
export function typeOfMode(mode: number): FileType | undefined {
  switch (mode & modeType.mask) {
    case 0:
    case modeType.file:
      return 'file';
    case modeType.directory:
      return 'directory';
    case modeType.symlink:
      return 'symlink';
    case modeType.fifo:
      return 'fifo';
    case modeType.character:
      return 'character';
    case modeType.block:
      return 'block';
    case modeType.socket:
      return 'socket';
    default:
      return undefined;
  }
}

/** Bytes kept beside the attributes take no page; programs that look for holes by block counts must still see data there. */
function blocksOf(attributes: Attributes): number {
  if (attributes.pages > 0) return attributes.pages * BLOCKS_PER_PAGE;
  return attributes.size <= PAGE_BYTES ? Math.ceil(attributes.size / BLOCK_BYTES) : 0;
}

/** Writes `fuse_attr` at `at`. The node's two words serve as the inode number: they are unique in the mount. */
export function encodeAttributes(
  view: DataView,
  at: number,
  nodeLow: number,
  nodeHigh: number,
  from: Attributes,
): void {
  view.setUint32(at, nodeLow, true);
  view.setUint32(at + 4, nodeHigh, true);
  writeU64(view, at + 8, from.size);
  writeU64(view, at + 16, blocksOf(from));
  writeI64(view, at + 24, from.accessTime.seconds);
  writeI64(view, at + 32, from.modifyTime.seconds);
  writeI64(view, at + 40, from.changeTime.seconds);
  view.setUint32(at + 48, from.accessTime.nanoseconds, true);
  view.setUint32(at + 52, from.modifyTime.nanoseconds, true);
  view.setUint32(at + 56, from.changeTime.nanoseconds, true);
  view.setUint32(at + 60, typeBits(from.type) | from.mode, true);
  view.setUint32(at + 64, from.links, true);
  view.setUint32(at + 68, from.uid, true);
  view.setUint32(at + 72, from.gid, true);
  view.setUint32(at + 76, from.device, true);
  view.setUint32(at + 80, PAGE_BYTES, true);
  view.setUint32(at + 84, 0, true);
}

function encodeStatxTime(view: DataView, at: number, time: Time): void {
  writeI64(view, at, time.seconds);
  view.setUint32(at + 8, time.nanoseconds, true);
  view.setUint32(at + 12, 0, true);
}

/** Writes `fuse_statx` at `at`; the caller has zeroed the place. */
export function encodeStatx(view: DataView, at: number, nodeLow: number, nodeHigh: number, from: Attributes): void {
  view.setUint32(at, STATX_MASK, true);
  view.setUint32(at + 4, PAGE_BYTES, true);
  view.setUint32(at + 16, from.links, true);
  view.setUint32(at + 20, from.uid, true);
  view.setUint32(at + 24, from.gid, true);
  view.setUint16(at + 28, typeBits(from.type) | from.mode, true);
  view.setUint32(at + 32, nodeLow, true);
  view.setUint32(at + 36, nodeHigh, true);
  writeU64(view, at + 40, from.size);
  writeU64(view, at + 48, blocksOf(from));
  encodeStatxTime(view, at + 64, from.accessTime);
  encodeStatxTime(view, at + 80, from.birthTime);
  encodeStatxTime(view, at + 96, from.changeTime);
  encodeStatxTime(view, at + 112, from.modifyTime);
  view.setUint32(at + 128, (from.device >>> 8) & 0xfff, true);
  view.setUint32(at + 132, (from.device & 0xff) | ((from.device >>> 12) & 0xfff00), true);
}
