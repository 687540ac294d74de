/**
 * Devices that fail: every scenario again with each write, flush, resize or read failing, once or from then on; and full
 * devices. Errors are typed, the pool is usable or says that it is not, and nothing committed is lost. Callers: vitest only.
 */
import { describe, expect, test } from 'vitest';
import { isByreError } from '../../src/errors.ts';
import { openOnSync } from '../../src/pool/pool.ts';
import { isShortRun } from '../needs.ts';
import { crashImages } from '../simulation/crash-images.ts';
import { emptyImage } from '../simulation/image.ts';
import { type Faults, type Recording, recordingDevice } from '../simulation/recording-device.ts';
import { PoolModel } from './model.ts';
import { type Operation, onModel, perform, readDigest, runSync, type World } from './operations.ts';
import { forks, growth, mixed, type Profile, scenario } from './scenario.ts';
import { recovered, recoveredCrash, smallPool } from './session.ts';

/** What may come of a failing device, besides what the pool's own limits give. */
const EXPECTED = ['EIO', 'ENOSPC', 'POISONED', 'EDQUOT'];

/** A run of a scenario that goes on whatever fails, as long as the pool does. */
class Run {
  readonly recording: Recording;
  /** Every state that the pool may have been left in since the last commit that succeeded, by its digest. */
  since = new Map<string, PoolModel>();
  world: World | undefined;
  model = PoolModel.fresh();
  failures = 0;
  poisonings = 0;

  constructor(faults: Faults) {
    this.recording = recordingDevice(emptyImage, { faults });
    this.promise();
    this.open();
  }

  perform(operation: Operation): void {
    const { world } = this;
    if (!world) this.open();
    else if (operation.do === 'reopen') {
      this.attempt(() => world.pool.closeSync());
      this.open();
    } else if (isPossible(operation, this.model)) {
      const before = this.model.clone();
      if (!this.attempt(() => runSync(world.pool, perform(world, operation))))
        this.afterFailure(world, operation, before);
      else if (operation.do === 'commit') this.promise();
      else this.remember(this.model);
    }
  }

  /** The device is well again: the pool must be sound, and hold what it should, whatever a crash makes of the failed writes. */
  finish(name: string): void {
    const { faults, journal, image } = this.recording;
    for (const key of Object.keys(faults) as (keyof Faults)[]) delete faults[key];
    const { world } = this;
    if (world) this.attempt(() => world.pool.closeSync());
    recovered(image(), this.since);
    for (const crash of crashImages(journal, { seed: 1, variantsPerStep: 2, from: journal.steps.length })) {
      recoveredCrash(name, crash, this.since);
    }
  }

  /** False if it failed, as it may. */
  private attempt(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!isByreError(error) || !EXPECTED.includes(error.code)) throw error;
      this.failures++;
      return false;
    }
  }

  private remember(model: PoolModel): void {
    const { digest } = model;
    if (!this.since.has(digest)) this.since.set(digest, model.clone());
  }

  private promise(): void {
    this.since.clear();
    this.remember(this.model);
  }

  /** The operation has happened or not: which, the pool must tell, unless it says that it cannot go on. */
  private afterFailure(world: World, operation: Operation, before: PoolModel): void {
    const after = before.clone();
    onModel(after, operation);
    this.remember(after);
    let digest: string | undefined;
    this.attempt(() => {
      digest = runSync(world.pool, readDigest(world.pool));
    });
    if (digest === undefined) {
      // A device that fails for good fails reading, too.
      this.poisonings++;
      this.attempt(() => world.pool.closeSync());
      this.open();
      return;
    }
    expect([before.digest, after.digest]).toContain(digest);
    this.model = digest === before.digest ? before : after;
    world.model = this.model;
    // Of an unnamed fork nobody can tell.
    for (const name of ['on', 'to'].map((field) => (operation as unknown as Record<string, string>)[field])) {
      if (name?.startsWith('~')) this.model.branches.delete(name);
    }
    this.attempt(() => {
      const { problems } = world.pool.checkSync();
      if (problems.length > 0)
        throw new Error(`after ${JSON.stringify(operation)} failed, check finds ${JSON.stringify(problems)}`);
    });
  }

  private open(): void {
    this.world = undefined;
    this.attempt(() => {
      const pool = openOnSync(this.recording.device, smallPool);
      const model = this.since.get(runSync(pool, readDigest(pool)));
      if (model === undefined) throw new Error('after opening the pool holds what it never held, or has lost a commit');
      model.dropUnnamed();
      this.model = model.clone();
      this.world = { pool, model: this.model, unnamed: new Map() };
      // What a writer has seen at opening stays.
      this.promise();
    });
  }
}

