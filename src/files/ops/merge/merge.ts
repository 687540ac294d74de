/**
 * The merge of files: brings what theirs changed since the base into `work`, a fork of ours.
 * Callers must hold all trees still but by this job, and must throw `work` away if a conflict was left to them.
 *
 * What ours never touched is carried over cell by cell, sharing pages, as every merge of keys does it. The rest is about what
 * keys alone cannot say: names, links and directories hang together over several keys, a file's bytes are one thing, and
 * programs save files by renaming new ones over old ones. `docs/merge.md` says what comes out.
 */
import { diff } from '../../../core/diff.ts';
import { Draft, findRecord } from '../draft.ts';
import { type Job, perform } from '../job.ts';
import { FILES_FACE, kindStart, parseKey, ROOT_INODE } from '../keys.ts';
import type { Tree, View } from '../view.ts';
import type { FilesMerge, MergeOptions } from './conflict.ts';
import { carry, mergeData, mergeTime, sameTime, type Triple } from './data.ts';
import { bring, directoryInWork, finishNames, mergeNames, removedByTheirs } from './names.ts';
import { alive, decide, differs, type Merging, meantToChange, predecessor, successor } from './sides.ts';

export interface MergeTrees {
  readonly base: Tree;
  readonly ours: Tree;
  readonly theirs: Tree;
  /** A fork of `ours`, which becomes the result. */
  readonly work: View;
}

/** Merges, and reports every conflict. If one was left to the caller, `work` is of no use. */
export function* mergeFiles(trees: MergeTrees, options: MergeOptions = {}): Job<FilesMerge> {
  const merging: Merging = {
    ...trees,
    options,
    conflicts: [],
    decisions: new Map(),
    settled: new Set(),
    aside: new Set(),
    directories: new Map(),
    doomed: new Set(),
  };
  let inodes = 0;
  yield* eachChanged(merging, function* (inode) {
    inodes++;
    yield* mergeOld(merging, inode);
  });
  yield* eachChanged(merging, (inode) => mergeNew(merging, inode));
  yield* finishNames(merging);
  yield* eachChanged(merging, (inode) => mergeTimes(merging, inode));
  // Root may have served as a place to wait.
  yield* mergeTimes(merging, ROOT_INODE);
  return { inodes, conflicts: merging.conflicts };
}

/** Does something for every inode that theirs changed, in order of their numbers. */
function* eachChanged({ base, theirs }: Merging, visit: (inode: number) => Job<void>): Job<void> {
  const to = new Uint8Array([FILES_FACE + 1]);
  let from: Uint8Array | undefined = kindStart(1, 0);
  while (from !== undefined) {
    const at: Uint8Array = from;
    const { inodes, next } = yield* perform(() => {
      const inodes = new Set<number>();
      const next = diff(base.store, base.root, theirs.root, { from: at, to }, (key) => {
        const parsed = parseKey(key);
        if (parsed !== undefined) inodes.add(parsed.inode);
      });
      return { inodes: [...inodes], next };
    });
    for (const inode of inodes) yield* visit(inode);
    // The rest of the last inode's keys is not looked at again.
    const last = inodes.at(-1);
    from = next === undefined || last === undefined ? next : kindStart(last + 1, 0);
  }
}

/** An inode that the base knows. */
function* mergeOld(merging: Merging, inode: number): Job<void> {
  const { base, ours, theirs } = merging;
  const record = yield* perform(() => alive(base, inode));
  if (record === undefined) return;
  const sides = yield* perform(() => ({
    ours: alive(ours, inode) === undefined ? successor(base, ours, inode) : inode,
    theirs: alive(theirs, inode) === undefined ? successor(base, theirs, inode) : inode,
  }));
  const triple: Triple = { base: inode, ...sides };
  if (sides.ours !== 0 && sides.theirs !== 0) return yield* mergeBoth(merging, triple);
  if (sides.theirs === 0) {
    if (sides.ours === inode || record.type === 'file') yield* removedByTheirs(merging, inode, sides.ours);
    return;
  }
  // Ours removed it. A directory that theirs made anew has its turn among the new ones.
  if (record.type === 'directory') {
    if (sides.theirs === inode && (yield* meantToChange(base, theirs, inode))) yield* directoryInWork(merging, inode);
    return;
  }
  if (sides.theirs === inode && !(yield* meantToChange(base, theirs, inode))) return;
  if ((yield* decide(merging, { kind: 'delete/change', ...triple })) === 'theirs') yield* bring(merging, sides.theirs);
}

function* mergeBoth(merging: Merging, triple: Triple): Job<void> {
  const { base, ours } = merging;
  const { base: inode, theirs } = triple;
  // What a decision on something else has removed comes back as theirs has it.
  if ((yield* perform(() => alive(merging.work, triple.ours))) === undefined) {
    yield* bring(merging, theirs);
    return;
  }
  const isUntouched = triple.ours === inode && !(yield* differs(base, ours, inode));
  if (isUntouched && theirs !== inode) {
    const record = yield* perform(() => alive(base, inode));
    // A file that was saved over, and that ours left alone, is simply replaced by the new one.
    if (record?.type === 'file') return yield* removedByTheirs(merging, inode, inode);
  }
  if (isUntouched && theirs === inode) yield* carry(merging, inode);
  else yield* mergeData(merging, triple);
  yield* mergeNames(merging, triple);
}

/** An inode that theirs made. */
function* mergeNew(merging: Merging, inode: number): Job<void> {
  const { base, ours, theirs, work } = merging;
  const facts = yield* perform(() => ({
    isNew: alive(base, inode) === undefined && alive(theirs, inode) !== undefined && alive(work, inode) === undefined,
    isDirectory: alive(theirs, inode)?.type === 'directory',
    old: predecessor(base, theirs, inode),
  }));
  if (!facts.isNew) return;
  if (facts.isDirectory) {
    yield* directoryInWork(merging, inode);
    return;
  }
  // What took the place of a file that ours changed or removed was merged with it.
  if (facts.old !== 0 && (yield* differs(base, ours, facts.old))) return;
  yield* bring(merging, inode);
}

/** Directories have had their entries changed and inodes their names: the times become what they would be by the sides alone. */
function* mergeTimes(merging: Merging, inode: number): Job<void> {
  const { base, ours, theirs, work } = merging;
  yield* perform(() => {
    const own = alive(work, inode);
    const theirInode = alive(theirs, inode) === undefined ? successor(base, theirs, inode) : inode;
    const their = alive(theirs, theirInode);
    if (own === undefined || their === undefined) return;
    const our = alive(ours, inode);
    const before = findRecord(base, inode);
    const isDirectory = own.type === 'directory';
    const merged = (part: 'modifyTime' | 'changeTime') =>
      our === undefined ? their[part] : mergeTime(before?.[part] ?? our[part], our[part], their[part]);
    const changeTime = merged('changeTime');
    const modifyTime = isDirectory || our === undefined ? merged('modifyTime') : own.modifyTime;
    if (sameTime(own.changeTime, changeTime) && sameTime(own.modifyTime, modifyTime)) return;
    const draft = new Draft(work);
    const record = draft.change(inode);
    record.changeTime = changeTime;
    record.modifyTime = modifyTime;
    draft.apply();
  });
}
