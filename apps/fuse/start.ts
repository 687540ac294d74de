/**
 * Starts a process that opens a pool and mounts it. It must stay quick to load: whoever starts one waits for it.
 * Callers must unmount what they no longer need: the process outlives them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { ByreError, type ErrorCode } from '../../src/errors.ts';
import type { MountSetup } from './setup.ts';
import { detach } from './transport/attach.ts';
import { findMount } from './transport/mount-table.ts';
import { untilEnded } from './transport/users.ts';

export interface MountOptions {
  /** The branch or snapshot to show; by default the root of the mount has every branch as a directory. */
  readonly branch?: string;
  readonly readOnly?: boolean;
  /** Whether set-uid programs and device nodes in the branch have their power. Default false. */
  readonly privileges?: boolean;
  /** Lets the kernel gather writes: faster, but what a full pool refuses is then told at fsync or close only. Default false. */
  readonly writeback?: boolean;
  /** How long the kernel may keep names and attributes without asking. */
  readonly cacheSeconds?: number;
}

export interface Mounted {
  /** Absolute and without symbolic links. */
  readonly directory: string;
  /** The process that serves it. */
  readonly pid: number;
  /** Resolves when the mount is gone, by whatever hand, and (for a process of its own) the pool closed. */
  readonly ended: Promise<void>;
  /**
   * Rejects with EBUSY while something in the mount is in use, unless lazily: then the names go now, the rest later. Also if something
   * else is mounted over it, or others have it mounted elsewhere.
   */
  unmount(options?: { readonly lazy?: boolean }): Promise<void>;
  /** Resolves when the kernel has taken every change that this process has made so far. At once for other processes. */
  settled(): Promise<void>;
}

export interface MountProcessOptions extends MountOptions {
  readonly poolPath: string;
  readonly directory: string;
  /** Memory of the mount process for resident pages. */
  readonly cacheBytes?: number;
  /** URL of a module that calls `runEngine` (`engine.ts`) with what runs commands; by default the mount takes none. */
  readonly engine?: string | URL;
  /** Ends the process when no command of others is under way and nobody elsewhere has the mount. Default false. */
  readonly transient?: boolean;
  /** What is to start the process, such as a program that makes a mount namespace for it: it must become that process. */
  readonly within?: readonly string[];
}

/** The setup of a mount process from a caller's options. */
export function setupOf(options: MountProcessOptions): MountSetup {
  return {
    poolPath: realpathSync(options.poolPath),
    branch: options.branch,
    directory: path.resolve(options.directory),
    readOnly: options.readOnly === true,
    privileges: options.privileges === true,
    writeback: options.writeback === true,
    cacheBytes: options.cacheBytes,
    bell: `.byre-bell-${randomUUID()}`,
    engine: options.engine === undefined ? undefined : String(options.engine),
    transient: options.transient === true,
  };
}

function firstMessage(child: ChildProcess): Promise<{ mounted?: string; failed?: string; code?: string }> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as { mounted?: string }));
    child.once('error', reject);
    child.once('exit', (status) => {
      // What it said last may be heard after its end.
      const fail = (): void => reject(new ByreError('INTERNAL', `the mount process ended with ${status}`));
      if (child.connected) child.once('disconnect', () => setImmediate(fail));
      else setImmediate(fail);
    });
  });
}

/** Starts a process of its own that opens the pool and mounts it. It outlives this one; unmounting ends it. */
export async function startMountProcess(options: MountProcessOptions): Promise<Mounted> {
  const program = fileURLToPath(new URL('./main.js', import.meta.url));
  const [first, ...others] = [...(options.within ?? []), process.execPath, program, JSON.stringify(setupOf(options))];
  // A pipe would stay open for as long as the mount is there, and its reader would wait for that.
  const complaints = isatty(2) && options.transient !== true ? 'inherit' : 'ignore';
  const child = spawn(first!, others, {
    detached: true,
    stdio: ['ignore', 'ignore', complaints, 'ipc'],
    cwd: '/',
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const { mounted, failed, code } = await firstMessage(child);
  if (mounted === undefined) {
    await ended;
    throw new ByreError((code ?? 'INTERNAL') as ErrorCode, failed ?? 'the mount process said nothing');
  }
  child.unref();
  const place = { directory: mounted, device: findMount(mounted)?.device };
  return {
    directory: mounted,
    pid: child.pid!,
    ended,
    settled: () => Promise.resolve(),
    async unmount(how = {}) {
      await detach(place, how);
      child.ref();
      if (how.lazy !== true) await untilEnded(ended, place);
    },
  };
}
