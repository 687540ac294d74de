/**
 * The dispatcher: takes one request from the receive buffer, runs it, leaves the answer in the reply buffer. Every loop uses it.
 * Callers must send `reply.bytes` up to the length that `handle` returns before they call it again. Nothing that a request holds
 * makes it throw.
 */
import { errno, errnoOf } from '../codec/errno.ts';
import { OPERATION_COUNT, openFlag, operation, REQUEST_OVERHEAD_BYTES, requestHeader } from '../codec/protocol.ts';
import { Reply, type Validity } from '../codec/reply.ts';
import { Request } from '../codec/request.ts';
import { attributeHandlers } from './attributes.ts';
import { dataHandlers } from './data.ts';
import { DirectoryNames } from './directory-names.ts';
import type { Attributes, FileSystem } from './filesystem.ts';
import { ROOT_INODE } from './filesystem.ts';
import { listingHandlers } from './listing.ts';
import { nameHandlers } from './names.ts';
import { BELL_INODE, BELL_SLOT, inodeOf, Nodes, nodeHighOf, nodeLowOf, slotOf } from './nodes.ts';
import { sessionHandlers } from './session.ts';
import type { World } from './world.ts';
import { xattrHandlers } from './xattrs.ts';

export type Handler = (server: Server, request: Request, reply: Reply) => void;

export interface ServerOptions {
  /** The largest write, in bytes; a multiple of 4096. */
  readonly maxWriteBytes: number;
  /** How long the kernel may keep names and attributes without asking: for mounts whose branches change only here. */
  readonly cacheSeconds: number;
  /** Lets the kernel gather writes and send them later. Faster, but a full pool is then met at fsync or close. */
  readonly writeback: boolean;
  /** Whoever changes a branch behind the kernel's back says so; otherwise the kernel watches times and sizes itself. */
  readonly changesAreTold: boolean;
  /** Opens without a message. Not where writing to some of the branches must fail at open. */
  readonly silentOpen: boolean;
}

export const defaultServerOptions: ServerOptions = {
  maxWriteBytes: 1024 * 1024,
  cacheSeconds: 3600,
  writeback: false,
  changesAreTold: true,
  silentOpen: true,
};

/** The protocol from which all names of a mount can be made to be looked up anew. */
export const EPOCH_MINOR = 44;

/** How long a list of branches may be kept: not at all. A fork made by any means appears at once. */
const listValidity: Validity = { entrySeconds: 0, attributeSeconds: 0 };

const handlers = new Array<Handler | undefined>(OPERATION_COUNT).fill(undefined);
for (const group of [sessionHandlers, nameHandlers, attributeHandlers, dataHandlers, listingHandlers, xattrHandlers]) {
  for (const [code, handler] of group) handlers[code] = handler;
}

/** An inode without names that nobody uses any more. */
interface Abandoned {
  readonly slot: number;
  readonly inode: number;
}

/** Requests that get no answer, not even of an error. */
const unanswered: ReadonlySet<number> = new Set([
  operation.forget,
  operation.batchForget,
  operation.interrupt,
  operation.notifyReply,
]);

/** Requests about the mount as a whole, whatever node they name. */
const aboutNoFile: ReadonlySet<number> = new Set([...unanswered, operation.init, operation.destroy]);

/** Steps of releasing orphans that are done after one request, so that no request waits long for another's rubbish. */
const RELEASE_STEPS = 4;

export class Server {
  readonly world: World;
  readonly options: ServerOptions;
  readonly request: Request;
  readonly reply: Reply;
  readonly nodes = new Nodes();
  private readonly abandoned: Abandoned[] = [];
  /** Of the directories that were listed and that the kernel still knows, by slot. */
  private readonly listed: (Map<number, DirectoryNames> | undefined)[] = [];
  /** Set by INIT: the minor version of the protocol that is spoken. */
  minor = 0;
  /** Requests handled so far. */
  requests = 0;
  /** The name in the mount's root that stands for the bell; empty: none. */
  bell: Uint8Array = new Uint8Array(0);
  /** Called when the bell has been rung. */
  onWake: (() => void) | undefined;
  /** Sends an answer that was put off: errno, or 0. The loop sets it. */
  sendLater: (uniqueLow: number, uniqueHigh: number, errno: number) => void = () => {};
  /** The node of the present request, taken apart, and its file system. */
  slot = 0;
  inode = 0;
  files!: FileSystem;
  private validity: Validity;

  constructor(world: World, options: Partial<ServerOptions> = {}) {
    this.world = world;
    this.options = { ...defaultServerOptions, ...options };
    const bytes = this.options.maxWriteBytes + REQUEST_OVERHEAD_BYTES;
    this.request = new Request(new Uint8Array(bytes));
    this.reply = new Reply(new Uint8Array(bytes));
    this.validity = { entrySeconds: this.options.cacheSeconds, attributeSeconds: this.options.cacheSeconds };
  }

  /** Handles the request in the first `received` bytes of `request.bytes`. Returns the length of the reply; 0 if none is due. */
  handle(received: number): number {
    const { request, reply } = this;
    const refused = request.accept(received);
    if (refused < 0) return 0;
    this.requests++;
    reply.begin(request);
    if (refused > 0) reply.fail(refused);
    else this.run(handlers[request.operation]);
    if (this.abandoned.length > 0) this.releaseSome(RELEASE_STEPS);
    reply.finish();
    return reply.wanted && !unanswered.has(request.operation) ? reply.length : 0;
  }

