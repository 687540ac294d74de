/**
 * Tries under way, whose branches others must leave alone.
 * Callers must ask before they drop or rename a branch; it says nothing of tries that were cut off.
 */
import { findTrial } from '../../src/host/trial.ts';
import { isUnderWay } from '../../src/host/workspace.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { refused, type Session } from './session.ts';
import { shown } from './shown.ts';
import { trialDirectory } from './trial-place.ts';

/** Throws if the branch is what the command of a try works on. */
export function requireNotUnderWay(session: Session, pool: Pool, poolPath: string, branch: string): void {
  const trial = findTrial(pool, branch);
  if (trial === undefined) return;
  const directory = Buffer.from(trial.directory, 'latin1').toString();
  if (!isUnderWay(trialDirectory(directory, session.environment), poolPath, branch)) return;
  throw refused(
    `branch '${shown(branch)}' is that of a try under way in ${shown(directory)}: its command works on it; let that end first`,
  );
}
