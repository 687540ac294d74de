/**
 * Decoding of table keys: the inverse of tuple.ts.
 * Callers must not pass bytes that were not written by it: damage is reported as DAMAGED, never guessed at. Nothing that is
 * returned refers to the given bytes.
 */
import { ByreError } from '../../errors.ts';
import type { Key } from './tuple.ts';

const scratch = new DataView(new ArrayBuffer(8));
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The key whose open form is `bytes[from, to)`. */
export function readKey(bytes: Uint8Array, from: number, to: number): Key {
  switch (bytes[from]) {
    case 0x60:
      return readText(bytes, from + 1, to);
    case 0x50:
      return bytes.slice(from + 1, to);
    case 0x70:
      return readElements(bytes, from + 1, to);
    default: {
      const reader = new PartReader(bytes, from, to);
      const key = reader.next();
      if (reader.at !== to) throw damaged();
      return key;
    }
  }
}

export function decodeKey(bytes: Uint8Array): Key {
  return readKey(bytes, 0, bytes.length);
}

/** All the delimited parts in `bytes[from, to)`. */
export function readElements(bytes: Uint8Array, from: number, to: number): Key[] {
  const reader = new PartReader(bytes, from, to);
  const elements: Key[] = [];
  while (reader.at < to) elements.push(reader.next());
  return elements;
}

/** Reads delimited parts one after another; `at` is where the next one starts. */
export class PartReader {
  readonly bytes: Uint8Array;
  readonly to: number;
  at: number;

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.bytes = bytes;
    this.at = from;
    this.to = to;
  }

  next(): Key {
    if (this.at >= this.to) throw damaged();
    switch (this.bytes[this.at++]) {
      case 0x10:
        return null;
      case 0x20:
        return false;
      case 0x21:
        return true;
      case 0x30:
        return this.#double();
      case 0x38:
        return this.#bigint();
      case 0x40:
        return new Date(this.#double());
      case 0x50:
        return this.#unescaped();
      case 0x60:
        return this.#text();
      case 0x70:
        return this.#array();
      default:
        throw damaged();
    }
  }

  #double(): number {
    const { bytes, at } = this;
    this.at = at + 8;
    if (this.at > this.to) throw damaged();
    let high = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    let low = (bytes[at + 4] << 24) | (bytes[at + 5] << 16) | (bytes[at + 6] << 8) | bytes[at + 7];
    if (high < 0) {
      high ^= 0x80000000;
    } else {
      if (high === 0 && low === 0) return Number.NaN;
      high = ~high;
      low = ~low;
    }
    scratch.setInt32(0, high);
    scratch.setInt32(4, low);
    return scratch.getFloat64(0);
  }

  #bigint(): bigint {
    const { bytes } = this;
    const head = (bytes[this.at] << 8) | bytes[this.at + 1];
    const negative = head < 0x8000;
    const length = negative ? 0x7fff - head : head - 0x8000;
    const from = this.at + 2;
    this.at = from + length;
    if (this.at > this.to) throw damaged();
    const flip = negative ? 0xff : 0;
    let digits = '';
    for (let i = from; i < this.at; i++) digits += (bytes[i] ^ flip).toString(16).padStart(2, '0');
    const magnitude = digits === '' ? 0n : BigInt(`0x${digits}`);
    return negative ? -magnitude : magnitude;
  }

  #text(): string {
    const { bytes, at, to } = this;
    let end = at;
    while (end < to && bytes[end] !== 0) end++;
    if (end < to && (end + 1 === to || bytes[end + 1] !== 0xff)) {
      this.at = end + 1;
      return readText(bytes, at, end);
    }
    const plain = this.#unescaped();
    return readText(plain, 0, plain.length);
  }

  /** Bytes up to an unescaped END, which is passed. */
  #unescaped(): Uint8Array {
    const { bytes, to } = this;
    const plain = new Uint8Array(to - this.at);
    let length = 0;
    for (let i = this.at; i < to; i++) {
      const byte = bytes[i];
      if (byte === 0) {
        if (i + 1 >= to || bytes[i + 1] !== 0xff) {
          this.at = i + 1;
          return plain.slice(0, length);
        }
        i++;
      }
      plain[length++] = byte;
    }
    throw damaged();
  }

  #array(): Key[] {
    const elements: Key[] = [];
    while (this.at < this.to) {
      if (this.bytes[this.at] === 0) {
        this.at++;
        return elements;
      }
      elements.push(this.next());
    }
    throw damaged();
  }
}

/** UTF-8 in `bytes[from, to)`, lone surrogates included. Short ASCII is built eight units at a time: a decoder call costs more. */
export function readText(bytes: Uint8Array, from: number, to: number): string {
  if (to - from > 48) return readLongText(bytes, from, to);
  let text = '';
  let i = from;
  for (; i + 8 <= to; i += 8) {
    const a = bytes[i];
    const b = bytes[i + 1];
    const c = bytes[i + 2];
    const d = bytes[i + 3];
    const e = bytes[i + 4];
    const f = bytes[i + 5];
    const g = bytes[i + 6];
    const h = bytes[i + 7];
    if ((a | b | c | d | e | f | g | h) >= 0x80) return readLongText(bytes, from, to);
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; i < to; i++) {
    const byte = bytes[i];
    if (byte >= 0x80) return readLongText(bytes, from, to);
    text += String.fromCharCode(byte);
  }
  return text;
}

function readLongText(bytes: Uint8Array, from: number, to: number): string {
  try {
    return utf8.decode(bytes.subarray(from, to));
  } catch {
    return readWideText(bytes, from, to);
  }
}

/** The slow way, for text that strict UTF-8 does not allow: lone surrogates, which tuple.ts encodes as characters. */
function readWideText(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; ) {
    const first = bytes[i];
    const width = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    if (width === 0 || i + width > to) throw damaged();
    let code = width === 1 ? first : first & (0x7f >>> width);
    for (let k = 1; k < width; k++) {
      if ((bytes[i + k] & 0xc0) !== 0x80) throw damaged();
      code = (code << 6) | (bytes[i + k] & 0x3f);
    }
    if (code > 0x10ffff) throw damaged();
    text += String.fromCodePoint(code);
    i += width;
  }
  return text;
}

function damaged(): ByreError {
  return new ByreError('DAMAGED', 'The bytes of a table key are not a key');
}
