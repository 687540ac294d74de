/**
 * Runs the user's command with our terminal, directory and signals. Callers must not hold the pool open meanwhile: it may take hours.
 */
import { spawn } from 'node:child_process';
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
  readonly directory: string;
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

export function runChild(command: readonly string[], options: ChildOptions): Promise<Ended> {
  const [program, ...args] = command;
  return new Promise((resolve) => {
    // Before the command can tell anybody that it runs. No signal is handled before `child` is set: that takes a turn.
    const giveBack = takeSignals((signal) => child.kill(signal));
    const child = spawn(program!, args, {
      cwd: options.directory,
      env: { ...options.environment, PWD: options.directory },
      stdio: options.outputToError ? ['inherit', 2, 2] : 'inherit',
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      giveBack();
      const isMissing = error.code === 'ENOENT';
      const problem = isMissing
        ? `there is no command '${program}'`
        : `'${program}' cannot be executed: ${error.message}`;
      resolve({ status: isMissing ? TrialStatus.notFound : TrialStatus.notExecutable, problem });
    });
    child.once('exit', (status, signal) => {
      giveBack();
      resolve({ status: status ?? SIGNALLED + (constants.signals[signal!] ?? 0), problem: undefined });
    });
  });
}
