/**
 * Export: writes a directory of a branch, or one file, to the host, with everything that metadata holds.
 * Callers must leave the target alone meanwhile, and should look at the report's problems: what the host refused is there.
 */
import { linkSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ByreError } from '../errors.ts';
import { type Attributes, getAttributes } from '../files/ops/attributes.ts';
import { type DirectoryEntry, readDirectory } from '../files/ops/directory.ts';
import type { View } from '../files/ops/view.ts';
import { type HostBranch, presentTime, resolve, viewOf } from './branch.ts';
import { FileWriter, type Original } from './export-file.ts';
import type { Problem } from './import-state.ts';
import { HostMemory, type Run } from './memory.ts';
import { type ByteString, byteString, hostPath, joinPath, nameOfBytes, showName } from './names.ts';
import { Place } from './place.ts';
import type { KnownEntry } from './record.ts';
import { type HostStat, nanosecondsOf, statHost } from './stat.ts';
import { finishInTurns, finishSync, type Nested, unfolded } from './turns.ts';

export interface ExportReport {
  files: number;
  directories: number;
  others: number;
  /** Bytes of contents: not those of holes, nor what was cloned. */
  bytesWritten: number;
  problems: Problem[];
}

export interface ExportOptions {
  /** What to export. Default: the branch's root. */
  readonly from?: string;
  /** Writes into a directory that has entries already: files of the same name are replaced, others stay. */
  readonly overwrite?: boolean;
  /** Remembers in the branch what was written where, so that importing the directory again is quick. */
  readonly remember?: boolean;
  /** Where the branch was imported from on the same file system: large files are cloned from there if they are still the same. */
  readonly cloneOriginals?: boolean;
  readonly onProgress?: (report: ExportReport) => void;
}

const STEP_ENTRIES = 256;
const SGID = 0o2000;
const NEEDED_MODE = 0o700;

/** A directory whose record waits until its files have got all their names. */
interface Waiting {
  readonly inode: number;
  readonly place: Place;
  readonly entries: KnownEntry[];
  readonly linked: readonly number[];
}

class Exporter {
  readonly #view: View;
  readonly #run: Run;
  readonly #memory: HostMemory | undefined;
  readonly #writer: FileWriter;
  readonly #overwrite: boolean;
  /** The real directory to clone large files from. */
  readonly #originals: ByteString | undefined;
  /** Where the first name of each inode with several was written. */
  readonly #linked = new Map<number, { place: Place; name: ByteString }>();
  readonly #waiting: Waiting[] = [];
  readonly report: ExportReport = { files: 0, directories: 0, others: 0, bytesWritten: 0, problems: [] };

  constructor(view: View, run: Run, memory: HostMemory | undefined, overwrite: boolean, originals?: ByteString) {
    this.#view = view;
    this.#run = run;
    this.#memory = memory;
    this.#overwrite = overwrite;
    this.#originals = originals;
    this.#writer = new FileWriter(view, run);
  }

