/**
 * Turns changes that others make to a branch into messages that make the kernel forget what it remembers of them.
 * Callers must hand it every change that does not come from the kernel itself; it may be told more than has changed.
 */
import type { Change } from '../../../src/files/changes.ts';
import { increaseEpoch, invalidateEntry, invalidateInode } from '../codec/notice.ts';
import { nodeHighOf, nodeLowOf } from './nodes.ts';
import { EPOCH_MINOR, type Server } from './server.ts';

const ATTRIBUTES_ONLY = -1;
const WHOLE = 0;

export class Invalidator {
  private readonly server: Server;
  private readonly send: (message: Uint8Array) => void;

  constructor(server: Server, send: (message: Uint8Array) => void) {
    this.server = server;
    this.send = send;
  }

  /** One change in a slot, or (undefined) that anything of it may have changed. */
  changed(slot: number, change: Change | undefined): void {
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
    this.send(invalidateInode(nodeLowOf(inode), nodeHighOf(slot, inode), offset));
  }

  private name(slot: number, parent: number, name: Uint8Array): void {
    if (!this.isKnown(slot, parent)) return;
    this.send(invalidateEntry(nodeLowOf(parent), nodeHighOf(slot, parent), name));
  }

  private isKnown(slot: number, inode: number): boolean {
    return inode === 1 || this.server.nodes.lookups(slot, inode) > 0;
  }

  /** Where the kernel is too old for epochs, names are only ever kept for a second: see `Server.validityOf`. */
  private allChanged(slot: number): void {
    if (this.server.minor >= EPOCH_MINOR) this.send(increaseEpoch());
    this.inode(slot, 1, WHOLE);
    for (const inode of this.server.nodes.known(slot)) this.inode(slot, inode, WHOLE);
  }
}
