/** Bytes that are not UTF-8, from the command line into text and back. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOfTyped, isRaw, textOfTyped, typedArguments } from './typed.ts';

test('any bytes become text and are the same again; UTF-8 is itself', () => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  const mixed = fc.array(
    fc.oneof(
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
      bytes,
    ),
  );
  fc.assert(
    fc.property(mixed, (parts) => {
      const all = Buffer.concat(parts);
      expect(Buffer.compare(bytesOfTyped(textOfTyped(all)), all)).toBe(0);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(textOfTyped(Buffer.from(text))).toBe(text);
      expect(isRaw(text)).toBe(false);
    }),
  );
});

test('arguments are read again only where Node has replaced something, and only if they are its own', () => {
  const args = ['ls', 'a\ufffd'];
  expect(typedArguments(['ls'])).toEqual(['ls']);
  expect(typedArguments(args)).toEqual(args);
});
