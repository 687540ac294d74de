/**
 * Brings the content of an open host file into the branch: new files in as few operations as can be, known ones by writing only the
 * pages that differ, so that what is the same stays shared. Holes stay holes.
 * Callers must look at `steady`: a file that somebody wrote to while it was read, three times over, may be a mixture.
 */
import { readSync } from 'node:fs';
import { isByreError } from '../errors.ts';
import { setAttributes } from '../files/ops/attributes.ts';
import { read, write } from '../files/ops/content.ts';
import { create } from '../files/ops/create.ts';
import { punchHole, seekStep } from '../files/ops/holes.ts';
import { CONTENT_BYTES } from '../files/ops/keys.ts';
import type { View } from '../files/ops/view.ts';
import type { Run } from './memory.ts';
import { native } from './native.ts';
import { type HostStat, isSparse, isUnchanged, statDescriptor, timeOf } from './stat.ts';

const PAGE_BYTES = 4096;
const TRIES = 3;

export interface Filled {
  readonly inode: number;
  /** As it was when the last byte had been read. */
  readonly stat: HostStat;
  readonly steady: boolean;
  readonly bytesRead: number;
  /** Whether any byte of a known file was written. */
  readonly contentChanged: boolean;
}

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly isHole: boolean;
}

export class Filler {
  readonly #view: View;
  readonly #run: Run;
  readonly #fresh = Buffer.alloc(CONTENT_BYTES + 1);
  readonly #stored = Buffer.alloc(CONTENT_BYTES);
  #bytesRead = 0;

  constructor(view: View, run: Run) {
    this.#view = view;
    this.#run = run;
  }

  /** Makes the file `name` in `parent` from what `descriptor` has open. */
  createFile(parent: number, name: Uint8Array, descriptor: number, first: HostStat): Filled {
    this.#bytesRead = 0;
    let stat = first;
    if (stat.size > CONTENT_BYTES || isSparse(stat)) return this.#createLarge(parent, name, descriptor, stat);
    for (let attempt = 1; ; attempt++) {
      const length = this.#readAt(descriptor, 0, Math.min(stat.size, CONTENT_BYTES) + 1, stat.size);
      const after = statDescriptor(descriptor);
      const steady = length === after.size && isUnchanged(stat, after);
      stat = after;
      if (!steady && attempt < TRIES) continue;
      if (length > CONTENT_BYTES) return this.#createLarge(parent, name, descriptor, stat);
      const inode = this.#createWith(parent, name, stat, this.#fresh.subarray(0, length));
      return { inode, stat, steady, bytesRead: this.#bytesRead, contentChanged: true };
    }
  }

  /** Makes the content of a known file that of the open one. */
  refill(inode: number, sizeBefore: number, descriptor: number, first: HostStat): Filled {
    this.#bytesRead = 0;
    return this.#refill(inode, sizeBefore, descriptor, first);
  }

  #createWith(parent: number, name: Uint8Array, stat: HostStat, content: Uint8Array): number {
    const options = {
      type: 'file',
      mode: stat.mode,
      uid: stat.uid,
      gid: stat.gid,
      content,
      accessTime: timeOf(stat.accessTime),
      modifyTime: timeOf(stat.modifyTime),
    } as const;
    return this.#run(() => create(this.#view, parent, name, options));
  }

