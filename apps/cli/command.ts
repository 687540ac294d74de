/**
 * What a command is: its words for the help, its options, and what it does.
 * A command's file must have no effect when it is imported, and imports only what the command needs: that is its start-up time.
 */
import type { Run } from './session.ts';

export interface OptionSpec {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help, such as `PATH`. */
  readonly value?: string;
  readonly text: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface Command {
  readonly name: string;
  /** One line for the list of commands: a verb first, no full stop. */
  readonly summary: string;
  /** Each way to call it, without `byre NAME`. */
  readonly usage: readonly string[];
  /** What else there is to know, wrapped as it is to be shown. */
  readonly details?: string;
  readonly options?: OptionSpecs;
  /** Command lines as they are typed, and what each does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** Reads standard input; others must not, but to ask. */
  readonly input?: 'data';
  /** What follows `--`, or from the first word that is no option, is another program's command line: `session.rest`. */
  readonly takesCommand?: boolean;
  /** The exit status of all its failures, in place of the one that says what kind of failure it is. */
  readonly failureStatus?: number;
  readonly run: Run;
}

/** Understood by every command. */
export const commonOptions = {
  pool: {
    type: 'string',
    short: 'p',
    value: 'PATH',
    text: 'the pool; default $BYRE_POOL, else the nearest .byre upwards',
  },
  json: { type: 'boolean', text: 'print JSON' },
  wait: {
    type: 'string',
    value: 'SECONDS',
    text: 'how long to wait for a pool that another process writes; default 10',
  },
  help: { type: 'boolean', short: 'h', text: 'show this help' },
} as const satisfies OptionSpecs;
