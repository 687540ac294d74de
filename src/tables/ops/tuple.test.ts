/** The key encoding: order, round trips, refusals. `bytewise` is the oracle wherever its order is the same. */
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes } from '../../core/bytes.ts';
import { isByreError } from '../../errors.ts';
import { encodeKey, type Key, writeKeyPart } from './tuple.ts';
import { decodeKey, PartReader } from './tuple-read.ts';

const bytewise = createRequire(import.meta.url)('bytewise') as { encode(value: unknown): Buffer };

const RUNS = Number(process.env.BYRE_RUNS ?? 2000);
const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom('\0', 'a', 'ÿ', '\ud800', '\udfff', '\uffff', '😀'), maxLength: 6 }),
);
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(Number.NaN, -0, 0, 5e-324, -5e-324, 2 ** 53, -(2 ** 53)),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.array(fc.constantFrom(0, 1, 0xfe, 0xff), { maxLength: 5 }).map((list) => Uint8Array.from(list)),
);
const scalar: fc.Arbitrary<Key> = fc.oneof(
  fc.constantFrom(null, false, true),
  number,
  fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
  fc.bigInt({ min: -300n, max: 300n }),
  fc.date({ noInvalidDate: true }),
  bytes,
  text,
);
const key: fc.Arbitrary<Key> = fc.letrec<{ key: Key }>((tie) => ({
  key: fc.oneof({ depthSize: 'small', maxDepth: 3 }, scalar, fc.array(tie('key'), { maxLength: 4 })),
})).key;

const types = ['null', 'boolean', 'number', 'bigint', 'date', 'bytes', 'string', 'array'];

function typeOf(value: Key): number {
  if (value === null) return 0;
  if (value instanceof Date) return types.indexOf('date');
  if (value instanceof Uint8Array) return types.indexOf('bytes');
  if (Array.isArray(value)) return types.indexOf('array');
  return types.indexOf(typeof value);
}

function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  if (a === b) return Number(Object.is(b, -0)) - Number(Object.is(a, -0));
  return a < b ? -1 : 1;
}

