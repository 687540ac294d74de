/**
 * The hash that seals pages: xxhash64 with seed 0.
 * Callers must not take it for a cryptographic hash: it finds accidents, not forgeries.
 */
import type { Hash64 } from '../core/bytes.ts';
import { xxhash64 } from './xxhash64.ts';

/** A reference of 0:0 means "not sealed", so the one input in 2^64 that hashes to it gets 1:0. */
export const hash64: Hash64 = (bytes, out) => {
  const words = xxhash64(bytes);
  out[0] = words[0] === 0 && words[1] === 0 ? 1 : words[0];
  out[1] = words[1];
};
