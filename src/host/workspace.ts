/**
 * Where a command meets a fork: the one seam between a trial and how the fork becomes a directory.
 * Callers must call in this order: `prepare` of a maker with the pool open, `start` when it is closed, `stop` before it is opened
 * again, `collect` when it is, `dispose` last. A workspace must not be disposed of before what was done in it is safe or unwanted.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Pool } from '../pool/pool.ts';
import { exportDirectorySync } from './export.ts';
import { importDirectorySync } from './import.ts';
import type { ImportReport, Problem } from './import-state.ts';

export interface Workspace {
  /** The directory to work in. */
  readonly path: string;
  /** What of the fork is not there, or not as it was. */
  readonly problems: readonly Problem[];
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Brings what was done into the fork; undefined if it is there already. */
  collect(pool: Pool): ImportReport | undefined;
  dispose(): void;
}

/** What is written beside a workspace, so that it can be told to whom it belongs if its process dies. */
export interface WorkspaceRecord {
  readonly pid: number;
  /** When the process began, as the system tells it: numbers of processes are used again. */
  readonly began: string;
  readonly poolPath: string;
  readonly branch: string;
  /** The workspace's directory. */
  readonly path: string;
  readonly startedMs: number;
}

export interface Place {
  readonly pool: Pool;
  readonly poolPath: string;
  /** The fork's name. */
  readonly branch: string;
  /** A directory of our own, made if need be. */
  readonly home: string;
  /** What the workspace is to be called: some programs look. */
  readonly name: string;
}

const RECORD = 'record.json';
const PREFIX = 'work-';

/** The time at which a process began, in the system's own ticks; empty if there is no such process, or no telling. */
export function beginOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive({ pid, began }: WorkspaceRecord): boolean {
  if (beginOf(pid) !== began) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function writeRecord(directory: string, place: Place, workspace: string): void {
  const record: WorkspaceRecord = {
    pid: process.pid,
    began: beginOf(process.pid),
    poolPath: place.poolPath,
    branch: place.branch,
    path: workspace,
    startedMs: Date.now(),
  };
  writeFileSync(path.join(directory, RECORD), JSON.stringify(record));
}

/** Writes the fork to a directory of its own; what changes there is found by an import. */
export function materialise(place: Place, onProgress: (files: number) => void = () => {}): Workspace {
  mkdirSync(place.home, { recursive: true, mode: 0o700 });
  const directory = freeDirectory(place.home);
  const workspace = path.join(directory, place.name);
  const dispose = () => rmSync(directory, { recursive: true, force: true });
  const fork = place.pool.branchSync(place.branch);
  let problems: readonly Problem[];
  try {
    writeRecord(directory, place, workspace);
    ({ problems } = exportDirectorySync(fork, workspace, {
      remember: true,
      cloneOriginals: true,
      onProgress: ({ files }) => onProgress(files),
    }));
    waitForTick(directory, workspace);
    place.pool.commitSync();
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    path: workspace,
    problems,
    start: async () => {},
    stop: async () => {},
    collect: (pool) => collectFrom(pool, place.branch, workspace),
    dispose,
  };
}

/** Imports what was done in a materialised workspace into its fork. */
export function collectFrom(pool: Pool, branch: string, workspace: string): ImportReport {
  const exclude = [path.join(workspace, '.byre')];
  const report = importDirectorySync(pool.branchSync(branch), workspace, {
    trusted: true,
    settled: true,
    keepNote: true,
    exclude,
  });
  pool.commitSync();
  return report;
}

function freeDirectory(home: string): string {
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
  dispose(): void;
}

/** Workspaces whose processes have died. */
export function leftovers(home: string): Leftover[] {
  const found: Leftover[] = [];
  let names: string[];
  try {
    names = readdirSync(home).filter((name) => name.startsWith(PREFIX));
  } catch {
    return found;
  }
  for (const name of names.sort()) {
    const directory = path.join(home, name);
    const dispose = () => rmSync(directory, { recursive: true, force: true });
    try {
      const record = JSON.parse(readFileSync(path.join(directory, RECORD), 'utf8')) as WorkspaceRecord;
      if (!isAlive(record)) found.push({ ...record, dispose });
    } catch {
      // Without a record it is being made this moment, or its maker died before it held anything.
    }
  }
  return found;
}
