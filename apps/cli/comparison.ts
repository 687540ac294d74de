/**
 * What differs between the files of two states of a pool, in the shape that `changes-text.ts` shows.
 * Callers must not write to either state meanwhile: `hold` gives states that nobody else writes.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { ByreError } from '../../src/errors.ts';
import type { Attributes } from '../../src/files/ops/attributes.ts';
import { compareTrees, type FileChange as TreeChange } from '../../src/files/ops/compare.ts';
import type { Job } from '../../src/files/ops/job.ts';
import type { Tree } from '../../src/files/ops/view.ts';
import type { FileChange } from '../../src/host/changes.ts';
import { type ByteString, nameOfBytes } from '../../src/host/names.ts';
import type { Branch } from '../../src/pool/branch.ts';
import type { Pool } from '../../src/pool/pool.ts';
import type { Session } from './session.ts';
import { joinNames } from './shown.ts';

const TURN_MS = 12;

/** A state that stays as it is, and a branch that runs operations on it. */
export interface Held {
  readonly tree: Tree;
  readonly branch: Branch;
}

/** Runs `work` on states that nobody else writes. `base` in place of a name: what the other branch began with. */
export async function hold<T>(
  pool: Pool,
  from: string | undefined,
  to: string,
  work: (before: Held, after: Held) => Promise<T>,
): Promise<T> {
  const held: Branch[] = [];
  const take = async (name: string): Promise<Held> => {
    const branch = await pool.branch(name);
    if (pool.readOnly || branch.kind === 'snapshot') return { tree: branch, branch };
    const fork = await pool.forkUnnamed(branch);
    held.push(fork);
    return { tree: fork, branch: fork };
  };
  try {
    const after = await take(to);
    if (from !== undefined) return await work(await take(from), after);
    const branch = await pool.branch(to);
    if (branch.base === undefined) throw new ByreError('NO_COMMON_BASE', `'${to}' was not forked from anything`);
    return await work({ tree: { store: branch.store, root: branch.base }, branch }, after);
  } finally {
    for (const fork of held) await pool.release(fork);
  }
}

/** Runs a job's operations, and lets others have their turn. */
async function finish<T>(session: Session, branch: Branch, job: Job<T>): Promise<T> {
  let since = Date.now();
  let result = job.next();
  while (!result.done) {
    let given: unknown;
    try {
      given = branch.runSync(result.value);
      if (Date.now() - since > TURN_MS) {
        await turn(undefined, { signal: session.signal });
        since = Date.now();
      }
    } catch (error) {
      result = job.throw(error);
      continue;
    }
    result = job.next(given);
  }
  return result.value;
}

const pathOf = (names: readonly Uint8Array[]): ByteString => nameOfBytes(joinNames(names)).slice(1);

function isSameTime(a: Attributes, b: Attributes): boolean {
  return a.modifyTime.seconds === b.modifyTime.seconds && a.modifyTime.nanoseconds === b.modifyTime.nanoseconds;
}

function aspectsOf({ kind, before, after, content, attributes }: TreeChange): FileChange['aspects'] {
  if (before === undefined || after === undefined || kind === 'added' || kind === 'removed') {
    return { content: kind === 'added', mode: false, owner: false, xattrs: false, time: false };
  }
  const mode = before.mode !== after.mode;
  const owner = before.uid !== after.uid || before.gid !== after.gid;
  const time = !isSameTime(before, after);
  return { content, mode, owner, time, xattrs: attributes && !mode && !owner && !time };
}

function shownChange(change: TreeChange): FileChange {
  const { kind, path, fromPath, before, after } = change;
  const now = (kind === 'removed' ? before : after)!;
  return {
    kind,
    path: pathOf(path),
    from: fromPath === undefined ? undefined : pathOf(fromPath),
    before: pathOf(fromPath ?? path),
    type: now.type,
    inode: now.inode,
    inodeBefore: kind === 'added' ? 0 : (before?.inode ?? 0),
    sizeBefore: kind === 'added' ? undefined : before?.size,
    size: kind === 'removed' ? undefined : after?.size,
    aspects: aspectsOf(change),
  };
}

/** All changes, in order of their paths. */
export async function compare(session: Session, before: Held, after: Held): Promise<FileChange[]> {
  return (await finish(session, after.branch, compareTrees(before.tree, after.tree))).map(shownChange);
}

/** Those at a path or below it, whether they came from there or went there. */
export function within(changes: readonly FileChange[], path: ByteString): FileChange[] {
  const wanted = path.replace(/^\/+|\/+$/g, '');
  if (wanted === '') return [...changes];
  const isIn = (each: ByteString | undefined): boolean => each === wanted || each?.startsWith(`${wanted}/`) === true;
  return changes.filter(({ path: now, from }) => isIn(now) || isIn(from));
}
