/**
 * Merging names: what theirs made, linked, moved and removed is done to `work` as well. What would undo a change of ours, and
 * what cannot be done there, is a conflict.
 * Callers must call {@link finishNames} when all inodes have had their turn.
 */
import { equalBytes } from '../../../core/bytes.ts';
import { findEntry, isEmptyDirectory, isWithin, type Link, linksOf } from '../directory.ts';
import { type Job, perform } from '../job.ts';
import { ROOT_INODE } from '../keys.ts';
import { link, readLink } from '../link.ts';
import type { EntryTarget } from '../record.ts';
import { rename } from '../rename.ts';
import { sameFile } from '../same-content.ts';
import { removeDirectory } from '../unlink.ts';
import { mergeData, type Triple } from './data.ts';
import { adopt, placeAside, putAside, removeName, removeTree } from './edit.ts';
import {
  alive,
  allLinks,
  decide,
  hasLink,
  linkText,
  type Merging,
  meantToChange,
  predecessor,
  successor,
  without,
} from './sides.ts';

/** What became of a wish for a name: it is free, it is the inode's already, something else stands for it, or it was declined. */
type Room = 'free' | 'here' | 'declined' | { readonly as: number };

/** The directory in `work` that a directory of theirs is, which is brought there if need be; 0 if it was declined. */
export function* directoryInWork(merging: Merging, inode: number): Job<number> {
  const known = merging.directories.get(inode);
  const { base, ours, theirs, work } = merging;
  // What was there may have been removed since, by a decision on something else.
  if (known === 0 || (known !== undefined && (yield* perform(() => alive(work, known))) !== undefined)) return known;
  const facts = yield* perform(() => ({
    there: alive(work, inode) !== undefined,
    old: alive(base, inode) !== undefined,
    before: predecessor(base, theirs, inode),
    after: successor(base, ours, inode),
  }));
  if (facts.there) return inode;
  for (const other of [facts.before, facts.after]) {
    if (other === 0 || (yield* perform(() => alive(work, other))) === undefined) continue;
    merging.directories.set(inode, other);
    return other;
  }
  if (facts.old && (yield* meantToChange(base, theirs, inode))) {
    const choice = yield* decide(merging, { kind: 'delete/change', base: inode, ours: 0, theirs: inode });
    if (choice === 'ours') {
      merging.directories.set(inode, 0);
      return 0;
    }
  }
  const placed = yield* bring(merging, inode);
  merging.directories.set(inode, placed);
  return placed;
}

/** Brings an inode that `work` does not have under the names that theirs gives it. Says what it became there; 0: nothing. */
export function* bring(merging: Merging, inode: number): Job<number> {
  const { theirs, work } = merging;
  let placed = 0;
  for (const { parent, name } of yield* perform(() => allLinks(theirs, inode))) {
    const directory = yield* directoryInWork(merging, parent);
    if (directory === 0) continue;
    const room = yield* makeRoom(merging, { parent: directory, name }, inode, placed);
    if (room === 'declined' || room === 'here') continue;
    if (room !== 'free') placed = placed === 0 ? room.as : placed;
    else if (placed === 0) {
      yield* adopt(merging, inode, directory, name);
      placed = inode;
    } else {
      const target = placed;
      yield* perform(() => link(work, target, directory, name));
    }
  }
  return placed;
}

/** Frees a name in `work` for an inode of theirs, if it may have it. `own` is what it is in `work`, or 0. */
function* makeRoom(merging: Merging, place: Link, inode: number, own: number): Job<Room> {
  const { work, settled } = merging;
  for (;;) {
    const occupant = yield* perform(() => findEntry(work, place.parent, place.name));
    if (occupant === undefined) return 'free';
    const { inode: other, type } = occupant;
    if (other === own) return 'here';
    const { old, leaves, lives } = yield* perform(() => inTheirs(merging, other, place));
    if (leaves && !settled.has(other)) {
      if (lives || type === 'directory') {
        yield* putAside(merging, other, place);
        continue;
      }
      yield* removedByTheirs(merging, old, other);
      if (!settled.has(other)) continue;
    }
    if (yield* isAlike(merging, inode, occupant)) {
      yield* mergeData(merging, { base: 0, ours: other, theirs: inode });
      return { as: other };
    }
    const choice = yield* decide(merging, { kind: 'add/add', base: 0, ours: other, theirs: inode });
    if (choice === 'ours') return 'declined';
    if (lives) yield* putAside(merging, other, place);
    else if (type === 'directory') yield* removeTree(merging, other);
    else yield* removeName(merging, place);
  }
}

