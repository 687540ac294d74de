/**
 * Branches that somebody works in: that of a try under way, and one that is mounted by itself.
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

/** Whoever works in the mount of a branch would have nothing any more. One without a name is being served to its end only. */
async function requireUnmounted({ given }: Session, names: readonly string[]): Promise<void> {
  const { findMount } = await import('../fuse/transport/mount-table.ts');
  for (const { branch, directory } of given?.mountedBranches ?? []) {
    if (branch?.name === undefined || !names.includes(branch.name) || findMount(directory) === undefined) continue;
    const where = shown(directory);
    throw refused(`'${branch.name}' is mounted at ${where}; unmount that first, with 'byre umount ${where}'`);
  }
}

/** Throws if somebody works in one of the branches. */
export async function requireDroppable(
  session: Session,
  pool: Pool,
  poolPath: string,
  names: readonly string[],
): Promise<void> {
  await requireUnmounted(session, names);
  for (const name of names) requireNotUnderWay(session, pool, poolPath, name);
}
