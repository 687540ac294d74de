/**
 * `npm run crash [-- POINTS [SEED]]`: simulates crashes, many more than the tests do (by default two million), from a random seed.
 * It prints the seed, with which the same run can be had again; it must be run from a checkout that is set up.
 */
import { spawnSync } from 'node:child_process';

const [points = '2000000', seed = String(Math.floor(Math.random() * 1e9))] = process.argv.slice(2);
console.log(`crash: ${points} points from seed ${seed}; again with: npm run crash -- ${points} ${seed}`);
const run = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'tests/pool/crash-'], {
  stdio: 'inherit',
  env: { ...process.env, BYRE_CRASH_POINTS: points, BYRE_CRASH_SEED: seed },
});
process.exit(run.status ?? 1);