/** What theirs did with an inode of `work` that has a name there: took that name away, and keeps it under another? */
function inTheirs(merging: Merging, inode: number, place: Link) {
  const { old, other } = counterpart(merging, inode);
  const leaves = old !== 0 && hasLink(merging.base, old, place) && !hasLink(merging.theirs, other, place);
  return { old, leaves, lives: other !== 0 };
}

/** What an inode of `work` is in the base and in theirs, through files that were saved over; 0 where there is none. */
function counterpart({ base, ours, theirs }: Merging, inode: number) {
  const old = alive(base, inode) === undefined ? predecessor(base, ours, inode) : inode;
  return { old, other: alive(theirs, old) === undefined ? successor(base, theirs, old) : old };
}

/** Whether two new inodes, of theirs and in `work`, may as well be one: directories, or the same bytes, target or device. */
function* isAlike({ base, theirs, work }: Merging, inode: number, occupant: EntryTarget): Job<boolean> {
  const { own, other, isOld } = yield* perform(() => ({
    own: alive(theirs, inode),
    other: alive(work, occupant.inode),
    isOld: alive(base, inode) !== undefined || alive(base, occupant.inode) !== undefined,
  }));
  if (isOld || own === undefined || other === undefined || own.type !== other.type) return false;
  switch (own.type) {
    case 'file': {
      const file = { tree: theirs, inode, size: own.size };
      return yield* sameFile(file, { tree: work, inode: occupant.inode, size: other.size });
    }
    case 'symlink':
      return yield* perform(() => equalBytes(readLink(theirs, inode), readLink(work, occupant.inode)));
    default:
      return own.device === other.device;
  }
}

/**
 * Theirs removed an inode of the base: it goes from `work` as well, unless ours changed it and is to win. `inode` is what ours has
 * in its place, if another.
 */
export function* removedByTheirs(merging: Merging, old: number, inode: number): Job<void> {
  const { base, ours, work } = merging;
  const record = yield* perform(() => alive(work, inode));
  if (record === undefined || merging.settled.has(inode)) return;
  const isChanged = inode !== old || (yield* meantToChange(base, ours, inode));
  if (isChanged) {
    const choice = yield* decide(merging, { kind: 'delete/change', base: old, ours: inode, theirs: 0 });
    if (choice === 'ours') {
      merging.settled.add(inode);
      return;
    }
  }
  if (record.type === 'directory') {
    if (isChanged) yield* removeTree(merging, inode);
    else merging.doomed.add(inode);
    return;
  }
  for (const each of yield* perform(() => allLinks(work, inode))) yield* removeName(merging, each);
}

/** Gives an inode that both sides have the names that theirs gave it. */
export function* mergeNames(merging: Merging, triple: Triple): Job<void> {
  const links = yield* perform(() => ({
    type: alive(merging.work, triple.ours)?.type,
    base: allLinks(merging.base, triple.base),
    ours: allLinks(merging.ours, triple.ours),
    theirs: allLinks(merging.theirs, triple.theirs),
  }));
  if (links.type === undefined) return;
  const names = {
    ours: links.ours,
    theirs: links.theirs,
    won: without(links.theirs, links.base),
    lost: without(links.base, links.theirs),
    wonByOurs: without(links.ours, links.base),
    lostByOurs: without(links.base, links.ours),
  };
  if (links.type === 'directory') yield* moveDirectory(merging, triple, names);
  else yield* mergeFileNames(merging, triple, names);
}

