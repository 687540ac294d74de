/**
 * What callers may pass, checked and brought to one form each: modes, flags, times, bytes, options.
 * Methods must do all of this before their first step, so that a refusal is thrown before anything happens.
 */
import { constants, flagNames } from './constants.ts';
import { nodeError, type SignalLike } from './explain.ts';
import type { Time } from './ops/view.ts';
import { type Encoding, encodeText, encodingNamed } from './platform.ts';

export type Mode = number | string;
/** Seconds, numeric text, a date, or (byre's own) nanoseconds as a bigint; all since 1970. */
export type TimeLike = number | string | bigint | Date;

function described(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') return `an instance of ${value.constructor?.name ?? 'Object'}`;
  const text =
    typeof value === 'string' ? `'${value.slice(0, 28)}'` : `${String(value)}${typeof value === 'bigint' ? 'n' : ''}`;
  return `type ${typeof value} (${text})`;
}

export function wrongType(name: string, wanted: string, value: unknown): Error {
  return nodeError('ERR_INVALID_ARG_TYPE', `The "${name}" argument must be ${wanted}. Received ${described(value)}`);
}

export function wrongValue(name: string, reason: string, value: unknown): Error {
  return nodeError('ERR_INVALID_ARG_VALUE', `The argument '${name}' ${reason}. Received ${described(value)}`);
}

function outOfRange(name: string, range: string, value: unknown): Error {
  return nodeError(
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${String(value)}`,
  );
}

/** A whole number from `least` to `most`. */
export function integerOf(
  value: unknown,
  name: string,
  least: number = Number.MIN_SAFE_INTEGER,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number') throw wrongType(name, 'of type number', value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < least || value > most) throw outOfRange(name, `>= ${least} && <= ${most}`, value);
  return value;
}

/** Permission bits, from a number or octal text. */
export function modeOf(value: unknown, otherwise?: number): number {
  if (value === undefined || value === null) {
    if (otherwise !== undefined) return otherwise;
    throw wrongType('mode', 'of type number or an octal string', value);
  }
  if (typeof value === 'string') {
    if (!/^[0-7]+$/.test(value))
      throw wrongValue('mode', 'must be a 32-bit unsigned integer or an octal string', value);
    return Number.parseInt(value, 8) & 0o7777;
  }
  return integerOf(value, 'mode', 0, 0xffff_ffff) & 0o7777;
}

export function flagsOf(value: unknown, otherwise = 'r'): number {
  if (value === undefined || value === null) return flagNames.get(otherwise)!;
  if (typeof value === 'number') return integerOf(value, 'flags', -0x8000_0000, 0x7fff_ffff);
  const flags = typeof value === 'string' ? flagNames.get(value) : undefined;
  if (flags === undefined) throw wrongValue('flags', 'is invalid', value);
  return flags;
}

/** uid or gid; undefined for -1, which leaves it as it is. */
export function ownerOf(value: unknown, name: string): number | undefined {
  const id = integerOf(value, name, -1, 0xffff_ffff);
  return id === -1 || id === 0xffff_ffff ? undefined : id;
}

const NANOSECONDS = 1_000_000_000n;
const MICROSECONDS = 1_000_000;

function timeOfSeconds(value: number): Time {
  const whole = Math.floor(value);
  // A double holds today's seconds to a quarter of a microsecond: what is meant is the nearest microsecond.
  const micro = Math.round((value - whole) * MICROSECONDS);
  return micro === MICROSECONDS
    ? { seconds: whole + 1, nanoseconds: 0 }
    : { seconds: whole, nanoseconds: micro * 1000 };
}

function timeOfNanoseconds(value: bigint): Time {
  const rest = ((value % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  return { seconds: Number((value - rest) / NANOSECONDS), nanoseconds: Number(rest) };
}

/** Undefined means the present, as numbers that are not finite do in Node. */
export function timeOf(value: unknown, name: string): Time | undefined {
  if (typeof value === 'bigint') return timeOfNanoseconds(value);
  if (value instanceof Date) {
    const milliseconds = value.getTime();
    if (Number.isNaN(milliseconds)) return undefined;
    const seconds = Math.floor(milliseconds / 1000);
    return { seconds, nanoseconds: (milliseconds - seconds * 1000) * 1_000_000 };
  }
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || (typeof value === 'string' && Number.isNaN(number))) {
    throw wrongType(name, 'of type number, numeric text or an instance of Date', value);
  }
  return Number.isFinite(number) ? timeOfSeconds(number) : undefined;
}

/** The bytes that a view shows, without copying. */
export function bytesOf(value: unknown, name: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (!ArrayBuffer.isView(value)) throw wrongType(name, 'an instance of Buffer, TypedArray, or DataView', value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

export function vectorOf(value: unknown): Uint8Array[] {
  if (!Array.isArray(value)) throw wrongType('buffers', 'an instance of ArrayBufferView[]', value);
  return value.map((each) => bytesOf(each, 'buffers'));
}

/** Text in an encoding, or the bytes of a view. */
export function dataOf(value: unknown, encoding: Encoding): Uint8Array {
  if (typeof value === 'string') return encodeText(value, encoding);
  if (ArrayBuffer.isView(value)) return bytesOf(value, 'data');
  throw wrongType('data', 'of type string or an instance of Buffer, TypedArray, or DataView', value);
}

export type AnyOptions = Readonly<Record<string, unknown>>;

/** Options may be left out, be the name of an encoding, or be an object. */
export function optionsOf(value: unknown): AnyOptions {
  if (value === undefined || value === null) return {};
  if (typeof value === 'string') return { encoding: value };
  if (typeof value !== 'object') throw wrongType('options', 'of type string or an instance of Object', value);
  return value as AnyOptions;
}

/** What names and bytes are given out as: text in an encoding, or bytes. */
export function encodingOf(options: AnyOptions, otherwise: Encoding | 'buffer'): Encoding | 'buffer' {
  const { encoding } = options;
  if (encoding === undefined || encoding === null) return otherwise;
  if (encoding === 'buffer') return 'buffer';
  const known = typeof encoding === 'string' ? encodingNamed(encoding) : undefined;
  if (known === undefined) throw wrongValue('encoding', 'is invalid encoding', encoding);
  return known;
}

/** What text given in is encoded as. */
export function textEncodingOf(options: AnyOptions): Encoding {
  const encoding = encodingOf(options, 'utf8');
  return encoding === 'buffer' ? 'utf8' : encoding;
}

export function flagOption(options: AnyOptions, name: string, otherwise = false): boolean {
  const value = options[name];
  if (value === undefined) return otherwise;
  if (typeof value !== 'boolean') throw wrongType(`options.${name}`, 'of type boolean', value);
  return value;
}

export function signalOf(options: AnyOptions): SignalLike | undefined {
  const { signal } = options;
  if (signal === undefined) return undefined;
  if (typeof signal !== 'object' || signal === null || !('aborted' in signal)) {
    throw wrongType('options.signal', 'an instance of AbortSignal', signal);
  }
  return signal as SignalLike;
}

/** Where to read or write: a number of bytes from the start, or null for the descriptor's own position. */
export function positionOf(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return positionOf(Number(value));
  const position = integerOf(value, 'position', -1);
  return position === -1 ? null : position;
}

export const ACCESS_MODES = constants.R_OK | constants.W_OK | constants.X_OK;
