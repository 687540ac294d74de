/**
 * How the values of a table become bytes and come back.
 * Callers must not change the bytes that `encode` returned before the put has ended. `decode` owns the bytes that it is given.
 * Neither ever runs inside an operation of the core.
 */
import { ByreError } from '../errors.ts';
import { readText } from './ops/tuple-read.ts';

export interface Codec<Value> {
  /** Stored with the table: a table is opened only with the codec that it was made with. */
  readonly name: string;
  encode(value: Value): Uint8Array;
  decode(bytes: Uint8Array): Value;
}

export type CodecName = 'json' | 'bytes' | 'text';

const encoder = new TextEncoder();

/** Bytes as they are, without a copy on this side. */
export const bytesCodec: Codec<Uint8Array> = {
  name: 'bytes',
  encode(value) {
    if (value instanceof Uint8Array) return value;
    throw new ByreError('BAD_ARGUMENT', 'A value of this table must be a Uint8Array');
  },
  decode: (bytes) => bytes,
};

export const jsonCodec: Codec<unknown> = {
  name: 'json',
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

function isCodecName(name: string): name is CodecName {
  return Object.hasOwn(named, name);
}

/** The codec of that name: one of byre's own, or of those given. */
export function knownCodec(name: string, given: readonly Codec<never>[]): Codec<unknown> | undefined {
  const codec = isCodecName(name) ? named[name] : given.find((one) => one.name === name);
  return codec as Codec<unknown> | undefined;
}

/** The codec that an option names or is. */
export function resolveCodec<Value>(option: CodecName | Codec<Value>): Codec<Value> {
  if (typeof option === 'object' && option !== null) {
    const { name, encode, decode } = option;
    if (typeof name === 'string' && name !== '' && typeof encode === 'function' && typeof decode === 'function') {
      if (!Object.hasOwn(named, name) || named[name as CodecName] === (option as Codec<unknown>)) return option;
    }
    throw new ByreError('BAD_ARGUMENT', 'A codec has a name of its own, `encode` and `decode`', { details: { name } });
  }
  const codec = Object.hasOwn(named, option) ? named[option] : undefined;
  if (codec === undefined) throw new ByreError('BAD_ARGUMENT', `No codec is called ${String(option)}`);
  return codec as unknown as Codec<Value>;
}
