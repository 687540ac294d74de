/**
 * A program for tests: applies a trial's changes as `byre apply` does, and is killed at a given step.
 * `apply-killed.js POOL BRANCH JOURNAL STEP`. It prints nothing; a run that got through exits with 0.
 */
import { applyChanges } from '../../src/host/apply.ts';
import { changesOf, trialOf } from '../../src/host/trial.ts';
import { openPoolSync } from '../../src/pool/open-pool.ts';

const [poolPath, branch, journal, step] = process.argv.slice(2) as [string, string, string, string];
const pool = openPoolSync(poolPath);
const trial = trialOf(pool, branch);
let steps = 0;
applyChanges({
  pool,
  base: pool.branchSync(trial.base),
  fork: pool.branchSync(branch),
  root: trial.directory,
  journal,
  changes: changesOf(pool, branch),
  onStep: () => {
    if (steps++ === Number(step)) process.kill(process.pid, 'SIGKILL');
  },
});
pool.closeSync();
