/**
 * Where a command meets a fork: the one seam between a trial and how the fork becomes a directory. Two makers: `materialise` writes the
 * fork to a directory of its own, `overlaid` is for those who lay a mount of it over the real directory's path.
 * Callers must make one with the pool open, must let nobody work in it any more when they `collect`, and must not dispose of it before
 * what was done in it is safe or unwanted.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Pool } from '../pool/pool.ts';
import { startOf, stateOf } from '../pool/process-life.ts';
import { exportDirectorySync } from './export.ts';
import { importDirectorySync } from './import.ts';
import type { Problem } from './import-state.ts';
import { removeOwn } from './remove.ts';

export interface Workspace {
  /** Where the command works. */
  readonly path: string;
  /** A directory of our own, for what else belongs to this trial. */
  readonly own: string;
  /** The fork must be mounted over `path` for the command, and for nobody else. */
  readonly isOverlaid: boolean;
  /** What of the fork is not there, or not as it was. */
  readonly problems: readonly Problem[];
  /** Brings what was done into the fork, and lets nothing more come. */
  collect(pool: Pool): void;
  dispose(): void;
}

/** What is written beside a workspace, so that it can be told to whom it belongs if its process dies. */
export interface WorkspaceRecord {
  readonly pid: number;
  readonly processStart: number | null;
  readonly poolPath: string;
  readonly branch: string;
  /** Where the command works. */
  readonly path: string;
  readonly isOverlaid: boolean;
  readonly startedMs: number;
}

export interface Place {
  readonly pool: Pool;
  readonly poolPath: string;
  /** The fork's name. */
  readonly branch: string;
  /** A directory of our own, made if need be. */
  readonly home: string;
  /** The real directory. */
  readonly root: string;
  /** The process whose end is the end of the trial. */
  readonly pid: number;
}

const RECORD = 'record.json';
const PREFIX = 'work-';
const ASIDE = 'aside-';

function writeRecord(own: string, place: Place, workspace: string, isOverlaid: boolean): WorkspaceRecord {
  const record: WorkspaceRecord = {
    pid: place.pid,
    processStart: startOf(place.pid),
    poolPath: place.poolPath,
    branch: place.branch,
    path: workspace,
    isOverlaid,
    startedMs: Date.now(),
  };
  writeFileSync(path.join(own, RECORD), JSON.stringify(record));
  return record;
}

function workspaceOf(own: string, record: WorkspaceRecord, problems: readonly Problem[] = []): Workspace {
  const { branch, isOverlaid } = record;
  return {
    path: record.path,
    own,
    isOverlaid,
    problems,
    collect(pool) {
      // Who has the fork open, such as a mount for a process that outlived its trial, changes no more what is to be shown and applied.
      if (isOverlaid) pool.renewSync(branch);
      else collectFrom(pool, branch, record.path);
    },
    dispose: () => discard(own),
  };
}

/** Writes the fork to a directory of its own; what changes there is found by an import. */
export function materialise(place: Place, onProgress: (files: number) => void = () => {}): Workspace {
  const own = freeDirectory(place.home);
  const workspace = path.join(own, path.basename(place.root) || 'root');
  const fork = place.pool.branchSync(place.branch);
  try {
    const record = writeRecord(own, place, workspace, false);
    const { problems } = exportDirectorySync(fork, workspace, {
      remember: true,
      cloneOriginals: true,
      onProgress: ({ files }) => onProgress(files),
    });
    waitForTick(own, workspace);
    place.pool.commitSync();
    return workspaceOf(own, record, problems);
  } catch (error) {
    discard(own);
    throw error;
  }
}

/** A workspace at the real directory's own path, for a command over which the fork is mounted there. */
export function overlaid(place: Place): Workspace {
  const own = freeDirectory(place.home);
  return workspaceOf(own, writeRecord(own, place, place.root, true));
}

/** The workspace whose own directory that is. */
export function workspaceAt(own: string): Workspace {
  return workspaceOf(own, readRecord(own));
}

function readRecord(own: string): WorkspaceRecord {
  return JSON.parse(readFileSync(path.join(own, RECORD), 'utf8')) as WorkspaceRecord;
}

/** Imports what was done in a materialised workspace into its fork. */
function collectFrom(pool: Pool, branch: string, workspace: string): void {
  const exclude = [path.join(workspace, '.byre')];
  importDirectorySync(pool.branchSync(branch), workspace, { trusted: true, settled: true, keepNote: true, exclude });
  pool.commitSync();
}

/** Removes a workspace. Where something that the command left running writes, that is set aside, for a later trial to remove. */
function discard(own: string): void {
  // From here on it is no trial's.
  rmSync(path.join(own, RECORD), { force: true });
  try {
    removeOwn(own);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    renameSync(own, path.join(path.dirname(own), `${ASIDE}${crypto.randomUUID()}`));
  }
}

/** Removes what was set aside. What cannot be removed yet is in nobody's way, and the next trial tries again. */
function removeAside(home: string): void {
  for (const name of readdirSync(home)) {
    if (!name.startsWith(ASIDE)) continue;
    try {
      removeOwn(path.join(home, name));
    } catch {
      // Something may be writing there still.
    }
  }
}

function freeDirectory(home: string): string {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  removeAside(home);
  for (let n = 1; ; n++) {
    const directory = path.join(home, `${PREFIX}${n}`);
    try {
      mkdirSync(directory, { mode: 0o700 });
      return directory;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/**
 * Waits until the file system's clock has moved on from the last change in the workspace, so that whatever changes there from now on
 * has another change time.
 */
function waitForTick(directory: string, workspace: string): void {
  const probe = path.join(directory, 'tick');
  const last = statSync(workspace, { bigint: true }).ctimeNs;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; tries < 3000; tries++) {
    writeFileSync(probe, '');
    if (statSync(probe, { bigint: true }).ctimeNs > last) break;
    Atomics.wait(sleeper, 0, 0, 1);
  }
  rmSync(probe, { force: true });
}

export interface Leftover extends WorkspaceRecord {
  readonly workspace: Workspace;
}

/** The workspaces of a pool's branches. */
function workspacesIn(home: string, poolPath: string): Leftover[] {
  let names: string[];
  try {
    names = readdirSync(home).filter((name) => name.startsWith(PREFIX));
  } catch {
    return [];
  }
  return names.sort().flatMap((name) => {
    const own = path.join(home, name);
    try {
      const record = readRecord(own);
      return record.poolPath === poolPath ? [{ ...record, workspace: workspaceOf(own, record) }] : [];
    } catch {
      // Without a record it is being made this moment, or its maker died before it held anything.
      return [];
    }
  });
}

const isAlive = ({ pid, processStart }: WorkspaceRecord): boolean => stateOf(pid, processStart) === 'yes';

/** Workspaces whose processes have died. */
export function leftovers(home: string, poolPath: string): Leftover[] {
  return workspacesIn(home, poolPath).filter((each) => !isAlive(each));
}

/** Whether a command may be at work on a branch. */
export function isUnderWay(home: string, poolPath: string, branch: string): boolean {
  return workspacesIn(home, poolPath).some((each) => each.branch === branch && isAlive(each));
}
