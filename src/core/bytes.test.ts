/** Bytes: numbers in both orders at their extremes, the order of keys, and copies that are the caller's own. Callers: vitest only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as bytes from './bytes.ts';

const LARGEST = Number.MAX_SAFE_INTEGER;
const u53 = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52, LARGEST - 1, LARGEST),
);

test('compareBytes orders as Buffer.compare does', () => {
  const short = fc.uint8Array({ maxLength: 6, max: 3 });
  fc.assert(
    fc.property(fc.oneof(short, fc.uint8Array()), fc.oneof(short, fc.uint8Array()), (a, b) => {
      expect(Math.sign(bytes.compareBytes(a, b))).toBe(Buffer.compare(a, b));
      expect(bytes.equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      const shared = bytes.commonPrefixLength(a, b);
      expect(a.subarray(0, shared)).toEqual(b.subarray(0, shared));
      if (shared < a.length && shared < b.length) expect(a[shared]).not.toBe(b[shared]);
    }),
  );
  expect(bytes.compareBytes(Uint8Array.of(0xff), Uint8Array.of(0x7f))).toBeGreaterThan(0);
  expect(bytes.compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0);
  expect(bytes.compareRange(Uint8Array.of(9, 1, 2, 9), 1, 3, Uint8Array.of(1, 2), 0, 2)).toBe(0);
});

test('numbers come back, in both orders and at any offset, and nothing beside them changes', () => {
  fc.assert(
    fc.property(u53, fc.nat(3), (value, at) => {
      const out = new Uint8Array(16).fill(0xaa);
      const view = new DataView(out.buffer);
      bytes.writeU64(out, at, value);
      expect(bytes.readU64(out, at)).toBe(value);
      expect(view.getBigUint64(at, true)).toBe(BigInt(value));
      bytes.writeU64BE(out, at, value);
      expect(bytes.readU64BE(out, at)).toBe(value);
      expect(view.getBigUint64(at)).toBe(BigInt(value));
      bytes.writeU32(out, at, value % 2 ** 32);
      expect(bytes.readU32(out, at)).toBe(value % 2 ** 32);
      bytes.writeU32BE(out, at, value % 2 ** 32);
      expect(bytes.readU32BE(out, at)).toBe(value % 2 ** 32);
      bytes.writeU16(out, at, value % 2 ** 16);
      expect(bytes.readU16(out, at)).toBe(value % 2 ** 16);
      expect([...out.subarray(0, at), ...out.subarray(at + 8)].every((byte) => byte === 0xaa)).toBe(true);
    }),
  );
});

test('big-endian numbers sort as numbers do', () => {
  const encoded = (value: number) => {
    const out = new Uint8Array(8);
    bytes.writeU64BE(out, 0, value);
    return out;
  };
  fc.assert(
    fc.property(u53, u53, (a, b) => {
      expect(Math.sign(bytes.compareBytes(encoded(a), encoded(b)))).toBe(Math.sign(a - b));
    }),
  );
});

test('copies are whole and apart, whatever their lengths', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1100), { maxLength: 40 }), (lengths) => {
      const source = Uint8Array.from({ length: 1200 }, (_, index) => index * 7);
      const copies = lengths.map((length) => bytes.copyBytes(source, 5, 5 + length));
      copies.forEach((copy, index) => {
        expect(Buffer.compare(copy, source.subarray(5, 5 + lengths[index]))).toBe(0);
        copy.fill(0);
      });
      expect(source[6]).toBe(42);
    }),
  );
});

test('a copy outlives the transfer of a buffer that it shared', () => {
  const first = bytes.copyBytes(new Uint8Array(100).fill(1), 0, 100);
  structuredClone(first.buffer, { transfer: [first.buffer as ArrayBuffer] });
  expect(bytes.copyBytes(new Uint8Array(100).fill(2), 0, 100)).toEqual(new Uint8Array(100).fill(2));
});

test('pages are counted beyond 2^31 bytes', () => {
  expect(bytes.pageOffset(2 ** 31)).toBe(2 ** 43);
  expect([0, 1, 4096, 4097, 2 ** 43].map(bytes.pagesFor)).toEqual([0, 1, 1, 2, 2 ** 31]);
});
