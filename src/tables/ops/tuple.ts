/**
 * The order-preserving encoding of table keys: a JavaScript value becomes bytes that sort, by memcmp, as the values do.
 * Callers must not encode two values one after another without delimiters (`writeKeyPart` writes the delimited form, `writeKey`
 * the open form that may only stand at the end of a key), and must check the returned end against the buffer's length
 * (`checkKeyEnd`): writes beyond the end of a buffer are dropped silently.
 *
 * Order: null < false < true < numbers < bigints < dates < bytes < strings < arrays.
 * Numbers: NaN first, then -Infinity … -0 < 0 … Infinity; -0 and 0 are two keys. Strings sort by code point, lone surrogates
 * included. Arrays sort element by element, a prefix first. See docs/tables.md for the bytes.
 */
import { ByreError } from '../../errors.ts';

export type Key = null | boolean | number | bigint | string | Date | Uint8Array | readonly Key[];

const END = 0x00;
const ESCAPE = 0xff;
const NULL = 0x10;
const FALSE = 0x20;
const TRUE = 0x21;
const NUMBER = 0x30;
const BIGINT = 0x38;
const DATE = 0x40;
const BYTES = 0x50;
const STRING = 0x60;
const ARRAY = 0x70;

/** Deeper arrays are refused: a key is short, and decoding recurses. */
const MAX_DEPTH = 64;

const scratch = new DataView(new ArrayBuffer(8));

/** Writes the open form of `key` at `at` and returns its end. The open form runs to the end of the key it stands in. */
export function writeKey(target: Uint8Array, at: number, key: Key): number {
  if (typeof key === 'string') {
    target[at] = STRING;
    return writeOpenText(target, at + 1, key);
  }
  if (typeof key === 'number') return writeNumber(target, at, NUMBER, key);
  if (key instanceof Uint8Array) {
    target[at] = BYTES;
    return writeOpenBytes(target, at + 1, key);
  }
  if (Array.isArray(key)) {
    target[at] = ARRAY;
    return writeElements(target, at + 1, key, 1);
  }
  return writeKeyPart(target, at, key);
}

/** Writes the delimited form of `key` at `at` and returns its end: anything may follow it. */
export function writeKeyPart(target: Uint8Array, at: number, key: Key, depth = 0): number {
  switch (typeof key) {
    case 'string':
      target[at] = STRING;
      return writeDelimitedText(target, at + 1, key);
    case 'number':
      return writeNumber(target, at, NUMBER, key);
    case 'bigint':
      return writeBigint(target, at, key);
    case 'boolean':
      target[at] = key ? TRUE : FALSE;
      return at + 1;
    case 'object':
      return writeObject(target, at, key, depth);
    default:
      throw badKey(key);
  }
}

function writeObject(target: Uint8Array, at: number, key: object | null, depth: number): number {
  if (key === null) {
    target[at] = NULL;
    return at + 1;
  }
  if (Array.isArray(key)) {
    if (depth >= MAX_DEPTH) throw new ByreError('BAD_KEY', `A key nests deeper than ${MAX_DEPTH} arrays`);
    target[at] = ARRAY;
    const end = writeElements(target, at + 1, key, depth + 1);
    target[end] = END;
    return end + 1;
  }
  if (key instanceof Uint8Array) {
    target[at] = BYTES;
    return writeDelimitedBytes(target, at + 1, key);
  }
  if (key instanceof Date) {
    const time = key.getTime();
    if (Number.isNaN(time)) throw new ByreError('BAD_KEY', 'An invalid Date cannot be a key');
    return writeNumber(target, at, DATE, time);
  }
  throw badKey(key);
}

function writeElements(target: Uint8Array, at: number, elements: readonly Key[], depth: number): number {
  let end = at;
  for (let i = 0; i < elements.length; i++) {
    end = writeKeyPart(target, end, elements[i], depth);
    if (end > target.length) return end; // a refused key: do not walk the rest of a huge array
  }
  return end;
}

/** A double, big-endian, with the sign bit flipped, or all bits if it is negative. NaN is all zeros, below -Infinity. */
function writeNumber(target: Uint8Array, at: number, tag: number, value: number): number {
  scratch.setFloat64(0, value);
  let high = scratch.getInt32(0);
  let low = scratch.getInt32(4);
  if (Number.isNaN(value)) {
    high = 0;
    low = 0;
  } else if (high < 0) {
    high = ~high;
    low = ~low;
  } else {
    high ^= 0x80000000;
  }
  target[at] = tag;
  target[at + 1] = high >>> 24;
  target[at + 2] = high >>> 16;
  target[at + 3] = high >>> 8;
  target[at + 4] = high;
  target[at + 5] = low >>> 24;
  target[at + 6] = low >>> 16;
  target[at + 7] = low >>> 8;
  target[at + 8] = low;
  return at + 9;
}

