/**
 * Commands of other processes on a pool that this process has open and mounts itself: they are run here, in its event loop.
 * One socket listens for a pool, as long as any of its mounts is there. Callers must end what they began.
 */
import { realpathSync } from 'node:fs';
import path from 'node:path';
import type { Pool } from '../../src/pool/pool.ts';
import { Commands } from './commands.ts';
import { type CommandCall, type ControlSocket, deliver, listen } from './control.ts';
import type { RunCommand, ServedMount } from './setup.ts';

/** A mount of this process. */
export interface MountHere extends ServedMount {
  /** Resolves when its kernel knows of every change so far. */
  settled(): Promise<void>;
}

interface Here {
  readonly mounts: Set<MountHere>;
  readonly socket: Promise<ControlSocket>;
  readonly commands: Commands;
}

const listening = new WeakMap<Pool, Here>();

function begin(pool: Pool, runCommand: RunCommand): Here {
  const poolPath = realpathSync(pool.name);
  const mounts: Here['mounts'] = new Set();
  const calls = new Map<number, CommandCall>();
  const commands = new Commands({
    pool,
    poolPath,
    mounts: () => [...mounts],
    runCommand,
    say: (message) => deliver(calls, message),
    settled: async () => {
      await Promise.all([...mounts].map((mount) => mount.settled()));
    },
    idle: () => {},
  });
  let nextId = 1;
  const socket = listen(poolPath, (call) => {
    const id = nextId++;
    calls.set(id, call);
    call.onInput = (bytes) => commands.take({ kind: 'input', id, bytes });
    call.onReply = (value) => commands.take({ kind: 'reply', id, value });
    call.onCancel = () => commands.take({ kind: 'cancel', id });
    commands.take({ kind: 'command', id, request: call.request });
  });
  return { mounts, socket, commands };
}

/**
 * Takes commands for a mount of `pool`. Returns how to end it.
 * A pool that is in no file, or that this process only reads, is nobody else's to ask for.
 */
export async function takeCommands(pool: Pool, mount: MountHere, runCommand: RunCommand): Promise<() => Promise<void>> {
  if (pool.readOnly || !path.isAbsolute(pool.name)) return async () => {};
  const here = listening.get(pool) ?? begin(pool, runCommand);
  listening.set(pool, here);
  here.mounts.add(mount);
  await here.socket;
  return async () => {
    here.mounts.delete(mount);
    if (here.mounts.size > 0) return;
    listening.delete(pool);
    here.commands.cancelAll();
    (await here.socket).close();
  };
}
