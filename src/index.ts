/**
 * The public entry of byre on Node: pools in files or memory, whose branches show their faces.
 * It adds no behaviour of its own. Where there is no `node:fs`, as in browsers, use `byre/pool` with a device.
 */

import { type Files, filesOf } from './files/index.ts';
import type { Branch as BareBranch } from './pool/branch.ts';
import type { Device } from './pool/device.ts';
import { openPool as openBare, openPoolSync as openBareSync } from './pool/open-pool.ts';
import type { OpenOptions } from './pool/options.ts';
import type { Pool as BarePool } from './pool/pool.ts';

export { type ByreCode, ByreError, type ErrnoCode, type ErrorCode, isByreError } from './errors.ts';
export type { BranchInfo, BranchLimits } from './pool/branches.ts';
export type { CheckReport, Problem } from './pool/check.ts';
export type { CompactReport } from './pool/compact.ts';
export type { Device, DeviceRequest } from './pool/device.ts';
export { fileDevice } from './pool/file-device.ts';
export { memoryDevice } from './pool/memory-device.ts';
export type { KeyDifference, KeyRange, MergeOptions, MergeReport, Resolution } from './pool/merge.ts';
export type { OpenOptions } from './pool/options.ts';
export type { SpaceReport } from './pool/pool.ts';
export type { BranchUsage } from './pool/usage.ts';

/** The faces of a branch. */
export interface Faces {
  /** Its files, in the shape of `node:fs`. */
  readonly files: Files;
}

/** A branch, snapshot or unnamed fork, with its faces. */
export type Branch = BareBranch & Faces;

type Dressed<T> = T extends BareBranch ? Branch : T extends Promise<infer Inner> ? Promise<Dressed<Inner>> : T;

/** A pool whose branches have their faces. */
export type Pool = {
  readonly [Name in keyof BarePool]: BarePool[Name] extends (...rest: infer Rest) => infer Result
    ? (...rest: Rest) => Dressed<Result>
    : BarePool[Name];
};

const faces: PropertyDescriptorMap = {
  files: {
    get(this: BareBranch): Files {
      return filesOf(this);
    },
  },
};

/** Opens, and by default makes, the pool in a file or on a device. Throws LOCKED, NO_SUCH_POOL, NOT_A_POOL, DAMAGED. */
export async function openPool(target: string | Device, options: OpenOptions = {}): Promise<Pool> {
  return (await openBare(target, options, { faces })) as Pool;
}

/** {@link openPool} without waiting; the device must be able to. */
export function openPoolSync(target: string | Device, options: OpenOptions = {}): Pool {
  return openBareSync(target, options, { faces }) as Pool;
}
