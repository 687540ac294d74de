/**
 * Crashes of random scenarios, as many as asked for, and crashes while what a crash left is opened.
 * Callers must give different first seeds to different runs, and print what is thrown: it names the seed.
 */
import { openOnSync } from '../../src/pool/pool.ts';
import { type CrashImage, crashImages } from '../simulation/crash-images.ts';
import { recordingDevice } from '../simulation/recording-device.ts';
import type { Operation } from './operations.ts';
import { recoveredCrash, Session, smallPool } from './session.ts';

/** One image in so many is also crashed while it is opened and closed. */
const RECOVERY_EVERY = 40;
const VARIANTS_PER_STEP = 3;

/**
 * Runs scenarios, seed by seed, until at least `points` crashes are survived; returns how many were, of both kinds. Of long
 * scenarios only one crash in `every` is looked at, so that their ends are reached.
 */
export function surviveCrashes(
  name: string,
  scenarioOf: (seed: number) => Operation[],
  points: number,
  firstSeed: number,
  every = 1,
): { points: number; duringRecovery: number } {
  const survived = { points: 0, duringRecovery: 0 };
  for (let seed = firstSeed; survived.points < points; seed++) {
    const session = new Session().performAll(scenarioOf(seed));
    const images = crashImages(session.recording.journal, { seed, variantsPerStep: VARIANTS_PER_STEP });
    let met = 0;
    for (const crash of images) {
      if (met++ % every !== 0) continue;
      const label = `${name}, seed ${seed}`;
      const digest = recoveredCrash(label, crash, session.allowed(crash.step));
      survived.points++;
      if (survived.points % RECOVERY_EVERY === 0) {
        const during = surviveRecovery(label, crash, digest, seed);
        survived.points += during;
        survived.duringRecovery += during;
      }
      if (survived.points >= points) break;
    }
  }
  return survived;
}

/** Crashes while a crash's image is opened and closed again: nothing may change but what opening may do. */
function surviveRecovery(label: string, crash: CrashImage, digest: string, seed: number): number {
  const recording = recordingDevice(crash.image);
  openOnSync(recording.device, smallPool).closeSync();
  let points = 0;
  for (const second of crashImages(recording.journal, { seed, variantsPerStep: 1 })) {
    recoveredCrash(`${label}, recovery from the crash at step ${crash.step}`, second, new Set([digest]));
    points++;
  }
  return points;
}

/** How many crashes a run is to survive, its share of `BYRE_CRASH_POINTS`; few in a short run. */
export function pointsOf(share: number, isShort: boolean): number {
  const total = Number(process.env.BYRE_CRASH_POINTS ?? (isShort ? 2_000 : 104_000));
  return Math.ceil(total * share);
}

/** `BYRE_CRASH_SEED`, or always the same one. */
export const firstSeed = Number(process.env.BYRE_CRASH_SEED ?? 1);
