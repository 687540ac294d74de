/**
 * Requests about extended attributes. A size of 0 asks how much room is needed.
 * Who may touch which namespace is the kernel's to decide; access control lists are not offered.
 */
import { errno } from '../codec/errno.ts';
import { getxattrIn, operation, setxattrIn, xattrFlag } from '../codec/protocol.ts';
import type { Reply } from '../codec/reply.ts';
import type { Request } from '../codec/request.ts';
import type { Handler, Server } from './server.ts';

const system = new TextEncoder().encode('system.');

/** The kernel's own names, such as those of access control lists: kept but not obeyed, they would promise what is not so. */
function isSystem(name: Uint8Array): boolean {
  return name.length >= system.length && system.every((byte, at) => name[at] === byte);
}

function getxattr(server: Server, request: Request, reply: Reply): void {
  const name = request.firstName();
  if (isSystem(name)) {
    reply.fail(errno.EOPNOTSUPP);
    return;
  }
  const value = server.files.getXattr(server.inode, name);
  const room = request.u32(getxattrIn.size);
  if (value === undefined) reply.fail(errno.ENODATA);
  else if (room === 0) reply.count(value.length);
  else if (value.length > room) reply.fail(errno.ERANGE);
  else reply.data(value);
}

function listxattr(server: Server, request: Request, reply: Reply): void {
  const names = server.files.listXattrs(server.inode);
  const room = request.u32(getxattrIn.size);
  let bytes = 0;
  for (const name of names) bytes += name.length + 1;
  if (room === 0) {
    reply.count(bytes);
    return;
  }
  if (bytes > room) {
    reply.fail(errno.ERANGE);
    return;
  }
  const target = reply.room(bytes).fill(0);
  let at = 0;
  for (const name of names) {
    target.set(name, at);
    at += name.length + 1;
  }
  reply.take(bytes);
}

function setxattr(server: Server, request: Request, reply: Reply): void {
  const name = request.firstName();
  const flags = request.u32(setxattrIn.flags);
  const create = (flags & xattrFlag.create) !== 0;
  const replace = (flags & xattrFlag.replace) !== 0;
  if ((flags & ~(xattrFlag.create | xattrFlag.replace)) !== 0 || (create && replace)) {
    reply.fail(errno.EINVAL);
    return;
  }
  if (isSystem(name)) {
    reply.fail(errno.EOPNOTSUPP);
    return;
  }
  server.files.setXattr(server.inode, name, request.attributeValue(), { create, replace });
}

function removexattr(server: Server, request: Request, reply: Reply): void {
  if (isSystem(request.firstName())) reply.fail(errno.EOPNOTSUPP);
  else server.files.removeXattr(server.inode, request.firstName());
}

export const xattrHandlers: readonly (readonly [number, Handler])[] = [
  [operation.getxattr, getxattr],
  [operation.listxattr, listxattr],
  [operation.setxattr, setxattr],
  [operation.removexattr, removexattr],
];
