/**
 * Requests about file content: open, read, write, allocate, find holes, copy.
 * Files have no handles here: a node is kept alive by the kernel's lookups as long as it is open, so the node says it all.
 */
import { errno } from '../codec/errno.ts';
import {
  copyIn,
  fallocateIn,
  fallocateMode,
  lseekIn,
  openIn,
  operation,
  readIn,
  seekWhence,
  writeFlag,
  writeIn,
} from '../codec/protocol.ts';
import type { Reply } from '../codec/reply.ts';
import type { Request } from '../codec/request.ts';
import { inodeOf, slotOf } from './nodes.ts';
import type { Handler, Server } from './server.ts';

const ACCESS_MASK = 3;
const READ_ONLY = 0;
/** What one request copies at most; more is asked for again, so that others are served in between. */
const COPY_BYTES_MAX = 256 * 1024 * 1024;

function open(server: Server, request: Request, reply: Reply): void {
  if (server.options.silentOpen) {
    reply.fail(errno.ENOSYS);
    return;
  }
  if (server.files.readOnly && (request.u32(openIn.flags) & ACCESS_MASK) !== READ_ONLY) {
    reply.fail(errno.EROFS);
    return;
  }
  reply.open(0, server.openFlags());
}

function release(): void {}

/** Nothing is held back until close: after this answer the kernel does not ask again. */
function flush(_server: Server, _request: Request, reply: Reply): void {
  reply.fail(errno.ENOSYS);
}

function read(server: Server, request: Request, reply: Reply): void {
  const size = Math.min(request.u32(readIn.size), server.options.maxWriteBytes);
  const bytes = server.files.read(server.inode, request.u64(readIn.offset), reply.room(size));
  reply.take(bytes);
}

function write(server: Server, request: Request, reply: Reply): void {
  const clears = (request.u32(writeIn.writeFlags) & writeFlag.killSetIds) !== 0;
  const written = server.files.write(server.inode, request.u64(writeIn.offset), request.writeData(), clears);
  reply.count(written);
}

function fallocate(server: Server, request: Request, reply: Reply): void {
  const { files, inode } = server;
  const from = request.u64(fallocateIn.offset);
  const to = Math.min(from + request.u64(fallocateIn.length), Number.MAX_SAFE_INTEGER);
  const mode = request.u32(fallocateIn.mode);
  const keepSize = (mode & fallocateMode.keepSize) !== 0;
  switch (mode & ~fallocateMode.keepSize) {
    case 0:
      files.allocate(inode, from, to, keepSize);
      return;
    case fallocateMode.punchHole:
      files.punchHole(inode, from, to);
      return;
    case fallocateMode.zeroRange:
      files.zeroRange(inode, from, to, keepSize);
      return;
    default:
      reply.fail(errno.EOPNOTSUPP);
  }
}

function lseek(server: Server, request: Request, reply: Reply): void {
  const offset = request.u64(lseekIn.offset);
  const whence = request.u32(lseekIn.whence);
  if (whence === seekWhence.data) reply.wide(server.files.seekData(server.inode, offset));
  else if (whence === seekWhence.hole) reply.wide(server.files.seekHole(server.inode, offset));
  else reply.fail(errno.EINVAL);
}

/** The bytes copied, or -1 after an error was answered. */
function copy(server: Server, request: Request, reply: Reply): number {
  const low = request.u32(copyIn.toNode);
  const high = request.u32(copyIn.toNode + 4);
  if (slotOf(high) !== server.slot) {
    reply.fail(errno.EXDEV);
    return -1;
  }
  const bytes = Math.min(request.u64(copyIn.length), COPY_BYTES_MAX);
  const fromOffset = request.u64(copyIn.fromOffset);
  return server.files.copyRange(server.inode, fromOffset, inodeOf(low, high), request.u64(copyIn.toOffset), bytes);
}

function copyFileRange(server: Server, request: Request, reply: Reply): void {
  const copied = copy(server, request, reply);
  if (copied >= 0) reply.count(copied);
}

function copyFileRange64(server: Server, request: Request, reply: Reply): void {
  const copied = copy(server, request, reply);
  if (copied >= 0) reply.wide(copied);
}

export const dataHandlers: readonly (readonly [number, Handler])[] = [
  [operation.open, open],
  [operation.release, release],
  [operation.flush, flush],
  [operation.read, read],
  [operation.write, write],
  [operation.fallocate, fallocate],
  [operation.lseek, lseek],
  [operation.copyFileRange, copyFileRange],
  [operation.copyFileRange64, copyFileRange64],
];
