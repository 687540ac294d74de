/**
 * What a mount process is told, and what its two threads say to each other.
 * All of it must survive structured cloning: no functions, no handles.
 */
import type { Branch } from '../../src/pool/branch.ts';
import type { Pool } from '../../src/pool/pool.ts';
import type { CommandRequest, CommandSays } from './control.ts';

export interface MountSetup {
  /** Absolute and without symbolic links. */
  readonly poolPath: string;
  /** Undefined: every branch as a directory. */
  readonly branch: string | undefined;
  readonly directory: string;
  readonly readOnly: boolean;
  readonly privileges: boolean;
  readonly writeback: boolean;
  readonly cacheBytes: number | undefined;
  /** Name of the bell: nobody can guess it. */
  readonly bell: string;
  /** URL of the module for the engine's thread; none: the one that takes no commands. */
  readonly engine: string | undefined;
  /** Ends by itself when no command of others is under way and no process elsewhere has the mount. */
  readonly transient: boolean;
}

/** To the thread that holds the pool. */
export type ToEngine =
  | { readonly kind: 'tick' }
  | { readonly kind: 'quit' }
  | { readonly kind: 'command'; readonly id: number; readonly request: CommandRequest }
  | { readonly kind: 'input'; readonly id: number; readonly bytes: Uint8Array | undefined }
  | { readonly kind: 'reply'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'cancel'; readonly id: number };

/** From it. */
export type FromEngine =
  | { readonly kind: 'opened'; readonly readOnly: boolean }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'ended'; readonly requests: number }
  | CommandSays;

/** A mount that the process serves which runs a command. */
export interface ServedMount {
  /** Undefined: every branch as a directory. Its name may be another by now. */
  readonly branch: Branch | undefined;
  readonly directory: string;
}

/** A command as the process that has the pool gets it. */
export interface EngineCommand {
  readonly request: CommandRequest;
  /** The open pool: it must not be closed, nor opened again by its path. */
  readonly pool: Pool;
  readonly poolPath: string;
  /** How this process has the pool mounted. */
  readonly mounts: readonly ServedMount[];
  readonly input: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  output(bytes: Uint8Array): void;
  error(bytes: Uint8Array): void;
  /**
   * Asks something of the process that asked for the command; rejects if that has gone. The mount is served meanwhile as if no
   * command were running, so it may take hours.
   */
  call(message: unknown): Promise<unknown>;
}

/** Returns the exit status; must not throw for anything a user can do wrong. */
export type RunCommand = (command: EngineCommand) => Promise<number>;
