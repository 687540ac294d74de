/**
 * From errors to what is said of them and to the exit status.
 * Callers must not print errors by other means: an error without advice gets it here.
 */
import { isByreError } from '../../src/errors.ts';
import { messageOf } from './reason.ts';
import { CommandFailure, Status } from './session.ts';
import { shown } from './shown.ts';

/** A command that another process has run; it was told and done there. */
export class HandedOver extends Error {
  readonly status: number;

  constructor(status: number) {
    super('another process has run the command');
    this.status = status;
  }
}

export interface Failure {
  readonly message: string;
  readonly status: number;
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;
}

const missing = ['NO_SUCH_POOL', 'NO_SUCH_BRANCH', 'NOT_A_POOL', 'ENOENT', 'ENODATA'];
const broken = ['DAMAGED', 'EIO', 'POISONED', 'INTERNAL', 'STALE', 'CLOSED'];
const misused = ['BAD_ARGUMENT', 'BAD_KEY', 'ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_TYPE', 'ERR_OUT_OF_RANGE'];

function statusOf(code: string): number {
  if (missing.includes(code)) return Status.missing;
  if (broken.includes(code)) return Status.broken;
  return misused.includes(code) ? Status.usage : Status.refused;
}

/** What to do next, where the message does not say it. */
const advice: Readonly<Record<string, string>> = {
  NO_SUCH_BRANCH: "'byre branches' lists them",
  NOT_A_POOL: "'byre init' makes one",
  DAMAGED: "'byre scrub' tells what is damaged and in which branches",
  ENOSPC: "'byre df' tells what uses the space; drop branches, or raise the limit with 'byre limit'",
  EDQUOT: "'byre limit' shows and changes the branch's quota",
  STALE: 'another process went on writing meanwhile; run the command again',
  POISONED: 'what was committed before is safe',
  READ_ONLY: "fork the snapshot, and write the fork: 'byre fork SNAPSHOT BRANCH'",
  EIO: 'the disk below has failed: save what can be read',
};

function withAdvice(error: Error, code: string): string {
  const message = messageOf(error);
  const more = advice[code];
  // A full disk is no full pool.
  const isHosts = code === 'ENOSPC' && (!isByreError(error) || message.includes('free space there'));
  if (more === undefined || isHosts || message.includes("'byre ")) return message;
  return `${message} (${more})`;
}

/** Who writes the pool, from what the lock tells of its holder. */
function lockedMessage(details: Readonly<Record<string, unknown>>): string | undefined {
  const { poolPath, pid, host, command, sinceMs, doubt } = details;
  // If its life is in doubt, the lock's own words say what to do.
  if (typeof poolPath !== 'string' || typeof sinceMs !== 'number' || doubt !== undefined) return undefined;
  const who = `process ${pid} on ${host} (${command})`;
  const since = new Date(sinceMs).toISOString();
  return `${poolPath} is being written by ${who}, since ${since}: wait for its end, or longer with --wait=SECONDS`;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof CommandFailure) {
    return { message: error.message, status: error.status, code: nameOfStatus(error.status), details: {} };
  }
  if (!(error instanceof Error))
    return { message: String(error), status: Status.broken, code: 'INTERNAL', details: {} };
  const { code, errno, path } = error as NodeJS.ErrnoException;
  if (errno === ESTALE && !isByreError(error)) {
    const where = path === undefined ? 'here' : `at ${shown(path)}`;
    const message = `what is mounted ${where} is gone: if it was a fork, its branch was dropped or its try has ended`;
    return { message, status: Status.refused, code: 'ESTALE', details: {} };
  }
  if (typeof code !== 'string') {
    const message = `a bug in byre, please report it: ${error.stack ?? error.message}`;
    return { message, status: Status.broken, code: 'INTERNAL', details: {} };
  }
  const details = isByreError(error) ? error.details : {};
  const message = (code === 'LOCKED' ? lockedMessage(details) : undefined) ?? withAdvice(error, code);
  return { message, status: statusOf(code), code, details };
}

/** What a mount says of a branch that is gone. Node has no name for it. */
const ESTALE = -116;

function nameOfStatus(status: number): string {
  return { 1: 'NO', 2: 'USAGE', 3: 'MISSING', 4: 'REFUSED' }[status] ?? 'BROKEN';
}
