/**
 * Resident pages: a fixed arena of equal frames, found by page number, the least recently touched clean ones reused first.
 * Callers must mark a frame dirty before another `take`, and must not keep a frame number beyond the operation that found
 * it, unless it is pinned or dirty.
 */

import { assert } from '../errors.ts';

/** How many frames an eviction looks at before it settles for the oldest of them. */
const EVICTION_SAMPLE = 16;

/** The first frames hold no page: copies stand there for the length of a call. */
const ASIDE_FRAMES = 2;
/** The arena begins with so many frames, and when they are used up has so many times as many: small pools open fast. */
const FIRST_FRAMES = 64;
const GROWTH = 4;

export class Frames {
  readonly frameBytes: number;
  readonly capacity: number;
  /** The arena. {@link take} may replace it: a view of it is not to be kept across one. */
  u8: Uint8Array;
  u32: Uint32Array;
  /** The page in each frame; 0 means that the frame is free. */
  readonly pageOf: Uint32Array;
  dirtyCount = 0;

  private readonly dirty: Uint8Array;
  /** Every dirty frame, among others that have been clean since and may stand here twice. */
  private dirtied: number[] = [];
  private readonly pins: Uint16Array;
  private readonly stamps: Uint32Array;
  /** Open addressing, linear probing: pairs of page and frame; page 0 marks an empty place. */
  private readonly table: Uint32Array;
  private readonly mask: number;
  private readonly end: number;
  private readonly free: number[] = [];
  private neverUsed = ASIDE_FRAMES;
  private hand = ASIDE_FRAMES;
  private now = 1;
  private pinnedCount = 0;
  /** Loads under way, and the pages written since the first of them began, each with the number of the write. */
  private loads = 0;
  private writes = 0;
  private readonly written = new Map<number, number>();

  constructor(frameBytes: number, capacity: number) {
    this.frameBytes = frameBytes;
    this.capacity = capacity;
    this.end = capacity + ASIDE_FRAMES;
    const buffer = new ArrayBuffer(frameBytes * Math.min(this.end, FIRST_FRAMES));
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.pageOf = new Uint32Array(this.end);
    this.dirty = new Uint8Array(this.end);
    this.pins = new Uint16Array(this.end);
    this.stamps = new Uint32Array(this.end);
    let places = 16;
    while (places < capacity * 2) places *= 2;
    this.table = new Uint32Array(places * 2);
    this.mask = places - 1;
  }

  /** Begins an operation: frames touched from now on are not evicted until the next one begins. */
  begin(): void {
    if (this.now === 0xffff_ffff) {
      this.stamps.fill(0);
      this.now = 0;
    }
    this.now++;
  }

  /** The frame that holds `page`, or -1. */
  find(page: number): number {
    const { table, mask } = this;
    let place = this.home(page);
    for (;;) {
      const at = table[place * 2];
      if (at === page) {
        const frame = table[place * 2 + 1];
        this.stamps[frame] = this.now;
        return frame;
      }
      if (at === 0) return -1;
      place = (place + 1) & mask;
    }
  }

  /** A frame for `page`, which must not be resident; its bytes are whatever they were. Asserts that one can be had. */
  take(page: number): number {
    assert(page !== 0, 'page 0 has no frame');
    const frame = this.free.pop() ?? (this.neverUsed < this.end ? this.fresh() : this.evict());
    this.pageOf[frame] = page;
    this.stamps[frame] = this.now;
    this.enter(page, frame);
    return frame;
  }

  /** Gives a resident frame another page number, keeping its bytes. */
  rename(frame: number, page: number): void {
    this.leave(this.pageOf[frame]);
    this.pageOf[frame] = page;
    this.enter(page, frame);
  }

  /** Forgets `page`, dirty or not. */
  drop(page: number): void {
    const frame = this.find(page);
    if (frame < 0) return;
    this.clean(frame);
    this.leave(page);
    this.pageOf[frame] = 0;
    this.stamps[frame] = 0;
    if (this.pins[frame] === 0) this.free.push(frame);
  }

  markDirty(frame: number): void {
    if (this.loads > 0) this.noteWrite(this.pageOf[frame]);
    if (this.dirty[frame] === 0) {
      this.dirty[frame] = 1;
      this.dirtyCount++;
      this.dirtied.push(frame);
    }
  }

  /** A page's bytes change; who does not do so in a frame must say it, and must drop the page. */
  noteWrite(page: number): void {
    this.writes++;
    if (this.loads > 0) this.written.set(page, this.writes);
  }

  /** A page begins to be read from the device; returns what {@link isWritten} asks for. */
  beginLoad(): number {
    this.loads++;
    return this.writes;
  }

