/**
 * Pools mounted for tests, by a mount process built from the sources, and programs run in them with a time limit.
 * Callers must name what they need with {@link needsMount} and {@link needsProgram}, and call `close` of every mount they make, also after a
 * failure: a mount that nobody serves hangs whoever touches it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, type TestOptions } from 'vitest';
import { commandIn, type Mounted, type MountProcessOptions } from '../../apps/fuse/mount.ts';
import { topMount } from '../../apps/fuse/transport/mount-table.ts';
import { openPoolSync } from '../../src/pool/open-pool.ts';
import { needs } from '../needs.ts';

const root = path.resolve(import.meta.dirname, '../..');
const LIMIT_BYTES = 4 * 2 ** 30;

function canMount(): boolean {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) return false;
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return false;
  }
  // A container may have the device and still not be allowed to mount.
  const tried = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
  return tried.status === 0;
}

const mountable = canMount();

export const needsMount: TestOptions = needs(mountable, 'needs root, /dev/fuse and the right to mount');

export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;
}

/** Options for a test that runs programs in a mount. */
export function needsProgram(...names: string[]): TestOptions {
  const missing = names.filter((name) => !hasProgram(name));
  return mountable ? needs(missing.length === 0, `needs ${missing.join(', ')}`) : needsMount;
}

let built: string | undefined;

afterAll(() => {
  if (built !== undefined) rmSync(built, { recursive: true, force: true });
});

/** The directory of the sources compiled, for processes that do not read TypeScript. */
export function builtSources(): string {
  if (built !== undefined) return built;
  const cache = path.join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const home = mkdtempSync(path.join(cache, 'byre-built-'));
  // Other users run it, too.
  chmodSync(home, 0o755);
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [
    compiler,
    '-p',
    path.join(root, 'tsconfig.build.json'),
    '--outDir',
    home,
    '--noCheck',
    '--declaration',
    'false',
  ];
  const run = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (!existsSync(path.join(home, 'apps/fuse/main.js'))) throw new Error(`cannot compile:\n${run.stdout}${run.stderr}`);
  built = home;
  return home;
}

/** A module of the compiled sources. */
export function importBuilt<T>(source: string): Promise<T> {
  return import(pathToFileURL(path.join(builtSources(), source)).href) as Promise<T>;
}

export interface ProgramRun {
  readonly status: number | null;
  readonly output: string;
}

/** Runs a program to its end and returns all that it said; after `seconds` it is killed. Never blocks this process. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly seconds?: number; readonly environment?: Record<string, string> } = {},
): Promise<ProgramRun> {
  return new Promise((resolve, reject) => {
    // Not by `cwd`: this process may be the one that serves the directory.
    const child = spawn(...commandIn(options.cwd ?? '/', program, args), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.environment },
      detached: true,
    });
    const limit = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), (options.seconds ?? 60) * 1000);
    let output = '';
    const collect = (chunk: unknown): void => {
      output += String(chunk);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (status) => {
      clearTimeout(limit);
      resolve({ status, output });
    });
  });
}

/** Runs a shell script that must succeed; returns what it said. */
export async function shell(script: string, options: Parameters<typeof run>[2] = {}): Promise<string> {
  const { status, output } = await run('bash', ['-euo', 'pipefail', '-c', script], options);
  if (status !== 0) throw new Error(`status ${status} of:\n${script}\n${output}`);
  return output;
}

export interface MountedPool {
  readonly poolPath: string;
  /** Where the mount is. */
  readonly directory: string;
  readonly mounted: Mounted;
  /** Mounts the pool once more, elsewhere or again. */
  again(options?: Partial<MountProcessOptions>): Promise<Mounted>;
  /** Unmounts, and verifies that the pool is whole. */
  end(): Promise<void>;
  /** Takes everything away, whatever state it is in. */
  close(): Promise<void>;
}

/** A new pool whose branch `work`, a fork of `main`, is mounted by a process of its own. */
export async function mountedPool(
  options: Partial<MountProcessOptions> & { allBranches?: boolean } = {},
): Promise<MountedPool> {
  const { allBranches = false, ...given } = options;
  const { startMountProcess } = await importBuilt<typeof import('../../apps/fuse/mount.ts')>('apps/fuse/mount.js');
  const home = mkdtempSync(path.join(tmpdir(), 'byre-mount-'));
  const poolPath = path.join(home, 'pool.byre');
  const directory = path.join(home, 'mount');
  mkdirSync(directory);
  // With a limit `df` shows the pool's own room, which nobody else takes.
  const pool = openPoolSync(poolPath, { limitBytes: LIMIT_BYTES });
  pool.forkSync('main', 'work');
  pool.closeSync();
  const again = (more: Partial<MountProcessOptions> = {}): Promise<Mounted> =>
    startMountProcess({ poolPath, directory, ...(allBranches ? {} : { branch: 'work' }), ...given, ...more });
  let mounted: Mounted;
  try {
    mounted = await again();
  } catch (error) {
    rmSync(home, { recursive: true, force: true });
    throw error;
  }
  return {
    poolPath,
    directory,
    mounted,
    again,
    async end() {
      await until(() => unmounted(mounted));
      verifyPool(poolPath);
    },
    async close() {
      await run('umount', ['-l', directory]);
      try {
        process.kill(mounted.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/**
 * Unmounts; false while something works there, as programs do for a moment after their ends have been told. Mount namespaces that others
 * make on the machine meanwhile have the mount, too: nobody waits for them.
 */
export async function unmounted(mounted: Mounted): Promise<boolean> {
  try {
    await mounted.unmount();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    if (topMount(mounted.directory) !== undefined) return false;
    if (mounted.pid !== process.pid) endAtOnce(mounted.pid);
    await mounted.ended;
    return true;
  }
}

/** A mount process that was told twice to end does, whoever has its mount. */
export function endAtOnce(pid: number): void {
  for (const signal of ['SIGINT', 'SIGTERM']) process.kill(pid, signal);
}

/** A process in a mount namespace of its own, which keeps the mount at `directory`, and no other test's. */
export async function keepElsewhere(directory: string): Promise<{ end(): Promise<void> }> {
  const script = `while read -r _ place type _; do
      if [ "$type" = fuse.byre ] && [ "$place" != "$0" ]; then umount -il "$place"; fi
    done < /proc/self/mounts
    echo ready
    exec sleep 60`;
  const holder = spawn('unshare', ['-m', 'sh', '-c', script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise<unknown>((resolve) => holder.once('exit', resolve));
  await Promise.race([new Promise((resolve) => holder.stdout.once('data', resolve)), gone]);
  return {
    async end() {
      holder.kill('SIGKILL');
      await gone;
    },
  };
}

/** Opens the pool, checks all of it, and closes it. */
export function verifyPool(poolPath: string): void {
  const pool = openPoolSync(poolPath, { create: false });
  try {
    const { ok, problems } = pool.checkSync();
    if (!ok) throw new Error(`the pool is damaged: ${JSON.stringify(problems)}`);
  } finally {
    pool.closeSync();
  }
}

/** Runs `use` with a mounted pool, then unmounts and checks it. */
export async function withMount(
  use: (mount: MountedPool) => Promise<void>,
  options: Parameters<typeof mountedPool>[0] = {},
): Promise<void> {
  const mount = await mountedPool(options);
  try {
    await use(mount);
    await mount.end();
  } finally {
    await mount.close();
  }
}

/** Waits until something is so, asked again and again. */
export async function until(what: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('it did not happen in time');
}
