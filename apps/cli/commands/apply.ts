/**
 * `byre apply`: makes the changes of a kept try in the directory that it began with, or finishes an apply that was cut off.
 * It must not overwrite what has changed in the directory meanwhile.
 */
import { resumeApply } from '../../../src/host/apply.ts';
import { isQuiet } from '../../../src/host/changes.ts';
import { readJournal } from '../../../src/host/journal.ts';
import { showName } from '../../../src/host/names.ts';
import { changesOf, dropTrial, trialOf } from '../../../src/host/trial.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import { takePositionals } from '../arguments.ts';
import { changeLines, changesAsJson, summaryLine } from '../changes-text.ts';
import type { Command } from '../command.ts';
import { requireDroppable } from '../in-use.ts';
import { type Outcome, refused, type Session, Status, usage, writeJson } from '../session.ts';
import { parseBranch } from '../target.ts';
import { type TrialPlace, trialPlace } from '../trial-pool.ts';
import { applyTrial, conflictsAsJson, journalOf, requireNoJournal, sayConflicts, withTrialPool } from '../trials.ts';

function resume(session: Session, pool: Pool, place: TrialPlace): Outcome {
  const { outcome, branch, notes } = resumeApply(pool, journalOf(place));
  if (session.json) writeJson(session, { outcome, branch: branch ?? null, notes: conflictsAsJson(notes) });
  else if (outcome === 'nothing') session.write(`no apply to ${place.root} was cut off\n`);
  else if (outcome === 'undone') {
    session.write(
      `nothing had been changed here yet; the changes are still in branch ${branch}: byre apply ${branch}\n`,
    );
  } else {
    sayConflicts(session, { conflicts: [], notes });
    session.write(`finished: ${place.root} has the changes of branch ${branch}, which is kept: byre drop ${branch}\n`);
  }
  return notes.length > 0 ? Status.no : Status.ok;
}

function apply(session: Session, pool: Pool, place: TrialPlace, branch: string): Outcome {
  const trial = trialOf(pool, branch);
  if (trial.directory !== Buffer.from(place.root).toString('latin1')) {
    throw refused(`branch '${branch}' belongs to ${showName(trial.directory)}: apply it there`);
  }
  requireNoJournal(session, pool, place);
  const changes = changesOf(pool, branch);
  const isDry = session.values['dry-run'] === true;
  if (isDry && !session.json) {
    session.write(`${summaryLine(changes)}\n`);
    for (const line of changeLines(changes)) session.write(`  ${line}\n`);
  }
  if (isDry || changes.every(isQuiet)) {
    if (session.json) writeJson(session, { applied: false, changes: changesAsJson(changes), conflicts: [] });
    else if (!isDry) session.write('there is nothing to apply\n');
    return Status.ok;
  }
  const report = applyTrial(pool, place, branch, changes, session.values.partial === true);
  const isWhole = report.applied && report.conflicts.length === 0;
  if (isWhole && session.values.drop === true) dropTrial(pool, branch);
  if (session.json) {
    const { applied, conflicts, notes } = report;
    const changes = changesAsJson(report.changes);
    writeJson(session, { applied, changes, conflicts: conflictsAsJson(conflicts), notes: conflictsAsJson(notes) });
  } else {
    sayConflicts(session, report);
    if (report.applied) session.write(`applied: ${summaryLine(report.changes)}\n`);
    else session.say('byre: nothing was applied, because of what changed here meanwhile; --partial applies the rest');
  }
  return isWhole ? Status.ok : Status.no;
}

async function run(session: Session): Promise<Outcome> {
  const [named] = takePositionals(session, ['BRANCH'], 1);
  const resumes = session.values.resume === true;
  if (resumes && named !== undefined) {
    throw usage('a branch and --resume exclude each other: what was cut off is known, and finished as it was begun');
  }
  if (!resumes && named === undefined) throw usage('name the branch to apply, or give --resume');
  const target = named === undefined ? undefined : parseBranch(named);
  const place = await trialPlace(session, target?.pool);
  if (resumes && readJournal(journalOf(place)) === undefined) {
    if (session.json) writeJson(session, { outcome: 'nothing', branch: null, notes: [] });
    else session.write(`no apply to ${place.root} was cut off\n`);
    return Status.ok;
  }
  return await withTrialPool(session, place, async (pool) => {
    if (resumes) return resume(session, pool, place);
    const branch = target?.branch;
    if (branch === undefined) throw usage('name the branch to apply');
    if (session.values.drop === true) await requireDroppable(session, pool, place.poolPath, [branch]);
    return apply(session, pool, place, branch);
  });
}

export const applyCommand: Command = {
  name: 'apply',
  summary: "make a kept try's changes in the directory that it began with",
  usage: ['BRANCH', '--resume'],
  details: `Refuses if what it would touch has changed here since, unless --partial is given: nothing is applied unless all can be.
The branch stays, unless --drop is given. Exit status 1: there were conflicts, and they were told.`,
  options: {
    partial: { type: 'boolean', text: 'apply what can be, and tell what cannot' },
    'dry-run': { type: 'boolean', short: 'n', text: 'only show what would be applied' },
    drop: { type: 'boolean', text: 'drop the branch, if all was applied' },
    resume: { type: 'boolean', text: 'finish an apply that was cut off' },
  },
  examples: [
    ['byre apply idea', 'the changes of branch idea, here'],
    ['byre apply --resume', 'after a crash: finish what was begun'],
  ],
  run,
};
