/**
 * A reader of a range of rows or index entries, leaf by leaf. It reads one state of the branch: if the range does not fit one leaf
 * it holds a fork until it is done.
 * Callers must `close` a cursor that they do not read to its end, or the fork keeps its pages until the pool is closed.
 */
import type { Range } from '../core/scan.ts';
import type { Root } from '../core/store.ts';
import type { Job } from './job.ts';
import { fetchValue } from './long.ts';
import type { AccessSet } from './ops/access.ts';
import { LeafCopy } from './ops/leaf.ts';
import { after, type ResolvedRange } from './ops/range.ts';
import type { Key } from './ops/tuple.ts';
import type { Fork, Target } from './target.ts';

export class Cursor {
  readonly leaf = new LeafCopy();
  private readonly target: Target;
  private readonly start: number;
  private readonly reverse: boolean;
  private from: Uint8Array;
  private to: Uint8Array;
  private left: number;
  private fork: Fork | undefined;
  private done: boolean;

  /** `start` is where the keys' own part begins. */
  constructor(target: Target, range: ResolvedRange, start: number) {
    this.target = target;
    this.start = start;
    this.reverse = range.reverse;
    this.from = range.from;
    this.to = range.to;
    this.left = range.limit;
    this.done = range.limit === 0;
  }

  /** Goes to the next row of the leaf at hand; false: there may be more after {@link load}. */
  advance(): boolean {
    return this.leaf.advance();
  }

  /** True if nothing is left to load. */
  get ended(): boolean {
    return this.done && this.leaf.left === 0;
  }

  get key(): Key {
    return this.leaf.readKey(this.start);
  }

  /**
   * One operation: takes the next leaf's rows. Call it when {@link advance} returned false and {@link ended} is false. False
   * means that nothing was taken, since more than a leaf is to be read: {@link hold}, and call it again.
   */
  load(): boolean {
    const { target, leaf } = this;
    const range: Range = { from: this.from, to: this.to, reverse: this.reverse };
    const next = leaf.take(target.store, this.root, range, this.left);
    const limited = leaf.left >= this.left;
    const more = next !== undefined && !limited;
    if (this.fork === undefined && !target.readOnly && (more || leaf.hasLarge)) {
      leaf.left = 0;
      return false;
    }
    if (target.reads !== undefined) this.note(target.reads, limited, next);
    this.left -= leaf.left;
    if (next !== undefined) {
      if (this.reverse) this.to = next;
      else this.from = next;
    }
    this.done = !more;
    return true;
  }

  /** Holds the branch as it is now for the rest of the cursor. */
  *hold(): Job<void> {
    this.fork ??= yield* this.target.fork();
  }

  /** The present row's bytes, which may need another operation. */
  *value(): Job<Uint8Array> {
    const inline = this.leaf.value();
    if (inline !== undefined) return inline;
    const { target } = this;
    return (yield* fetchValue(target.store, this.root, this.leaf.treeKey())) ?? new Uint8Array(0);
  }

  /** The value of another row of the same state, given the tree's key. */
  *other(key: Uint8Array): Job<Uint8Array | undefined> {
    const { target } = this;
    target.reads?.keys.add(key);
    return yield* fetchValue(target.store, this.root, key);
  }

  close(): void {
    this.done = true;
    this.leaf.left = 0;
    this.fork?.release();
    this.fork = undefined;
  }

  private get root(): Root {
    return this.fork?.root ?? this.target.root;
  }

  /** What was looked through: up to `next`, or to the end, or as far as the limit let it. */
  private note(reads: AccessSet, limited: boolean, next: Uint8Array | undefined): void {
    const last = limited ? this.leaf.lastTreeKey() : next;
    if (this.reverse) reads.range(last ?? this.from, this.to);
    else reads.range(this.from, last === undefined ? this.to : limited ? after(last) : last);
  }
}
