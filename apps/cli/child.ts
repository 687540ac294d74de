/**
 * Runs the user's command with our terminal, directory and signals. Callers must not hold the pool open meanwhile, or must let others
 * use it: it may take hours.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';

/** byre itself failed; the command could not be executed; there is no such command: as env, nice and others have it. */
export const TrialStatus = { failed: 125, notExecutable: 126, notFound: 127 } as const;
const SIGNALLED = 128;

export interface Ended {
  readonly status: number;
  /** Why the command could not be started, if so. */
  readonly problem: string | undefined;
}

export interface ChildOptions {
  /** Undefined: the command finds its way by itself. */
  readonly directory: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Our standard output is for JSON alone: the command's goes to standard error. */
  readonly outputToError: boolean;
}

const forwarded: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];
/** The terminal sends these to the command itself; we wait for it. */
const left: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];

/** Takes over signals until the returned function is called. */
function takeSignals(forward: (signal: NodeJS.Signals) => void): () => void {
  const before = new Map([...forwarded, ...left].map((signal) => [signal, process.listeners(signal)]));
  const ours = (signal: NodeJS.Signals): void => {
    if (forwarded.includes(signal)) forward(signal);
  };
  // New listeners come before old ones go: a signal that finds none, be it for a moment, is lost.
  for (const [signal, listeners] of before) {
    process.on(signal, ours);
    for (const listener of listeners) process.removeListener(signal, listener);
  }
  return () => {
    for (const [signal, listeners] of before) {
      for (const listener of listeners) process.on(signal, listener);
      process.removeListener(signal, ours);
    }
  };
}

/** How a process ended that was started with our streams, and what it said of its start. */
interface Finished {
  readonly status: number;
  readonly failure: NodeJS.ErrnoException | undefined;
  readonly report: string;
}

/**
 * With `reports`, the program's standard error is a pipe to us, and ours is its descriptor 3: for a script that prepares the command's
 * start, and gives it descriptor 3 as its standard error.
 */
function runWithOurStreams(command: readonly string[], options: ChildOptions, reports: boolean): Promise<Finished> {
  const [program, ...args] = command;
  const { directory, environment, outputToError } = options;
  const output = outputToError ? 2 : 'inherit';
  return new Promise((resolve) => {
    let report = '';
    let child: ChildProcess | undefined;
    // Before the command can tell anybody that it runs. No signal is handled before `child` is set: that takes a turn.
    const giveBack = takeSignals((signal) => child?.kill(signal));
    const finish = (status: number, failure?: NodeJS.ErrnoException): void => {
      giveBack();
      resolve({ status, failure, report });
    };
    child = spawn(program!, args, {
      ...(directory === undefined ? {} : { cwd: directory }),
      env: directory === undefined ? environment : { ...environment, PWD: directory },
      stdio: reports ? ['inherit', output, 'pipe', 2] : ['inherit', output, 'inherit'],
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      report += text;
    });
    child.once('error', (error: NodeJS.ErrnoException) => finish(TrialStatus.failed, error));
    child.once('close', (status, signal) => finish(status ?? SIGNALLED + (constants.signals[signal!] ?? 0)));
  });
}

export const missingCommand = (program: string): string => `there is no command '${program}'`;

export async function runChild(command: readonly string[], options: ChildOptions): Promise<Ended> {
  const { status, failure } = await runWithOurStreams(command, options, false);
  if (failure === undefined) return { status, problem: undefined };
  const program = command[0]!;
  if (failure.code === 'ENOENT') return { status: TrialStatus.notFound, problem: missingCommand(program) };
  return { status: TrialStatus.notExecutable, problem: `'${program}' cannot be executed: ${failure.message}` };
}

/** What a script that prepares a command's start says when all is ready, as the last word before it becomes the command. */
export const READY = 'ready\n';

export interface Prepared extends Finished {
  /** Whether the script got as far as the command. */
  readonly isStarted: boolean;
}

/** Runs a script that prepares the command's start and then becomes the command. */
export async function runPrepared(script: readonly string[], options: ChildOptions): Promise<Prepared> {
  const finished = await runWithOurStreams(script, options, true);
  return { ...finished, isStarted: finished.report.endsWith(READY) };
}