/** Failures may have left out the making of what later operations are about. */
function isPossible(operation: Operation, model: PoolModel): boolean {
  const there = (name: string | undefined) => name === undefined || model.branches.has(name);
  if ('key' in operation) return there(operation.on) && there(operation.do === 'copy' ? operation.from : undefined);
  if (operation.do === 'merge') {
    return (
      there(operation.from) && there(operation.into) && model.commonBase(operation.from, operation.into) !== undefined
    );
  }
  if (operation.do === 'rollback') return there(operation.on) && there(operation.to);
  if ('from' in operation) return there(operation.from) && !model.branches.has(operation.to);
  if ('on' in operation) return there(operation.on);
  return !('to' in operation) || !model.branches.has(operation.to);
}

const small: Profile = {
  ...mixed,
  operations: 40,
  // The model cannot tell what cells are changed by these, which the outcome of a merge depends on.
  weights: { ...mixed.weights, punch: 0, truncate: 0, reopen: 3, commit: 8, compact: 2 },
};
const profiles: [string, Profile][] = [
  ['mixed', small],
  ['forks', { ...small, mostBranches: 14, weights: { ...forks.weights, punch: 0, truncate: 0, reopen: 2 } }],
  [
    'growth',
    {
      ...small,
      operations: 25,
      contentBytes: 200_000,
      weights: { ...growth.weights, punch: 0, truncate: 0, compact: 2 },
    },
  ],
];

function runWith(name: string, operations: readonly Operation[], faults: Faults): Run {
  try {
    const run = new Run(faults);
    for (const operation of operations) run.perform(operation);
    run.finish(name);
    return run;
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).stack}`, { cause: error });
  }
}

describe('a device that fails', () => {
  const first = Number(process.env.BYRE_SEED ?? 1);
  for (const [name, profile] of profiles) {
    for (const code of ['EIO', 'ENOSPC'] as const) {
      for (const keepsFailing of [false, true]) {
        test(`${name}: ${code} ${keepsFailing ? 'from step k on' : 'at step k'}`, { timeout: 240_000 }, () => {
          let failures = 0;
          for (let seed = first; seed < first + (isShortRun ? 1 : 4); seed++) {
            const operations = scenario(seed, profile);
            const whole = runWith('without faults', operations, {});
            expect(whole.failures).toBe(0);
            const steps = whole.recording.journal.steps.length;
            for (let step = 0; step < steps; step++) {
              const run = runWith(`BYRE_SEED=${seed}, step ${step}`, operations, {
                failAtStep: step,
                code,
                keepsFailing,
              });
              failures += run.failures;
            }
            const { reads } = whole.recording;
            for (let read = 0; read < reads; read += keepsFailing ? 3 : 1) {
              runWith(`BYRE_SEED=${seed}, read ${read}`, operations, { failAtRead: read, code, keepsFailing });
            }
          }
          expect(failures).toBeGreaterThan(0);
        });
      }
    }
  }
});

describe('a device that is full', () => {
  for (const [name, profile] of profiles) {
    test(name, { timeout: 240_000 }, () => {
      let failures = 0;
      for (let seed = 1; seed <= (isShortRun ? 2 : 12); seed++) {
        const operations = scenario(seed, profile);
        const whole = runWith('without faults', operations, {});
        const { bytes } = whole.recording.device;
        for (let limitBytes = 8192; limitBytes < bytes; limitBytes += 256 << 10) {
          failures += runWith(`seed ${seed}, limit ${limitBytes}`, operations, { limitBytes }).failures;
        }
        for (let pages = 0; pages < 200; pages += 3 + seed) {
          failures += runWith(`seed ${seed}, ${pages} pages`, operations, { limitWrittenBytes: pages * 4096 }).failures;
        }
      }
      expect(failures).toBeGreaterThan(0);
    });
  }
});
