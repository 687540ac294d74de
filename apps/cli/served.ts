/**
 * Commands of other processes, run where the pool is open: in the thread of a mount process that holds it.
 * It must not touch this process's streams or directory: all comes by the request, and goes back the same way.
 */
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { CommandRequest } from '../fuse/control.ts';
import type { EngineCommand } from '../fuse/setup.ts';
import type { Command } from './command.ts';
import { runLine, type World } from './dispatch.ts';
import { Flow } from './flow.ts';
import type { Job, JobEnded } from './job.ts';
import type { Given, Left } from './session.ts';
import { abortable } from './streams.ts';

/** What this program's own requests say besides. */
export interface RemoteRequest extends CommandRequest {
  /** There is somebody at the terminal to be asked. */
  readonly interactive?: boolean;
  /** Standard error is a terminal. */
  readonly progress?: boolean;
  /** Whoever asks tells what output it has taken, unless the command has input. */
  readonly acknowledges?: boolean;
  /** The process that asks. */
  readonly pid?: number;
  readonly left?: Left;
}

/** What a command asks of the process that was typed. */
export type RemoteCall = { readonly ask: string } | { readonly run: Job };

const encoder = new TextEncoder();

/** An answer of the user's; undefined if there is none, or nobody to give it any more. */
async function answer(call: EngineCommand, question: string): Promise<string | undefined> {
  try {
    const given = await call.call({ ask: question } satisfies RemoteCall);
    return typeof given === 'string' ? given : undefined;
  } catch {
    return undefined;
  }
}

function givenOf({ pool, poolPath, mounts }: EngineCommand, { pid, left }: RemoteRequest): Given {
  const whole = mounts.find(({ branch }) => branch === undefined);
  return {
    pool,
    poolPath,
    mount: whole && { directory: whole.directory, pid: process.pid },
    mountedBranches: mounts.filter(({ branch }) => branch !== undefined),
    asker: pid ?? process.pid,
    left,
  };
}

function worldOf(call: EngineCommand, command: Command | undefined): World {
  const request = call.request as RemoteRequest;
  const input = abortable(call.input, call.signal);
  const flow = request.acknowledges === true && command?.input === undefined ? new Flow(input) : undefined;
  const { directory, environment, columns } = request;
  const interactive = request.interactive === true;
  const error = (text: string): void => call.error(encoder.encode(text));
  let shown = false;
  const progress = (line: string | undefined): void => {
    if (request.progress !== true) return;
    if (line !== undefined) error(`\r\x1b[K${line}`);
    else if (shown) error('\r\x1b[K');
    shown = line !== undefined;
  };
  return {
    directory,
    environment,
    interactive,
    columns,
    input,
    signal: call.signal,
    get isInterrupted() {
      return call.signal.aborted;
    },
    given: givenOf(call, request),
    handOver: async () => undefined,
    execute: async (job) => (await call.call({ run: job } satisfies RemoteCall)) as JobEnded,
    write: (text) => {
      const bytes = typeof text === 'string' ? encoder.encode(text) : text;
      call.output(bytes);
      flow?.sent(bytes.length);
    },
    async drained() {
      await flow?.drained();
      await turn(undefined, { signal: call.signal });
    },
    say: (line) => {
      progress(undefined);
      error(`${line}\n`);
    },
    progress,
    async ask(question) {
      return interactive ? await answer(call, question) : undefined;
    },
    path: (typed) => path.resolve(directory, typed),
  };
}

/** Runs a command line on the pool that this process has open. What it has done is committed when it has ended. */
export async function runCommand(call: EngineCommand): Promise<number> {
  const status = await runLine(call.request.arguments, (command) => worldOf(call, command));
  if (call.pool.dirty && !call.pool.readOnly) await call.pool.commit();
  return status;
}
