/**
 * The entry `byre/pool`: pools on devices, without `node:fs`, so that it runs in browsers too.
 * It adds no behaviour of its own. Faces are made from a branch by their own entries, such as `byre/files`.
 */

export { ByreError, type ErrorCode, isByreError } from '../errors.ts';
export type { Branch } from './branch.ts';
export type { BranchInfo, BranchLimits } from './branches.ts';
export type { CheckReport, Problem } from './check.ts';
export type { CompactReport } from './compact.ts';
export type { Device, DeviceRequest } from './device.ts';
export { type MemoryDeviceOptions, memoryDevice } from './memory-device.ts';
export type { KeyDifference, KeyRange, MergeOptions, MergeReport, Resolution } from './merge.ts';
export type { OpenOptions } from './options.ts';
export { openOn, openOnSync, type Pool, type SpaceReport } from './pool.ts';
export type { BranchUsage } from './usage.ts';
