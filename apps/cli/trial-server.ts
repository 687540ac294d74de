/**
 * Has a trial done by the process that has its pool mounted, and starts one if there is none: it mounts all branches in a mount
 * namespace of its own, for as long as trials need it.
 * Callers must be the process that was typed, and must go on without a mount if there is a reason why there is none.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { isByreError } from '../../src/errors.ts';
import { openPoolSync } from '../../src/pool/open-pool.ts';
import { startMountProcess } from '../fuse/mount.ts';
import { mayMount } from '../fuse/transport/attach.ts';
import type { Session } from './session.ts';
import { handOver, patiently, type TrialPlace } from './trials.ts';

const engine = new URL(import.meta.url.endsWith('.ts') ? './engine.ts' : './engine.js', import.meta.url);

/** What becomes the mount process in a namespace of its own, which sees what is mounted outside later on. */
function namespace(): string[] {
  // A user's own namespace keeps the user's number, so that files are whose they were; the rights must be kept for it expressly.
  const user = mayMount() ? [] : ['--user', '--map-current-user', '--keep-caps'];
  return ['unshare', ...user, '--mount', '--propagation', 'slave'];
}

/** Why no mount process could be started. */
function reasonOf(error: Error): string {
  const [program, ...args] = namespace();
  const probe = spawnSync(program!, [...args, 'true'], { encoding: 'utf8' });
  if (probe.error !== undefined) return 'unshare(1) of util-linux is not installed';
  return probe.status === 0 ? error.message : probe.stderr.trim();
}

async function start({ home, poolPath }: TrialPlace): Promise<string | undefined> {
  const directory = path.join(home, 'mount');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (!existsSync(poolPath)) openPoolSync(poolPath, { commitEveryMs: 0 }).closeSync();
  try {
    await startMountProcess({ poolPath, directory, engine, transient: true, within: namespace() });
    return undefined;
  } catch (error) {
    if (isByreError(error) && error.code === 'LOCKED') throw error;
    return reasonOf(error as Error);
  }
}

/** Throws HandedOver when the trial has been done; otherwise resolves with the reason why there is no mount. */
export async function serveTrial(session: Session, place: TrialPlace): Promise<string> {
  if (process.platform !== 'linux') return 'mounting works on Linux only';
  if (place.root === '/') return 'nothing can be mounted over the root';
  return await patiently(session, async () => {
    for (;;) {
      await handOver(session, place);
      const reason = await start(place);
      if (reason !== undefined) return reason;
    }
  });
}
