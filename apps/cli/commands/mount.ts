/**
 * `byre mount` and `byre umount`: thin commands over apps/fuse.
 * They must run in the process that was typed: a mount is never another process's job.
 */
import { existsSync } from 'node:fs';
import type { Mounted } from '../../fuse/start.ts';
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { bytesOption } from '../options.ts';
import { locatePool, pathOf } from '../pools.ts';
import { refused, type Session, writeJson } from '../session.ts';
import { shown } from '../shown.ts';
import { parseBranch } from '../target.ts';
import { patiently } from '../trial-pool.ts';

/** The thread that holds the pool in the mount process, and runs other processes' commands. */
const engine = new URL(import.meta.url.endsWith('.ts') ? '../engine.ts' : '../engine.js', import.meta.url);

function tell(session: Session, poolPath: string, branch: string | undefined, directory: string): void {
  if (session.json) writeJson(session, { pool: poolPath, branch: branch ?? null, directory });
  else session.write(`${shown(branch === undefined ? poolPath : `${poolPath}:${branch}`)} is at ${shown(directory)}\n`);
}

async function mounted(session: Session): Promise<void> {
  const typed = takePositionals(session, ['DIR', 'DIR'], 1);
  const target = typed.length > 1 ? parseBranch(typed[0]!) : undefined;
  const branch = target?.branch;
  const directory = pathOf(session, typed.at(-1)!);
  const poolPath = await locatePool(session, [target]);
  const { values } = session;
  const options = {
    poolPath,
    directory,
    engine,
    readOnly: values['read-only'] === true,
    privileges: values.privileges === true,
    writeback: values.writeback === true,
    ...(branch === undefined ? {} : { branch }),
    ...(values.cache === undefined ? {} : { cacheBytes: bytesOption('--cache', values.cache) }),
  };
  const start = async (): Promise<void> => {
    if (values.foreground === true) {
      const { runMountProcess } = await import('../../fuse/process.ts');
      const { setupOf } = await import('../../fuse/start.ts');
      process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM');
      await runMountProcess(setupOf(options), (where) => tell(session, poolPath, branch, where));
    } else {
      const { startMountProcess } = await import('../../fuse/start.ts');
      const { directory: where }: Mounted = await startMountProcess(options);
      tell(session, poolPath, branch, where);
    }
  };
  try {
    await patiently(session, async () => {
      try {
        await start();
      } catch (error) {
        if (isLocked(error)) await requireUnmounted(poolPath);
        throw error;
      }
    });
  } catch (error) {
    if (!isLocked(error) || !existsSync(`${poolPath}.sock`)) throw error;
    throw refused(
      `tries are under way in ${shown(poolPath)}: mount it when they have ended, or look into their branches with 'byre ls BRANCH:/'`,
    );
  }
}

const isLocked = (error: unknown): boolean => (error as { code?: string }).code === 'LOCKED';

/** To wait for a mount to go would be in vain. */
async function requireUnmounted(poolPath: string): Promise<void> {
  const { mountedAlready, mountsOfPool } = await import('../../fuse/transport/mount-table.ts');
  const [found] = mountsOfPool(poolPath);
  if (found !== undefined) {
    throw mountedAlready(found, ', or mount the pool without a branch to have all in one mount');
  }
}

export const mount: Command = {
  name: 'mount',
  summary: 'mount a branch, or all branches, as a directory',
  usage: ['[POOL:]BRANCH DIR', '[POOL] DIR'],
  details: `Without BRANCH every branch is a directory in DIR, and snapshots are in DIR/.snapshots. It returns when the mount is
there; a process of its own serves it until it is unmounted. Other byre commands work on the pool meanwhile.
What it needs and promises: docs/mount.md.`,
  options: {
    'read-only': { type: 'boolean', short: 'r', text: 'let nobody write; any number of such mounts may be there' },
    foreground: { type: 'boolean', short: 'f', text: 'serve the mount in this process, until Ctrl-C' },
    privileges: { type: 'boolean', text: 'let set-uid programs and device nodes have their power' },
    writeback: { type: 'boolean', text: 'let the kernel gather writes: faster, but a full pool is told later' },
    cache: { type: 'string', value: 'SIZE', text: 'memory for pages of the pool; default 64M' },
  },
  examples: [
    ['byre mount try-1 /mnt/work', 'mounts branch try-1 of the nearest pool'],
    ['byre mount /mnt/pool', 'mounts all of its branches'],
    ['byre mount work.byre:main /mnt/work', 'mounts a branch of another pool'],
  ],
  async run(session) {
    await mounted(session);
    return 0;
  },
};

export const umount: Command = {
  name: 'umount',
  summary: 'unmount what byre has mounted',
  usage: ['[--lazy] DIR'],
  options: {
    lazy: { type: 'boolean', short: 'l', text: 'also if something in it is in use: the name goes now, the rest later' },
  },
  examples: [['byre umount /mnt/work', 'commits, unmounts, and ends the process that served it']],
  async run(session) {
    const [typed] = takePositionals(session, ['DIR']);
    const directory = pathOf(session, typed!);
    const { unmount } = await import('../../fuse/unmount.ts');
    const { found, wasDead } = await unmount(directory, { lazy: session.values.lazy === true });
    if (!found) throw refused(`byre has nothing mounted at ${shown(directory)}`);
    if (session.json) writeJson(session, { directory, wasDead });
    return 0;
  },
};