interface NameChanges {
  readonly ours: readonly Link[];
  readonly theirs: readonly Link[];
  /** By theirs. */
  readonly won: readonly Link[];
  readonly lost: readonly Link[];
  readonly wonByOurs: readonly Link[];
  readonly lostByOurs: readonly Link[];
}

function* mergeFileNames(merging: Merging, triple: Triple, names: NameChanges): Job<void> {
  const { work } = merging;
  const inode = triple.ours;
  let wanted = yield* inWork(merging, names.won);
  let beyondOurs = without(wanted, names.wonByOurs);
  const bothMoved = without(names.lost, names.lostByOurs).length < names.lost.length && names.wonByOurs.length > 0;
  // Each side took names that the other left, until none is left.
  const noneLeft = wanted.length === 0 && without(names.ours, names.lost).length === 0;
  let undone: readonly Link[] = [];
  if (noneLeft || (bothMoved && beyondOurs.length > 0)) {
    if ((yield* decide(merging, { kind: 'rename/rename', ...triple })) === 'ours') {
      merging.settled.add(inode);
      return;
    }
    wanted = yield* inWork(merging, names.theirs);
    beyondOurs = without(wanted, names.ours);
    undone = without(names.wonByOurs, wanted);
  }
  for (const place of beyondOurs) {
    const room = yield* makeRoom(merging, place, triple.theirs, inode);
    if (room === 'free') yield* perform(() => link(work, inode, place.parent, place.name));
  }
  const waiting = yield* placeAside(merging, inode);
  for (const each of [...names.lost, ...undone, ...(waiting === undefined ? [] : [waiting])]) {
    const { found, links } = yield* perform(() => ({
      found: findEntry(work, each.parent, each.name),
      links: alive(work, inode)?.links ?? 0,
    }));
    // The last name stays: theirs still has the file, only what it is called there was declined.
    if (found?.inode !== inode || links < 2) continue;
    yield* removeName(merging, each);
    if (each === waiting) merging.aside.delete(inode);
  }
}

/** Names of theirs in the directories that these are in `work`; those in directories that were declined are left out. */
function* inWork(merging: Merging, links: readonly Link[]): Job<Link[]> {
  const found: Link[] = [];
  for (const { parent, name } of links) {
    const directory = yield* directoryInWork(merging, parent);
    if (directory !== 0) found.push({ parent: directory, name });
  }
  return found;
}

function* moveDirectory(merging: Merging, triple: Triple, names: NameChanges): Job<void> {
  const { work } = merging;
  const inode = triple.ours;
  const [target] = names.won;
  if (target === undefined) return;
  const parent = yield* directoryInWork(merging, target.parent);
  const place = { parent, name: target.name };
  const [movedTo] = names.wonByOurs;
  if (movedTo !== undefined && linkText(movedTo) === linkText(place)) return;
  const declined =
    parent === 0 ||
    (movedTo !== undefined && (yield* decide(merging, { kind: 'rename/rename', ...triple })) === 'ours') ||
    !(yield* breakCircle(merging, triple, parent)) ||
    (yield* makeRoom(merging, place, triple.theirs, inode)) === 'declined' ||
    // What made room may have moved or removed the new parent itself.
    (yield* perform(() => alive(work, parent) === undefined || isWithin(work, parent, inode)));
  if (declined) {
    merging.settled.add(inode);
    return;
  }
  yield* relocate(merging, inode, place);
}

function* relocate({ work, aside }: Merging, inode: number, place: Link): Job<void> {
  yield* perform(() => {
    const [from] = linksOf(work, inode, 1);
    if (from !== undefined) rename(work, from.parent, from.name, place.parent, place.name, { noReplace: true });
  });
  aside.delete(inode);
}

/** False if a directory would come to lie in itself, and ours is to win. Else what lies between is put aside. */
function* breakCircle(merging: Merging, triple: Triple, parent: number): Job<boolean> {
  const { work } = merging;
  const inode = triple.ours;
  while (yield* perform(() => isWithin(work, parent, inode))) {
    // Into itself under another name of its own: there is nothing between to put aside.
    if (parent === inode) return false;
    const { leaving, moved } = yield* perform(() => linksBetween(merging, parent, inode));
    // What theirs moves as well is only not there yet.
    if (leaving === undefined && (yield* decide(merging, { kind: 'circle', ...triple })) === 'ours') return false;
    const next = leaving ?? moved;
    if (next === undefined) return false;
    yield* putAside(merging, next.inode, next.link);
  }
  return true;
}

