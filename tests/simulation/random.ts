/**
 * Numbers that look random and are the same for the same seeds, so that a failure found by chance can be found again.
 * Callers must print the seed of what fails.
 */

export interface RandomNumbers {
  /** From 0 up to and without 2^32. */
  next(): number;
  /** A whole number from 0 up to and without `limit`. */
  below(limit: number): number;
  chance(likelihood: number): boolean;
  pick<T>(choices: readonly T[]): T;
}

/** Spreads every bit of the input over the output (the finisher of murmur3). */
function mixed(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** One number for two, alike to a random one. */
export function scattered(one: number, other: number): number {
  return mixed(one + Math.imul(mixed(other % 0x1_0000_0000), 0x9e3779b1) + 1);
}

/** A sequence of its own for each list of seeds. */
export function randomNumbers(...seeds: readonly number[]): RandomNumbers {
  let state = 0x9e3779b9;
  for (const seed of seeds) state = scattered(state, seed);
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0;
    return mixed(state);
  };
  return {
    next,
    below: (limit) => Math.floor((next() / 0x1_0000_0000) * limit),
    chance: (likelihood) => next() < likelihood * 0x1_0000_0000,
    pick: (choices) => choices[Math.floor((next() / 0x1_0000_0000) * choices.length)],
  };
}
