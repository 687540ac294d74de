/**
 * `byre try`: runs a command in a fork of the present directory, and then lets its user decide whether it happened.
 * The real directory must not be touched before that decision; the pool must not be held while the command runs.
 */
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { type FileChange, isQuiet } from '../../../src/host/changes.ts';
import { showName } from '../../../src/host/names.ts';
import { changesOf, dropTrial, freeTrialName, importBase, trialOf } from '../../../src/host/trial.ts';
import { collectFrom, type Leftover, leftovers, materialise, type Workspace } from '../../../src/host/workspace.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import { changeLines, changesAsJson, summaryLine } from '../changes-text.ts';
import { type Ended, runChild, TrialStatus } from '../child.ts';
import type { Command } from '../command.ts';
import { type Decision, decide, requireOneDecision } from '../decide.ts';
import { failureOf } from '../failure.ts';
import { showNumber } from '../format.ts';
import { sayProblems } from '../problems.ts';
import { type Outcome, refused, type Session, usage, writeJson } from '../session.ts';
import { showText } from '../text-diff.ts';
import {
  applyTrial,
  conflictsAsJson,
  openTrialPool,
  requireNoJournal,
  sayConflicts,
  type TrialPlace,
  trialPlace,
} from '../trials.ts';
import { poolPaths, showImport } from './import.ts';

/** The branch that the command works on, and the directory that it works in. */
interface Prepared {
  readonly branch: string;
  readonly workspace: Workspace;
}

function requireFree(pool: Pool, name: string): void {
  if (pool.branchesSync().some((branch) => branch.name === name)) {
    throw refused(`there is a branch '${name}' already: choose another name, or go on from it with --from ${name}`);
  }
}

function prepare(session: Session, pool: Pool, place: TrialPlace): Prepared {
  const { from, branch: wanted } = session.values;
  if (typeof wanted === 'string') requireFree(pool, wanted);
  const branch = typeof wanted === 'string' ? wanted : freeTrialName(pool);
  let start: string;
  if (typeof from === 'string') {
    const trial = trialOf(pool, from);
    if (trial.directory !== Buffer.from(place.root).toString('latin1')) {
      throw refused(`branch '${from}' belongs to ${showName(trial.directory)}, not to ${place.root}`);
    }
    start = from;
  } else {
    const exclude = poolPaths(place.root, place.poolPath);
    const onProgress = (report: Parameters<typeof showImport>[0]) =>
      session.progress(`importing: ${showImport(report)}`);
    const base = importBase(pool, place.root, { exclude, onProgress });
    const unseen = base.report.problems.filter(({ kind }) => kind !== 'vanished');
    sayProblems(session, unseen);
    if (unseen.length > 0) session.say('byre: the command will not see these as they are');
    start = base.name;
  }
  pool.forkSync(start, branch);
  const { home, poolPath } = place;
  const name = path.basename(place.root) || 'root';
  try {
    const workspace = materialise({ pool, poolPath, branch, home, name }, (files) =>
      session.progress(`making the workspace: ${showNumber(files)} files`),
    );
    sayProblems(session, workspace.problems);
    return { branch, workspace };
  } catch (error) {
    pool.dropSync(branch);
    throw error;
  } finally {
    session.progress(undefined);
  }
}

interface Result {
  readonly decision: Decision['kind'] | 'nothing' | 'refused';
  readonly changes: readonly FileChange[];
  readonly conflicts: readonly { readonly path: string; readonly reason: string }[];
}

async function settle(session: Session, pool: Pool, place: TrialPlace, branch: string): Promise<Result> {
  const changes = changesOf(pool, branch);
  if (changes.every(isQuiet)) {
    if (session.values.branch === undefined) dropTrial(pool, branch);
    return { decision: 'nothing', changes: [], conflicts: [] };
  }
  const showDiff = () =>
    showText(pool, trialOf(pool, branch).base, branch, changes, (text) => process.stderr.write(text));
  if (session.values.quiet !== true && !session.json) {
    session.say(`byre: ${summaryLine(changes)}`);
    for (const line of changeLines(changes)) session.say(`  ${line}`);
    if (session.values.diff === true) showDiff();
  }
  const decision = await decide(session, changes, showDiff);
  if (decision.kind === 'branch') return { decision: 'branch', changes, conflicts: [] };
  if (decision.kind === 'discard') {
    dropTrial(pool, branch);
    return { decision: 'discard', changes, conflicts: [] };
  }
  const report = applyTrial(pool, place, branch, decision.changes, session.values.partial === true);
  if (!session.json) sayConflicts(session, report);
  const all = [...report.conflicts, ...report.notes];
  if (!report.applied) return { decision: 'refused', changes, conflicts: all };
  if (report.conflicts.length > 0) return { decision: 'branch', changes: decision.changes, conflicts: all };
  dropTrial(pool, branch);
  return { decision: 'keep', changes: decision.changes, conflicts: all };
}

function tell(session: Session, { decision, changes, conflicts }: Result, branch: string, ended: Ended): void {
  const isKept =
    decision === 'branch' || decision === 'refused' || (decision === 'nothing' && session.values.branch !== undefined);
  if (session.json) {
    writeJson(session, {
      status: ended.status,
      problem: ended.problem ?? null,
      decision,
      branch: isKept ? branch : null,
      changes: changesAsJson(changes),
      conflicts: conflictsAsJson(conflicts),
    });
    return;
  }
  if (decision === 'nothing')
    session.say(`byre: nothing changed${isKept ? `; branch ${branch} is as the directory is` : ''}`);
  else if (decision === 'keep') session.say('byre: kept');
  else if (decision === 'discard') session.say('byre: discarded; nothing here has changed');
  else if (decision === 'refused') {
    session.say(
      `byre: nothing was applied, because of what changed here meanwhile. The changes are kept as branch ${branch}:`,
    );
    session.say(`  byre apply --partial ${branch}   applies the rest;  byre drop ${branch}   throws them away`);
  } else {
    session.say(`byre: kept as branch ${branch}${conflicts.length > 0 ? '; all but the above was applied' : ''}`);
    session.say(`  byre diff ${branch}   byre apply ${branch}   byre try --from ${branch} ...   byre drop ${branch}`);
  }
}