/** On the way up from one directory to another: one that theirs has taken from there, and one that ours has put there. */
function linksBetween(merging: Merging, from: number, to: number) {
  const { ours, theirs, work, settled } = merging;
  let moved: { inode: number; link: Link } | undefined;
  for (let at = from; at !== to; ) {
    const [link] = linksOf(work, at, 1);
    if (link === undefined) break;
    const here = { inode: at, link };
    if (inTheirs(merging, at, link).leaves && !settled.has(at)) return { leaving: here, moved };
    const [own] = linksOf(ours, at, 1);
    const [other] = linksOf(theirs, at, 1);
    if (own !== undefined && other !== undefined && linkText(own) !== linkText(other)) moved ??= here;
    at = link.parent;
  }
  return { leaving: undefined, moved };
}

/** Ends what had to wait: directories that theirs removed, and inodes that were put aside. */
export function* finishNames(merging: Merging): Job<void> {
  for (const inode of merging.doomed) yield* removeIfEmpty(merging, inode);
  for (const inode of merging.aside) {
    const waiting = yield* placeAside(merging, inode);
    if (waiting !== undefined) yield* findPlace(merging, inode);
  }
  for (const inode of merging.doomed) yield* removeIfEmpty(merging, inode);
  merging.aside.clear();
}

/** Removes a doomed directory without entries, and then those above it that are doomed and empty now. */
function* removeIfEmpty({ work, doomed, settled }: Merging, inode: number): Job<void> {
  for (let at = inode; doomed.has(at) && !settled.has(at); ) {
    const up = yield* perform(() => {
      if (alive(work, at) === undefined || !isEmptyDirectory(work, at)) return undefined;
      const [place] = linksOf(work, at, 1);
      if (place === undefined) return undefined;
      removeDirectory(work, place.parent, place.name, { release: true });
      return place.parent;
    });
    if (up === undefined) return;
    at = up;
  }
}

/** Puts what was put aside where theirs has it, or where ours had it, or at last in root under a name of its own. */
function* findPlace(merging: Merging, inode: number): Job<void> {
  const { ours, theirs, work } = merging;
  const wishes = yield* perform(() => {
    const { other } = counterpart(merging, inode);
    return [
      ...(alive(theirs, other) === undefined ? [] : allLinks(theirs, other)),
      ...(alive(ours, inode) === undefined ? [] : allLinks(ours, inode)),
    ];
  });
  const isDirectory = (yield* perform(() => alive(work, inode)))?.type === 'directory';
  for (const { parent, name } of wishes) {
    const directory = merging.directories.get(parent) ?? parent;
    const isFree = yield* perform(() => {
      if (alive(work, directory)?.type !== 'directory') return false;
      if (isDirectory && isWithin(work, directory, inode)) return false;
      return findEntry(work, directory, name) === undefined;
    });
    if (isFree) return yield* relocate(merging, inode, { parent: directory, name });
  }
  yield* decide(merging, { kind: 'displaced', base: inode, ours: inode, theirs: inode });
  const stem = wishes[0]?.name ?? new Uint8Array(0);
  yield* relocate(merging, inode, { parent: ROOT_INODE, name: yield* freeName(merging, stem, inode) });
}

/** A name in root that is like `stem` and free. */
function* freeName({ work }: Merging, stem: Uint8Array, inode: number): Job<Uint8Array> {
  for (let count = 0; ; count++) {
    const end = Uint8Array.from(`.${inode}${count === 0 ? '' : `-${count}`}`, (character) => character.charCodeAt(0));
    const name = new Uint8Array([...stem.subarray(0, 200), ...end]);
    if ((yield* perform(() => findEntry(work, ROOT_INODE, name))) === undefined) return name;
  }
}
