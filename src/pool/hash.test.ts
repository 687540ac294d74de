/** The hash against published xxhash64 values. Callers: vitest only. */
import { expect, test, vi } from 'vitest';
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

test('reads a view, not the buffer under it', () => {
  const page = new Uint8Array(100).map((_, index) => index);
  expect(hex(page.subarray(10, 60))).toBe(hex(page.slice(10, 60)));
});

test('never answers 0:0', async () => {
  vi.resetModules();
  vi.doMock('xxhash-wasm', () => ({ default: async () => ({ h64Raw: () => 0n }) }));
  const mocked = await import('./hash.ts');
  vi.doUnmock('xxhash-wasm');
  const out = new Uint32Array(2);
  mocked.hash64(new Uint8Array(1), out);
  expect([...out]).toEqual([1, 0]);
});