async function trial(session: Session, place: TrialPlace): Promise<number> {
  let pool = await openTrialPool(session, place);
  let prepared: Prepared;
  try {
    requireNoJournal(session, pool, place);
    sayLeftovers(session, leftovers(place.home));
    prepared = prepare(session, pool, place);
  } finally {
    pool.closeSync();
  }
  const { branch, workspace } = prepared;
  await workspace.start();
  const { environment, json } = session;
  const ended = await runChild(session.rest, {
    directory: workspace.path,
    environment: { ...environment, BYRE_TRY: branch, BYRE_TRY_DIRECTORY: place.root },
    outputToError: json,
  });
  if (ended.problem !== undefined && !json) session.say(`byre: ${ended.problem}`);
  await workspace.stop();
  pool = await openTrialPool(session, place);
  let result: Result;
  try {
    session.progress('looking at what changed');
    workspace.collect(pool);
    session.progress(undefined);
    // From here on all is in the branch.
    workspace.dispose();
    result = await settle(session, pool, place, branch);
  } finally {
    pool.closeSync();
  }
  tell(session, result, branch, ended);
  return result.decision === 'refused' && ended.status === 0 ? TrialStatus.failed : ended.status;
}

function sayLeftovers(session: Session, found: readonly Leftover[]): void {
  for (const each of found) session.say(`byre: a try was cut off; what it did lies in ${each.path}`);
  if (found.length === 0) return;
  session.say("byre: 'byre try --recover' keeps that as a branch, 'byre try --forget' removes it");
}

/** Ends what tries that were cut off have left: as branches, or for good. */
async function clean(session: Session, place: TrialPlace): Promise<number> {
  const pool = await openTrialPool(session, place);
  const kept: string[] = [];
  try {
    for (const each of leftovers(place.home)) {
      const isThere = pool.branchesSync().some(({ name }) => name === each.branch);
      if (session.values.recover === true && isThere && existsSync(each.path)) {
        collectFrom(pool, each.branch, each.path);
        kept.push(each.branch);
      } else if (isThere && session.values.forget === true) dropTrial(pool, each.branch);
      else if (session.values.forget !== true) continue;
      each.dispose();
    }
  } finally {
    pool.closeSync();
  }
  if (session.json) writeJson(session, { recovered: kept });
  else
    session.write(
      kept.length > 0 ? kept.map((name) => `recovered as branch ${name}\n`).join('') : 'nothing is left over\n',
    );
  return 0;
}

async function run(session: Session): Promise<Outcome> {
  if (session.given !== undefined) throw refused('byre try cannot be run for another process');
  requireOneDecision(session);
  const place = trialPlace(session, realpathSync(session.directory));
  if (session.values.recover === true || session.values.forget === true) return await clean(session, place);
  if (session.rest.length === 0) throw usage('which command? For example: byre try npm update');
  try {
    return await trial(session, place);
  } catch (error) {
    // A failure of ours must not look like one of the command's.
    session.progress(undefined);
    const { message, status } = failureOf(error);
    if (session.json) session.say(JSON.stringify({ error: { message, status } }));
    else session.say(`byre: ${message}`);
    return TrialStatus.failed;
  }
}

export const tryCommand: Command = {
  name: 'try',
  summary: 'run a command in a fork of this directory, then decide whether it happened',
  usage: ['[OPTIONS] [--] COMMAND [ARGUMENT]...', '--recover | --forget'],
  details: `The directory is imported into a pool outside it (only what changed since the last time) and forked, and the command runs in
a copy of the fork. Then byre shows what changed and asks: all, none, or path by path. Nothing is written here before that.
Without a terminal and without --keep or --discard the changes are kept as a branch, for byre apply or byre drop.
The exit status is the command's; 125 if byre itself failed, 126 or 127 if the command could not be started.`,
  options: {
    keep: { type: 'boolean', text: 'apply all changes to the directory' },
    discard: { type: 'boolean', text: 'throw all changes away' },
    branch: { type: 'string', value: 'NAME', text: 'keep the changes as branch NAME, apply nothing' },
    from: { type: 'string', value: 'NAME', text: 'start from branch NAME, kept by an earlier try' },
    partial: { type: 'boolean', text: 'with --keep: apply what can be, whatever else changed here meanwhile' },
    diff: { type: 'boolean', text: 'show changed text, too' },
    quiet: { type: 'boolean', short: 'q', text: 'do not list the changes' },
    recover: { type: 'boolean', text: 'keep what tries that were cut off have left, as branches' },
    forget: { type: 'boolean', text: 'remove what tries that were cut off have left' },
  },
  examples: [
    ['byre try npm update', 'see what it does, then say all, none or path by path'],
    ['byre try --discard -- make clean test', 'run it, throw away what it wrote'],
    ['byre try --branch idea -- ./agent.sh', 'keep the result as a branch'],
    ['byre try --from idea --keep -- make', 'go on from there, and keep both'],
  ],
  input: 'answers',
  takesCommand: true,
  run,
};
