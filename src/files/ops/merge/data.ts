/**
 * Merging what one inode holds: mode and owner, extended attributes, bytes. Names are merged elsewhere.
 * Callers must give inodes that are alive on the sides they are given for; for all but saved-over files they are one number.
 */

import { equalBytes } from '../../../core/bytes.ts';
import { copyContent } from '../../../core/content.ts';
import { prepare } from '../../../core/prepare.ts';
import { setAttributes } from '../attributes.ts';
import { chunksFrom, STEP_CHUNKS } from '../cells.ts';
import { read, write } from '../content.ts';
import { Draft, loadRecord } from '../draft.ts';
import { type Job, perform } from '../job.ts';
import { contentKey, Kind } from '../keys.ts';
import type { InodeRecord } from '../record.ts';
import { sameFile } from '../same-content.ts';
import type { Time, Tree } from '../view.ts';
import { getXattr, listXattrs, removeXattr, setXattr } from '../xattrs.ts';
import type { Choice } from './conflict.ts';
import { takeCells } from './edit.ts';
import { type Contest, decide, type Merging } from './sides.ts';

const MAX_TEXT_BYTES = 1 << 20;

/** One inode as it is known on each side, and in `work` as ours is. */
export interface Triple {
  /** 0: both made it, and it holds the same bytes. */
  readonly base: number;
  readonly ours: number;
  readonly theirs: number;
}

interface Records {
  readonly base: InodeRecord | undefined;
  readonly ours: InodeRecord;
  readonly theirs: InodeRecord;
}

type Known = Records & { readonly base: InodeRecord };

function isLater(a: Time, b: Time): boolean {
  return a.seconds > b.seconds || (a.seconds === b.seconds && a.nanoseconds > b.nanoseconds);
}

export function sameTime(a: Time, b: Time): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds;
}

/** The one that changed; the later one if both did. */
export function mergeTime(base: Time | undefined, ours: Time, theirs: Time): Time {
  if (base !== undefined && sameTime(base, ours)) return theirs;
  if (base !== undefined && sameTime(base, theirs)) return ours;
  return isLater(theirs, ours) ? theirs : ours;
}

/** Brings what theirs changed of an inode into `work`. */
export function* mergeData(merging: Merging, triple: Triple): Job<void> {
  const records = yield* perform(() => ({
    base: triple.base === 0 ? undefined : loadRecord(merging.base, triple.base),
    ours: loadRecord(merging.ours, triple.ours),
    theirs: loadRecord(merging.theirs, triple.theirs),
  }));
  yield* mergeXattrs(merging, triple);
  const { base, ours, theirs } = records;
  const modifyTime =
    ours.type === 'file' && base !== undefined
      ? yield* mergeContent(merging, triple, { base, ours, theirs })
      : mergeTime(base?.modifyTime, ours.modifyTime, theirs.modifyTime);
  yield* mergeAttributes(merging, triple, records, modifyTime);
}

/** Takes all that theirs has of an inode that ours never touched, but its names and the count of them. */
export function* carry(merging: Merging, inode: number): Job<void> {
  yield* takeCells(merging, inode, Kind.xattr);
  yield* takeCells(merging, inode, Kind.content);
  yield* perform(() => {
    const draft = new Draft(merging.work);
    const { links } = draft.change(inode);
    draft.add(inode, { ...loadRecord(merging.theirs, inode), links, linkable: false });
    draft.apply();
  });
}

/** Mode and owner: each is taken from the side that changed it. */
function* mergeAttributes(merging: Merging, triple: Triple, records: Records, modifyTime: Time): Job<void> {
  const { base, ours, theirs } = records;
  const clash = (part: 'mode' | 'uid' | 'gid') =>
    ours[part] !== theirs[part] && ours[part] !== base?.[part] && theirs[part] !== base?.[part];
  let choice: Choice = 'ours';
  if (clash('mode') || clash('uid') || clash('gid')) choice = yield* decide(merging, { kind: 'attributes', ...triple });
  const pick = (part: 'mode' | 'uid' | 'gid') => {
    if (clash(part)) return choice === 'ours' ? ours[part] : theirs[part];
    return ours[part] === base?.[part] ? theirs[part] : ours[part];
  };
  yield* perform(() => {
    const draft = new Draft(merging.work);
    const record = draft.change(triple.ours);
    record.mode = pick('mode');
    record.uid = pick('uid');
    record.gid = pick('gid');
    record.accessTime = mergeTime(base?.accessTime, ours.accessTime, theirs.accessTime);
    record.birthTime = mergeTime(base?.birthTime, ours.birthTime, theirs.birthTime);
    record.changeTime = mergeTime(base?.changeTime, ours.changeTime, theirs.changeTime);
    record.modifyTime = modifyTime;
    draft.apply();
  });
}

function sameValue(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b);
}

