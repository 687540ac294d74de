/**
 * Requests about attributes: reading and changing them, and reading a symbolic link.
 * Handlers must not ask whether the caller may: the kernel decides, and what a change implies (set-id bits) is a flag of the request.
 */
import { errno } from '../codec/errno.ts';
import { operation, setattrIn, setattrValid } from '../codec/protocol.ts';
import type { Reply } from '../codec/reply.ts';
import type { Request } from '../codec/request.ts';
import type { AttributeChanges, FileSystem, Time } from './filesystem.ts';
import type { Handler, Server } from './server.ts';

const MODE_BITS = 0o7777;

function getattr(server: Server): void {
  server.sendAttributes(server.files.getAttributes(server.inode));
}

function statx(server: Server, request: Request, reply: Reply): void {
  const attributes = server.files.getAttributes(server.inode);
  reply.statx(request.nodeLow, request.nodeHigh, attributes, server.validityOf(server.slot));
}

function timeAt(request: Request, secondsAt: number, nanosecondsAt: number): Time {
  return { seconds: request.i64(secondsAt), nanoseconds: request.u32(nanosecondsAt) };
}

function changesOf(request: Request, files: FileSystem): AttributeChanges {
  const valid = request.u32(setattrIn.valid);
  const changes: AttributeChanges = {};
  if ((valid & setattrValid.mode) !== 0) changes.mode = request.u32(setattrIn.mode) & MODE_BITS;
  if ((valid & setattrValid.uid) !== 0) changes.uid = request.u32(setattrIn.uid);
  if ((valid & setattrValid.gid) !== 0) changes.gid = request.u32(setattrIn.gid);
  if ((valid & setattrValid.size) !== 0) changes.size = request.u64(setattrIn.size);
  if ((valid & setattrValid.accessTimeNow) !== 0) changes.accessTime = files.now();
  else if ((valid & setattrValid.accessTime) !== 0) {
    changes.accessTime = timeAt(request, setattrIn.accessSeconds, setattrIn.accessNanoseconds);
  }
  if ((valid & setattrValid.modifyTimeNow) !== 0) changes.modifyTime = files.now();
  else if ((valid & setattrValid.modifyTime) !== 0) {
    changes.modifyTime = timeAt(request, setattrIn.modifySeconds, setattrIn.modifyNanoseconds);
  }
  if ((valid & setattrValid.changeTime) !== 0) {
    changes.changeTime = timeAt(request, setattrIn.changeSeconds, setattrIn.changeNanoseconds);
  }
  if ((valid & setattrValid.killSetIds) !== 0) changes.clearPrivileges = true;
  return changes;
}

function setattr(server: Server, request: Request): void {
  const { files, inode } = server;
  files.setAttributes(inode, changesOf(request, files));
  server.sendAttributes(files.getAttributes(inode));
}

function readlink(server: Server, _request: Request, reply: Reply): void {
  reply.data(server.files.readLink(server.inode));
}

/** The kernel decides by itself: after this answer it does not ask again. */
function access(_server: Server, _request: Request, reply: Reply): void {
  reply.fail(errno.ENOSYS);
}

export const attributeHandlers: readonly (readonly [number, Handler])[] = [
  [operation.getattr, getattr],
  [operation.setattr, setattr],
  [operation.statx, statx],
  [operation.readlink, readlink],
  [operation.access, access],
];