/** Two bytes of length (0x8000 + n, or 0x7fff - n if negative), then the magnitude's n bytes, inverted if negative. */
function writeBigint(target: Uint8Array, at: number, value: bigint): number {
  const negative = value < 0n;
  const digits = value === 0n ? '' : (negative ? -value : value).toString(16);
  const length = (digits.length + 1) >>> 1;
  if (length > target.length) return target.length + 1;
  const head = negative ? 0x7fff - length : 0x8000 + length;
  const flip = negative ? 0xff : 0;
  target[at] = BIGINT;
  target[at + 1] = head >>> 8;
  target[at + 2] = head;
  const padded = digits.length & 1 ? `0${digits}` : digits;
  for (let i = 0; i < length; i++) target[at + 3 + i] = Number.parseInt(padded.slice(2 * i, 2 * i + 2), 16) ^ flip;
  return at + 3 + length;
}

function writeOpenText(target: Uint8Array, at: number, text: string): number {
  const length = text.length;
  if (at + length > target.length) return target.length + 1;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return writeWideText(target, at + i, text, i);
    target[at + i] = unit;
  }
  return at + length;
}

function writeDelimitedText(target: Uint8Array, at: number, text: string): number {
  const length = text.length;
  if (at + length > target.length) return target.length + 1;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0 || unit >= 0x80) {
      const wide = escapedText(text);
      return writeDelimitedBytes(target, at, wide);
    }
    target[at + i] = unit;
  }
  target[at + length] = END;
  return at + length + 1;
}

/** Text with characters that need care, as plain UTF-8 (see {@link writeWideText}); the caller escapes it. */
function escapedText(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3);
  return bytes.subarray(0, writeWideText(bytes, 0, text, 0));
}

/** UTF-8 from `text[from]` on, where a lone surrogate is encoded as if it were a character, so that every string comes back. */
function writeWideText(target: Uint8Array, at: number, text: string, from: number): number {
  let end = at;
  for (let i = from; i < text.length; i++) {
    const code = text.codePointAt(i)!;
    if (code < 0x80) {
      target[end++] = code;
    } else if (code < 0x800) {
      target[end++] = 0xc0 | (code >>> 6);
      target[end++] = 0x80 | (code & 0x3f);
    } else if (code < 0x10000) {
      target[end++] = 0xe0 | (code >>> 12);
      target[end++] = 0x80 | ((code >>> 6) & 0x3f);
      target[end++] = 0x80 | (code & 0x3f);
    } else {
      i++;
      target[end++] = 0xf0 | (code >>> 18);
      target[end++] = 0x80 | ((code >>> 12) & 0x3f);
      target[end++] = 0x80 | ((code >>> 6) & 0x3f);
      target[end++] = 0x80 | (code & 0x3f);
    }
  }
  return end;
}

function writeOpenBytes(target: Uint8Array, at: number, bytes: Uint8Array): number {
  const end = at + bytes.length;
  if (end <= target.length) target.set(bytes, at);
  return end;
}

function writeDelimitedBytes(target: Uint8Array, at: number, bytes: Uint8Array): number {
  if (at + bytes.length > target.length) return target.length + 1;
  let end = at;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    target[end++] = byte;
    if (byte === 0) target[end++] = ESCAPE;
  }
  target[end] = END;
  return end + 1;
}

/** Refuses a key that did not fit: `end` is what a write returned, `limit` where the key had to end. */
export function checkKeyEnd(end: number, limit: number): void {
  if (end > limit)
    throw new ByreError('BAD_KEY', 'A key is longer than the tree allows', { details: { maxBytes: limit } });
}

function badKey(key: unknown): ByreError {
  const what = typeof key === 'object' ? Object.prototype.toString.call(key) : typeof key;
  return new ByreError(
    'BAD_KEY',
    `A key must be null, a boolean, number, bigint, string, Date, bytes or an array of these, not ${what}`,
  );
}

/** The open form of `key` as bytes of its own. */
export function encodeKey(key: Key, maxBytes = 1024): Uint8Array {
  const buffer = new Uint8Array(maxBytes);
  const end = writeKey(buffer, 0, key);
  checkKeyEnd(end, maxBytes);
  return buffer.slice(0, end);
}
