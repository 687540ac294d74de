/**
 * Requests about directory contents. The protocol continues a listing by a number (cookie), the files face by a name: each open
 * directory keeps the names behind its cookies, so that a listing goes on rightly while entries come and go. A cookie must never
 * change its meaning while the directory is open.
 */
import { errno } from '../codec/errno.ts';
import { appendBareRecord, appendFullRecord, appendRecord, recordBytes } from '../codec/listing.ts';
import { openFlag, operation, readIn, releaseIn } from '../codec/protocol.ts';
import type { Reply } from '../codec/reply.ts';
import type { Request } from '../codec/request.ts';
import { ROOT_INODE } from './filesystem.ts';
import { nodeHighOf, nodeLowOf } from './nodes.ts';
import type { Handler, Server } from './server.ts';

/** An open directory. `names[i]` is the name after which cookie `FIRST_COOKIE + i` continues. */
export interface DirectoryHandle {
  readonly slot: number;
  readonly inode: number;
  names: Uint8Array[];
}

/** Cookie 0 is the beginning, 1 follows `.`, 2 follows `..`, 3 and up follow the names that were handed out. */
const FIRST_COOKIE = 3;
const ENTRIES_MAX = 512;
const dot = new Uint8Array([0x2e]);
const dotDot = new Uint8Array([0x2e, 0x2e]);

function opendir(server: Server, _request: Request, reply: Reply): void {
  const handle = server.nextHandle++;
  server.directories.set(handle, { slot: server.slot, inode: server.inode, names: [] });
  reply.open(handle, server.slot === 0 && server.world.listsBranches ? 0 : openFlag.keepCache);
}

function releasedir(server: Server, request: Request): void {
  server.directories.delete(request.u64(releaseIn.handle));
}

/** `.` and `..`, from cookie 0 or 1 on. False if the reply is full. */
function appendDots(server: Server, reply: Reply, cookie: number, limit: number, full: boolean): boolean {
  const append = full ? appendBareRecord : appendRecord;
  if (cookie < 1) {
    if (reply.length + recordBytes(1, full) > limit) return false;
    append(reply, server.request.nodeLow, server.request.nodeHigh, 1, 'directory', dot);
  }
  if (cookie < 2) {
    if (reply.length + recordBytes(2, full) > limit) return false;
    const parent = server.files.parentOf(server.inode) || ROOT_INODE;
    append(reply, nodeLowOf(parent), nodeHighOf(server.slot, parent), 2, 'directory', dotDot);
  }
  return true;
}

function list(server: Server, request: Request, reply: Reply, full: boolean): void {
  const handle = server.directories.get(request.u64(readIn.handle));
  if (handle === undefined || handle.inode !== server.inode || handle.slot !== server.slot) {
    reply.fail(errno.EINVAL);
    return;
  }
  const cookie = request.u64(readIn.offset);
  const bytes = Math.min(request.u32(readIn.size), server.options.maxWriteBytes);
  const limit = reply.length + bytes;
  if (cookie === 0) handle.names = [];
  const after = cookie < FIRST_COOKIE ? undefined : handle.names[cookie - FIRST_COOKIE];
  if (cookie >= FIRST_COOKIE && after === undefined) {
    reply.fail(errno.EINVAL);
    return;
  }
  if (!appendDots(server, reply, cookie, limit, full)) return;
  const count = Math.min(Math.ceil((limit - reply.length) / recordBytes(1, full)), ENTRIES_MAX);
  if (full && !(server.slot === 0 && server.world.listsBranches))
    appendFull(server, reply, handle, after, count, limit);
  else appendPlain(server, reply, handle, after, count, limit, full);
}

function appendPlain(
  server: Server,
  reply: Reply,
  handle: DirectoryHandle,
  after: Uint8Array | undefined,
  count: number,
  limit: number,
  full: boolean,
): void {
  const append = full ? appendBareRecord : appendRecord;
  const lists = server.slot === 0 && server.world.listsBranches;
  for (const { name, inode, type } of server.files.readDirectory(server.inode, after, count)) {
    if (reply.length + recordBytes(name.length, full) > limit) return;
    handle.names.push(name);
    const behind = lists ? server.world.slotBehind(inode) : 0;
    const target = behind > 0 ? ROOT_INODE : inode;
    const slot = behind > 0 ? behind : server.slot;
    append(reply, nodeLowOf(target), nodeHighOf(slot, target), FIRST_COOKIE - 1 + handle.names.length, type, name);
  }
}

function appendFull(
  server: Server,
  reply: Reply,
  handle: DirectoryHandle,
  after: Uint8Array | undefined,
  count: number,
  limit: number,
): void {
  const { slot } = server;
  const validity = server.validityOf(slot);
  for (const { name, attributes } of server.files.readDirectoryFull(server.inode, after, count)) {
    if (reply.length + recordBytes(name.length, true) > limit) return;
    handle.names.push(name);
    const { inode } = attributes;
    const next = FIRST_COOKIE - 1 + handle.names.length;
    appendFullRecord(reply, nodeLowOf(inode), nodeHighOf(slot, inode), next, attributes, name, validity);
    server.remember(slot, inode);
  }
}

function readdir(server: Server, request: Request, reply: Reply): void {
  list(server, request, reply, false);
}

function readdirplus(server: Server, request: Request, reply: Reply): void {
  list(server, request, reply, true);
}

export const listingHandlers: readonly (readonly [number, Handler])[] = [
  [operation.opendir, opendir],
  [operation.releasedir, releasedir],
  [operation.readdir, readdir],
  [operation.readdirplus, readdirplus],
];
