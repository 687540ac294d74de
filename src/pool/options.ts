/**
 * The options of a pool, checked and completed in one place.
 * Nothing else may look at what the caller passed.
 */

import { PAGE_BYTES } from '../core/bytes.ts';
import { ByreError } from '../errors.ts';

export interface OpenOptions {
  /** Makes the pool if there is none. Default: true, false with `readOnly`. */
  readonly create?: boolean;
  /** Reads the last commit, beside a writing process if there is one. */
  readonly readOnly?: boolean;
  /** Memory for resident pages; default 64 MiB. */
  readonly cacheBytes?: number;
  /** Size of a tree node of a new pool, a power of two from 4 to 64 KiB; default 8 KiB. */
  readonly nodeBytes?: number;
  /** Size limit of a new pool; default none. */
  readonly limitBytes?: number;
  /** How long a change may stay uncommitted while the process goes on; default 1000, 0 commits only when told to. */
  readonly commitEveryMs?: number;
}

export interface PoolOptions {
  readonly create: boolean;
  readonly readOnly: boolean;
  readonly cacheBytes: number;
  readonly nodeBytes: number;
  /** 0: none. */
  readonly limitPages: number;
  readonly commitEveryMs: number;
}

const NAMES: ReadonlySet<string> = new Set<keyof OpenOptions>([
  'create',
  'readOnly',
  'cacheBytes',
  'nodeBytes',
  'limitBytes',
  'commitEveryMs',
]);
/** The sizes that a tree node can have. */
export const NODE_BYTES: readonly number[] = [4096, 8192, 16384, 32768, 65536];
export const MIN_LIMIT_BYTES = 2 << 20;
export const MAX_LIMIT_BYTES = 2 ** 44 - 2 ** 20;
const MAX_CACHE_BYTES = 6 * 2 ** 30;

/** Throws BAD_ARGUMENT for unknown names and values out of range. */
export function resolveOptions(options: OpenOptions): PoolOptions {
  for (const name of Object.keys(options)) {
    if (!NAMES.has(name)) throw bad(`a pool has no option '${name}': it knows ${[...NAMES].join(', ')}`);
  }
  const readOnly = options.readOnly ?? false;
  const create = options.create ?? !readOnly;
  if (readOnly && create) throw bad('a pool cannot be created read-only');
  const nodeBytes = options.nodeBytes ?? 8192;
  if (!NODE_BYTES.includes(nodeBytes)) throw bad('nodeBytes is a power of two from 4096 to 65536');
  const limitBytes = options.limitBytes ?? 0;
  if (limitBytes !== 0) checkRange('limitBytes', limitBytes, MIN_LIMIT_BYTES, MAX_LIMIT_BYTES);
  const cacheBytes = options.cacheBytes ?? 64 << 20;
  checkRange('cacheBytes', cacheBytes, 0, MAX_CACHE_BYTES);
  const commitEveryMs = options.commitEveryMs ?? 1000;
  checkRange('commitEveryMs', commitEveryMs, 0, 2 ** 31 - 1);
  return { create, readOnly, cacheBytes, nodeBytes, limitPages: Math.floor(limitBytes / PAGE_BYTES), commitEveryMs };
}

function checkRange(name: string, value: number, from: number, to: number): void {
  if (!Number.isFinite(value) || value < from || value > to)
    throw bad(`${name} is a number from ${from} to ${to}, not ${value}`);
}

function bad(message: string): ByreError {
  return new ByreError('BAD_ARGUMENT', message);
}
