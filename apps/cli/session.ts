/**
 * Everything that a command may know of the world: what was typed, where, and how to speak. The same command runs in a process of its
 * own and inside one that has the pool mounted.
 * Commands must not touch `process`, must resolve paths with `path`, and must leave the pool they are given open.
 */
import type { Pool } from '../../src/pool/pool.ts';
import type { ServedMount } from '../fuse/setup.ts';
import type { Ended } from './child.ts';
import type { Job, JobEnded } from './job.ts';

/** Option values as `parseArgs` gives them. */
export type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** What a command is given by the process that runs it for another. */
export interface Given {
  readonly pool: Pool;
  readonly poolPath: string;
  /** Where all branches are mounted, by which process; undefined if only one is. */
  readonly mount: { readonly directory: string; readonly pid: number } | undefined;
  /** Mounts that show one branch each. */
  readonly mountedBranches: readonly ServedMount[];
  /** The process that asks. */
  readonly asker: number;
  readonly left: Left | undefined;
}

/** How a directory was imported. */
export interface Imported {
  readonly files: number;
  readonly directories: number;
  readonly bytesRead: number;
  readonly durationMs: number;
  /** Since 1970. */
  readonly endedMs: number;
}

/** A trial that was begun by the process that asks, when nobody held the pool, and is to be ended by the one that does now. */
export interface Left {
  readonly branch: string;
  /** The own directory of its workspace. */
  readonly own: string;
  readonly imported: Imported | null;
  readonly ended: Ended;
}

export interface Session {
  readonly values: Values;
  readonly positionals: readonly string[];
  /** What follows `--`. */
  readonly rest: readonly string[];
  readonly json: boolean;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Questions can be asked and progress shown: there are people at a terminal. */
  readonly interactive: boolean;
  /** Width of the terminal that standard output goes to, if it goes to one. */
  readonly columns: number | undefined;
  readonly input: AsyncIterable<Uint8Array>;
  /** Aborted when whoever asked has gone or has given up. To look at it is to promise to heed it, at least every now and then. */
  readonly signal: AbortSignal;
  /** Whether it is aborted, for whoever promises nothing. */
  readonly isInterrupted: boolean;
  /** Set inside a process that has the pool open already. */
  readonly given: Given | undefined;
  /**
   * Has another process that holds the pool run this command, or what is left of it; undefined if none takes commands.
   * For `pool.ts` and `trials.ts` alone.
   */
  handOver(poolPath: string, left?: Left): Promise<number | undefined>;
  /** Runs a command of the user's with the terminal, in the process that was typed. */
  execute(job: Job): Promise<JobEnded>;
  /** Whether anything has been written. */
  readonly wrote: boolean;
  write(bytes: string | Uint8Array): void;
  /** Resolves when more may be written: commands with much output wait for it now and then, and so let others have their turn. */
  drained(): Promise<void>;
  /** A line on standard error. */
  say(line: string): void;
  /** A line of progress on the terminal, replaced by the next one; none at all where there is no terminal. */
  progress(line: string | undefined): void;
  /** Asks on the terminal; undefined if nobody answers. */
  ask(question: string): Promise<string | undefined>;
  /** An absolute path of what was typed as one. */
  path(typed: string): string;
}

/** How a command ends, if it does not throw: its exit status; undefined is 0. */
export type Outcome = number | undefined;

export type Run = (session: Session) => Promise<Outcome> | Outcome;

/** Something the user has to put right; `status` is what the program exits with. */
export class CommandFailure extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

export const Status = { ok: 0, no: 1, usage: 2, missing: 3, refused: 4, broken: 5 } as const;

export function usage(message: string): CommandFailure {
  return new CommandFailure(message, Status.usage);
}

export function refused(message: string): CommandFailure {
  return new CommandFailure(message, Status.refused);
}

/** What JSON lacks. What there is none of is told: programs look for the same fields, whatever there is. */
function forJson(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : (value ?? null);
}

/** Prints one JSON document. */
export function writeJson(session: Session, value: unknown): void {
  session.write(`${JSON.stringify(value, forJson, 2)}\n`);
}
