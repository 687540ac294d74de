/**
 * The world of a command that runs in a process of its own: its streams, its terminal, its signals.
 * Nobody but `main.ts` may use it; everything else must take what it needs from the session.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { isatty } from 'node:tty';
import type { Command } from './command.ts';
import type { World } from './dispatch.ts';
import type { Job, JobEnded } from './job.ts';
import type { RemoteCall, RemoteRequest } from './served.ts';
import { abortable, writeWhole } from './streams.ts';

const INTERRUPTED = 130;
const TERMINATED = 143;
/** How long a command may take to end after Ctrl-C, before the process just ends. The pool is whole at any moment. */
const GRACE_MS = 3000;

/** What this is, without making the streams: that takes longer. */
const isTerminal = { input: isatty(0), output: isatty(1), error: isatty(2) };

function printable(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}

/**
 * Ends on signals: politely first, and at once when asked again. Only for commands that look at the signal: others, which may be
 * busy for long without a turn of the event loop, just die of it, as they may at any moment.
 */
function interruptible(): AbortController {
  const abort = new AbortController();
  const end = (status: number) => (): void => {
    if (abort.signal.aborted) process.exit(status);
    abort.abort();
    setTimeout(() => process.exit(status), GRACE_MS).unref();
  };
  process.on('SIGINT', end(INTERRUPTED));
  process.on('SIGTERM', end(TERMINATED));
  return abort;
}

let interruption: AbortController | undefined;

function signal(): AbortSignal {
  interruption ??= interruptible();
  return interruption.signal;
}

/** Standard input, opened by the first who reads it; empty for commands that have no use for it. */
async function* inputOf(command: Command | undefined): AsyncGenerator<Uint8Array> {
  if (command?.input === undefined) return;
  yield* abortable(process.stdin, signal());
}

function progressOnTerminal(): (line: string | undefined) => void {
  let shown = false;
  return (line) => {
    if (!isTerminal.error) return;
    const places = Math.max(20, process.stderr.columns - 1);
    if (line !== undefined) writeWhole(2, `\r\x1b[K${line.slice(0, places)}`);
    else if (shown) writeWhole(2, '\r\x1b[K');
    shown = line !== undefined;
  };
}

/** The lines that are typed, each once: what was typed ahead of a question answers it. */
let typedLines: AsyncIterator<string> | undefined;

async function askTerminal(question: string): Promise<string | undefined> {
  if (!isTerminal.input || !isTerminal.error || signal().aborted) return undefined;
  if (typedLines === undefined) {
    const { createInterface } = await import('node:readline');
    // Without an output it leaves the terminal as it is, which edits and echoes lines by itself.
    typedLines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  }
  process.stderr.write(question);
  const aborted = once(signal(), 'abort').then(() => undefined);
  const answer = await Promise.race([typedLines.next(), aborted]);
  // At the end of the input nobody answers any more.
  return answer === undefined || answer.done === true ? undefined : answer.value;
}

async function execute(job: Job): Promise<JobEnded> {
  const { runJob } = await import('./job.ts');
  return await runJob(job, process.env);
}

/** What a command that another process runs for us needs of this one. */
function answerCall(call: RemoteCall): Promise<unknown> {
  return 'run' in call ? execute(call.run) : askTerminal(call.ask);
}

/** The world for `args`, the command line as it was typed. */
export function localWorld(command: Command | undefined, args: readonly string[]): World {
  const directory = process.cwd();
  const columns = isTerminal.output ? process.stdout.columns : undefined;
  const interactive = isTerminal.input && isTerminal.error;
  const progress = progressOnTerminal();
  return {
    directory,
    environment: process.env,
    interactive,
    columns,
    input: inputOf(command),
    get signal() {
      return signal();
    },
    get isInterrupted() {
      return interruption?.signal.aborted === true;
    },
    given: undefined,
    async handOver(poolPath, left) {
      // Cheap to see, so that who does not need them need not load the means.
      if (!existsSync(`${poolPath}.sock`)) return undefined;
      const { ask } = await import('../fuse/control.ts');
      const request: RemoteRequest = {
        arguments: args,
        directory,
        environment: printable(process.env),
        ...(columns === undefined ? {} : { columns }),
        interactive,
        progress: isTerminal.error,
        acknowledges: true,
        pid: process.pid,
        ...(left === undefined ? {} : { left }),
      };
      const { Acknowledgements } = await import('./flow.ts');
      const flow = new Acknowledgements();
      let answering: Promise<unknown> = Promise.resolve();
      const status = ask(poolPath, request, {
        input: command?.input === undefined ? flow.pieces() : inputOf(command),
        output: (bytes) => {
          writeWhole(1, bytes);
          flow.took(bytes.length);
        },
        error: (bytes) => writeWhole(2, bytes),
        answer: (call) => {
          answering = answerCall(call as RemoteCall);
          return answering;
        },
        signal: signal(),
      });
      try {
        return await status;
      } finally {
        // A program of the user's goes on even if the other process has gone.
        await answering.catch(() => {});
      }
    },
    execute,
    write: (bytes) => writeWhole(1, bytes),
    drained: () => turn(undefined, { signal: signal() }),
    say: (line) => {
      progress(undefined);
      writeWhole(2, `${line}\n`);
    },
    progress,
    ask: (question) => askTerminal(question),
    path: (typed) => path.resolve(directory, typed),
  };
}
