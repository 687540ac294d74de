/**
 * Iterators of a database, over a state that is held from their creation to their end.
 * Callers must not use them but through `abstract-level`, which keeps one read at a time and closes them.
 */
import { AbstractIterator, AbstractKeyIterator, AbstractValueIterator } from 'abstract-level';
import type { Cursor } from '../tables/cursor.ts';
import type { HeldState } from '../tables/held.ts';
import { runJob } from '../tables/job.ts';
import type { ByreLevel } from './level.ts';
import type { LevelRange } from './range.ts';

/** What an iterator reads: a state that is its own, or a snapshot's. */
export interface Source {
  readonly state: HeldState;
  readonly range: LevelRange;
  /** The state is the iterator's, and goes with it. */
  readonly owned: boolean;
}

type Take<Item> = (cursor: Cursor, value: Uint8Array | undefined) => Item;

/** The part that the three kinds of iterator share. */
class Reader<Item> {
  private readonly source: Source;
  private readonly take: Take<Item>;
  private readonly needsValue: boolean;
  private cursor: Cursor;

  constructor(source: Source, needsValue: boolean, take: Take<Item>) {
    this.source = source;
    this.needsValue = needsValue;
    this.take = take;
    this.cursor = source.range.open(source.state);
  }

  /** Up to `size` items; fewer only at the end. */
  async next(size: number): Promise<Item[]> {
    const { cursor, source } = this;
    const items: Item[] = [];
    while (items.length < size) {
      if (cursor.advance()) {
        const inline = this.needsValue ? cursor.leaf.value() : undefined;
        const large = this.needsValue && inline === undefined;
        items.push(this.take(cursor, large ? await runJob(source.state, cursor.value()) : inline));
      } else if (cursor.ended) break;
      else await source.state.run(() => cursor.load());
    }
    return items;
  }

  seek(key: Uint8Array): void {
    this.cursor.close();
    this.cursor = this.source.range.openAt(this.source.state, key);
  }

  close(): void {
    this.cursor.close();
    if (this.source.owned) this.source.state.release();
  }
}

interface EntryOptions {
  readonly keys?: boolean | undefined;
  readonly values?: boolean | undefined;
}

type Entry = [Uint8Array | undefined, Uint8Array | undefined];

export class EntryIterator extends AbstractIterator<ByreLevel<never, never>, never, never> {
  private readonly reader: Reader<Entry>;

  constructor(db: ByreLevel<never, never>, source: Source, options: EntryOptions) {
    super(db, options as never);
    const keys = options.keys !== false;
    const values = options.values !== false;
    this.reader = new Reader(source, values, (cursor, value) => [keys ? (cursor.key as Uint8Array) : undefined, value]);
  }

  async _next(): Promise<Entry | undefined> {
    return (await this.reader.next(1))[0];
  }

  _nextv(size: number): Promise<Entry[]> {
    return this.reader.next(size);
  }

  _seek(key: Uint8Array): void {
    this.reader.seek(key);
  }

  async _close(): Promise<void> {
    this.reader.close();
  }
}

export class KeyIterator extends AbstractKeyIterator<ByreLevel<never, never>, never> {
  private readonly reader: Reader<Uint8Array>;

  constructor(db: ByreLevel<never, never>, source: Source, options: object) {
    super(db, options as never);
    this.reader = new Reader(source, false, (cursor) => cursor.key as Uint8Array);
  }

  async _next(): Promise<Uint8Array | undefined> {
    return (await this.reader.next(1))[0];
  }

  _nextv(size: number): Promise<Uint8Array[]> {
    return this.reader.next(size);
  }

  _seek(key: Uint8Array): void {
    this.reader.seek(key);
  }

  async _close(): Promise<void> {
    this.reader.close();
  }
}

export class ValueIterator extends AbstractValueIterator<ByreLevel<never, never>, never, never> {
  private readonly reader: Reader<Uint8Array>;

  constructor(db: ByreLevel<never, never>, source: Source, options: object) {
    super(db, options as never);
    this.reader = new Reader(source, true, (_cursor, value) => value as Uint8Array);
  }

  async _next(): Promise<Uint8Array | undefined> {
    return (await this.reader.next(1))[0];
  }

  _nextv(size: number): Promise<Uint8Array[]> {
    return this.reader.next(size);
  }

  _seek(key: Uint8Array): void {
    this.reader.seek(key);
  }

  async _close(): Promise<void> {
    this.reader.close();
  }
}
