/**
 * A change feed: the changes of a table's rows, in batches, for as long as somebody listens.
 * Callers must end the loop over it (`break`, `return`, or the signal): a feed holds the last state that it has told about.
 * Writes that follow each other closely come as one change: a feed tells what differs between two moments, not every step.
 */
import type { BranchTarget } from './branch-target.ts';
import { eachChange, type RowChange } from './changes.ts';
import { runJob } from './job.ts';
import type { ResolvedRange } from './ops/range.ts';
import type { Schema } from './schema.ts';
import type { Fork } from './target.ts';

export interface WatchOptions {
  /** Ends the feed. */
  readonly signal?: AbortSignal;
}

/** Changes of rows as they are made. It listens from its making on. */
export class Feed<Value> implements AsyncIterableIterator<RowChange<Value>[], void, void> {
  private readonly target: BranchTarget;
  private readonly schema: Schema<Value>;
  private readonly range: ResolvedRange;
  private readonly bell = new Bell();
  private readonly stop: () => void;
  /** The state that was told about last. */
  private told: Promise<Fork>;
  private readonly pending: RowChange<Value>[][] = [];
  private ended = false;
  /** What has been asked for so far: one thing is done after another. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(target: BranchTarget, schema: Schema<Value>, range: ResolvedRange, signal?: AbortSignal) {
    this.target = target;
    this.schema = schema;
    this.range = range;
    this.told = this.holdNow();
    const unlisten = target.branch.onChange(() => this.bell.ring());
    const end = () => this.end();
    signal?.addEventListener('abort', end);
    this.stop = () => {
      unlisten();
      signal?.removeEventListener('abort', end);
    };
    if (signal?.aborted) this.end();
  }

  next(): Promise<IteratorResult<RowChange<Value>[], void>> {
    const result = this.turn.then(() => this.take());
    this.turn = result.catch(() => this.end());
    return result;
  }

  async return(): Promise<IteratorResult<RowChange<Value>[], void>> {
    this.end();
    await this.turn;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private holdNow(): Promise<Fork> {
    const held = runJob(this.target, this.target.fork());
    // Whoever needs it is told; nobody may.
    held.catch(() => {});
    return held;
  }

  private async take(): Promise<IteratorResult<RowChange<Value>[], void>> {
    for (;;) {
      if (this.ended) return { done: true, value: undefined };
      const batch = this.pending.shift();
      if (batch !== undefined) return { done: false, value: batch };
      await this.bell.rung();
      if (!this.ended) await this.compare();
    }
  }

  /** Works out what differs between the state told about and the present one, which takes its place. */
  private async compare(): Promise<void> {
    const { target, schema, range } = this;
    const told = await this.told;
    const now = await this.holdNow();
    if (now.root.page === told.root.page) {
      now.release();
      return;
    }
    this.told = Promise.resolve(now);
    try {
      const states = { store: target.store, a: told.root, b: now.root };
      await runJob(
        target,
        eachChange(schema, states, range, (changes) => this.pending.push(changes)),
      );
    } finally {
      told.release();
    }
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.stop();
    this.bell.ring();
    // After a comparison that is under way: that still reads it.
    const release = async () => (await this.told).release();
    this.turn = this.turn.then(release).catch(() => {});
  }
}

/** Lets one waiter know that something happened, also if it happened before it waited. */
class Bell {
  private rang = false;
  private wake: (() => void) | undefined;

  ring(): void {
    this.rang = true;
    this.wake?.();
  }

  async rung(): Promise<void> {
    if (!this.rang) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.wake = undefined;
    this.rang = false;
  }
}
