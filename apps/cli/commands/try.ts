/**
 * `byre try`: runs a command in a fork of the present directory, and then lets its user decide whether it happened.
 * The real directory must not be touched before that decision; no process may keep the pool from others while the command runs.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';
import { showName } from '../../../src/host/names.ts';
import { dropTrial, freeTrialName, importBase, trialOf } from '../../../src/host/trial.ts';
import {
  type Leftover,
  leftovers,
  materialise,
  overlaid,
  type Workspace,
  workspaceAt,
} from '../../../src/host/workspace.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import { TrialStatus } from '../child.ts';
import type { Command } from '../command.ts';
import { isWithin } from '../confine.ts';
import { requireOneDecision } from '../decide.ts';
import { failureOf, HandedOver } from '../failure.ts';
import { showNumber } from '../format.ts';
import type { Job } from '../job.ts';
import { sayProblems } from '../problems.ts';
import { type Left, type Outcome, refused, type Session, usage, writeJson } from '../session.ts';
import { stateDirectory } from '../trial-place.ts';
import { settle, tellResult } from '../trial-settle.ts';
import { requireNoJournal, type TrialPlace, trialPlace, withTrialPool } from '../trials.ts';
import { poolPaths, showImport } from './import.ts';

/** The branch that the command works on, and where. */
interface Begun {
  readonly branch: string;
  readonly workspace: Workspace;
}

function requireFree(pool: Pool, name: string): void {
  if (pool.branchesSync().some((branch) => branch.name === name)) {
    throw refused(`there is a branch '${name}' already: choose another name, or go on from it with --from ${name}`);
  }
}

/** What is no part of the directory, though it lies in it: pools, mounts of this very one, and what is known of other trials. */
async function notImported(session: Session, { root, poolPath }: TrialPlace): Promise<string[]> {
  const { byreMounts } = await import('../../fuse/transport/mount-table.ts');
  const mounts = byreMounts().filter(({ source }) => source === poolPath || source.startsWith(`${poolPath}:`));
  const inside = mounts.map(({ directory }) => directory).filter((at) => at !== root && isWithin(at, root));
  return [...poolPaths(root, poolPath), stateDirectory(session.environment), ...inside];
}

/** What the fork is to begin with. */
async function startOf(session: Session, pool: Pool, place: TrialPlace): Promise<string> {
  const { from } = session.values;
  if (typeof from === 'string') {
    const trial = trialOf(pool, from);
    if (trial.directory === Buffer.from(place.root).toString('latin1')) return from;
    throw refused(`branch '${from}' belongs to ${showName(trial.directory)}, not to ${place.root}`);
  }
  const exclude = await notImported(session, place);
  const base = await importBase(pool, place.root, {
    exclude,
    onProgress(report) {
      // Here nobody ends us if whoever asked has gone.
      if (session.given !== undefined) session.signal.throwIfAborted();
      session.progress(`importing: ${showImport(report)}`);
    },
  });
  session.progress(undefined);
  const unseen = base.report.problems.filter(({ kind }) => kind !== 'vanished');
  sayProblems(session, unseen);
  if (unseen.length > 0) session.say('byre: the command will not see these as they are');
  return base.name;
}

function jobOf(session: Session, { root }: TrialPlace, branch: string, workspace: Workspace): Job {
  const { values, json, rest, given } = session;
  const mount = workspace.isOverlaid ? given?.mount : undefined;
  return {
    command: rest,
    directory: workspace.path,
    variables: { BYRE_TRY: branch, BYRE_TRY_DIRECTORY: root },
    outputToError: json,
    overlay:
      mount === undefined
        ? null
        : {
            pid: mount.pid,
            mount: mount.directory,
            fork: path.join(mount.directory, branch),
            own: workspace.own,
            confine: values['no-confine'] !== true,
            writable: ((values.writable as readonly string[] | undefined) ?? []).map(session.path),
            says: values.quiet !== true && !json,
          },
  };
}

/** Says that the command works in a copy, since there is no mount; or refuses, if one is insisted on. */
function sayNoMount(session: Session, reason: string): void {
  if (session.values.mount === true) throw refused(`there is no mount for the command: ${reason}`);
  const message = `the command runs in a copy at another path and is not confined, since ${reason}`;
  if (session.json) session.say(JSON.stringify({ warning: { code: 'NO_MOUNT', message } }));
  else if (session.values.quiet !== true) session.say(`byre: ${message} (--no-mount: do not try)`);
}

/** Why the fork cannot be laid over the directory by this process. */
function whyNoOverlay({ given }: Session, branch: string): string | undefined {
  if (given?.mount === undefined) return 'the pool is mounted already, with one branch only';
  return branch === '.snapshots' ? 'a mount has something else of that name' : undefined;
}

function copyOf(session: Session, place: TrialPlace, pool: Pool, branch: string): Workspace {
  const workspace = materialise(makingOf(session, place, pool, branch), (files) =>
    session.progress(`making the workspace: ${showNumber(files)} files`),
  );
  session.progress(undefined);
  sayProblems(session, workspace.problems);
  return workspace;
}

const makingOf = ({ given }: Session, { home, poolPath, root }: TrialPlace, pool: Pool, branch: string) => ({
  pool,
  poolPath,
  branch,
  home,
  root,
  pid: given?.asker ?? process.pid,
});

