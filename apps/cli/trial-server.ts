/**
 * Has a trial done by the process that has its pool mounted, and starts one if there is none: it mounts all branches in a mount
 * namespace of its own, for as long as trials need it.
 * Callers must be the process that was typed, and must go on without a mount if there is a reason why there is none.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { isByreError } from '../../src/errors.ts';
import { startMountProcess } from '../fuse/start.ts';
import { mayMount } from '../fuse/transport/attach.ts';
import { pathOf } from './pools.ts';
import { refused, type Session } from './session.ts';
import { shown } from './shown.ts';
import { handOver, patiently, type TrialPlace } from './trial-pool.ts';

const engine = new URL(import.meta.url.endsWith('.ts') ? './engine.ts' : './engine.js', import.meta.url);

/** What a machine or a kernel that does not let us mount fails with. */
const UNMOUNTABLE: ReadonlySet<string> = new Set(['UNSUPPORTED', 'EPROTO', 'EPERM', 'INTERNAL']);

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
  return probe.status === 0 ? error.message : probe.stderr;
}

async function start({ home, poolPath }: TrialPlace): Promise<string | undefined> {
  const directory = path.join(home, 'mount');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (!existsSync(poolPath)) {
    const { openPoolSync } = await import('../../src/pool/open-pool.ts');
    openPoolSync(poolPath, { commitEveryMs: 0 }).closeSync();
  }
  try {
    await startMountProcess({ poolPath, directory, engine, transient: true, within: namespace() });
    return undefined;
  } catch (error) {
    // A pool that cannot be used is no reason to do without a mount.
    if (isByreError(error) && !UNMOUNTABLE.has(error.code)) throw error;
    return reasonOf(error as Error);
  }
}

/** Directories that the command may write for real. */
export function writableOf(session: Session): string[] {
  return ((session.values.writable as readonly string[] | undefined) ?? []).map((typed) => pathOf(session, typed));
}

/** Says that the command works in a copy, since there is no mount; or refuses, if one is insisted on. */
export function sayNoMount(session: Session, reason: string): void {
  if (session.values.mount === true) throw refused(`there is no mount for the command: ${shown(reason.trim())}`);
  const why = shown(reason.trim().split('\n')[0]!);
  const message = `the command runs in a copy at another path and is not confined, since ${why}`;
  if (session.json) session.say(JSON.stringify({ warning: { code: 'NO_MOUNT', message } }));
  else session.say(`byre: ${message} (--no-mount: do not try)`);
}

/** Throws HandedOver when the trial has been done; otherwise resolves with the reason why there is no mount. */
export async function serveTrial(session: Session, place: TrialPlace): Promise<string> {
  if (process.platform !== 'linux') return 'mounting works on Linux only';
  if (place.root === '/') return 'nothing can be mounted over the root';
  return await patiently(session, async () => {
    for (;;) {
      await handOver(session, place);
      const started = start(place);
      // It takes a while, and this will be needed soon after.
      const overlay = import('./overlay.ts');
      const reason = await started;
      await overlay;
      if (reason !== undefined) return reason;
    }
  });
}
