/**
 * A trial from its import to its decision, by whichever process has the pool.
 * The real directory must not be touched before the decision; no process may keep the pool from others while the command runs.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { showName } from '../../src/host/names.ts';
import { dropTrial, freeTrialName, importBase, trialOf } from '../../src/host/trial.ts';
import {
  type Leftover,
  leftovers,
  materialise,
  overlaid,
  type Workspace,
  workspaceAt,
} from '../../src/host/workspace.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { byreMounts } from '../fuse/transport/mount-table.ts';
import { TrialStatus } from './child.ts';
import { poolPaths, showImport } from './commands/import.ts';
import { isWithin } from './confine.ts';
import { showNumber } from './format.ts';
import type { Job } from './job.ts';
import { sayProblems } from './problems.ts';
import { type Imported, type Left, refused, type Session, writeJson } from './session.ts';
import { shown } from './shown.ts';
import { stateDirectory } from './trial-place.ts';
import type { TrialPlace } from './trial-pool.ts';
import { sayNoMount, writableOf } from './trial-server.ts';
import { settle, tellResult } from './trial-settle.ts';
import { requireNoJournal, withTrialPool } from './trials.ts';

/** The branch that the command works on, and where. */
interface Begun {
  readonly branch: string;
  readonly workspace: Workspace;
  readonly imported: Imported | null;
}

const hasBranch = (pool: Pool, wanted: string): boolean => pool.branchesSync().some(({ name }) => name === wanted);

function requireFree(pool: Pool, name: string): void {
  if (hasBranch(pool, name)) {
    throw refused(`there is a branch '${name}' already: choose another name, or go on from it with --from ${name}`);
  }
}

/** What is no part of the directory, though it lies in it: pools, mounts of this very one, and what is known of other trials. */
function notImported(session: Session, { root, poolPath }: TrialPlace): string[] {
  const mounts = byreMounts().filter(({ source }) => source === poolPath || source.startsWith(`${poolPath}:`));
  const inside = mounts.map(({ directory }) => directory).filter((at) => at !== root && isWithin(at, root));
  return [...poolPaths(root, poolPath), stateDirectory(session.environment), ...inside];
}

/** What the fork is to begin with. */
interface Start {
  readonly name: string;
  readonly imported: Imported | null;
}

const nowMs = (): number => performance.timeOrigin + performance.now();

async function startOf(session: Session, pool: Pool, place: TrialPlace): Promise<Start> {
  const { from } = session.values;
  if (typeof from === 'string') {
    const trial = trialOf(pool, from);
    if (trial.directory === Buffer.from(place.root).toString('latin1')) return { name: from, imported: null };
    throw refused(`branch '${from}' belongs to ${showName(trial.directory)}, not to ${shown(place.root)}`);
  }
  const exclude = notImported(session, place);
  const beganMs = nowMs();
  const base = await importBase(pool, place.root, {
    exclude,
    onProgress(report) {
      // Here nobody ends us if whoever asked has gone.
      if (session.given !== undefined) session.signal.throwIfAborted();
      session.progress(`importing: ${showImport(report)}`);
    },
  });
  const endedMs = nowMs();
  session.progress(undefined);
  const unseen = base.report.problems.filter(({ kind }) => kind !== 'vanished');
  sayProblems(session, unseen);
  if (unseen.length > 0) session.say('byre: the command will not see these as they are');
  const { files, directories, bytesRead } = base.report;
  return { name: base.name, imported: { files, directories, bytesRead, durationMs: endedMs - beganMs, endedMs } };
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
            writable: writableOf(session),
            says: values.quiet !== true && !json,
          },
  };
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
  sayLeftovers(session, leftOver(pool, place));
  if (typeof wanted === 'string') requireFree(pool, wanted);
  const { name: start, imported } = await startOf(session, pool, place);
  // Not before: another trial may have begun while the directory was imported.
  const branch = typeof wanted === 'string' ? wanted : freeTrialName(pool);
  pool.forkSync(start, branch);
  try {
    const hasMount = session.given !== undefined && session.values['no-mount'] !== true;
    const reason = whyNoOverlay(session, branch);
    if (hasMount && reason === undefined) {
      return { branch, imported, workspace: overlaid(makingOf(session, place, pool, branch)) };
    }
    if (hasMount && reason !== undefined) sayNoMount(session, reason);
    return { branch, imported, workspace: copyOf(session, place, pool, branch) };
  } catch (error) {
    pool.dropSync(branch);
    throw error;
  } finally {
    session.progress(undefined);
  }
}

