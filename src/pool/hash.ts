/**
 * The hash that seals pages: xxhash64 with seed 0, by WebAssembly, loaded once when this module is.
 * Callers must not take it for a cryptographic hash: it finds accidents, not forgeries.
 */
import xxhash from 'xxhash-wasm';
import type { Hash64 } from '../core/bytes.ts';

const { h64Raw } = await xxhash();

const wide = new BigUint64Array(1);
/** The words of `wide` in memory order; every platform that runs JavaScript today is little-endian, and format tests hold it. */
const words = new Uint32Array(wide.buffer);

/** A reference of 0:0 means "not sealed", so the one input in 2^64 that hashes to it gets 1:0. */
export const hash64: Hash64 = (bytes, out) => {
  wide[0] = h64Raw(bytes);
  out[0] = words[0] === 0 && words[1] === 0 ? 1 : words[0];
  out[1] = words[1];
};
