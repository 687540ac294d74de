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
import { abortable } from './streams.ts';

/** What this program's own requests say besides. */
export interface RemoteRequest extends CommandRequest {
  /** There is somebody at the terminal to be asked. */
  readonly interactive?: boolean;
  /** Standard error is a terminal. */
  readonly progress?: boolean;
  /** Whoever asks tells what output it has taken, unless the command has input. */
  readonly acknowledges?: boolean;
}

const encoder = new TextEncoder();

/** The next line of the input; undefined at its end. */
async function readLine(input: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let line = '';
  // Not `for await`: leaving that would end the input, and there may be more questions.
  for (const pieces = input[Symbol.asyncIterator](); ; ) {
    const { done, value } = await pieces.next();
    if (done === true) return line === '' ? undefined : line;
    line += decoder.decode(value, { stream: true });
    if (line.includes('\n')) return line.slice(0, line.indexOf('\n'));
  }
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
    given: { pool: call.pool, poolPath: call.poolPath },
    handOver: async () => undefined,
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
      if (!interactive) return undefined;
      error(question);
      return await readLine(input);
    },
    path: (typed) => path.resolve(directory, typed),
  };
}

/** Runs a command line on the pool that this process has open. */
export function runCommand(call: EngineCommand): Promise<number> {
  return runLine(call.request.arguments, (command) => worldOf(call, command));
}