  endLoad(): void {
    this.loads--;
    if (this.loads === 0) this.written.clear();
  }

  /** True if a page was written since a load began: what the load has read is not what it holds. */
  isWritten(page: number, since: number): boolean {
    return (this.written.get(page) ?? 0) > since;
  }

  clean(frame: number): void {
    if (this.dirty[frame] === 1) {
      this.dirty[frame] = 0;
      this.dirtyCount--;
    }
  }

  isDirty(frame: number): boolean {
    return this.dirty[frame] === 1;
  }

  /** All dirty frames in the order of their pages. */
  dirtyFrames(): number[] {
    const frames = [...new Set(this.dirtied)].filter((frame) => this.dirty[frame] === 1);
    this.dirtied = frames.slice();
    return frames.sort((a, b) => this.pageOf[a] - this.pageOf[b]);
  }

  pin(frame: number): void {
    if (this.pins[frame] === 0) this.pinnedCount++;
    this.pins[frame] = this.pins[frame] + 1;
  }

  unpin(frame: number): void {
    assert(this.pins[frame] > 0, 'a frame is unpinned more often than pinned');
    this.pins[frame] = this.pins[frame] - 1;
    if (this.pins[frame] !== 0) return;
    this.pinnedCount--;
    if (this.pageOf[frame] === 0) this.free.push(frame);
  }

  /** How many frames could be taken now if no resident page were needed. */
  get takeable(): number {
    return this.capacity - this.dirtyCount - this.pinnedCount;
  }

  /** The frame's bytes, shared. */
  bytes(frame: number): Uint8Array {
    const at = frame * this.frameBytes;
    return this.u8.subarray(at, at + this.frameBytes);
  }

  /** Copies a frame to one of two that hold no page, and returns that one's number. */
  setAside(frame: number, which: number): number {
    this.u8.copyWithin(which * this.frameBytes, frame * this.frameBytes, (frame + 1) * this.frameBytes);
    return which;
  }

  /** Forgets every clean page. Nothing may be dirty or pinned that must survive. */
  forgetClean(): void {
    for (let frame = 0; frame < this.neverUsed; frame++) {
      const page = this.pageOf[frame];
      if (page !== 0 && this.dirty[frame] === 0) this.drop(page);
    }
  }

  private fresh(): number {
    const frame = this.neverUsed++;
    if ((frame + 1) * this.frameBytes > this.u8.length) {
      const buffer = new ArrayBuffer(Math.min(this.end * this.frameBytes, this.u8.length * GROWTH));
      const u8 = new Uint8Array(buffer);
      u8.set(this.u8);
      this.u8 = u8;
      this.u32 = new Uint32Array(buffer);
    }
    return frame;
  }

  private home(page: number): number {
    return (Math.imul(page, 0x9e37_79b1) >>> 7) & this.mask;
  }

  private enter(page: number, frame: number): void {
    const { table, mask } = this;
    let place = this.home(page);
    while (table[place * 2] !== 0) {
      assert(table[place * 2] !== page, 'a page is resident twice');
      place = (place + 1) & mask;
    }
    table[place * 2] = page;
    table[place * 2 + 1] = frame;
  }

  /** Deletion by backward shift: no tombstones, so probes stay short. */
  private leave(page: number): void {
    const { table, mask } = this;
    let place = this.home(page);
    while (table[place * 2] !== page) {
      assert(table[place * 2] !== 0, 'a page to forget is not resident');
      place = (place + 1) & mask;
    }
    let next = (place + 1) & mask;
    while (table[next * 2] !== 0) {
      const home = this.home(table[next * 2]);
      if (((next - home) & mask) >= ((next - place) & mask)) {
        table[place * 2] = table[next * 2];
        table[place * 2 + 1] = table[next * 2 + 1];
        place = next;
      }
      next = (next + 1) & mask;
    }
    table[place * 2] = 0;
    table[place * 2 + 1] = 0;
  }

  /** The oldest of a sample of clean, unpinned frames that this operation has not touched. */
  private evict(): number {
    let best = -1;
    let seen = 0;
    for (let step = 0; step < this.capacity && seen < EVICTION_SAMPLE; step++) {
      const frame = this.hand;
      this.hand = frame + 1 === this.end ? ASIDE_FRAMES : frame + 1;
      if (this.dirty[frame] === 1 || this.pins[frame] !== 0 || this.stamps[frame] === this.now) continue;
      seen++;
      if (best < 0 || this.stamps[frame] < this.stamps[best]) best = frame;
    }
    assert(best >= 0, 'no frame can be evicted');
    this.leave(this.pageOf[best]);
    return best;
  }
}
