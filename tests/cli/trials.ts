/**
 * A real directory, and byre trying things in it: for tests of `byre try` with processes of its own.
 * Test files must call `useTrials` once; what the other functions speak of is then the present test's.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach } from 'vitest';
import { trialDirectory } from '../../apps/cli/trial-place.ts';
import { journalPath } from '../../src/host/journal.ts';
import { describeTree } from '../host/compare-trees.ts';
import { scratchDirectory } from '../host/scratch.ts';
import { builtSources, needsMount, until } from '../mount/mounted.ts';

export let program: string;

export let work: string;

/** Makes a directory to try things in, before each test of the file that calls this. */
export function useTrials(): void {
  beforeAll(() => {
    // All of it: the mount process is a program of its own.
    program = path.join(builtSources(), 'apps/cli/main.js');
  }, 120_000);

  beforeEach(() => {
    work = realpathSync(scratchDirectory('try'));
    mkdirSync(real(''));
  });

  afterEach(async () => {
    // A test that failed may have left commands that wait for this.
    writeFileSync(path.join(work, 'go'), '');
    try {
      await untilSilent();
    } finally {
      for (const pid of servers()) process.kill(pid, 'SIGKILL');
      execFileSync('chmod', ['-R', 'u+rwX', work]);
      rmSync(work, { recursive: true, force: true });
    }
  });
}

export const real = (name: string) => path.join(work, 'real', name);
export const environment = () => ({ ...process.env, XDG_STATE_HOME: path.join(work, 'state'), BYRE_POOL: '' });
export const home = () => trialDirectory(real('').replace(/\/$/, ''), environment());
export const poolPath = () => path.join(home(), 'pool.byre');
export const journal = () =>
  journalPath(path.join(home(), 'journal'), Buffer.from(real('').replace(/\/$/, '')).toString('latin1'));

/** How the command meets its fork: tests are to hold for each of these. */
export const forms = [
  { form: 'in a copy', options: ['--no-mount'], needed: {} },
  { form: 'mounted', options: ['--mount', '--no-confine'], needed: needsMount },
  { form: 'mounted and confined', options: ['--mount', '--quiet'], needed: needsMount },
] as const;

/** The processes of which this is true, in whatever namespace; not those that are gone when it is asked. */
function processes(isMeant: (proc: string) => boolean): number[] {
  const isMeantNow = (pid: number) => {
    try {
      return isMeant(`/proc/${pid}`);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc').map(Number).filter(isMeantNow);
}

const serves = (proc: string) => readFileSync(`${proc}/cmdline`, 'latin1').includes(`"poolPath":"${work}/`);

/** What a command left running has the environment, too, but is no Node. */
const isByre = (proc: string) =>
  readFileSync(`${proc}/environ`, 'latin1').includes(`XDG_STATE_HOME=${work}/`) &&
  readlinkSync(`${proc}/exe`) === process.execPath;

/** The processes that have a pool mounted for tries here. */
export const servers = () => processes(serves);

/**
 * Waits until there is no process of a try here any more, even one that is only about to become a server: servers end by themselves,
 * a moment after the last try.
 */
export async function untilSilent(): Promise<void> {
  await until(() => processes((proc) => serves(proc) || isByre(proc)).length === 0, 30);
}

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

/** A try of a script, after which `action` is done here before the command ends. */
export async function meanwhile(
  options: readonly string[],
  script: string,
  action: () => void,
): Promise<{ readonly status: number | null; readonly stderr: string }> {
  const go = path.join(work, 'go');
  const waiting = `${script}; echo up; until [ -e '${go}' ]; do sleep 0.02; done`;
  const child = spawn(process.execPath, [program, 'try', ...options, '--', 'sh', '-c', waiting], {
    cwd: real(''),
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (text: unknown) => {
    stderr += String(text);
  });
  const closed = once(child, 'close');
  await once(child.stdout, 'data');
  try {
    action();
  } finally {
    writeFileSync(go, '');
  }
  const [status] = (await closed) as [number | null];
  rmSync(go);
  return { status, stderr };
}

export function branches(): string[] {
  return (JSON.parse(byre('branches', '--json').stdout) as Array<{ name: string }>).map(({ name }) => name);
}

/** Everything of the real directory, change times too: what discarding must leave. */
export function fingerprint(): unknown {
  const times = execFileSync('find', ['.', '-printf', '%p %i %T@ %C@ %s %m\\n'], { cwd: real(''), encoding: 'latin1' });
  return [times.split('\n').sort(), [...describeTree(real(''))]];
}
