/**
 * Procedures that wait, written once: generators that yield what they wait for, and the two drivers that see to it.
 * A procedure must leave its state sound at every yield, since on some devices other work runs there.
 */

import { ByreError } from '../errors.ts';
import type { Device, DeviceRequest } from './device.ts';

/** Waiting for other work: `finishSync` does it now, or throws if that cannot be. */
export interface WaitRequest {
  readonly kind: 'wait';
  readonly until: Promise<unknown>;
  finishSync(): void;
}

export type Steps<T> = Generator<DeviceRequest | WaitRequest, T, void>;

/** Runs a procedure to its end without waiting. Throws UNSUPPORTED if the device can only be waited for. */
export function driveSync<T>(device: Device, steps: Steps<T>): T {
  let result = steps.next();
  while (!result.done) {
    const request = result.value;
    let failure: { error: unknown } | undefined;
    try {
      if (request.kind === 'wait') request.finishSync();
      else performSync(device, request);
    } catch (error) {
      failure = { error };
    }
    result = failure ? steps.throw(failure.error) : steps.next();
  }
  return result.value;
}

/** Runs a procedure; it waits for other work, for flushes, and for everything on a device that can only be waited for. */
export async function drive<T>(device: Device, steps: Steps<T>): Promise<T> {
  let result = steps.next();
  while (!result.done) {
    const request = result.value;
    let failure: { error: unknown } | undefined;
    try {
      if (request.kind === 'wait') await request.until;
      else if (device.performSync && request.kind !== 'flush') device.performSync(request);
      else await device.perform(request);
    } catch (error) {
      failure = { error };
    }
    result = failure ? steps.throw(failure.error) : steps.next();
  }
  return result.value;
}

export function performSync(device: Device, request: DeviceRequest): void {
  if (!device.performSync) {
    throw new ByreError('UNSUPPORTED', `${device.name} can only be waited for: use the method without Sync`);
  }
  device.performSync(request);
}
