/**
 * Applies a fork's changes to the real directory that it began with: all new content is collected beside it first, then names are
 * moved one by one, and a journal says what is being done, so that an apply that was cut off can be finished.
 * Callers must hold the pool open for writing and its last commit must hold the fork: the journal refers to it.
 */
import { closeSync, linkSync, mkdirSync, openSync, renameSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { getAttributes } from '../files/ops/attributes.ts';
import type { Branch } from '../pool/branch.ts';
import type { Pool } from '../pool/pool.ts';
import { viewOf } from './branch.ts';
import type { FileChange } from './changes.ts';
import { FileWriter } from './export-file.ts';
import { type Expectation, type Journal, readJournal, removeJournal, type Step, writeJournal } from './journal.ts';
import { type ByteString, hostPath } from './names.ts';
import { native } from './native.ts';
import { type Conflict, Planner } from './plan.ts';
import { Reach } from './reach.ts';
import { type HostStat, statHost, timeOf } from './stat.ts';

export interface ApplyOptions {
  readonly pool: Pool;
  /** The state that the fork began with, as it was imported. */
  readonly base: Branch;
  readonly fork: Branch;
  /** The real directory. */
  readonly root: ByteString;
  /** Where the journal is kept. */
  readonly journal: string;
  readonly changes: readonly FileChange[];
  /** Applies what can be although there are conflicts. */
  readonly partial?: boolean;
  /** Called before each step; for tests of what a killed process leaves. */
  readonly onStep?: (done: number, phase: Journal['phase']) => void;
}

export interface ApplyReport {
  /** False if there were conflicts: then nothing was done. */
  readonly applied: boolean;
  readonly changes: readonly FileChange[];
  readonly conflicts: readonly Conflict[];
  /** What had changed under byre's hands and was left, or was put beside. */
  readonly notes: readonly Conflict[];
}

function matches(stat: HostStat | undefined, expect: Expectation): boolean {
  return (
    stat !== undefined &&
    stat.inode.toString() === expect.hostInode &&
    stat.birthTime.toString() === expect.birthTime &&
    (stat.type === 'directory' || (stat.size === expect.size && stat.modifyTime.toString() === expect.modifyTime))
  );
}

const isErrno = (error: unknown, ...codes: string[]) => codes.includes((error as NodeJS.ErrnoException).code ?? '');

class Executor {
  readonly #journal: Journal;
  readonly #reach: Reach;
  readonly #branch: Branch;
  readonly #writer: FileWriter;
  readonly notes: Conflict[] = [];

  constructor(journal: Journal, branch: Branch) {
    this.#journal = journal;
    this.#reach = new Reach(journal.root);
    this.#branch = branch;
    this.#writer = new FileWriter(viewOf(branch, 0n), branch.runSync.bind(branch));
  }

  close(): void {
    this.#reach.close();
  }

  #staged(n: number): ByteString {
    return `${this.#journal.root}/${this.#journal.staging}/${n}`;
  }

  #attributes(inode: number) {
    const view = viewOf(this.#branch, 0n);
    return this.#branch.runSync(() => getAttributes(view, inode));
  }

  /** Makes the staging directory and fills it. Nothing of the user's changes but the times of the real directory. */
  stage(onStep: (done: number) => void): void {
    const { root, staging, steps } = this.#journal;
    mkdirSync(hostPath(`${root}/${staging}`), 0o700);
    for (const [done, step] of steps.entries()) {
      if (step.do !== 'stage' && step.do !== 'stageLink' && step.do !== 'stageTwin') continue;
      onStep(done);
      const target = this.#staged(step.n);
      if (step.do === 'stage') this.#writer.write(step.inode, this.#attributes(step.inode), target);
      else if (step.do === 'stageLink') linkSync(hostPath(this.#reach.to(step.path)), hostPath(target));
      else linkSync(hostPath(this.#staged(step.m)), hostPath(target));
    }
    this.#sync();
  }

  /** The paths that are not any more what they were when the plan was made. */
  changed(): Conflict[] {
    const found: Conflict[] = [];
    for (const step of this.#journal.steps) {
      if (!('expect' in step)) continue;
      if (step.expect !== null && !matches(this.#reach.stat('before' in step ? step.before : step.path), step.expect)) {
        found.push({ path: step.path, reason: 'it was changed there meanwhile' });
      }
    }
    return found;
  }

  /** All steps after staging; each may have been done before. */
  execute(onStep: (done: number) => void): void {
    const atRoot: Step[] = [];
    for (const [done, step] of this.#journal.steps.entries()) {
      if (step.do === 'stage' || step.do === 'stageLink' || step.do === 'stageTwin') continue;
      if (step.path === '') {
        atRoot.push(step);
        continue;
      }
      onStep(done);
      this.#step(step);
    }
    onStep(this.#journal.steps.length);
    this.clear(atRoot.length === 0);
    for (const step of atRoot) this.#step(step);
    this.#sync();
  }

  /** Removes the staging directory, and gives the real one its own times back unless it gets others. */
  clear(restoreTimes: boolean): void {
    const { root, staging, rootTimes } = this.#journal;
    rmSync(hostPath(`${root}/${staging}`), { recursive: true, force: true });
    if (!restoreTimes) return;
    this.#writer.setTimes(root, {
      accessTime: timeOf(BigInt(rootTimes.access)),
      modifyTime: timeOf(BigInt(rootTimes.modify)),
    });
  }

  #step(step: Step): void {
    try {
      if (step.do === 'out') this.#moveOut(step.n, step.path, step.expect);
      else if (step.do === 'unlink' || step.do === 'rmdir') this.#remove(step.do, step.path, step.expect);
      else if (step.do === 'mkdir') this.#makeDirectory(step.path);
      else if (step.do === 'in') this.#moveIn(step.n, step.path, step.inode, step.expect);
      else if (step.do === 'attributes') this.#setAttributes(step.path, step.inode);
      else if (step.do === 'times') this.#writer.setTimes(this.#reach.to(step.path), this.#attributes(step.inode));
    } catch (error) {
      // What somebody has led elsewhere or taken away meanwhile is left to them; anything else ends here and can be resumed.
      if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENOTEMPTY', 'EEXIST')) throw error;
      this.#note(step.path, `left as it is (${(error as NodeJS.ErrnoException).code})`);
    }
  }

  #note(path: ByteString, reason: string): void {
    this.notes.push({ path, reason });
  }

  #moveOut(n: number, path: ByteString, expect: Expectation): void {
    if (statHost(this.#staged(n)) !== undefined) return;
    if (matches(this.#reach.stat(path), expect)) renameSync(hostPath(this.#reach.to(path)), hostPath(this.#staged(n)));
  }

  #remove(how: 'unlink' | 'rmdir', path: ByteString, expect: Expectation): void {
    const stat = this.#reach.stat(path);
    if (!matches(stat, expect)) return;
    if (how === 'unlink') unlinkSync(hostPath(this.#reach.to(path)));
    else rmdirSync(hostPath(this.#reach.to(path)));
  }

  #makeDirectory(path: ByteString): void {
    if (this.#reach.stat(path)?.type !== 'directory') mkdirSync(hostPath(this.#reach.to(path)), 0o700);
  }

  #moveIn(n: number, path: ByteString, inode: number, expect: Expectation | null): void {
    const staged = this.#staged(n);
    const coming = statHost(staged);
    if (coming === undefined) return;
    const stat = this.#reach.stat(path);
    if (stat !== undefined && stat.inode === coming.inode && stat.device === coming.device) {
      // Both are names of one file: rename would do nothing and leave the staged one.
      unlinkSync(hostPath(staged));
      return;
    }
    let target = path;
    if (stat !== undefined && (expect === null || !matches(stat, expect))) {
      target = this.#freeName(path);
      this.#note(path, `it was changed there meanwhile: the fork's is beside it, as ${target}`);
    }
    try {
      renameSync(hostPath(staged), hostPath(this.#reach.to(target)));
    } catch (error) {
      if (!isErrno(error, 'EXDEV')) throw error;
      const fresh = this.#freeName(target);
      this.#writer.write(inode, this.#attributes(inode), this.#reach.to(fresh));
      renameSync(hostPath(this.#reach.to(fresh)), hostPath(this.#reach.to(target)));
      unlinkSync(hostPath(staged));
    }
  }

  #freeName(path: ByteString): ByteString {
    for (let n = 1; ; n++) if (this.#reach.stat(`${path}.byre-${n}`) === undefined) return `${path}.byre-${n}`;
  }

  #setAttributes(path: ByteString, inode: number): void {
    const stat = this.#reach.stat(path);
    if (stat === undefined) return;
    const isDirectory = stat.type === 'directory';
    const { outside, inside } = isDirectory
      ? this.#reach.directory(path)
      : { outside: this.#reach.to(path), inside: undefined };
    const lost = this.#writer.finish(inode, this.#attributes(inode), outside, false, inside);
    if (lost.length > 0) this.#note(path, `not carried over: ${lost.join('; ')}`);
  }

  #sync(): void {
    const calls = native();
    if (calls === undefined) return;
    const descriptor = openSync(hostPath(this.#journal.root), 'r');
    try {
      calls.syncFileSystem(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

function makeJournal(options: ApplyOptions, steps: readonly Step[]): Journal {
  const stat = statHost(options.root)!;
  return {
    version: 1,
    phase: 'staging',
    root: options.root,
    staging: `.byre-apply-${process.pid}-${Date.now().toString(36)}`,
    branch: options.fork.name ?? '',
    rootTimes: { access: stat.accessTime.toString(), modify: stat.modifyTime.toString() },
    steps,
  };
}

export function applyChanges(options: ApplyOptions): ApplyReport {
  const reach = new Reach(options.root);
  const { steps, conflicts, changes } = new Planner(options.base, options.fork, reach).plan(options.changes);
  reach.close();
  const refused = { applied: false, changes: [], notes: [] } as const;
  if (conflicts.length > 0 && options.partial !== true) return { ...refused, conflicts };
  if (steps.length === 0) return { applied: true, changes, conflicts, notes: [] };
  options.pool.commitSync();
  const journal = makeJournal(options, steps);
  const executor = new Executor(journal, options.fork);
  const { onStep = () => {} } = options;
  writeJournal(options.journal, journal);
  try {
    executor.stage((done) => onStep(done, 'staging'));
    const changed = executor.changed();
    if (changed.length > 0) {
      executor.clear(true);
      removeJournal(options.journal);
      return { ...refused, conflicts: changed };
    }
  } catch (error) {
    executor.clear(true);
    removeJournal(options.journal);
    executor.close();
    throw error;
  }
  writeJournal(options.journal, { ...journal, phase: 'applying' });
  executor.execute((done) => onStep(done, 'applying'));
  executor.close();
  removeJournal(options.journal);
  return { applied: true, changes, conflicts, notes: executor.notes };
}

export interface ResumeReport {
  /** `nothing`: there was no journal. `undone`: nothing of the user's had been changed yet. */
  readonly outcome: 'nothing' | 'undone' | 'finished';
  readonly branch: string | undefined;
  readonly notes: readonly Conflict[];
}

/** Finishes an apply that was cut off, or takes it back if nothing of the user's had been changed yet. */
export function resumeApply(
  pool: Pool,
  file: string,
  onStep: (done: number, phase: Journal['phase']) => void = () => {},
): ResumeReport {
  const journal = readJournal(file);
  if (journal === undefined) return { outcome: 'nothing', branch: undefined, notes: [] };
  const executor = new Executor(journal, pool.branchSync(journal.branch));
  if (journal.phase === 'staging') {
    executor.clear(true);
    removeJournal(file);
    return { outcome: 'undone', branch: journal.branch, notes: [] };
  }
  executor.execute((done) => onStep(done, 'applying'));
  executor.close();
  removeJournal(file);
  return { outcome: 'finished', branch: journal.branch, notes: executor.notes };
}
