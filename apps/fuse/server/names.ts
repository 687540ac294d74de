/**
 * Requests about names: looking one up, and making, linking, removing and renaming what it stands for.
 * New nodes belong to whoever asked; what a directory's sgid bit changes about that, the files face knows. Handlers must hand every inode
 * that loses its last name to `Server.orphan`.
 */

import { type FileType, typeOfMode } from '../codec/attributes.ts';
import { errno } from '../codec/errno.ts';
import { createIn, linkIn, mkdirIn, mknodIn, operation, renameFlag, renameIn } from '../codec/protocol.ts';
import type { Reply } from '../codec/reply.ts';
import type { Request } from '../codec/request.ts';
import type { NewNode } from './filesystem.ts';
import { inodeOf, slotOf } from './nodes.ts';
import type { Handler, Server } from './server.ts';

const MODE_BITS = 0o7777;

function lookup(server: Server, request: Request, reply: Reply): void {
  const name = request.firstName();
  if (server.isBell(name)) {
    server.sendBell();
    server.onWake?.();
    return;
  }
  const attributes = server.files.lookup(server.inode, name);
  if (attributes !== undefined) {
    server.sendEntry(attributes);
    return;
  }
  const validity = server.validityOf(server.slot);
  if (validity.entrySeconds > 0) reply.absentEntry(validity);
  else reply.fail(errno.ENOENT);
}

function newNode(request: Request, type: FileType, mode: number, device: number): NewNode {
  return { type, mode: mode & MODE_BITS, uid: request.uid, gid: request.gid, device };
}

function make(server: Server, request: Request, node: NewNode): void {
  const inode = server.files.create(server.inode, request.firstName(), node);
  server.sendEntry(server.files.getAttributes(inode));
}

function mknod(server: Server, request: Request, reply: Reply): void {
  const mode = request.u32(mknodIn.mode);
  const type = typeOfMode(mode);
  if (type === undefined || type === 'directory' || type === 'symlink') {
    reply.fail(errno.EINVAL);
    return;
  }
  const device = type === 'character' || type === 'block' ? request.u32(mknodIn.device) : 0;
  make(server, request, newNode(request, type, mode, device));
}

function mkdir(server: Server, request: Request): void {
  make(server, request, newNode(request, 'directory', request.u32(mkdirIn.mode), 0));
}

function symlink(server: Server, request: Request): void {
  make(server, request, { ...newNode(request, 'symlink', 0o777, 0), target: request.secondName() });
}

/** Without CREATE the kernel uses MKNOD, which for silent opens saves the RELEASE too. */
function create(server: Server, request: Request, reply: Reply): void {
  if (server.options.silentOpen) {
    reply.fail(errno.ENOSYS);
    return;
  }
  make(server, request, newNode(request, 'file', request.u32(createIn.mode), 0));
  reply.open(0, server.openFlags());
}

function tmpfile(server: Server, request: Request, reply: Reply): void {
  const node = newNode(request, 'file', request.u32(createIn.mode), 0);
  const inode = server.files.createUnnamed(server.inode, node);
  server.sendEntry(server.files.getAttributes(inode));
  server.orphan(inode);
  reply.open(0, server.openFlags());
}

function link(server: Server, request: Request, reply: Reply): void {
  const low = request.u32(linkIn.oldNode);
  const high = request.u32(linkIn.oldNode + 4);
  if (slotOf(high) !== server.slot) {
    reply.fail(errno.EXDEV);
    return;
  }
  const inode = inodeOf(low, high);
  server.files.link(inode, server.inode, request.firstName());
  server.sendEntry(server.files.getAttributes(inode));
}

function unlink(server: Server, request: Request): void {
  const removed = server.files.unlink(server.inode, request.firstName());
  if (removed.links === 0) server.orphan(removed.inode);
}

function rmdir(server: Server, request: Request): void {
  const removed = server.files.removeDirectory(server.inode, request.firstName());
  if (removed.links === 0) server.orphan(removed.inode);
}

function move(server: Server, request: Request, reply: Reply, flags: number): void {
  const low = request.u32(renameIn.newParent);
  const high = request.u32(renameIn.newParent + 4);
  if (slotOf(high) !== server.slot) {
    reply.fail(errno.EXDEV);
    return;
  }
  const noReplace = (flags & renameFlag.noReplace) !== 0;
  const exchange = (flags & renameFlag.exchange) !== 0;
  if ((flags & ~(renameFlag.noReplace | renameFlag.exchange)) !== 0 || (noReplace && exchange)) {
    reply.fail(errno.EINVAL);
    return;
  }
  const toParent = inodeOf(low, high);
  const options = { noReplace, exchange };
  const replaced = server.files.rename(server.inode, request.firstName(), toParent, request.secondName(), options);
  if (replaced !== undefined && replaced.links === 0) server.orphan(replaced.inode);
}

function rename(server: Server, request: Request, reply: Reply): void {
  move(server, request, reply, 0);
}

function rename2(server: Server, request: Request, reply: Reply): void {
  move(server, request, reply, request.u32(renameIn.flags));
}

export const nameHandlers: readonly (readonly [number, Handler])[] = [
  [operation.lookup, lookup],
  [operation.mknod, mknod],
  [operation.mkdir, mkdir],
  [operation.symlink, symlink],
  [operation.create, create],
  [operation.tmpfile, tmpfile],
  [operation.link, link],
  [operation.unlink, unlink],
  [operation.rmdir, rmdir],
  [operation.rename, rename],
  [operation.rename2, rename2],
];
