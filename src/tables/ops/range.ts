/**
 * Ranges of a table as its callers give them, and as bounds in the tree.
 * Callers must resolve a range once, before the operations that read it: bounds are bytes of their own.
 */
import { compareBytes } from '../../core/bytes.ts';
import { ByreError } from '../../errors.ts';
import { successor } from './layout.ts';
import { checkKeyEnd, type Key, writeKey, writeKeyPart } from './tuple.ts';

export interface Bounds {
  readonly gt?: Key;
  readonly gte?: Key;
  readonly lt?: Key;
  readonly lte?: Key;
  /** Arrays that begin with these elements, strings or bytes that begin with these. */
  readonly prefix?: string | Uint8Array | readonly Key[];
}

export interface RangeOptions extends Bounds {
  readonly reverse?: boolean;
  /** At most so many; without it, all. */
  readonly limit?: number;
}

export interface ResolvedRange {
  /** The first key in the tree, inclusive, and the end, exclusive. `from >= to` is the empty range. */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly reverse: boolean;
  readonly limit: number;
}

/** What a range lies in: its first key, its end, and the longest key there may be. */
export interface Space {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly maxBytes: number;
}

const known = new Set(['gt', 'gte', 'lt', 'lte', 'prefix', 'reverse', 'limit']);

/** How a space writes a bound's key, and the first tree key past all that the bound stands for. */
export interface BoundForm {
  write(target: Uint8Array, at: number, key: Key): number;
  past(bound: Uint8Array): Uint8Array;
  /** Writes what all texts or bytes that begin so begin with. */
  writeBeginning(target: Uint8Array, at: number, key: string | Uint8Array): number;
}

/** Rows: the open form, one key. */
export const rowForm: BoundForm = { write: writeKey, past: after, writeBeginning: writeKey };

/** Index entries: a value's delimited parts, followed by whatever primary keys. A value that is an array is several parts. */
export const indexForm: BoundForm = {
  write(target, at, key) {
    let end = at;
    for (const part of Array.isArray(key) ? key : [key]) end = writeKeyPart(target, end, part);
    return end;
  },
  past: beyondParts,
  // But for the byte that ends it.
  writeBeginning: (target, at, key) => writeKeyPart(target, at, key) - 1,
};

export function resolveRange(space: Space, options: RangeOptions = {}, form = rowForm): ResolvedRange {
  for (const name in options) {
    if (!known.has(name)) throw new ByreError('BAD_ARGUMENT', `A range has no option ${name}`, { details: { name } });
  }
  const bytesOf = <K extends Key>(key: K, write: (target: Uint8Array, at: number, key: K) => number = form.write) => {
    const buffer = new Uint8Array(space.maxBytes);
    buffer.set(space.from);
    const end = write(buffer, space.from.length, key);
    checkKeyEnd(end, space.maxBytes);
    return buffer.slice(0, end);
  };
  let { from, to } = space;
  const raise = (bound: Uint8Array) => {
    if (compareBytes(bound, from) > 0) from = bound;
  };
  const lower = (bound: Uint8Array) => {
    if (compareBytes(bound, to) < 0) to = bound;
  };
  if (options.prefix !== undefined) {
    const { prefix } = options;
    checkPrefix(prefix);
    const isText = typeof prefix === 'string' || prefix instanceof Uint8Array;
    const beginning = isText ? bytesOf(prefix, form.writeBeginning) : bytesOf(prefix);
    raise(beginning);
    lower(isText ? successor(beginning) : beyondParts(beginning));
  }
  if (options.gte !== undefined) raise(bytesOf(options.gte));
  if (options.gt !== undefined) raise(form.past(bytesOf(options.gt)));
  if (options.lt !== undefined) lower(bytesOf(options.lt));
  if (options.lte !== undefined) lower(form.past(bytesOf(options.lte)));
  return { from, to, reverse: options.reverse === true, limit: resolveLimit(options.limit) };
}

/** The key right after `key`: nothing lies between them. */
export function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/**
 * The first tree key past all that go on after these delimited parts. What comes next in them is a type's byte, while 0xff would be the rest
 * of a zero byte within the last part: another, longer text.
 */
function beyondParts(parts: Uint8Array): Uint8Array {
  const beyond = new Uint8Array(parts.length + 1);
  beyond.set(parts);
  beyond[parts.length] = 0xff;
  return beyond;
}

function resolveLimit(limit: number | undefined): number {
  if (limit === undefined || limit === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  if (Number.isSafeInteger(limit) && limit >= 0) return limit;
  throw new ByreError('BAD_ARGUMENT', 'The limit of a range is a whole number, 0 or more', { details: { limit } });
}

function checkPrefix(prefix: unknown): void {
  if (typeof prefix === 'string' || prefix instanceof Uint8Array || Array.isArray(prefix)) return;
  throw new ByreError('BAD_ARGUMENT', 'A prefix is a string, bytes or an array');
}
