/** The hash against published xxhash64 values. Callers: vitest only. */
import { expect, test, vi } from 'vitest';
import xxhash from 'xxhash-wasm';
import { hash64 } from './hash.ts';

function hex(bytes: Uint8Array): string {
  const out = new Uint32Array(2);
  hash64(bytes, out);
  return out[1].toString(16).padStart(8, '0') + out[0].toString(16).padStart(8, '0');
}

test('is xxhash64 with seed 0, high word second', () => {
  const text = new TextEncoder();
  expect(hex(new Uint8Array(0))).toBe('ef46db3751d8e999');
  expect(hex(text.encode('a'))).toBe('d24ec4f1a98c6e5b');
  expect(hex(text.encode('abc'))).toBe('44bc2cf5ad770999');
  expect(hex(text.encode('Nobody inspects the spammish repetition'))).toBe('fbcea83c8a378bf1');
});

test('is what another implementation finds, for every length up to some stripes, and beyond the first memory', async () => {
  const { h64Raw } = await xxhash();
  const random = Uint8Array.from({ length: 300_000 }, (_, index) => Math.imul(index ^ 0x9e37, 0x85ebca6b) >>> 24);
  const lengths = [...Array.from({ length: 300 }, (_, index) => index), 4096, 65528, 65529, 65536, 299_000, 4095];
  for (const length of lengths) {
    const bytes = random.subarray(length % 13, (length % 13) + length);
    expect(hex(bytes), `${length} bytes`).toBe(h64Raw(bytes).toString(16).padStart(16, '0'));
  }
});

test('reads a view, not the buffer under it', () => {
  const page = new Uint8Array(100).map((_, index) => index);
  expect(hex(page.subarray(10, 60))).toBe(hex(page.slice(10, 60)));
});

test('never answers 0:0', async () => {
  vi.resetModules();
  vi.doMock('./xxhash64.ts', () => ({ xxhash64: () => new Uint32Array(2) }));
  const mocked = await import('./hash.ts');
  vi.doUnmock('./xxhash64.ts');
  const out = new Uint32Array(2);
  mocked.hash64(new Uint8Array(1), out);
  expect([...out]).toEqual([1, 0]);
});
