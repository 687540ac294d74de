/**
 * How the values of a table become bytes and come back.
 * Callers must not change the bytes that `encode` returned before the put has ended, and must not hand a codec that does not say
 * `borrows` bytes that are not its to keep.
 */
import { ByreError } from '../errors.ts';
import { readText } from './tuple-read.ts';

export interface Codec<Value> {
  /** Stored with the table: a table is opened only with the codec that it was made with. */
  readonly name: string;
  /** True if `decode` keeps no reference to the bytes that it is given: it then reads them where they lie, without a copy. */
  readonly borrows?: boolean;
  encode(value: Value): Uint8Array;
  decode(bytes: Uint8Array): Value;
}

export type CodecName = 'json' | 'bytes' | 'text';

const encoder = new TextEncoder();

/** Bytes as they are. `decode` copies, so that what a reader gets is the reader's to keep. */
export const bytesCodec: Codec<Uint8Array> = {
  name: 'bytes',
  borrows: true,
  encode(value) {
    if (value instanceof Uint8Array) return value;
    throw new ByreError('BAD_ARGUMENT', 'A value of this table must be a Uint8Array');
  },
  decode: (bytes) => copyOf(bytes),
};

export const jsonCodec: Codec<unknown> = {
  name: 'json',
  borrows: true,
  encode(value) {
    const text = JSON.stringify(value);
    if (text === undefined)
      throw new ByreError('BAD_ARGUMENT', 'A value of this table must be one that JSON can express');
    return encoder.encode(text);
  },
  decode: (bytes) => JSON.parse(readText(bytes, 0, bytes.length)),
};

export const textCodec: Codec<string> = {
  name: 'text',
  borrows: true,
  encode(value) {
    if (typeof value === 'string') return encoder.encode(value);
    throw new ByreError('BAD_ARGUMENT', 'A value of this table must be a string');
  },
  decode: (bytes) => readText(bytes, 0, bytes.length),
};

const named: Readonly<Record<CodecName, Codec<never>>> = {
  json: jsonCodec as Codec<never>,
  bytes: bytesCodec as Codec<never>,
  text: textCodec as Codec<never>,
};

/** The codec that an option names or is. */
export function resolveCodec<Value>(option: CodecName | Codec<Value>): Codec<Value> {
  if (typeof option === 'object') return option;
  const codec = Object.hasOwn(named, option) ? named[option] : undefined;
  if (codec === undefined) throw new ByreError('BAD_ARGUMENT', `No codec is called ${String(option)}`);
  return codec as unknown as Codec<Value>;
}

/** The value that borrowed `bytes` stand for. */
export function decodeBorrowed<Value>(codec: Codec<Value>, bytes: Uint8Array): Value {
  return codec.decode(codec.borrows ? bytes : copyOf(bytes));
}

/** The value that `bytes`, which nobody else holds, stand for: no copy is made. */
export function decodeOwned<Value>(codec: Codec<Value>, bytes: Uint8Array): Value {
  return (codec as unknown) === bytesCodec ? (bytes as Value) : codec.decode(bytes);
}

/** `Uint8Array.prototype.slice` of a Buffer would share memory. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
