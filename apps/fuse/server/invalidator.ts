/**
 * Turns changes that others make to a branch into messages that make the kernel forget what it remembers of them.
 * Callers must hand it every change that does not come from the kernel itself; it may be told more than has changed.
 */
import { increaseEpoch, invalidateEntry, invalidateInode } from '../codec/notice.ts';
import { nodeHighOf, nodeLowOf } from './nodes.ts';
import type { NamedChange } from './pool-world.ts';
import { EPOCH_MINOR, type Server } from './server.ts';

const ATTRIBUTES_ONLY = -1;
const WHOLE = 0;

/** Where messages go: one after another, and in time. */
export interface Messenger {
  send(message: Uint8Array): void;
  /** Resolves when everything sent so far has been taken. */
  settled(): Promise<void>;
}

export class Invalidator {
  private readonly server: Server;
  private readonly messenger: Messenger;
  /** Slots of which everything is being forgotten, and whether that must begin again when it is done. */
  private readonly forgetting = new Map<number, { again: boolean }>();

  constructor(server: Server, messenger: Messenger) {
    this.server = server;
    this.messenger = messenger;
  }

  /** One change in a slot, or (undefined) that anything of it may have changed. */
  changed(slot: number, change: NamedChange | undefined): void {
    if (change === undefined) this.allChanged(slot);
    else if (change.event === 'change') this.inode(slot, change.inode, WHOLE);
    else {
      this.name(slot, change.parent, change.name);
      this.inode(slot, change.inode, ATTRIBUTES_ONLY);
      this.inode(slot, change.parent, WHOLE);
    }
  }

  private inode(slot: number, inode: number, offset: number): void {
    if (!this.isKnown(slot, inode)) return;
    this.messenger.send(invalidateInode(nodeLowOf(inode), nodeHighOf(slot, inode), offset));
  }

  private name(slot: number, parent: number, name: Uint8Array): void {
    if (!this.isKnown(slot, parent)) return;
    this.messenger.send(invalidateEntry(nodeLowOf(parent), nodeHighOf(slot, parent), name));
  }

  private isKnown(slot: number, inode: number): boolean {
    return inode === 1 || this.server.nodes.lookups(slot, inode) > 0;
  }

  /** Resolves when the kernel has taken all that has been changed so far. */
  async settled(): Promise<void> {
    // A branch tells of its changes in a microtask.
    await Promise.resolve();
    do await this.messenger.settled();
    while (this.forgetting.size > 0);
  }

  /** However often it is called while the messages of one call are on their way, they are sent but once more. */
  private allChanged(slot: number): void {
    const underWay = this.forgetting.get(slot);
    if (underWay !== undefined) {
      underWay.again = true;
      return;
    }
    const state = { again: false };
    this.forgetting.set(slot, state);
    this.forgetAll(slot);
    void this.messenger.settled().then(() => {
      this.forgetting.delete(slot);
      if (state.again) this.allChanged(slot);
    });
  }

  /** Where the kernel is too old for epochs, names are only ever kept for a second: see `Server.validityOf`. */
  private forgetAll(slot: number): void {
    if (this.server.minor >= EPOCH_MINOR) this.messenger.send(increaseEpoch());
    this.inode(slot, 1, WHOLE);
    for (const inode of this.server.nodes.known(slot)) this.inode(slot, inode, WHOLE);
  }
}
