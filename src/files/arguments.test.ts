/** What may be passed, and what it comes to. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as given from './arguments.ts';

const refusal = (code: string) => expect.objectContaining({ code });

describe('times', () => {
  test('dates and bigints are exact, numbers are taken to the microsecond', () => {
    expect(given.timeOf(new Date(-1), 't')).toEqual({ seconds: -1, nanoseconds: 999_000_000 });
    expect(given.timeOf(new Date(1_700_000_000_123), 't')).toEqual({
      seconds: 1_700_000_000,
      nanoseconds: 123_000_000,
    });
    expect(given.timeOf(1_700_000_000.123457, 't')).toEqual({ seconds: 1_700_000_000, nanoseconds: 123_457_000 });
    expect(given.timeOf(0.9999999, 't')).toEqual({ seconds: 1, nanoseconds: 0 });
    expect(given.timeOf('12.5', 't')).toEqual({ seconds: 12, nanoseconds: 500_000_000 });
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN)]) {
      expect(given.timeOf(value, 't')).toBeUndefined();
    }
  });

  test('nanoseconds survive', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), (value) => {
        const { seconds, nanoseconds } = given.timeOf(value, 't')!;
        expect(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)).toBe(value);
        expect(nanoseconds).toBeGreaterThanOrEqual(0);
        expect(nanoseconds).toBeLessThan(1_000_000_000);
      }),
    );
  });
});

describe('others', () => {
  test('modes', () => {
    expect(given.modeOf('0755')).toBe(0o755);
    expect(given.modeOf(0o100_644)).toBe(0o644);
    expect(given.modeOf(undefined, 0o666)).toBe(0o666);
    for (const mode of ['8', 'rwx', '', '-1'])
      expect(() => given.modeOf(mode)).toThrow(refusal('ERR_INVALID_ARG_VALUE'));
    for (const mode of [{}, true, undefined]) expect(() => given.modeOf(mode)).toThrow(refusal('ERR_INVALID_ARG_TYPE'));
    for (const mode of [-1, 2 ** 32, 0.5]) expect(() => given.modeOf(mode)).toThrow(refusal('ERR_OUT_OF_RANGE'));
  });

  test('flags', () => {
    expect(given.flagsOf(undefined)).toBe(0);
    expect(given.flagsOf(undefined, 'w')).toBe(0o1101);
    expect(given.flagsOf('sa+')).toBe(given.flagsOf('as+'));
    expect(() => given.flagsOf('R')).toThrow(refusal('ERR_INVALID_ARG_VALUE'));
    expect(() => given.flagsOf({})).toThrow(refusal('ERR_INVALID_ARG_VALUE'));
  });

  test('owners', () => {
    expect(given.ownerOf(-1, 'uid')).toBeUndefined();
    expect(given.ownerOf(0xffff_ffff, 'uid')).toBeUndefined();
    expect(given.ownerOf(7, 'uid')).toBe(7);
    expect(() => given.ownerOf('7', 'uid')).toThrow(refusal('ERR_INVALID_ARG_TYPE'));
  });

  test('positions', () => {
    expect([null, undefined, -1, -1n].map((value) => given.positionOf(value))).toEqual([null, null, null, null]);
    expect(given.positionOf(5n)).toBe(5);
    expect(() => given.positionOf(2 ** 60)).toThrow(refusal('ERR_OUT_OF_RANGE'));
    expect(() => given.positionOf('1')).toThrow(refusal('ERR_INVALID_ARG_TYPE'));
  });

  test('views are not copied', () => {
    const buffer = new ArrayBuffer(8);
    const bytes = given.bytesOf(new DataView(buffer, 2, 4), 'b');
    bytes[0] = 9;
    expect([bytes.length, new Uint8Array(buffer)[2]]).toEqual([4, 9]);
    expect(() => given.bytesOf('text', 'b')).toThrow(refusal('ERR_INVALID_ARG_TYPE'));
  });

  test('a refusal tells what was given', () => {
    expect(() => given.integerOf('x', 'len')).toThrow(
      `The "len" argument must be of type number. Received type string ('x')`,
    );
    expect(() => given.integerOf(new Map(), 'len')).toThrow('Received an instance of Map');
    expect(() => given.integerOf(9, 'len', 0, 5)).toThrow('It must be >= 0 && <= 5. Received 9');
  });
});
