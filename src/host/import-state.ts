/**
 * What one import carries through all its steps: the branch, what was remembered, what it has found and counted so far.
 * Callers must make one for each import and share it between nothing else.
 */
import type { FileType } from '../files/ops/record.ts';
import type { View } from '../files/ops/view.ts';
import { Batch } from './batch.ts';
import { Filler } from './fill.ts';
import type { HostMemory, Run } from './memory.ts';
import type { ByteString } from './names.ts';
import type { Place } from './place.ts';
import type { KnownEntry } from './record.ts';
import type { HostStat } from './stat.ts';
import { identityOf } from './stat.ts';

export type ProblemKind =
  | 'vanished' // it was listed and then was not there: as if it had never been
  | 'unreadable' // the host refuses; it is not in the branch
  | 'unsteady' // it changed each time it was read: the branch may hold a mixture
  | 'attributes'; // some of its attributes could not be carried over

export interface Problem {
  readonly kind: ProblemKind;
  /** From the imported or exported directory, as a byte string. */
  readonly path: ByteString;
  readonly reason: string;
}

/** Counts of an import. A file with several names counts once for each. */
export interface ImportReport {
  files: number;
  directories: number;
  others: number;
  created: number;
  changed: number;
  renamed: number;
  removed: number;
  unchanged: number;
  bytesRead: number;
  /** Directories of which something new had to be remembered. */
  remembered: number;
  problems: Problem[];
}

/** A directory whose entries are being compared; it is finished when all of them are settled. */
export interface Directory {
  readonly place: Place;
  readonly stat: HostStat;
  readonly entries: KnownEntry[];
  /** What is remembered of it has to be written anew. */
  changed: boolean;
  /** Its entries in the branch have changed, and with them its times. */
  touched: boolean;
  suspect: boolean;
  readonly isNew: boolean;
}

/** A host file this young when it was looked at could change again without its times telling. */
const SUSPECT_NANOSECONDS = 2_000_000_000n;

export class ImportState {
  readonly view: View;
  readonly run: Run;
  readonly memory: HostMemory;
  readonly filler: Filler;
  readonly batch: Batch;
  /** Of every inode that this import writes. */
  readonly time: bigint;
  /** Whether nobody but imports has written the branch since it was last remembered. */
  readonly trusted: boolean;
  readonly excluded: ReadonlySet<ByteString>;
  readonly device: bigint | undefined;
  /** The branch's inode for each host file with several names. */
  readonly linked = new Map<string, number>();
  /** The host file for each of the branch's inodes with several names. */
  readonly claimed = new Map<number, string>();
  readonly report: ImportReport = {
    files: 0,
    directories: 0,
    others: 0,
    created: 0,
    changed: 0,
    renamed: 0,
    removed: 0,
    unchanged: 0,
    bytesRead: 0,
    remembered: 0,
    problems: [],
  };
  readonly #hostTime: bigint;
  readonly #excludedIn: ReadonlySet<ByteString>;

  constructor(options: {
    view: View;
    run: Run;
    memory: HostMemory;
    time: bigint;
    trusted: boolean;
    excluded: ReadonlySet<ByteString>;
    device: bigint | undefined;
    settled: boolean;
  }) {
    this.view = options.view;
    this.run = options.run;
    this.memory = options.memory;
    this.filler = new Filler(options.view, options.run);
    this.batch = new Batch(options.view, options.run);
    this.time = options.time;
    this.trusted = options.trusted;
    this.excluded = options.excluded;
    this.#excludedIn = new Set([...options.excluded].map((path) => path.slice(0, path.lastIndexOf('/'))));
    this.device = options.device;
    this.#hostTime = options.settled ? BigInt(Number.MAX_SAFE_INTEGER) * 1000n : BigInt(Date.now()) * 1_000_000n;
  }

  isSuspect(stat: HostStat): boolean {
    const youngest = stat.changeTime > stat.modifyTime ? stat.changeTime : stat.modifyTime;
    return youngest + SUSPECT_NANOSECONDS > this.#hostTime;
  }

  problem(kind: ProblemKind, path: ByteString, reason: string): void {
    this.report.problems.push({ kind, path, reason });
  }

  count(type: FileType): void {
    if (type === 'file') this.report.files++;
    else if (type === 'directory') this.report.directories++;
    else this.report.others++;
  }

  /** Notes which inode stands for a host file of several names, so that its next name becomes a link. */
  claim(stat: HostStat, inode: number): void {
    if (stat.links < 2 || stat.type === 'directory') return;
    const identity = identityOf(stat);
    this.linked.set(identity, inode);
    this.claimed.set(inode, identity);
  }

  /** What will be remembered of an entry that the branch now has as `inode`. */
  remember(name: ByteString, inode: number, stat: HostStat, steady = true): KnownEntry {
    return {
      name,
      type: stat.type,
      inode,
      seen: {
        hostInode: stat.inode,
        size: stat.size,
        modifyTime: stat.modifyTime,
        changeTime: stat.changeTime,
        birthTime: stat.birthTime,
      },
      branchTime: this.time,
      suspect: !steady || this.isSuspect(stat),
    };
  }

  /** Whether a directory holds a path that is passed over. */
  holdsExcluded(directory: ByteString): boolean {
    return this.#excludedIn.has(directory);
  }

  isExcluded(path: ByteString): boolean {
    return this.excluded.size > 0 && this.excluded.has(path);
  }
}
