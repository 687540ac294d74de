/**
 * A command that a trial runs: what the process with the terminal must know of it, which may not be the one that has the pool.
 * All of it must survive JSON. Callers must run it in the process that the user started.
 */
import { type Ended, runChild } from './child.ts';

/** A fork that is to lie over the real directory's path. */
export interface Overlay {
  /** The process that serves the mount, in whose namespace it is. */
  readonly pid: number;
  /** Where all branches are mounted there. */
  readonly mount: string;
  /** The fork in it. */
  readonly fork: string;
  /** The trial's own directory. */
  readonly own: string;
  readonly confine: boolean;
  /** Directories that may be written although the command is confined. */
  readonly writable: readonly string[];
  /** Whether it is to be said what is not confined. */
  readonly says: boolean;
}

export interface Job {
  readonly command: readonly string[];
  /** Where it runs; with an overlay, the real directory. */
  readonly directory: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly outputToError: boolean;
  readonly overlay: Overlay | null;
}

export interface JobEnded extends Ended {
  /** Why the command has not even begun: it may be run in another way. */
  readonly failed: string | undefined;
}

export async function runJob(job: Job, environment: Readonly<Record<string, string | undefined>>): Promise<JobEnded> {
  const { command, directory, variables, outputToError, overlay } = job;
  const full = { ...environment, ...variables };
  if (overlay === null) {
    return { ...(await runChild(command, { directory, environment: full, outputToError })), failed: undefined };
  }
  const { runOverlaid } = await import('./overlay.ts');
  return await runOverlaid({ ...job, overlay }, full);
}
