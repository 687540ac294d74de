/** A pool is as it was at one moment not before its last commit, whenever it crashes: many commits, growth, many counts. */
import { expect, test } from 'vitest';
import { isShortRun } from '../needs.ts';
import { firstSeed, pointsOf, surviveCrashes } from './crashes.ts';
import { commits, growth, manyCounts, scenario } from './scenario.ts';

const TIMEOUT_MS = 6 * 60 * 60 * 1000;

test.each([
  ['commits', 0.25, 1, (seed: number) => scenario(seed, commits)],
  ['growth', 0.24, 1, (seed: number) => scenario(seed, growth)],
  ['many counts', 0.01, 29, () => manyCounts(40)],
] as const)('crashes of scenarios: %s', { timeout: TIMEOUT_MS }, (name, share, every, scenarioOf) => {
  const wanted = pointsOf(share, isShortRun);
  const survived = surviveCrashes(name, scenarioOf, wanted, firstSeed, every);
  console.log(
    `${name}: ${survived.points} crashes survived from seed ${firstSeed}, ${survived.duringRecovery} in recovery`,
  );
  expect(survived.points).toBeGreaterThanOrEqual(wanted);
});
