/**
 * The end of a trial: shows what changed, has its user decide, does what was decided, and tells what came of it.
 * Callers must have collected all that was done into the branch, and must hold the pool.
 */
import { type FileChange, isQuiet } from '../../src/host/changes.ts';
import { changesOf, dropTrial, trialOf } from '../../src/host/trial.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { changeLines, changesAsJson, summaryLine } from './changes-text.ts';
import { type Decision, decide } from './decide.ts';
import { type Left, type Session, writeJson } from './session.ts';
import { showText } from './text-diff.ts';
import type { TrialPlace } from './trial-pool.ts';
import { applyTrial, conflictsAsJson, sayConflicts } from './trials.ts';

export interface Result {
  readonly decision: Decision['kind'] | 'nothing' | 'refused';
  readonly changes: readonly FileChange[];
  readonly conflicts: readonly { readonly path: string; readonly reason: string }[];
}

export async function settle(session: Session, pool: Pool, place: TrialPlace, branch: string): Promise<Result> {
  const changes = changesOf(pool, branch);
  if (changes.every(isQuiet)) {
    if (session.values.branch === undefined) dropTrial(pool, branch);
    return { decision: 'nothing', changes: [], conflicts: [] };
  }
  const showDiff = (): void => {
    let text = '';
    const decoder = new TextDecoder();
    showText(pool, trialOf(pool, branch).base, branch, changes, (piece) => {
      text += typeof piece === 'string' ? piece : decoder.decode(piece);
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what rules terminals must not reach them.
    session.say(text.replace(/\n$/, '').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd'));
  };
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

/** As it is typed in a shell. */
const typed = (word: string): string => (/^[\w@%+=.,/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** A branch as the command lines name it that say what can be done with it: they hold as they are. */
function named({ values }: Session, branch: string): string {
  return `${typed(branch)}${typeof values.pool === 'string' ? ` --pool ${typed(values.pool)}` : ''}`;
}

export function tellResult(
  session: Session,
  { decision, changes, conflicts }: Result,
  { branch, ended, imported }: Left,
): void {
  const isKept =
    decision === 'branch' || decision === 'refused' || (decision === 'nothing' && session.values.branch !== undefined);
  if (session.json) {
    writeJson(session, {
      status: ended.status,
      problem: ended.problem ?? null,
      imported,
      decision,
      branch: isKept ? branch : null,
      changes: changesAsJson(changes),
      conflicts: conflictsAsJson(conflicts),
    });
    return;
  }
  const name = named(session, branch);
  if (decision === 'nothing')
    session.say(`byre: nothing changed${isKept ? `; branch ${branch} is as the directory is` : ''}`);
  else if (decision === 'keep') session.say('byre: kept');
  else if (decision === 'discard') session.say('byre: discarded; nothing here has changed');
  else if (decision === 'refused') {
    session.say(
      `byre: nothing was applied, because of what changed here meanwhile. The changes are kept as branch ${branch}:`,
    );
    session.say(`  byre apply --partial ${name}   applies the rest;  byre drop ${name}   throws them away`);
  } else {
    session.say(`byre: kept as branch ${branch}${conflicts.length > 0 ? '; all but the above was applied' : ''}`);
    session.say(`  byre diff ${name}   byre apply ${name}   byre try --from ${name} COMMAND   byre drop ${name}`);
  }
}