function compareLists<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compare(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** The order as docs/tables.md states it, said again without any bytes. */
function compareKeys(a: Key, b: Key): number {
  const order = typeOf(a) - typeOf(b);
  if (order !== 0) return order;
  if (typeof a === 'number') return compareNumbers(a, b as number);
  if (typeof a === 'string') {
    const points = (value: string) => [...value].map((character) => character.codePointAt(0)!);
    return compareLists(points(a), points(b as string), (x, y) => x - y);
  }
  if (a instanceof Uint8Array) return compareBytes(a, b as Uint8Array);
  if (Array.isArray(a)) return compareLists(a, b as Key[], compareKeys);
  if (a === null) return 0;
  return a < b! ? -1 : a > b! ? 1 : 0;
}

const encodePart = (value: Key): Uint8Array => {
  const buffer = new Uint8Array(4096);
  return buffer.slice(0, writeKeyPart(buffer, 0, value));
};

describe('tuple', () => {
  test('keys come back as they were', () => {
    fc.assert(
      fc.property(key, (value) => {
        expect(decodeKey(encodeKey(value, 4096))).toStrictEqual(value);
      }),
      { numRuns: RUNS },
    );
  });

  test('encoded keys sort as the values do, in both forms', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const order = Math.sign(compareKeys(a, b));
        expect(Math.sign(compareBytes(encodeKey(a, 4096), encodeKey(b, 4096)))).toBe(order);
        expect(Math.sign(compareBytes(encodePart(a), encodePart(b)))).toBe(order);
      }),
      { numRuns: RUNS },
    );
  });

  test('pairs that share a prefix sort as the values do', () => {
    fc.assert(
      fc.property(fc.array(scalar, { maxLength: 2 }), key, key, (prefix, a, b) => {
        const order = Math.sign(compareKeys([...prefix, a], [...prefix, b]));
        expect(Math.sign(compareBytes(encodeKey([...prefix, a]), encodeKey([...prefix, b])))).toBe(order);
      }),
      { numRuns: RUNS },
    );
  });

  test('delimited parts can follow one another', () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 5 }), (values) => {
        const buffer = new Uint8Array(8192);
        let end = 0;
        for (const value of values) end = writeKeyPart(buffer, end, value);
        buffer[end] = 0xff; // what lies beyond must not be looked at
        const reader = new PartReader(buffer, 0, end);
        expect(values.map(() => reader.next())).toStrictEqual(values);
        expect(reader.at).toBe(end);
      }),
      { numRuns: RUNS },
    );
  });

  test('the bytes of an array are a prefix of those of every array that it begins', () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 3 }), fc.array(key, { maxLength: 3 }), (head, tail) => {
        const prefix = encodeKey(head, 8192);
        expect(encodeKey([...head, ...tail], 8192).subarray(0, prefix.length)).toStrictEqual(prefix);
      }),
      { numRuns: RUNS },
    );
  });

  test('agrees with bytewise where its order is the same', () => {
    // bytewise has no NaN and no bigint, takes -0 for 0, and cannot tell lone surrogates apart.
    const theirs = fc.letrec<{ key: Key }>((tie) => ({
      key: fc.oneof(
        { depthSize: 'small', maxDepth: 2 },
        fc.constantFrom(null, false, true),
        fc.double({ noNaN: true }).map((value) => value + 0),
        fc.string({ unit: 'binary', maxLength: 8 }),
        bytes,
        fc.date({ noInvalidDate: true }),
        fc.array(tie('key'), { maxLength: 3 }),
      ),
    })).key;
    const toBuffers = (value: Key): unknown =>
      value instanceof Uint8Array ? Buffer.from(value) : Array.isArray(value) ? value.map(toBuffers) : value;
    fc.assert(
      fc.property(theirs, theirs, (a, b) => {
        const order = Buffer.compare(bytewise.encode(toBuffers(a)), bytewise.encode(toBuffers(b)));
        expect(Math.sign(compareBytes(encodeKey(a), encodeKey(b)))).toBe(order);
      }),
      { numRuns: RUNS },
    );
  });

  test('states its edges', () => {
    const ladder: Key[] = [
      null,
      false,
      true,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      -1,
      -5e-324,
      -0,
      0,
      5e-324,
      1,
      Number.POSITIVE_INFINITY,
      -(2n ** 64n),
      -256n,
      -255n,
      -1n,
      0n,
      1n,
      255n,
      256n,
      2n ** 64n,
      new Date(-1),
      new Date(0),
      new Uint8Array(),
      Uint8Array.of(0),
      Uint8Array.of(0, 0),
      Uint8Array.of(0, 0xff),
      Uint8Array.of(1),
      '',
      '\0',
      '\0\0',
      '\0ÿ',
      'a',
      'a\0',
      'ab',
      '\ud800',
      '\uffff',
      '😀',
      [],
      [null],
      [null, null],
      ['a'],
      ['a', 'b'],
      ['a\0'],
      [[]],
      [[], 0],
      [['a']],
    ];
    const encoded = ladder.map((value) => encodeKey(value));
    for (let i = 1; i < encoded.length; i++) expect(compareBytes(encoded[i - 1], encoded[i])).toBeLessThan(0);
    expect(encoded.map(decodeKey)).toStrictEqual(ladder);
  });

  test.each([
    [undefined],
    [{}],
    [Symbol('x')],
    [() => 1],
    [new Date(Number.NaN)],
    ['x'.repeat(1024)],
    ['é'.repeat(600)],
    [new Uint8Array(1024)],
    [Array.from({ length: 1e6 }, () => 1)],
    [10n ** 3000n],
    [[undefined]],
  ])('refuses %#', (value) => {
    expect(() => encodeKey(value as Key)).toThrow(expect.objectContaining({ code: 'BAD_KEY' }));
  });

  test('refuses arrays without end', () => {
    const ring: unknown[] = [];
    ring.push(ring);
    expect(() => encodeKey(ring as Key)).toThrow(expect.objectContaining({ code: 'BAD_KEY' }));
  });

  test('bytes that are no key are damage, and nothing else is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (data) => {
        try {
          decodeKey(data);
        } catch (error) {
          expect(isByreError(error) && error.code).toBe('DAMAGED');
        }
      }),
      { numRuns: RUNS },
    );
  });
});
