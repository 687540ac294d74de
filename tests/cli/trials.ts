/**
 * A real directory, and byre trying things in it: for tests of `byre try` with processes of its own.
 * Test files must call `useTrials` once; what the other functions speak of is then the present test's.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach } from 'vitest';
import { trialDirectory } from '../../apps/cli/trial-place.ts';
import { journalPath } from '../../src/host/journal.ts';
import { compiled } from '../compiled.ts';
import { describeTree } from '../host/compare-trees.ts';
import { scratchDirectory } from '../host/scratch.ts';

export let program: string;

export let work: string;

/** Makes a directory to try things in, before each test of the file that calls this. */
export function useTrials(): void {
  beforeAll(() => {
    program = fileURLToPath(compiled('apps/cli/main.ts'));
  }, 120_000);

  beforeEach(() => {
    work = realpathSync(scratchDirectory('try'));
    mkdirSync(real(''));
  });

  afterEach(() => {
    execFileSync('chmod', ['-R', 'u+rwX', work]);
    rmSync(work, { recursive: true, force: true });
  });
}

export const real = (name: string) => path.join(work, 'real', name);
export const environment = () => ({ ...process.env, XDG_STATE_HOME: path.join(work, 'state'), BYRE_POOL: '' });
export const home = () => trialDirectory(real('').replace(/\/$/, ''), environment());
export const poolPath = () => path.join(home(), 'pool.byre');
export const journal = () =>
  journalPath(path.join(home(), 'journal'), Buffer.from(real('').replace(/\/$/, '')).toString('latin1'));

export function byre(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: real(''),
    env: environment(),
    encoding: 'utf8',
    input: '',
  });
  return { status, stdout, stderr };
}

export const shell =
  (...options: string[]) =>
  (script: string) =>
    byre('try', ...options, '--', 'sh', '-c', script);

export function branches(): string[] {
  return (JSON.parse(byre('branches', '--json').stdout) as Array<{ name: string }>).map(({ name }) => name);
}

/** Everything of the real directory, change times too: what discarding must leave. */
export function fingerprint(): unknown {
  const times = execFileSync('find', ['.', '-printf', '%p %i %T@ %C@ %s %m\\n'], { cwd: real(''), encoding: 'latin1' });
  return [times.split('\n').sort(), [...describeTree(real(''))]];
}
