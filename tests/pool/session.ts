/**
 * Runs a scenario on a recording device and keeps what must be true of a crash at each step of its journal.
 * Callers must not use the pool of a session beside it.
 */
import type { OpenOptions } from '../../src/pool/options.ts';
import { openOnSync } from '../../src/pool/pool.ts';
import type { CrashImage } from '../simulation/crash-images.ts';
import { emptyImage, type Image, imageDevice } from '../simulation/image.ts';
import { type Recording, recordingDevice } from '../simulation/recording-device.ts';
import { PoolModel } from './model.ts';
import { type Operation, perform, readDigest, runSync, type World } from './operations.ts';

export const smallPool: OpenOptions = { cacheBytes: 0, nodeBytes: 4096, commitEveryMs: 0 };

/** A state that the pool was in, and when the operation that led to it was begun. */
interface Moment {
  readonly begunAtStep: number;
  readonly digest: string;
}

/** All states up to the one with number `moment` were durable when so many steps had ended. */
interface Promised {
  readonly step: number;
  readonly moment: number;
}

export class Session {
  readonly recording: Recording;
  readonly options: OpenOptions;
  readonly moments: Moment[] = [];
  readonly promised: Promised[] = [];
  readonly world: World;

  constructor(base: Image = emptyImage, model = PoolModel.fresh(), options = smallPool) {
    this.recording = recordingDevice(base);
    this.options = options;
    // Before main is made there is a state without it, which opening never shows.
    this.moments.push({ begunAtStep: 0, digest: model.digest });
    this.world = { pool: openOnSync(this.recording.device, options), model, unnamed: new Map() };
    if (base.bytes === 0) this.promise();
    else this.promised.push({ step: 0, moment: 0 });
  }

  get steps(): number {
    return this.recording.journal.steps.length;
  }

  perform(operation: Operation): void {
    const begunAtStep = this.steps;
    if (operation.do === 'reopen') {
      this.world.pool.closeSync();
      this.world.model.dropUnnamed();
      this.world.unnamed.clear();
      this.world.pool = openOnSync(this.recording.device, this.options);
    } else {
      runSync(this.world.pool, perform(this.world, operation));
    }
    this.moments.push({ begunAtStep, digest: this.world.model.digest });
    if (operation.do === 'commit' || operation.do === 'reopen') this.promise();
  }

  performAll(operations: readonly Operation[]): this {
    for (const operation of operations) this.perform(operation);
    return this;
  }

  /** What a crash image may hold: the digests of all moments from the last promised one to the last begun one. */
  allowed(step: number): Set<string> {
    let first = 0;
    for (const each of this.promised) if (each.step <= step) first = each.moment;
    const digests = new Set<string>();
    for (let moment = first; moment < this.moments.length; moment++) {
      if (moment > first && this.moments[moment].begunAtStep >= step) break;
      digests.add(this.moments[moment].digest);
    }
    return digests;
  }

  private promise(): void {
    this.promised.push({ step: this.steps, moment: this.moments.length - 1 });
  }
}

/** Opens what a crash has left and proves it; returns what it holds. Throws with what is wrong. */
export function recovered(image: Image, allowed: { has(digest: string): boolean }): string {
  const device = imageDevice(image);
  const pool = openOnSync(device, smallPool);
  const digest = runSync(pool, readDigest(pool));
  if (!allowed.has(digest)) throw new Error(`the pool holds what it never held, or has lost a commit: ${digest}`);
  const { problems } = pool.checkSync();
  if (problems.length > 0) throw new Error(`check finds: ${problems.map(({ message }) => message).join('; ')}`);
  return digest;
}

/** {@link recovered}, with a message that tells how to find the crash again. */
export function recoveredCrash(name: string, crash: CrashImage, allowed: { has(digest: string): boolean }): string {
  try {
    return recovered(crash.image, allowed);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`${name}, crash at step ${crash.step} (${crash.description}): ${text}`, { cause: error });
  }
}