async function begin(session: Session, place: TrialPlace, pool: Pool): Promise<Begun> {
  const { branch: wanted } = session.values;
  requireNoJournal(session, pool, place);
  sayLeftovers(session, leftovers(place.home));
  if (typeof wanted === 'string') requireFree(pool, wanted);
  const start = await startOf(session, pool, place);
  // Not before: another trial may have begun while the directory was imported.
  const branch = typeof wanted === 'string' ? wanted : freeTrialName(pool);
  pool.forkSync(start, branch);
  try {
    const hasMount = session.given !== undefined && session.values['no-mount'] !== true;
    const reason = whyNoOverlay(session, branch);
    if (hasMount && reason === undefined) {
      return { branch, workspace: overlaid(makingOf(session, place, pool, branch)) };
    }
    if (hasMount && reason !== undefined) sayNoMount(session, reason);
    return { branch, workspace: copyOf(session, place, pool, branch) };
  } catch (error) {
    pool.dropSync(branch);
    throw error;
  } finally {
    session.progress(undefined);
  }
}

/** Runs the command: in the workspace that was begun with, or in a copy if that cannot be had. */
async function runIn(session: Session, place: TrialPlace, begun: Begun): Promise<Left> {
  const { branch, workspace } = begun;
  const ended = await session.execute(jobOf(session, place, branch, workspace));
  if (ended.failed === undefined) return { branch, own: workspace.own, ended };
  workspace.dispose();
  const { failed } = ended;
  const copy = await withTrialPool(session, place, (pool) => {
    try {
      sayNoMount(session, failed);
      return copyOf(session, place, pool, branch);
    } catch (error) {
      dropTrial(pool, branch);
      throw error;
    }
  });
  return { branch, own: copy.own, ended: await session.execute(jobOf(session, place, branch, copy)) };
}

async function finish(session: Session, place: TrialPlace, pool: Pool, left: Left): Promise<number> {
  const { branch, own, ended } = left;
  const workspace = workspaceAt(own);
  if (ended.problem !== undefined && !session.json) session.say(`byre: ${ended.problem}`);
  session.progress('looking at what changed');
  workspace.collect(pool);
  session.progress(undefined);
  // From here on all is in the branch.
  workspace.dispose();
  const result = await settle(session, pool, place, branch);
  tellResult(session, result, branch, ended);
  return result.decision === 'refused' && ended.status === 0 ? TrialStatus.failed : ended.status;
}

async function trial(session: Session, place: TrialPlace): Promise<number> {
  const left =
    session.given?.left ??
    (await runIn(session, place, await withTrialPool(session, place, (pool) => begin(session, place, pool))));
  return await withTrialPool(session, place, (pool) => finish(session, place, pool, left), left);
}

function sayLeftovers(session: Session, found: readonly Leftover[]): void {
  for (const each of found) {
    const where = each.isOverlaid ? `is in branch ${each.branch}` : `lies in ${each.path}`;
    session.say(`byre: a try was cut off; what it did ${where}`);
  }
  if (found.length === 0) return;
  session.say("byre: 'byre try --recover' keeps that as a branch, 'byre try --forget' removes it");
}

/** Ends what tries that were cut off have left: as branches, or for good. */
async function clean(session: Session, place: TrialPlace): Promise<number> {
  const kept: string[] = [];
  await withTrialPool(session, place, (pool) => {
    for (const { branch, path: where, isOverlaid, workspace } of leftovers(place.home)) {
      const isThere = pool.branchesSync().some(({ name }) => name === branch);
      if (session.values.recover === true && isThere && (isOverlaid || existsSync(where))) {
        workspace.collect(pool);
        kept.push(branch);
      } else if (isThere && session.values.forget === true) dropTrial(pool, branch);
      // What was overlaid is in its branch or nowhere.
      else if (session.values.forget !== true && !isOverlaid) continue;
      workspace.dispose();
    }
  });
  if (session.json) writeJson(session, { recovered: kept });
  else
    session.write(
      kept.length > 0 ? kept.map((name) => `recovered as branch ${name}\n`).join('') : 'nothing is left over\n',
    );
  return 0;
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
async function requireNoTrial(session: Session, { root, home, poolPath }: TrialPlace): Promise<void> {
  const { byreMounts } = await import('../../fuse/transport/mount-table.ts');
  const { BYRE_TRY: branch } = session.environment;
  const isInTry = branch !== undefined && branch !== '';
  if (byreMounts().some(({ source, directory }) => isWithin(root, directory) && source.startsWith(poolPath))) {
    if (!isInTry) throw refused(`${root} is in a mount of the pool ${poolPath} itself`);
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
  if (session.given === undefined) await requireNoTrial(session, place);
  if (session.values.recover === true || session.values.forget === true) return await clean(session, place);
  if (session.rest.length === 0) throw usage('which command? For example: byre try npm update');
  try {
    if (session.given === undefined && session.values['no-mount'] !== true) {
      const { serveTrial } = await import('../trial-server.ts');
      sayNoMount(session, await serveTrial(session, place));
    }
    return await trial(session, place);
  } catch (error) {
    if (error instanceof HandedOver || session.isInterrupted) throw error;
    // A failure of ours must not look like one of the command's.
    session.progress(undefined);
    const { message, status } = failureOf(error);
    if (session.json) session.say(JSON.stringify({ error: { message, status } }));
    else session.say(`byre: ${message}`);
    return TrialStatus.failed;
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
The exit status is the command's; 125 if byre itself failed, 126 or 127 if the command could not be started.`,
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
  run,
};
