/**
 * Requests about the mount itself: agreeing on the protocol, forgetting nodes, statistics, waking, and the end.
 * The choice of flags in `init` decides what the kernel does by itself; none must change without `docs/fuse-protocol.md`, which says why
 * each is as it is.
 */
import { errno } from '../codec/errno.ts';
import {
  batchForgetIn,
  forgetIn,
  initFlag,
  initFlag2,
  initIn,
  operation,
  PROTOCOL_MAJOR,
  PROTOCOL_MINOR_NEWEST,
  PROTOCOL_MINOR_OLDEST,
} from '../codec/protocol.ts';
import type { Reply } from '../codec/reply.ts';
import type { Request } from '../codec/request.ts';
import { inodeOf, slotOf } from './nodes.ts';
import type { Handler, Server } from './server.ts';

const PAGE_BYTES = 4096;
const MAX_BACKGROUND = 64;

/** What is wanted wherever the kernel offers it. */
const WANTED =
  initFlag.asyncRead |
  initFlag.bigWrites |
  initFlag.readdirplus |
  initFlag.readdirplusAuto |
  initFlag.asyncDirect |
  initFlag.parallelDirectoryOperations |
  initFlag.maxPages |
  initFlag.cacheSymlinks |
  initFlag.handleKillPrivilegesV2 |
  initFlag.initExtended;

function init(server: Server, request: Request, reply: Reply): void {
  const major = request.u32(initIn.major);
  const minor = request.u32(initIn.minor);
  if (major < PROTOCOL_MAJOR || (major === PROTOCOL_MAJOR && minor < PROTOCOL_MINOR_OLDEST)) {
    reply.fail(errno.EPROTO);
    return;
  }
  server.begin(major > PROTOCOL_MAJOR ? PROTOCOL_MINOR_NEWEST : Math.min(minor, PROTOCOL_MINOR_NEWEST));
  const offered = request.u32(initIn.flags);
  const offered2 =
    (offered & initFlag.initExtended) !== 0 && request.length >= 40 + 20 ? request.u32(initIn.flags2) : 0;
  const { maxWriteBytes, writeback, silentOpen, changesAreTold } = server.options;
  let wanted: number = WANTED;
  wanted |= changesAreTold ? initFlag.explicitInvalidateData : initFlag.autoInvalidateData;
  if (writeback) wanted |= initFlag.writebackCache;
  if (silentOpen) wanted |= initFlag.noOpenSupport | initFlag.noOpendirSupport;
  reply.init({
    minor: PROTOCOL_MINOR_NEWEST,
    maxReadahead: Math.max(request.u32(initIn.maxReadahead), maxWriteBytes),
    flags: offered & wanted,
    flags2: offered2 & initFlag2.hasExpireOnly,
    maxBackground: MAX_BACKGROUND,
    maxWriteBytes,
    maxPages: maxWriteBytes / PAGE_BYTES,
  });
}

function forget(server: Server, request: Request, reply: Reply): void {
  reply.wanted = false;
  server.forget(server.slot, server.inode, request.u64(forgetIn.count));
}

function batchForget(server: Server, request: Request, reply: Reply): void {
  reply.wanted = false;
  const count = request.u32(batchForgetIn.count);
  for (let item = 0, at: number = batchForgetIn.items; item < count; item++, at += batchForgetIn.itemBytes) {
    const low = request.u32(at);
    const high = request.u32(at + 4);
    server.forget(slotOf(high), inodeOf(low, high), request.u64(at + 8));
  }
}

function statfs(server: Server, _request: Request, reply: Reply): void {
  reply.statfs(server.files.statfs());
}

/** By the time an interrupt is read, what it interrupts has been answered or is being made durable: there is nothing to stop. */
function interrupt(_server: Server, _request: Request, reply: Reply): void {
  reply.wanted = false;
}

function notifyReply(server: Server, _request: Request, reply: Reply): void {
  reply.wanted = false;
  // It is nobody's request.
  server.requests--;
  server.onWake?.();
}

function done(): void {}

function sync(server: Server): void {
  server.commit();
}

export const sessionHandlers: readonly (readonly [number, Handler])[] = [
  [operation.init, init],
  [operation.forget, forget],
  [operation.batchForget, batchForget],
  [operation.statfs, statfs],
  [operation.interrupt, interrupt],
  [operation.notifyReply, notifyReply],
  [operation.destroy, done],
  [operation.syncfs, sync],
  [operation.fsync, sync],
  [operation.fsyncdir, sync],
];
