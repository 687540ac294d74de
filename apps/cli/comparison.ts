/**
 * What differs between the files of two states of a pool, in the shape that `changes-text.ts` shows.
 * Callers must not write to either state meanwhile: `hold` gives states that nobody else writes.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { ByreError, isByreError } from '../../src/errors.ts';
import type { Attributes } from '../../src/files/ops/attributes.ts';
import { compareTrees, type FileChange as TreeChange } from '../../src/files/ops/compare.ts';
import { pathsOf } from '../../src/files/ops/directory.ts';
import type { Job } from '../../src/files/ops/job.ts';
import type { FileChange } from '../../src/host/changes.ts';
import { type ByteString, nameOfBytes } from '../../src/host/names.ts';
import type { Branch } from '../../src/pool/branch.ts';
import type { Pool } from '../../src/pool/pool.ts';
import type { Session } from './session.ts';
import { joinNames, shown } from './shown.ts';
import { operate, placeOf, viewOf } from './targets.ts';

const TURN_MS = 12;

/** A handle that shows an old state, which the branch remembers, as a snapshot of it would. */
function stateOf(branch: Branch, root: Branch['root']): Branch {
  const state: Branch = Object.create(branch, {
    root: { value: root },
    readOnly: { value: true },
    face: { value: <T>(make: (branch: Branch) => T): T => make(state) },
  });
  return state;
}

/**
 * Runs `work` on two states that nobody else writes. `from` undefined: what `to` began with, or the state of the other branch that
 * it last took in.
 */
export async function hold<T>(
  pool: Pool,
  from: string | undefined,
  to: string,
  work: (before: Branch, after: Branch) => Promise<T>,
): Promise<T> {
  const forks: Branch[] = [];
  const take = async (name: string): Promise<Branch> => {
    const branch = await pool.branch(name);
    if (branch.readOnly) return branch;
    const fork = await pool.forkUnnamed(branch);
    forks.push(fork);
    return fork;
  };
  try {
    if (from !== undefined) return await work(await take(from), await take(to));
    const branch = await pool.branch(to);
    const { base } = branch;
    if (base === undefined) throw new ByreError('NO_COMMON_BASE', `'${to}' was not forked from anything`);
    return await work(stateOf(branch, base), await take(to));
  } finally {
    for (const fork of forks) await pool.release(fork);
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
async function compare(session: Session, before: Branch, after: Branch): Promise<FileChange[]> {
  return (await finish(session, after, compareTrees(before, after))).map(shownChange);
}

/** Where a path leads in a state, links on the way followed; undefined if nothing is there. */
function whereIn(branch: Branch, path: string): ByteString | undefined {
  const view = viewOf(branch);
  const opened = { branch, view, name: branch.name ?? '', path, title: shown(path) };
  try {
    const { parent, name, entry } = placeOf(opened, 'slash');
    if (entry === undefined) return undefined;
    const [above = []] = operate(opened, () => pathsOf(view, parent));
    return pathOf(name === undefined ? above : [...above, name]);
  } catch (error) {
    if (isByreError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}

/**
 * The changes at a path, as it was typed, or below it, whether they came from there or went there. Throws ENOENT if it leads
 * nowhere in both states.
 */
export async function compareAt(session: Session, before: Branch, after: Branch, path: string): Promise<FileChange[]> {
  const wanted = [before, after].flatMap((state) => whereIn(state, path) ?? []);
  if (wanted.length === 0) {
    throw new ByreError('ENOENT', `${shown(path)} is in neither of the two: no such file or directory`, { path });
  }
  const changes = await compare(session, before, after);
  return changes.filter(({ path: now, from }) => wanted.some((each) => lies(now, each) || lies(from, each)));
}

function lies(path: ByteString | undefined, at: ByteString): boolean {
  return at === '' || path === at || path?.startsWith(`${at}/`) === true;
}
