/** Value codecs: round trips and refusals. */
import fc from 'fast-check';
import { pack, unpack } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { bytesCodec, type Codec, jsonCodec, resolveCodec, textCodec } from './codec.ts';

const messagePack: Codec<unknown> = { name: 'msgpack', encode: pack, decode: unpack };

describe('codecs', () => {
  test('values come back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const kept = JSON.parse(JSON.stringify(value));
        expect(jsonCodec.decode(jsonCodec.encode(value))).toStrictEqual(kept);
        // msgpackr changes fields of that name, on purpose.
        fc.pre(!JSON.stringify(kept).includes('__proto__'));
        expect(messagePack.decode(messagePack.encode(kept))).toStrictEqual(kept);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        expect(textCodec.decode(textCodec.encode(value))).toBe(value);
      }),
    );
  });

  test('bytes are passed through', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(bytesCodec.encode(bytes)).toBe(bytes);
    expect(bytesCodec.decode(bytes)).toBe(bytes);
  });

  test('refuses what it cannot express', () => {
    const refused = expect.objectContaining({ code: 'BAD_ARGUMENT' });
    expect(() => jsonCodec.encode(undefined)).toThrow(refused);
    expect(() => jsonCodec.encode(() => 1)).toThrow(refused);
    expect(() => bytesCodec.encode('x' as never)).toThrow(refused);
    expect(() => textCodec.encode(1 as never)).toThrow(refused);
    expect(() => resolveCodec('toString' as never)).toThrow(refused);
    expect(() => resolveCodec('xml' as never)).toThrow(refused);
    expect(() => resolveCodec({ ...messagePack, name: 'json' })).toThrow(refused);
    expect(() => resolveCodec({ name: 'half' } as never)).toThrow(refused);
    expect(resolveCodec(messagePack)).toBe(messagePack);
    expect(resolveCodec('json')).toBe(jsonCodec);
  });
});
