/**
 * Import: makes a directory of a branch the same as a real directory, reading only what may have changed since the last time.
 * Callers must commit the pool afterwards, and must not write the branch's files meanwhile. An import that is broken off leaves a
 * part of the work done; the next one does the rest.
 */
import { statSync } from 'node:fs';
import path from 'node:path';
import { ByreError } from '../errors.ts';
import { changesOf } from '../files/changes.ts';
import { type HostBranch, presentTime, resolve, resolveDirectory, viewOf } from './branch.ts';
import { type ImportReport, ImportState } from './import-state.ts';
import { Importer } from './importer.ts';
import { HostMemory } from './memory.ts';
import { byteString, hostPath } from './names.ts';
import { Place } from './place.ts';
import type { Origin } from './record.ts';
import { type HostStat, statOf } from './stat.ts';
import { finishInTurns, finishSync } from './turns.ts';

export type { ImportReport, Problem, ProblemKind } from './import-state.ts';

export interface ImportOptions {
  /** The branch's directory that becomes like the host's; made if need be. Default: root. */
  readonly into?: string;
  /** Absolute paths of the host that are passed over, as if they were not there. */
  readonly exclude?: readonly string[];
  /** Stays on the file system that the directory lies on. */
  readonly oneFileSystem?: boolean;
  /** Promises that only imports and exports have written the branch since its last import: then its side need not be looked at. */
  readonly trusted?: boolean;
  /** Promises that the pool is committed before anything else is written to the branch: then the next import knows who wrote it. */
  readonly commitsNext?: boolean;
  /** Promises that no file of the host changes any more within the present tick of its clock. */
  readonly settled?: boolean;
  /** A word that is remembered with the import, for `originOf`. */
  readonly note?: string;
  /** Keeps the word of an earlier import. */
  readonly keepNote?: boolean;
  /** Called now and then with what has been counted so far. */
  readonly onProgress?: (report: ImportReport) => void;
}

interface Begun {
  readonly state: ImportState;
  readonly top: Place;
  readonly stat: HostStat;
  readonly origin: Origin | undefined;
}

function begin(branch: HostBranch, directory: string, options: ImportOptions, inode: number): Begun {
  const time = presentTime();
  const view = viewOf(branch, time);
  const run = branch.runSync.bind(branch);
  const from = byteString(path.resolve(directory));
  const stat = statOf(statSync(hostPath(from), { bigint: true }));
  if (stat.type !== 'directory') throw new ByreError('ENOTDIR', `${directory} is no directory`, { path: directory });
  const memory = new HostMemory(view, run);
  // Inode numbers of another file system say nothing about this one.
  const origin = memory.origin(inode);
  if (origin?.device !== stat.device) memory.distrust();
  const state = new ImportState({
    view,
    run,
    memory,
    time,
    trusted: options.trusted === true || memory.isUntouchedSince(origin),
    excluded: new Set(options.exclude?.map((each) => byteString(path.resolve(each)))),
    device: options.oneFileSystem === true ? stat.device : undefined,
    settled: options.settled === true,
  });
  return { state, top: Place.top(from, inode), stat, origin };
}

/**
 * Whether an import would find nothing to do: then its report, and undefined otherwise. It only looks, so a pool that is open for
 * reading will do; it gives up at the first thing that may have changed.
 */
export function findUnchanged(
  branch: HostBranch,
  directory: string,
  options: ImportOptions = {},
): ImportReport | undefined {
  const target = resolve(branch, viewOf(branch, 0n), byteString(options.into ?? '/'));
  if (target?.type !== 'directory') return undefined;
  const { state, top, stat, origin } = begin(branch, directory, options, target.inode);
  if (!state.trusted || origin?.directory !== top.hostPath || origin.device !== stat.device) return undefined;
  const isUnchanged = new Importer(state).isUnchanged(top);
  top.closeAll();
  return isUnchanged ? state.report : undefined;
}

function* steps(branch: HostBranch, directory: string, options: ImportOptions): Generator<void, ImportReport> {
  const inode = resolveDirectory(branch, viewOf(branch, presentTime()), byteString(options.into ?? '/'));
  const { state, top, stat, origin } = begin(branch, directory, options, inode);
  const { memory } = state;
  const from = top.hostPath;
  let last = Date.now();
  try {
    for (const _ of new Importer(state).walk(top, stat)) {
      if (options.onProgress !== undefined && Date.now() - last >= 50) {
        options.onProgress(state.report);
        last = Date.now();
      }
      yield;
    }
  } finally {
    changesOf(branch.root).everything();
  }
  const note = options.keepNote === true ? origin?.snapshot : options.note;
  const { created, changed, renamed, removed, remembered } = state.report;
  const isSame = origin?.directory === from && origin.device === stat.device && origin.snapshot === note;
  if (!isSame || !memory.isUntouchedSince(origin) || created + changed + renamed + removed + remembered > 0) {
    memory.setOrigin(inode, { directory: from, device: stat.device, snapshot: note }, options.commitsNext === true);
  }
  return state.report;
}

export function importDirectorySync(branch: HostBranch, directory: string, options: ImportOptions = {}): ImportReport {
  return finishSync(steps(branch, directory, options));
}

export async function importDirectory(
  branch: HostBranch,
  directory: string,
  options: ImportOptions = {},
): Promise<ImportReport> {
  return finishInTurns(steps(branch, directory, options));
}
