/**
 * What `byre try` and `byre apply` have in common: the pool of a real directory, and deciding about changes.
 * Callers must be the process that the user started: programs and terminals belong to it.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isByreError } from '../../src/errors.ts';
import { type ApplyReport, applyChanges, resumeApply } from '../../src/host/apply.ts';
import type { FileChange } from '../../src/host/changes.ts';
import { journalPath, readJournal } from '../../src/host/journal.ts';
import { byteString, bytesOfName, showName } from '../../src/host/names.ts';
import { trialOf } from '../../src/host/trial.ts';
import { openPoolSync } from '../../src/pool/open-pool.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { nearestPool, pathOf, poolFileAt } from './pools.ts';
import { refused, type Session } from './session.ts';
import { jsonName } from './shown.ts';
import { trialDirectory } from './trial-place.ts';

export interface TrialPlace {
  /** The real directory, without symbolic links. */
  readonly root: string;
  /** Where workspaces and journals lie. */
  readonly home: string;
  readonly poolPath: string;
}

export function trialPlace(session: Session, root: string): TrialPlace {
  const home = trialDirectory(root, session.environment);
  const named = session.values.pool ?? session.environment.BYRE_POOL;
  const given = typeof named === 'string' && named !== '' ? poolFileAt(pathOf(session, named)) : nearestPool(root);
  return { root, home, poolPath: given ?? path.join(home, 'pool.byre') };
}

/** Opens the pool for writing, waiting for another writer as long as `--wait` says. */
export async function openTrialPool(session: Session, { home, poolPath }: TrialPlace): Promise<Pool> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const seconds = Number(session.values.wait ?? 10);
  const until = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return openPoolSync(poolPath, { commitEveryMs: 0 });
    } catch (error) {
      if (!isByreError(error) || error.code !== 'LOCKED' || Date.now() >= until) throw error;
      session.progress(`waiting: ${error.message}`);
      await sleep(50);
      session.progress(undefined);
    }
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
    ...jsonName('path', bytesOfName(where)),
    reason: showName(reason),
  }));
}

export function sayConflicts(session: Session, report: Pick<ApplyReport, 'conflicts' | 'notes'>): void {
  for (const { path: where, reason } of report.conflicts) session.say(`! ${showName(where) || '.'}: ${reason}`);
  for (const { path: where, reason } of report.notes) session.say(`! ${showName(where) || '.'}: ${showName(reason)}`);
}
