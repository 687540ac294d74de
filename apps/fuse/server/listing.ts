/**
 * Requests about directory contents. The protocol continues a listing by a number, the files face by a name: `directory-names.ts` knows
 * which is which, so that a listing goes on rightly while entries come and go, also from the kernel's own cache of it.
 * A cookie must never change its meaning while the kernel knows the directory.
 */
import { errno } from '../codec/errno.ts';
import { appendBareRecord, appendFullRecord, appendRecord, recordBytes } from '../codec/listing.ts';
import { openFlag, operation, readIn } from '../codec/protocol.ts';
import type { Reply } from '../codec/reply.ts';
import type { Request } from '../codec/request.ts';
import { type DirectoryNames, FIRST_COOKIE } from './directory-names.ts';
import { ROOT_INODE } from './filesystem.ts';
import { nodeHighOf, nodeLowOf } from './nodes.ts';
import type { Handler, Server } from './server.ts';

const ENTRIES_MAX = 512;
const dot = new Uint8Array([0x2e]);
const dotDot = new Uint8Array([0x2e, 0x2e]);

/** One listing request: what is asked for, and how far the reply may reach. */
interface Listing {
  readonly names: DirectoryNames;
  readonly full: boolean;
  /** Where to go on. */
  readonly cookie: number;
  readonly after: Uint8Array | undefined;
  readonly count: number;
  readonly limit: number;
}

function opendir(server: Server, _request: Request, reply: Reply): void {
  if (server.options.silentOpen) {
    reply.fail(errno.ENOSYS);
    return;
  }
  reply.open(0, server.listsBranches() ? 0 : openFlag.keepCache | openFlag.cacheDirectory);
}

function releasedir(): void {}

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
  const cookie = request.u64(readIn.offset);
  const names = server.directoryNames();
  if (cookie === 0) names.begin();
  const after = names.after(cookie);
  if (cookie >= FIRST_COOKIE && after === undefined) {
    reply.fail(errno.EINVAL);
    return;
  }
  const limit = reply.length + Math.min(request.u32(readIn.size), server.options.maxWriteBytes);
  if (!appendDots(server, reply, cookie, limit, full)) return;
  const count = Math.min(Math.ceil((limit - reply.length) / recordBytes(1, full)), ENTRIES_MAX);
  const listing: Listing = { names, full, cookie, after, count, limit };
  if (full && !server.listsBranches()) appendFull(server, reply, listing);
  else appendPlain(server, reply, listing);
}

function appendPlain(server: Server, reply: Reply, listing: Listing): void {
  const { names, full, after, count, limit } = listing;
  const append = full ? appendBareRecord : appendRecord;
  const lists = server.listsBranches();
  let next = listing.cookie;
  for (const { name, inode, type } of server.files.readDirectory(server.inode, after, count)) {
    if (reply.length + recordBytes(name.length, full) > limit) return;
    next = names.cookieOf(name, next);
    const behind = lists ? server.world.slotBehind(inode) : 0;
    const target = behind > 0 ? ROOT_INODE : inode;
    append(reply, nodeLowOf(target), nodeHighOf(behind > 0 ? behind : server.slot, target), next, type, name);
  }
}

function appendFull(server: Server, reply: Reply, listing: Listing): void {
  const { names, after, count, limit } = listing;
  const { slot } = server;
  const validity = server.validityOf(slot);
  let next = listing.cookie;
  for (const { name, attributes } of server.files.readDirectoryFull(server.inode, after, count)) {
    if (reply.length + recordBytes(name.length, true) > limit) return;
    next = names.cookieOf(name, next);
    const { inode } = attributes;
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