/** Runs the command: in the workspace that was begun with, or in a copy if that cannot be had. */
async function runIn(session: Session, place: TrialPlace, begun: Begun): Promise<Left> {
  const { branch, workspace, imported } = begun;
  const ended = await session.execute(jobOf(session, place, branch, workspace));
  if (ended.failed === undefined) return { branch, own: workspace.own, imported, ended };
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
  return { branch, own: copy.own, imported, ended: await session.execute(jobOf(session, place, branch, copy)) };
}

async function finish(session: Session, place: TrialPlace, pool: Pool, left: Left): Promise<number> {
  const { branch, own, ended } = left;
  const workspace = workspaceAt(own);
  if (!hasBranch(pool, branch)) {
    workspace.dispose();
    throw refused(`the fork of this try is gone: somebody has dropped or renamed branch '${branch}' meanwhile`);
  }
  if (ended.problem !== undefined && !session.json) session.say(`byre: ${ended.problem}`);
  session.progress('looking at what changed');
  workspace.collect(pool);
  session.progress(undefined);
  // From here on all is in the branch.
  workspace.dispose();
  const result = await settle(session, pool, place, branch);
  tellResult(session, result, left);
  return result.decision === 'refused' && ended.status === 0 ? TrialStatus.failed : ended.status;
}

export async function trial(session: Session, place: TrialPlace): Promise<number> {
  const left =
    session.given?.left ??
    (await runIn(session, place, await withTrialPool(session, place, (pool) => begin(session, place, pool))));
  return await withTrialPool(session, place, (pool) => finish(session, place, pool, left), left);
}

/** What tries that were cut off have left. Where the branch is gone, so is all that could be made of it: that is cleaned up. */
function leftOver(pool: Pool, { home, poolPath }: TrialPlace): Leftover[] {
  return leftovers(home, poolPath).filter(({ branch, workspace }) => {
    if (hasBranch(pool, branch)) return true;
    workspace.dispose();
    return false;
  });
}

function sayLeftovers(session: Session, found: readonly Leftover[]): void {
  for (const each of found) {
    const where = each.isOverlaid ? `is in branch ${each.branch}` : `lies in ${shown(each.path)}`;
    session.say(`byre: a try was cut off; what it did ${where}`);
  }
  if (found.length === 0) return;
  session.say("byre: 'byre try --recover' keeps that as a branch, 'byre try --forget' removes it");
}

/** Ends what tries that were cut off have left: as branches, or for good. */
export async function clean(session: Session, place: TrialPlace): Promise<number> {
  const ended: string[] = [];
  const recovers = session.values.recover === true;
  await withTrialPool(session, place, (pool) => {
    for (const { branch, path: where, isOverlaid, workspace } of leftOver(pool, place)) {
      if (recovers) {
        if (!isOverlaid && !existsSync(where)) continue;
        workspace.collect(pool);
      } else dropTrial(pool, branch);
      ended.push(branch);
      workspace.dispose();
    }
  });
  const done = recovers ? 'recovered as' : 'forgot';
  if (session.json) writeJson(session, { [recovers ? 'recovered' : 'forgotten']: ended });
  else if (ended.length === 0) session.write('nothing is left over\n');
  else session.write(ended.map((name) => `${done} branch ${name}\n`).join(''));
  return 0;
}
