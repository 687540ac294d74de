/**
 * Opening a pool by its path, with the lock that keeps a second writer out; or on any device.
 * Needs `node:fs` for paths; where there is none, open a pool on a device with pool.ts.
 */

import { ByreError } from '../errors.ts';
import type { Device } from './device.ts';
import { fileDevice } from './file-device.ts';
import { acquireLock } from './lock.ts';
import { type OpenOptions, resolveOptions } from './options.ts';
import { type Extras, openOn, openOnSync, type Pool } from './pool.ts';

/** Opens, and by default makes, the pool in a file or on a device. Throws LOCKED, NO_SUCH_POOL, NOT_A_POOL, DAMAGED. */
export async function openPool(target: string | Device, options: OpenOptions = {}, extras: Extras = {}): Promise<Pool> {
  if (typeof target !== 'string') return openOn(target, options, extras);
  const { device, release } = openFile(target, options);
  try {
    return await openOn(device, options, { ...extras, release });
  } catch (error) {
    device.closeSync();
    release();
    throw error;
  }
}

/** {@link openPool} without waiting. */
export function openPoolSync(target: string | Device, options: OpenOptions = {}, extras: Extras = {}): Pool {
  if (typeof target !== 'string') return openOnSync(target, options, extras);
  const { device, release } = openFile(target, options);
  try {
    return openOnSync(device, options, { ...extras, release });
  } catch (error) {
    device.closeSync();
    release();
    throw error;
  }
}

function openFile(path: string, options: OpenOptions): { device: Device & { closeSync(): void }; release: () => void } {
  const { readOnly, create } = resolveOptions(options);
  if (readOnly) return { device: openDevice(path, { readOnly }), release: () => {} };
  const lock = acquireLock(path);
  try {
    return { device: openDevice(path, { create }), release: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function openDevice(path: string, options: { readOnly?: boolean; create?: boolean }): Device & { closeSync(): void } {
  try {
    return fileDevice(path, options);
  } catch (error) {
    if ((error as ByreError).code !== 'ENOENT') throw error;
    throw new ByreError('NO_SUCH_POOL', `there is no pool at ${path}: make one with 'byre init', or check the path`, {
      cause: error,
      path,
    });
  }
}
