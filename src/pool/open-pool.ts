/**
 * Opening a pool by its path, with the lock that keeps a second writer out; or on any device.
 * It cannot be used without `node:fs`; where there is none, open a pool on a device with pool.ts.
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
  const { device, lock } = openFile(target, options);
  try {
    return await openOn(device, options, { ...extras, ...lock });
  } catch (error) {
    device.closeSync();
    lock.release();
    throw error;
  }
}

/** {@link openPool} without waiting. */
export function openPoolSync(target: string | Device, options: OpenOptions = {}, extras: Extras = {}): Pool {
  if (typeof target !== 'string') return openOnSync(target, options, extras);
  const { device, lock } = openFile(target, options);
  try {
    return openOnSync(device, options, { ...extras, ...lock });
  } catch (error) {
    device.closeSync();
    lock.release();
    throw error;
  }
}

interface OpenedFile {
  readonly device: Device & { closeSync(): void };
  readonly lock: Required<Pick<Extras, 'release' | 'mayWrite'>>;
}

function openFile(path: string, options: OpenOptions): OpenedFile {
  const { readOnly, create } = resolveOptions(options);
  if (readOnly) {
    return { device: openDevice(path, { readOnly }), lock: { release: () => {}, mayWrite: () => false } };
  }
  const lock = acquireLock(path);
  try {
    const device = openDevice(path, { create });
    return { device, lock: { release: () => lock.release(), mayWrite: () => lock.isHeld() } };
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
