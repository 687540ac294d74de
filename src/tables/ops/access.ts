/**
 * What a transaction has read and written: keys and ranges of the tree, kept for its validation.
 * Callers must record a read in the operation that makes it, absences included, and must pass keys that are borrowed only to methods
 * that copy (all of these do).
 */
import { compareBytes } from '../../core/bytes.ts';

/** A key as a string of its bytes: what a Set can hold. */
export function named(key: Uint8Array): string {
  return String.fromCharCode.apply(null, key as unknown as number[]);
}

export class KeySet {
  private readonly keys = new Map<string, Uint8Array>();

  add(key: Uint8Array): void {
    const name = named(key);
    if (!this.keys.has(name)) this.keys.set(name, key.slice());
  }

  has(key: Uint8Array): boolean {
    return this.keys.has(named(key));
  }
}

interface KeyRange {
  readonly from: Uint8Array;
  to: Uint8Array;
}

/** What a transaction has read, or has written or relies on at any level. */
export class AccessSet {
  readonly keys = new KeySet();
  private ranges: KeyRange[] = [];
  private sorted = true;

  add(key: Uint8Array): void {
    this.keys.add(key);
  }

  /** `[from, to)` was looked through, or is to stay as it is. */
  range(from: Uint8Array, to: Uint8Array): void {
    if (compareBytes(from, to) >= 0) return;
    const last = this.ranges.at(-1);
    if (last !== undefined && compareBytes(last.to, from) === 0) {
      last.to = to.slice();
      return;
    }
    this.ranges.push({ from: from.slice(), to: to.slice() });
    this.sorted = this.ranges.length === 1;
  }

  /** True if the key, or its absence, is in the set. */
  covers(key: Uint8Array): boolean {
    return this.keys.has(key) || this.inRange(key);
  }

  private inRange(key: Uint8Array): boolean {
    this.order();
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.ranges[middle].from, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compareBytes(key, this.ranges[low - 1].to) < 0;
  }

  /** Sorts the ranges and joins those that touch. */
  private order(): void {
    if (this.sorted) return;
    this.ranges.sort((a, b) => compareBytes(a.from, b.from));
    const joined: KeyRange[] = [];
    for (const range of this.ranges) {
      const last = joined.at(-1);
      if (last === undefined || compareBytes(last.to, range.from) < 0) joined.push(range);
      else if (compareBytes(last.to, range.to) < 0) last.to = range.to;
    }
    this.ranges = joined;
    this.sorted = true;
  }
}