/** Extended attributes: each is taken from the side that changed it. */
function* mergeXattrs(merging: Merging, { base, ours, theirs }: Triple): Job<void> {
  const { work } = merging;
  const names = yield* perform(() => {
    const all = [...(base === 0 ? [] : listXattrs(merging.base, base)), ...listXattrs(merging.theirs, theirs)];
    return new Map(all.map((name) => [String.fromCharCode(...name), name]));
  });
  for (const name of names.values()) {
    const values = yield* perform(() => ({
      base: base === 0 ? undefined : getXattr(merging.base, base, name),
      ours: getXattr(merging.ours, ours, name),
      theirs: getXattr(merging.theirs, theirs, name),
    }));
    if (sameValue(values.base, values.theirs) || sameValue(values.ours, values.theirs)) continue;
    if (!sameValue(values.base, values.ours)) {
      const contest: Contest = { kind: 'xattr', base, ours, theirs, xattr: name };
      if ((yield* decide(merging, contest)) === 'ours') continue;
    }
    const value = values.theirs;
    yield* perform(() => {
      if (value !== undefined) setXattr(work, ours, name, value);
      else removeXattr(work, ours, name);
    });
  }
}

/** Merges a file's bytes and says which time of modification they have. */
function* mergeContent(merging: Merging, triple: Triple, records: Known): Job<Time> {
  const fileBase = { tree: merging.base, inode: triple.base, size: records.base.size };
  const fileOurs = { tree: merging.ours, inode: triple.ours, size: records.ours.size };
  const fileTheirs = { tree: merging.theirs, inode: triple.theirs, size: records.theirs.size };
  const merged = mergeTime(records.base.modifyTime, records.ours.modifyTime, records.theirs.modifyTime);
  if (yield* sameFile(fileBase, fileTheirs)) return merged;
  if (yield* sameFile(fileOurs, fileTheirs)) return merged;
  if (yield* sameFile(fileBase, fileOurs)) {
    yield* takeContent(merging, triple, records.theirs);
    return records.theirs.modifyTime;
  }
  const text = yield* textMerger(merging, triple, records);
  const clean = text?.(undefined);
  if (clean !== undefined) {
    yield* replaceContent(merging, triple.ours, clean);
    return merged;
  }
  const choice = yield* decide(merging, { kind: 'content', ...triple });
  const favoured = text?.(choice);
  if (favoured !== undefined) {
    yield* replaceContent(merging, triple.ours, favoured);
    return merged;
  }
  if (choice === 'ours') return records.ours.modifyTime;
  yield* takeContent(merging, triple, records.theirs);
  return records.theirs.modifyTime;
}

/** Reads three versions that are short enough, for a merge line by line. */
function* textMerger(
  merging: Merging,
  triple: Triple,
  records: Known,
): Job<((favour: Choice | undefined) => Uint8Array | undefined) | undefined> {
  const { mergeText, maxTextBytes = MAX_TEXT_BYTES } = merging.options;
  if (mergeText === undefined) return undefined;
  if (Math.max(records.base.size, records.ours.size, records.theirs.size) > maxTextBytes) return undefined;
  const base = yield* readWhole(merging.base, triple.base, records.base.size);
  const ours = yield* readWhole(merging.ours, triple.ours, records.ours.size);
  const theirs = yield* readWhole(merging.theirs, triple.theirs, records.theirs.size);
  return (favour) => mergeText(base, ours, theirs, favour);
}

function* readWhole(tree: Tree, inode: number, size: number): Job<Uint8Array> {
  const bytes = new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const at = done;
    done += yield* perform(() => read(tree, inode, at, bytes.subarray(at)));
  }
  return bytes;
}

function* replaceContent(merging: Merging, inode: number, bytes: Uint8Array): Job<void> {
  const { work } = merging;
  while (!(yield* perform(() => setAttributes(work, inode, { size: bytes.length }))));
  for (let done = 0; done < bytes.length; ) {
    const at = done;
    done += yield* perform(() => write(work, inode, at, bytes.subarray(at)));
  }
}

/** Gives the file in `work` the content that theirs has, sharing all its pages. */
export function* takeContent(merging: Merging, { ours, theirs }: Triple, record: InodeRecord): Job<void> {
  if (ours === theirs) yield* takeCells(merging, ours, Kind.content);
  else yield* takeOtherChunks(merging, ours, theirs);
  yield* perform(() => {
    const draft = new Draft(merging.work);
    const own = draft.change(ours);
    own.size = record.size;
    own.pages = record.pages;
    draft.apply();
  });
}

/** Makes the chunks of one file those of another of theirs. */
function* takeOtherChunks(merging: Merging, to: number, from: number): Job<void> {
  const { work, theirs } = merging;
  const { store } = work;
  while (!(yield* perform(() => setAttributes(work, to, { size: 0 }))));
  for (let first = 0; ; ) {
    const start = first;
    const chunks = yield* perform(() => chunksFrom(theirs, from, start, Number.POSITIVE_INFINITY, STEP_CHUNKS));
    for (const chunk of chunks) {
      yield* perform(() => {
        const key = contentKey(to, chunk);
        const source = contentKey(from, chunk);
        // Their leaf must be resident, too.
        chunksFrom(theirs, from, chunk, chunk + 1, 1);
        prepare(store, work.root, { puts: [key] });
        copyContent(store, work.root, source, key, theirs.root);
      });
    }
    if (chunks.length < STEP_CHUNKS) return;
    first = chunks.at(-1)! + 1;
  }
}
