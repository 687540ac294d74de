/**
 * `byre try`: runs a command in a fork of the present directory, and then lets its user decide whether it happened.
 * It must stay quick to load: all that it does itself is to find, or start, the process that does the rest.
 */
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { ByreError, isByreError } from '../../../src/errors.ts';
import { byreMounts } from '../../fuse/transport/mount-table.ts';
import { TrialStatus } from '../child.ts';
import type { Command } from '../command.ts';
import { isWithin } from '../confine.ts';
import { type Outcome, refused, type Session, usage } from '../session.ts';
import { shown } from '../shown.ts';
import { type TrialPlace, trialPlace } from '../trial-pool.ts';
import { sayNoMount, serveTrial, writableOf } from '../trial-server.ts';

/** The options say at most one of three. */
function requireOneDecision(session: Session): void {
  const { keep, discard, branch } = session.values;
  const given = [keep === true, discard === true, branch !== undefined].filter(Boolean).length;
  if (given > 1) throw usage('--keep, --discard and --branch exclude each other');
}

function isReadOnly(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' && directory !== '/' ? isReadOnly(path.dirname(directory)) : code === 'EROFS';
  }
}

/** A trial in a trial would be of the wrong directory, since this one is a fork already, or could keep nothing. */
function requireNoTrial(session: Session, { root, home, poolPath }: TrialPlace): void {
  const { BYRE_TRY: branch } = session.environment;
  const isInTry = branch !== undefined && branch !== '';
  if (byreMounts().some(({ source, directory }) => isWithin(root, directory) && source.startsWith(poolPath))) {
    if (!isInTry) throw refused(`${shown(root)} is in a mount of the pool ${shown(poolPath)} itself`);
    throw refused(
      `this is a try already, of branch ${branch}: run the command as it is, or let this try end with --branch NAME and go on with 'byre try --from NAME'`,
    );
  }
  if (!isInTry || !isReadOnly(home)) return;
  throw refused(
    `this is in a try, of branch ${branch}, which can write only to its fork: run the command as it is, or the outer try with --no-confine`,
  );
}

async function tried(session: Session): Promise<Outcome> {
  const place = await trialPlace(session);
  if (session.given === undefined) requireNoTrial(session, place);
  if (session.values.recover === true || session.values.forget === true)
    return await (await import('../trial.ts')).clean(session, place);
  if (session.rest.length === 0) throw usage('which command? For example: byre try npm update');
  const isDirectory = (at: string): boolean => statSync(at, { throwIfNoEntry: false })?.isDirectory() === true;
  const wrong = session.given === undefined ? writableOf(session).find((each) => !isDirectory(each)) : undefined;
  if (wrong !== undefined) throw usage(`--writable takes a directory: ${shown(wrong)} is none`);
  try {
    if (session.given === undefined && session.values['no-mount'] !== true) {
      sayNoMount(session, await serveTrial(session, place));
    }
    return await (await import('../trial.ts')).trial(session, place);
  } catch (error) {
    if (!isByreError(error) || error.code !== 'CLOSED' || session.given !== undefined) throw error;
    const message = `${error.message}; 'byre try --recover' keeps what is left of it`;
    throw new ByreError('CLOSED', message, { cause: error });
  }
}

async function run(session: Session): Promise<Outcome> {
  requireOneDecision(session);
  const { values } = session;
  if (values.mount === true && values['no-mount'] === true) throw usage('--mount and --no-mount exclude each other');
  return await tried(session);
}

export const tryCommand: Command = {
  name: 'try',
  summary: 'run a command in a fork of this directory, then decide whether it happened',
  usage: ['[OPTIONS] [--] COMMAND [ARGUMENT]...', '--recover | --forget'],
  details: `The directory is imported into a pool outside it (only what changed since the last time) and forked. For the command, and for it
alone, the fork lies over this directory, mounted, and the rest of the file system is read-only but for a temporary directory of its
own; where that is not possible it runs in a copy of the fork, and byre says why. Then byre shows what changed and asks: all, none, or
path by path. Nothing is written here before that.
Without a terminal and without --keep or --discard the changes are kept as a branch, for byre apply or byre drop.
The exit status is the command's; 125 if byre itself failed, whatever the reason, 126 or 127 if the command could not be started.`,
  options: {
    keep: { type: 'boolean', text: 'apply all changes to the directory' },
    discard: { type: 'boolean', text: 'throw all changes away' },
    branch: { type: 'string', value: 'NAME', text: 'keep the changes as branch NAME, apply nothing' },
    from: { type: 'string', value: 'NAME', text: 'start from branch NAME, kept by an earlier try' },
    partial: { type: 'boolean', text: 'with --keep: apply what can be, whatever else changed here meanwhile' },
    diff: { type: 'boolean', text: 'show changed text, too' },
    quiet: { type: 'boolean', short: 'q', text: 'do not list the changes, nor what is not confined' },
    'no-confine': { type: 'boolean', text: 'let the command write everywhere; only this directory is a fork' },
    writable: {
      type: 'string',
      multiple: true,
      value: 'DIR',
      text: 'let the command write to DIR for real, such as ~/.cargo',
    },
    mount: { type: 'boolean', text: 'fail if the fork cannot be mounted, instead of making a copy' },
    'no-mount': { type: 'boolean', text: 'make a copy at another path; the command is not confined' },
    recover: { type: 'boolean', text: 'keep what tries that were cut off have left, as branches' },
    forget: { type: 'boolean', text: 'remove what tries that were cut off have left' },
  },
  examples: [
    ['byre try npm update', 'see what it does, then say all, none or path by path'],
    ['byre try --discard -- make clean test', 'run it, throw away what it wrote'],
    ['byre try --branch idea -- ./agent.sh', 'keep the result as a branch'],
    ['byre try --from idea --keep -- make', 'go on from there, and keep both'],
  ],
  takesCommand: true,
  // Which must not look like one of the command's.
  failureStatus: TrialStatus.failed,
  run,
};
