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
  /** The state that was told about last; undefined once the feed has ended. */
  private told: Fork | undefined;
  private readonly pending: RowChange<Value>[][] = [];
  private comparing = false;
  /** Calls of `next` are answered in turn. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(target: BranchTarget, schema: Schema<Value>, range: ResolvedRange, signal?: AbortSignal) {
    this.target = target;
    this.schema = schema;
    this.range = range;
    this.told = target.fork();
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
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async take(): Promise<IteratorResult<RowChange<Value>[], void>> {
    for (;;) {
      const batch = this.pending.shift();
      if (batch !== undefined) return { done: false, value: batch };
      if (this.told === undefined) return { done: true, value: undefined };
      await this.bell.rung();
      if (this.told !== undefined) await this.compare(this.told);
    }
  }

  /** Works out what differs between the state told about and the present one, which takes its place. */
  private async compare(told: Fork): Promise<void> {
    const { target, schema, range } = this;
    const now = target.fork();
    if (now.root.page === told.root.page) {
      now.release();
      return;
    }
    this.told = now;
    this.comparing = true;
    try {
      const states = { store: target.store, a: told.root, b: now.root };
      await runJob(
        target,
        eachChange(schema, states, range, (changes) => this.pending.push(changes)),
      );
    } finally {
      this.comparing = false;
      told.release();
      if (this.told !== now) now.release();
    }
  }

  private end(): void {
    const { told } = this;
    this.told = undefined;
    this.stop();
    this.bell.ring();
    // A comparison that is under way still reads it, and releases it at its end.
    if (told !== undefined && !this.comparing) told.release();
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