  private run(handler: Handler | undefined): void {
    const { request, reply } = this;
    if (handler === undefined) {
      reply.fail(errno.ENOSYS);
      return;
    }
    try {
      this.slot = slotOf(request.nodeHigh);
      this.inode = inodeOf(request.nodeLow, request.nodeHigh);
      const files = this.world.files(this.slot);
      if (files !== undefined) this.files = files;
      else if (!aboutNoFile.has(request.operation)) {
        reply.fail(errno.ESTALE);
        return;
      }
      handler(this, request, reply);
    } catch (error) {
      reply.fail(errnoOf(error));
    }
  }

  /** The kernel has said which protocol it speaks. One that cannot drop all names at once keeps them for a second at most. */
  begin(minor: number): void {
    this.minor = minor;
    const { cacheSeconds } = this.options;
    const entrySeconds = minor >= EPOCH_MINOR ? cacheSeconds : Math.min(cacheSeconds, 1);
    this.validity = { entrySeconds, attributeSeconds: cacheSeconds };
  }

  /** How long what is said of this slot may be believed. */
  validityOf(slot: number): Validity {
    return slot === 0 && this.world.listsBranches ? listValidity : this.validity;
  }

  /** Whether the present node is of a list of branches. */
  listsBranches(): boolean {
    return this.slot === 0 && this.world.listsBranches;
  }

  /** The cookies of the present directory. */
  directoryNames(): DirectoryNames {
    const { slot, inode } = this;
    let listed = this.listed[slot];
    if (listed === undefined) {
      listed = new Map();
      this.listed[slot] = listed;
    }
    let names = listed.get(inode);
    if (names === undefined) {
      names = new DirectoryNames();
      listed.set(inode, names);
    }
    return names;
  }

  /** Answers with an entry of the present slot and counts the lookup. An entry of a list of branches is its branch's root. */
  sendEntry(attributes: Attributes): void {
    let slot = this.slot;
    let inode = attributes.inode;
    const validity = this.validityOf(slot);
    const behind = slot === 0 && this.world.listsBranches ? this.world.slotBehind(inode) : 0;
    if (behind > 0) {
      slot = behind;
      inode = ROOT_INODE;
    }
    this.reply.entry(nodeLowOf(inode), nodeHighOf(slot, inode), attributes, validity);
    this.remember(slot, inode);
  }

  /** Whether a name is that of the bell. */
  isBell(name: Uint8Array): boolean {
    const { bell, slot, inode } = this;
    if (bell.length === 0 || slot !== 0 || inode !== ROOT_INODE || name.length !== bell.length) return false;
    return bell.every((byte, at) => name[at] === byte);
  }

  /** Answers with the bell: an empty file that is nobody's, known to the kernel for as long as it likes. */
  sendBell(): void {
    const root = this.files.getAttributes(ROOT_INODE);
    const attributes: Attributes = { ...root, inode: BELL_INODE, type: 'file', mode: 0, links: 1, size: 0, pages: 0 };
    this.reply.entry(nodeLowOf(BELL_INODE), nodeHighOf(BELL_SLOT, BELL_INODE), attributes, this.validity);
  }

  /** Counts a lookup, and holds the inode from the first one on. */
  remember(slot: number, inode: number): void {
    if (this.nodes.remember(slot, inode)) this.world.files(slot)?.hold(inode);
  }

  forget(slot: number, inode: number, count: number): void {
    if (!this.nodes.forget(slot, inode, count)) return;
    this.listed[slot]?.delete(inode);
    this.drop(slot, inode);
  }

  private drop(slot: number, inode: number): void {
    if (this.world.files(slot)?.drop(inode) === true) this.abandoned.push({ slot, inode });
  }

  /** An inode of the present slot has lost its last name. */
  orphan(inode: number): void {
    if (this.files.orphaned(inode)) this.abandoned.push({ slot: this.slot, inode });
  }

  sendAttributes(attributes: Attributes): void {
    this.reply.attributes(this.request.nodeLow, this.request.nodeHigh, attributes, this.validityOf(this.slot));
  }

  /** Flags of an open file: the kernel's cache of its data stays, since whatever changes it tells the kernel. */
  openFlags(): number {
    return openFlag.keepCache | openFlag.noFlush;
  }

  /** Commits; if that takes time, the answer is put off until it is done. */
  commit(): void {
    const pending = this.world.commit();
    if (pending === undefined) return;
    const low = this.request.view.getUint32(requestHeader.unique, true);
    const high = this.request.view.getUint32(requestHeader.unique + 4, true);
    this.reply.wanted = false;
    pending.then(
      () => this.sendLater(low, high, 0),
      (error: unknown) => this.sendLater(low, high, errnoOf(error)),
    );
  }

  /** Gives back room of files that have neither a name nor a user, in up to `steps` steps. True if nothing is left to do. */
  releaseSome(steps: number): boolean {
    const { abandoned } = this;
    for (let step = 0; step < steps && abandoned.length > 0; step++) {
      const { slot, inode } = abandoned.at(-1)!;
      let gone = true;
      try {
        gone = this.world.files(slot)?.release(inode) ?? true;
      } catch {
        // It stays an orphan in the branch and goes when the branch is next opened.
      }
      if (gone) abandoned.pop();
    }
    return abandoned.length === 0;
  }

  /** The mount is gone: what only the kernel's knowledge kept alive is released. */
  end(): void {
    for (const slot of this.nodes.knownSlots()) {
      for (const inode of this.nodes.known(slot)) this.drop(slot, inode);
    }
    this.nodes.clear();
    this.listed.length = 0;
    while (!this.releaseSome(1024));
  }
}
