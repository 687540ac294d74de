/**
 * What `byre try` and `byre apply` have in common: the pool of a real directory, journals, and applying.
 * Callers must do all that they do with a pool within `withTrialPool`: it may be another process that has it.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { type ApplyReport, applyChanges, resumeApply } from '../../src/host/apply.ts';
import type { FileChange } from '../../src/host/changes.ts';
import { journalPath, readJournal } from '../../src/host/journal.ts';
import { byteString, showName } from '../../src/host/names.ts';
import { trialOf } from '../../src/host/trial.ts';
import { openPoolSync } from '../../src/pool/open-pool.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { jsonPath } from './changes-text.ts';
import { type Left, refused, type Session } from './session.ts';
import { handOver, patiently, type TrialPlace } from './trial-pool.ts';

/** Opens the pool for writing, or throws HandedOver when the process that has it has done the command, or what is `left` of it. */
async function openTrialPool(session: Session, place: TrialPlace, left: Left | undefined): Promise<Pool> {
  mkdirSync(place.home, { recursive: true, mode: 0o700 });
  return await patiently(session, async () => {
    await handOver(session, place, left);
    return openPoolSync(place.poolPath, { commitEveryMs: 0 });
  });
}

/**
 * Does the work with the pool open for writing, by whichever process. One that does it for another commits at the end of the command.
 */
export async function withTrialPool<T>(
  session: Session,
  place: TrialPlace,
  work: (pool: Pool) => Promise<T> | T,
  left?: Left,
): Promise<T> {
  const { given } = session;
  const pool = given?.pool ?? (await openTrialPool(session, place, left));
  try {
    return await work(pool);
  } finally {
    if (given === undefined) pool.closeSync();
  }
}

export function journalOf({ home, root }: TrialPlace): string {
  return journalPath(path.join(home, 'journal'), byteString(root));
}

/** Refuses to go on over a directory that is half-way between two states; takes back what had not begun. */
export function requireNoJournal(session: Session, pool: Pool, place: TrialPlace): void {
  const journal = readJournal(journalOf(place));
  if (journal === undefined) return;
  if (journal.phase === 'applying') {
    throw refused(
      `an apply to ${place.root} was cut off half-way: finish it with 'byre apply --resume' (all that it needs is kept)`,
    );
  }
  resumeApply(pool, journalOf(place));
  session.say(
    `byre: an apply to ${place.root} was cut off before it had changed anything; its changes are still in branch ${journal.branch}`,
  );
}

export function applyTrial(
  pool: Pool,
  place: TrialPlace,
  branch: string,
  changes: readonly FileChange[],
  partial: boolean,
): ApplyReport {
  const trial = trialOf(pool, branch);
  return applyChanges({
    pool,
    base: pool.branchSync(trial.base),
    fork: pool.branchSync(branch),
    root: trial.directory,
    journal: journalOf(place),
    changes,
    partial,
  });
}

export function conflictsAsJson(conflicts: ApplyReport['conflicts']): unknown[] {
  return conflicts.map(({ path: where, reason }) => ({
    ...jsonPath('path', where),
    reason: showName(reason),
  }));
}

export function sayConflicts(session: Session, report: Pick<ApplyReport, 'conflicts' | 'notes'>): void {
  for (const { path: where, reason } of report.conflicts) session.say(`! ${showName(where) || '.'}: ${reason}`);
  for (const { path: where, reason } of report.notes) session.say(`! ${showName(where) || '.'}: ${showName(reason)}`);
}
