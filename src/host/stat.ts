/**
 * What the host says of a file, as far as byre keeps it or compares it.
 * Callers must not take a time in here for the time of the branch: these are the host's.
 */
import { type BigIntStats, fstatSync, lstatSync } from 'node:fs';
import type { FileType } from '../files/ops/record.ts';
import type { Time } from '../files/ops/view.ts';
import { type ByteString, hostPath } from './names.ts';
import { native } from './native.ts';

export interface HostStat {
  readonly type: FileType;
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: number;
  /** Permission bits with suid, sgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  /** Of a device node. */
  readonly nodeDevice: number;
  /** Bytes that the host has given to the content. */
  readonly allocatedBytes: number;
  readonly accessTime: bigint;
  readonly modifyTime: bigint;
  readonly changeTime: bigint;
  readonly birthTime: bigint;
}

const TYPE_BITS = 0o170000;

const types = new Map<number, FileType>([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
  [0o010000, 'fifo'],
  [0o020000, 'character'],
  [0o060000, 'block'],
  [0o140000, 'socket'],
]);

const BILLION = 1_000_000_000n;

export function statOf(stats: BigIntStats): HostStat {
  const mode = Number(stats.mode);
  return {
    type: types.get(mode & TYPE_BITS) ?? 'file',
    device: stats.dev,
    inode: stats.ino,
    size: Number(stats.size),
    mode: mode & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    links: Number(stats.nlink),
    nodeDevice: Number(stats.rdev),
    allocatedBytes: Number(stats.blocks) * 512,
    accessTime: stats.atimeNs,
    modifyTime: stats.mtimeNs,
    changeTime: stats.ctimeNs,
    birthTime: stats.birthtimeNs,
  };
}

const STATX_BYTES = 256;
const statx = new Uint8Array(STATX_BYTES);
const fields = new DataView(statx.buffer);

function statxTime(at: number): bigint {
  return fields.getBigInt64(at, true) * BILLION + BigInt(fields.getUint32(at + 8, true));
}

/** A device's number as `stat` has it, from its two parts. */
function deviceNumber(major: number, minor: number): bigint {
  const low = ((major & 0xfff) << 8) | (minor & 0xff);
  return (BigInt(major >>> 12) << 44n) | (BigInt(minor >>> 8) << 20n) | BigInt(low);
}

/** What `struct statx` says. It takes a fraction of the time that Node's own objects do, with their dates. */
function statOfStatx(): HostStat {
  const mode = fields.getUint16(28, true);
  return {
    type: types.get(mode & TYPE_BITS) ?? 'file',
    device: deviceNumber(fields.getUint32(136, true), fields.getUint32(140, true)),
    inode: fields.getBigUint64(32, true),
    size: Number(fields.getBigUint64(40, true)),
    mode: mode & 0o7777,
    uid: fields.getUint32(20, true),
    gid: fields.getUint32(24, true),
    links: fields.getUint32(16, true),
    nodeDevice: Number(deviceNumber(fields.getUint32(128, true), fields.getUint32(132, true))),
    allocatedBytes: Number(fields.getBigUint64(48, true)) * 512,
    accessTime: statxTime(64),
    modifyTime: statxTime(112),
    changeTime: statxTime(96),
    birthTime: statxTime(80),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant, but the zero byte.
const plain = /^[\x01-\x7f]*$/;

/** Undefined if nothing is there. Does not follow a symbolic link. */
export function statHost(path: ByteString): HostStat | undefined {
  // Whatever is wrong, Node's own call says it better.
  if (plain.test(path) && native()?.statInto(path, statx) === true) return statOfStatx();
  const stats = lstatSync(hostPath(path), { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? undefined : statOf(stats);
}

export function statDescriptor(descriptor: number): HostStat {
  if (native()?.statDescriptorInto(descriptor, statx) === true) return statOfStatx();
  return statOf(fstatSync(descriptor, { bigint: true }));
}

/** Names one file of the host while it exists: for hard links, and for following renames. */
export function identityOf(stat: HostStat): string {
  return `${stat.device}:${stat.inode}`;
}

export function timeOf(nanoseconds: bigint): Time {
  const rest = BigInt.asUintN(64, ((nanoseconds % BILLION) + BILLION) % BILLION);
  return { seconds: Number((nanoseconds - rest) / BILLION), nanoseconds: Number(rest) };
}

export function nanosecondsOf(time: Time): bigint {
  return BigInt(time.seconds) * BILLION + BigInt(time.nanoseconds);
}

export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Whether a file is as it was at an earlier look at the same file. */
export function isUnchanged(before: HostStat, after: HostStat): boolean {
  return before.size === after.size && before.modifyTime === after.modifyTime && before.changeTime === after.changeTime;
}

/** A file of which the host keeps less than its size has holes (or is compressed, which looking for holes will tell). */
export function isSparse(stat: HostStat): boolean {
  return stat.allocatedBytes < stat.size && stat.size > 4096;
}