  *tree(place: Place): Generator<void, HostStat> {
    let stat: HostStat | undefined;
    yield* unfolded(
      this.#directory(place, (written) => {
        stat = written;
      }),
    );
    this.#finishWaiting();
    place.closeAll();
    return stat!;
  }

  one(inode: number, target: ByteString): void {
    const attributes = this.#run(() => getAttributes(this.#view, inode));
    this.#writer.write(inode, attributes, target);
    this.report.files++;
    this.report.bytesWritten = this.#writer.bytesWritten;
  }

  /** Writes what is in a directory and all below it, and tells how it stands on the host then. */
  *#directory(place: Place, tell: (written: HostStat) => void): Nested {
    const { inode } = place;
    const attributes = this.#run(() => getAttributes(this.#view, inode));
    this.report.directories++;
    const known: KnownEntry[] = [];
    const linked: number[] = [];
    const originals = this.#originalsIn(place);
    this.#writer.groupMayDiffer = (lstatSync(hostPath(place.accessTo('.'))).mode & SGID) !== 0;
    for (let after: Uint8Array | undefined; ; ) {
      const from: Uint8Array | undefined = after;
      const step = this.#run(() => readDirectory(this.#view, inode, from, STEP_ENTRIES));
      for (const entry of step) {
        const written = this.#guarded(place, entry, () => this.#entry(place, entry, originals));
        if (written === undefined) continue;
        if (written.links > 1 && entry.type !== 'directory') linked.push(known.length);
        known.push(written.entry);
      }
      yield;
      if (step.length < STEP_ENTRIES) break;
      after = step.at(-1)!.name;
    }
    for (const [at, entry] of known.entries()) {
      if (entry.type !== 'directory') continue;
      const below = place.below(entry.name, entry.inode);
      yield this.#directory(below, (stat) => {
        known[at] = remembered(entry.name, entry.inode, attributes, stat);
      });
      below.close();
    }
    const lost = this.#writer.finish(inode, attributes, place.outside(), true, place.accessTo('.'));
    if (lost.length > 0) this.#problem(place.path, `not carried over: ${lost.join('; ')}`);
    const stat = statHost(place.outside())!;
    if (linked.length > 0) this.#waiting.push({ inode, place, entries: known, linked });
    else this.#save(inode, stat, attributes, known);
    this.report.bytesWritten = this.#writer.bytesWritten;
    tell(stat);
  }

  /** What was imported from where, by name, of a directory of which the branch still remembers that. */
  #originalsIn(place: Place): ReadonlyMap<ByteString, Original> {
    const found = new Map<ByteString, Original>();
    if (this.#originals === undefined) return found;
    const directory = place.path === '' ? this.#originals : `${this.#originals}/${place.path}`;
    for (const { name, seen, type } of this.#memory?.load(place.inode)?.entries ?? []) {
      if (type === 'file' && seen !== undefined) found.set(name, { path: joinPath(directory, name), seen });
    }
    return found;
  }

  #entry(
    place: Place,
    entry: DirectoryEntry,
    originals: ReadonlyMap<ByteString, Original>,
  ): { entry: KnownEntry; links: number } {
    const name = nameOfBytes(entry.name);
    const target = place.accessTo(name);
    const attributes = this.#run(() => getAttributes(this.#view, entry.inode));
    if (entry.type === 'directory') {
      this.#makeDirectory(target);
      return { entry: remembered(name, entry.inode, attributes, undefined), links: 1 };
    }
    if (entry.type === 'file') this.report.files++;
    else this.report.others++;
    const first = attributes.links > 1 ? this.#linked.get(entry.inode) : undefined;
    const source = this.#overwrite && statHost(target) !== undefined ? `${target}.byre-${process.pid}` : target;
    let stat: HostStat;
    if (first !== undefined) {
      linkSync(hostPath(first.place.accessTo(first.name)), hostPath(source));
      stat = statHost(source)!;
    } else {
      const written = this.#writer.write(entry.inode, attributes, source, originals.get(name));
      stat = written.stat;
      if (written.lost.length > 0)
        this.#problem(joinPath(place.path, name), `not carried over: ${written.lost.join('; ')}`);
      if (attributes.links > 1) this.#linked.set(entry.inode, { place, name });
    }
    if (source !== target) this.#replace(source, target);
    return { entry: remembered(name, entry.inode, attributes, stat), links: attributes.links };
  }

  #makeDirectory(target: ByteString): void {
    if (this.#overwrite && statHost(target)?.type === 'directory') return;
    if (this.#overwrite) rmSync(hostPath(target), { force: true });
    mkdirSync(hostPath(target), NEEDED_MODE);
  }

  #replace(source: ByteString, target: ByteString): void {
    try {
      renameSync(hostPath(source), hostPath(target));
    } catch (error) {
      rmSync(hostPath(source), { force: true });
      throw error;
    }
  }

  #save(inode: number, stat: HostStat, attributes: Attributes, entries: readonly KnownEntry[]): void {
    if (this.#memory === undefined) return;
    const directory = {
      hostInode: stat.inode,
      modifyTime: stat.modifyTime,
      changeTime: stat.changeTime,
      branchTime: nanosecondsOf(attributes.changeTime),
      suspect: false,
      entries,
    };
    this.#memory.save(inode, directory, false);
  }

  /** Another name changes a file's change time, so files of several names are looked at again when all are made. */
  #finishWaiting(): void {
    if (this.#memory === undefined) return;
    for (const { inode, place, entries, linked } of this.#waiting) {
      for (const at of linked) {
        const { name, inode: child } = entries[at]!;
        const attributes = this.#run(() => getAttributes(this.#view, child));
        entries[at] = remembered(name, child, attributes, statHost(place.accessTo(name)));
      }
      const attributes = this.#run(() => getAttributes(this.#view, inode));
      this.#save(inode, statHost(place.outside())!, attributes, entries);
      place.closeAll();
    }
  }

  #guarded<T>(place: Place, entry: DirectoryEntry, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      const { code, syscall } = error as NodeJS.ErrnoException;
      if (error instanceof ByreError || syscall === undefined || code === 'ENOSPC' || code === 'EDQUOT') throw error;
      this.#problem(joinPath(place.path, nameOfBytes(entry.name)), (error as Error).message);
      return undefined;
    }
  }

  #problem(at: ByteString, reason: string): void {
    this.report.problems.push({ kind: 'attributes', path: at, reason });
  }
}

