/** Value codecs: round trips, refusals, and who may keep which bytes. */
import fc from 'fast-check';
import { pack, unpack } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { bytesCodec, type Codec, decodeBorrowed, decodeOwned, jsonCodec, resolveCodec, textCodec } from './codec.ts';

const messagePack: Codec<unknown> = { name: 'msgpack', encode: pack, decode: unpack };

describe('codecs', () => {
  test('values come back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const kept = JSON.parse(JSON.stringify(value));
        expect(decodeBorrowed(jsonCodec, jsonCodec.encode(value))).toStrictEqual(kept);
        expect(decodeOwned(jsonCodec, jsonCodec.encode(value))).toStrictEqual(kept);
        expect(decodeBorrowed(messagePack, messagePack.encode(kept))).toStrictEqual(kept);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array(), (value) => {
        expect(decodeBorrowed(bytesCodec, bytesCodec.encode(value))).toStrictEqual(value);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        expect(decodeBorrowed(textCodec, textCodec.encode(value))).toBe(value);
      }),
    );
  });

  test('bytes that were borrowed are copied, and bytes that are owned are not', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(bytesCodec.encode(bytes)).toBe(bytes);
    expect(decodeOwned(bytesCodec, bytes)).toBe(bytes);
    for (const lent of [bytes, Buffer.from(bytes)]) {
      const copy = decodeBorrowed(bytesCodec, lent);
      lent[0] = 9;
      expect(copy).toStrictEqual(Uint8Array.of(1, 2, 3));
      lent[0] = 1;
    }
    const keeping: Codec<Uint8Array> = { name: 'keeping', encode: (value) => value, decode: (value) => value };
    expect(decodeBorrowed(keeping, bytes)).not.toBe(bytes);
  });

  test('refuses what it cannot express', () => {
    const refused = expect.objectContaining({ code: 'BAD_ARGUMENT' });
    expect(() => jsonCodec.encode(undefined)).toThrow(refused);
    expect(() => jsonCodec.encode(() => 1)).toThrow(refused);
    expect(() => bytesCodec.encode('x' as never)).toThrow(refused);
    expect(() => textCodec.encode(1 as never)).toThrow(refused);
    expect(() => resolveCodec('toString' as never)).toThrow(refused);
    expect(() => resolveCodec('xml' as never)).toThrow(refused);
  });
});