  #createLarge(parent: number, name: Uint8Array, descriptor: number, stat: HostStat): Filled {
    const inode = this.#createWith(parent, name, stat, this.#fresh.subarray(0, 0));
    const filled = this.#refill(inode, 0, descriptor, stat);
    const modifyTime = timeOf(filled.stat.modifyTime);
    this.#run(() => setAttributes(this.#view, inode, { modifyTime }));
    return filled;
  }

  #refill(inode: number, sizeBefore: number, descriptor: number, first: HostStat): Filled {
    let stat = first;
    let stored = sizeBefore;
    let contentChanged = false;
    for (let attempt = 1; ; attempt++) {
      const { length, changed } = this.#transfer(inode, stored, descriptor, stat);
      contentChanged ||= changed || length !== stored;
      if (length !== stored) while (!this.#run(() => setAttributes(this.#view, inode, { size: length })));
      stored = length;
      const after = statDescriptor(descriptor);
      const steady = length === after.size && isUnchanged(stat, after);
      stat = after;
      if (steady || attempt === TRIES) return { inode, stat, steady, bytesRead: this.#bytesRead, contentChanged };
    }
  }

  /** One pass over the file; says how long it was found to be. */
  #transfer(inode: number, stored: number, descriptor: number, stat: HostStat): { length: number; changed: boolean } {
    let changed = false;
    let reached = 0;
    for (const piece of this.#pieces(descriptor, stat)) {
      if (piece.isHole) {
        if (piece.from < stored) changed = this.#clear(inode, piece.from, Math.min(piece.to, stored)) || changed;
        reached = piece.to;
        continue;
      }
      const length = this.#readAt(descriptor, piece.from, piece.to - piece.from);
      if (length > 0) changed = this.#store(inode, stored, piece.from, length, isSparse(stat)) || changed;
      reached = piece.from + length;
      if (length < piece.to - piece.from) break;
    }
    return { length: reached, changed };
  }

  /** What to read, in pieces that never cross a chunk of the branch, and what not to. */
  *#pieces(descriptor: number, stat: HostStat): Generator<Piece> {
    const calls = isSparse(stat) ? native() : undefined;
    for (let from = 0; from < stat.size; ) {
      let end = stat.size;
      if (calls !== undefined) {
        const data = calls.seekData(descriptor, from);
        const dataFrom = data < 0 ? stat.size : Math.min(data, stat.size);
        if (dataFrom > from) yield { from, to: dataFrom, isHole: true };
        from = dataFrom;
        if (from >= stat.size) return;
        const hole = calls.seekHole(descriptor, from);
        if (hole > from) end = Math.min(hole, stat.size);
      }
      while (from < end) {
        const to = Math.min(end, from - (from % CONTENT_BYTES) + CONTENT_BYTES);
        yield { from, to, isHole: false };
        from = to;
      }
    }
  }

  /** Reads until there is nothing more, `wanted` bytes are there, or at least `enough`: a byte more is asked for to see growth. */
  #readAt(descriptor: number, position: number, wanted: number, enough = wanted): number {
    let length = 0;
    while (length < wanted) {
      const count = readSync(descriptor, this.#fresh, length, wanted - length, position + length);
      length += count;
      if (count === 0 || length >= enough) break;
    }
    this.#bytesRead += length;
    return length;
  }

  /** Writes what differs of the bytes just read, page by page. Pages of zeros in a file with holes become holes. */
  #store(inode: number, stored: number, from: number, length: number, sparse: boolean): boolean {
    const known = Math.max(0, Math.min(length, stored - from));
    if (known === 0 && !sparse) {
      this.#write(inode, from, this.#fresh.subarray(0, length));
      return true;
    }
    let at = 0;
    while (at < known) {
      const start = at;
      const count = this.#run(() => read(this.#view, inode, from + start, this.#stored.subarray(start, known)));
      if (count === 0) break;
      at += count;
    }
    let changed = false;
    for (let start = 0; start < length; ) {
      let end = this.#pageEnd(from, start, length);
      if (this.#isStored(start, end, known) || (sparse && start >= known && isZero(this.#fresh, start, end))) {
        start = end;
        continue;
      }
      while (end < length) {
        const next = this.#pageEnd(from, end, length);
        if (this.#isStored(end, next, known) || (sparse && isZero(this.#fresh, end, next))) break;
        end = next;
      }
      this.#write(inode, from + start, this.#fresh.subarray(start, end));
      changed = true;
      start = end;
    }
    return changed;
  }

  #pageEnd(from: number, start: number, length: number): number {
    return Math.min(length, start + PAGE_BYTES - ((from + start) % PAGE_BYTES));
  }

  #isStored(start: number, end: number, known: number): boolean {
    return end <= known && this.#fresh.compare(this.#stored, start, end, start, end) === 0;
  }

  #write(inode: number, offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const start = at;
      at += this.#run(() => write(this.#view, inode, offset + start, bytes.subarray(start)));
    }
  }

  /** Makes a hole where the branch holds data; true if it did. */
  #clear(inode: number, from: number, to: number): boolean {
    if (!this.#hasData(inode, from, to)) return false;
    for (let at = from; at < to; ) {
      const start = at;
      at = this.#run(() => punchHole(this.#view, inode, start, to));
    }
    return true;
  }

  #hasData(inode: number, from: number, to: number): boolean {
    for (let at = from; ; ) {
      const start = at;
      const { offset, found } = this.#run(() => {
        try {
          return seekStep(this.#view, inode, start, 'data');
        } catch (error) {
          if (isByreError(error) && error.code === 'ENXIO') return { offset: to, found: true };
          throw error;
        }
      });
      if (found || offset >= to) return offset < to;
      at = offset;
    }
  }
}

function isZero(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}
