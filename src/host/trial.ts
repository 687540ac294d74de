/**
 * Trials: the imported states of a real directory, forks of them, and what a fork would change in the directory.
 * Imported states are snapshots called `NAME@1`, `NAME@2`, …; only this file makes or drops them. A fork remembers which one it began
 * with. Callers must hold the pool open for writing, and commit.
 */

import { ByreError } from '../errors.ts';
import { ROOT_INODE } from '../files/ops/keys.ts';
import type { Branch } from '../pool/branch.ts';
import type { Pool } from '../pool/pool.ts';
import { viewOf } from './branch.ts';
import { compareBranches, type FileChange } from './changes.ts';
import { importDirectory } from './import.ts';
import type { ImportReport } from './import-state.ts';
import { HostMemory } from './memory.ts';
import { type ByteString, byteString } from './names.ts';
import type { Origin } from './record.ts';

function originOf(branch: Branch): Origin | undefined {
  return new HostMemory(viewOf(branch, 0n), branch.runSync.bind(branch)).origin(ROOT_INODE);
}

/** What the states of a directory are called. */
function stem(directory: string): string {
  const word = directory.split('/').at(-1) ?? '';
  return word.replace(/[\p{Cc}/:@]+/gu, '_').slice(0, 60) || 'root';
}

interface ImportedState {
  readonly name: string;
  readonly number: number;
}

/** The imported states of a directory in this pool, oldest first, and the number after all that are taken. */
function statesOf(pool: Pool, directory: ByteString, word: string): { states: ImportedState[]; next: number } {
  const states: ImportedState[] = [];
  let next = 1;
  for (const { name, kind } of pool.branchesSync()) {
    if (!name.startsWith(`${word}@`)) continue;
    const number = Number(name.slice(word.length + 1));
    if (!Number.isInteger(number)) continue;
    next = Math.max(next, number + 1);
    if (kind === 'snapshot' && originOf(pool.branchSync(name))?.directory === directory) states.push({ name, number });
  }
  return { states: states.sort((a, b) => a.number - b.number), next };
}

export interface BaseOptions {
  readonly exclude: readonly string[];
  readonly onProgress?: (report: ImportReport) => void;
}

export interface Base {
  /** The snapshot that is the directory as it is now. */
  readonly name: string;
  readonly report: ImportReport;
}

/** The import under way in a pool: they take turns, since each makes the state that the next begins with. */
const importing = new WeakMap<Pool, Promise<unknown>>();

/** The directory's present state as a snapshot: the last one if nothing has changed. */
export function importBase(pool: Pool, directory: string, options: BaseOptions): Promise<Base> {
  const before = importing.get(pool) ?? Promise.resolve();
  const base = before.then(
    () => importNext(pool, directory, options),
    () => importNext(pool, directory, options),
  );
  importing.set(pool, base);
  return base;
}

async function importNext(pool: Pool, directory: string, options: BaseOptions): Promise<Base> {
  const word = stem(directory);
  const { states, next } = statesOf(pool, byteString(directory), word);
  const last = states.at(-1);
  const making = freeName(pool, `${word}@new`);
  const work = last === undefined ? pool.createBranchSync(making) : pool.forkSync(last.name, making);
  const name = `${word}@${next}`;
  try {
    // Nobody but imports can have written a state: it is a snapshot.
    const report = await importDirectory(work, directory, { ...options, trusted: true, note: name });
    const { created, changed, renamed, removed, remembered } = report;
    if (last !== undefined && created + changed + renamed + removed + remembered === 0) {
      pool.dropSync(making);
      return { name: last.name, report };
    }
    pool.snapshotSync(making, name);
    pool.dropSync(making);
    dropUnused(pool, states);
    return { name, report };
  } catch (error) {
    if (isThere(pool, making)) pool.dropSync(making);
    throw error;
  }
}

const isThere = (pool: Pool, name: string) => pool.branchesSync().some((branch) => branch.name === name);

/** A name of its own: another process may have died and left one. */
function freeName(pool: Pool, wanted: string): string {
  const taken = new Set(pool.branchesSync().map((branch) => branch.name));
  if (!taken.has(wanted)) return wanted;
  pool.dropSync(wanted);
  return wanted;
}

/** States that no branch began with any more. */
function dropUnused(pool: Pool, states: readonly ImportedState[]): void {
  const used = new Set<string | undefined>();
  const names = new Set(states.map((state) => state.name));
  for (const { name } of pool.branchesSync()) if (!names.has(name)) used.add(originOf(pool.branchSync(name))?.snapshot);
  for (const { name } of states) if (!used.has(name)) pool.dropSync(name);
}

/** The lowest `try-N` that is free. */
export function freeTrialName(pool: Pool): string {
  const taken = new Set(pool.branchesSync().map((branch) => branch.name));
  for (let n = 1; ; n++) if (!taken.has(`try-${n}`)) return `try-${n}`;
}

export interface Trial {
  /** The snapshot it began with. */
  readonly base: string;
  /** The real directory. */
  readonly directory: ByteString;
}

/** Where a branch began, if it is a trial's. */
export function findTrial(pool: Pool, branch: string): Trial | undefined {
  const base = originOf(pool.branchSync(branch))?.snapshot;
  if (base === undefined || !isThere(pool, base)) return undefined;
  const directory = originOf(pool.branchSync(base))?.directory;
  return directory === undefined ? undefined : { base, directory };
}

/** {@link findTrial}; throws if it is none. */
export function trialOf(pool: Pool, branch: string): Trial {
  const trial = findTrial(pool, branch);
  if (trial !== undefined) return trial;
  throw new ByreError('BAD_ARGUMENT', `'${branch}' was not made by byre try: there is no directory that it belongs to`);
}

/** What a trial's branch would change in its directory. */
export function changesOf(pool: Pool, branch: string): FileChange[] {
  return compareBranches(pool, trialOf(pool, branch).base, branch);
}

/** Drops a trial's branch, and the state it began with if nothing else needs it and a newer one is there. */
export function dropTrial(pool: Pool, branch: string): void {
  const trial = findTrial(pool, branch);
  pool.dropSync(branch);
  if (trial === undefined) return;
  const word = trial.base.slice(0, trial.base.lastIndexOf('@'));
  const { states } = statesOf(pool, trial.directory, word);
  dropUnused(pool, states.slice(0, -1));
}
