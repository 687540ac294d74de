/** A pool is as it was at one moment not before its last commit, whenever it crashes: mixed work, forks and merges. */
import { expect, test } from 'vitest';
import { isShortRun } from '../needs.ts';
import { firstSeed, pointsOf, surviveCrashes } from './crashes.ts';
import { forks, mixed, scenario } from './scenario.ts';

const TIMEOUT_MS = 6 * 60 * 60 * 1000;

test.each([
  ['mixed', mixed],
  ['forks', forks],
] as const)('crashes of scenarios: %s', { timeout: TIMEOUT_MS }, (name, profile) => {
  const wanted = pointsOf(0.25, isShortRun);
  const survived = surviveCrashes(name, (seed) => scenario(seed, profile), wanted, firstSeed);
  console.log(
    `${name}: ${survived.points} crashes survived from seed ${firstSeed}, ${survived.duringRecovery} in recovery`,
  );
  expect(survived.points).toBeGreaterThanOrEqual(wanted);
});