function remembered(name: ByteString, inode: number, attributes: Attributes, stat: HostStat | undefined): KnownEntry {
  return {
    name,
    type: stat?.type ?? attributes.type,
    inode,
    seen:
      stat === undefined
        ? undefined
        : {
            hostInode: stat.inode,
            size: stat.size,
            modifyTime: stat.modifyTime,
            changeTime: stat.changeTime,
            birthTime: stat.birthTime,
          },
    branchTime: nanosecondsOf(attributes.changeTime),
    suspect: stat === undefined,
  };
}

function readyTarget(target: ByteString, overwrite: boolean): void {
  const stat = statHost(target);
  if (stat === undefined) mkdirSync(hostPath(target), { recursive: true });
  else if (stat.type !== 'directory') {
    throw new ByreError('EEXIST', `${showName(target)} is there already and is no directory`, { path: target });
  } else if (!overwrite && readdirSync(hostPath(target)).length > 0) {
    throw new ByreError('ENOTEMPTY', `${showName(target)} is not empty`, { path: target });
  }
}

function* steps(branch: HostBranch, directory: string, options: ExportOptions): Generator<void, ExportReport> {
  const view = viewOf(branch, presentTime());
  const run = branch.runSync.bind(branch);
  const from = byteString(options.from ?? '/');
  const source = resolve(branch, view, from);
  if (source === undefined)
    throw new ByreError('ENOENT', `there is no ${showName(from)} in the branch`, { path: from });
  const target = byteString(path.resolve(directory));
  const memory = options.remember === true ? new HostMemory(view, run) : undefined;
  const originals = options.cloneOriginals === true ? memory?.origin(source.inode)?.directory : undefined;
  const exporter = new Exporter(view, run, memory, options.overwrite === true, originals);
  if (source.type !== 'directory') {
    exporter.one(source.inode, target);
    return exporter.report;
  }
  readyTarget(target, options.overwrite === true);
  const work = exporter.tree(Place.top(target, source.inode));
  let last = Date.now();
  for (;;) {
    const { done, value } = work.next();
    if (done === true) {
      // Where it came from first stays known.
      const snapshot = memory?.origin(source.inode)?.snapshot;
      memory?.setOrigin(source.inode, { directory: target, device: value.device, snapshot });
      return exporter.report;
    }
    if (options.onProgress !== undefined && Date.now() - last >= 50) {
      options.onProgress(exporter.report);
      last = Date.now();
    }
    yield;
  }
}

export function exportDirectorySync(branch: HostBranch, directory: string, options: ExportOptions = {}): ExportReport {
  return finishSync(steps(branch, directory, options));
}

export async function exportDirectory(
  branch: HostBranch,
  directory: string,
  options: ExportOptions = {},
): Promise<ExportReport> {
  return finishInTurns(steps(branch, directory, options));
}
