/**
 * The edits that a merge makes to the names in `work`, each by the operations that anyone uses, so that no step leaves an
 * unsound tree of files.
 * Callers must decide first: nothing here asks whose change counts.
 */

import { diff } from '../../../core/diff.ts';
import { takeCell } from '../../../core/merge.ts';
import { findEntry, type Link, linksOf, readDirectory } from '../directory.ts';
import { Draft, loadRecord } from '../draft.ts';
import { type Job, perform } from '../job.ts';
import { entryKey, Kind, kindStart, linkKey, ROOT_INODE } from '../keys.ts';
import { encodeEntry } from '../record.ts';
import { rename } from '../rename.ts';
import { releaseOrphan, removeDirectory, unlink } from '../unlink.ts';
import { alive, type Merging } from './sides.ts';

const NOTHING = new Uint8Array(0);
const ENTRIES_AT_ONCE = 64;

/** Makes every cell of one kind of an inode what it is in theirs, sharing its pages. */
export function* takeCells({ work, theirs }: Merging, inode: number, kind: number): Job<void> {
  const to = kindStart(inode, kind + 1);
  let from: Uint8Array | undefined = kindStart(inode, kind);
  while (from !== undefined) {
    const at: Uint8Array = from;
    const { found, next } = yield* perform(() => {
      const found: { key: Uint8Array; present: boolean }[] = [];
      const next = diff(work.store, work.root, theirs.root, { from: at, to }, (key, _ours, side) => {
        found.push({ key: key.slice(), present: side !== undefined });
      });
      return { found, next };
    });
    for (const { key, present } of found) {
      yield* perform(() => takeCell(work.store, work.root, theirs.root, key, present));
    }
    from = next;
  }
}

/** Puts an inode of theirs under a free name, with all that it holds but, if it is a directory, its entries. */
export function* adopt(merging: Merging, inode: number, parent: number, name: Uint8Array): Job<void> {
  const { work, theirs } = merging;
  // Ours may have removed it and still have it open.
  while (!(yield* perform(() => releaseOrphan(work, inode))));
  yield* perform(() => {
    const record = loadRecord(theirs, inode);
    const isDirectory = record.type === 'directory';
    const draft = new Draft(work);
    draft.directory(parent);
    const directory = draft.touchEntries(parent);
    if (isDirectory) directory.links++;
    draft.add(inode, { ...record, links: isDirectory ? 2 : 1, linkable: false });
    draft.put(entryKey(parent, name), encodeEntry(inode, record.type));
    draft.put(linkKey(inode, parent, name), NOTHING);
    draft.apply();
  });
  yield* takeCells(merging, inode, Kind.xattr);
  yield* takeCells(merging, inode, Kind.content);
}

/** Takes one name of what is no directory, and all the rest with the last one. */
export function* removeName({ work }: Merging, { parent, name }: Link): Job<void> {
  const { inode, links, released } = yield* perform(() => unlink(work, parent, name, { release: true }));
  if (links > 0 || released) return;
  while (!(yield* perform(() => releaseOrphan(work, inode))));
}

/** The name under which an inode waits in root, which nobody else uses while the merge lasts. */
export function asideName(inode: number): Uint8Array {
  return Uint8Array.from(`.byre-merge-${inode}`, (character) => character.charCodeAt(0));
}

/** Frees a name; an inode without another one waits in root until its place is known. */
export function* putAside(merging: Merging, inode: number, { parent, name }: Link): Job<void> {
  const { work } = merging;
  const record = yield* perform(() => loadRecord(work, inode));
  if (record.type !== 'directory' && record.links > 1) return yield* removeName(merging, { parent, name });
  if (merging.aside.has(inode)) return;
  yield* perform(() => rename(work, parent, name, ROOT_INODE, asideName(inode), { noReplace: true }));
  merging.aside.add(inode);
}

/** The place where an inode waits, or undefined if it does not. */
export function* placeAside({ work, aside }: Merging, inode: number): Job<Link | undefined> {
  if (!aside.has(inode)) return undefined;
  const link = { parent: ROOT_INODE, name: asideName(inode) };
  const found = yield* perform(() => findEntry(work, link.parent, link.name));
  return found?.inode === inode ? link : undefined;
}

/** Removes a directory with all that is in it, but puts aside what theirs still has elsewhere. */
export function* removeTree(merging: Merging, inode: number): Job<void> {
  const { work, theirs } = merging;
  for (;;) {
    const entries = yield* perform(() =>
      readDirectory(work, inode, undefined, ENTRIES_AT_ONCE).map((entry) => ({
        ...entry,
        needed: alive(theirs, entry.inode) !== undefined,
      })),
    );
    for (const { name, inode: child, type, needed } of entries) {
      const link = { parent: inode, name };
      if (needed) yield* putAside(merging, child, link);
      else if (type === 'directory') yield* removeTree(merging, child);
      else yield* removeName(merging, link);
    }
    if (entries.length < ENTRIES_AT_ONCE) break;
  }
  const [link] = yield* perform(() => linksOf(work, inode, 1));
  if (link !== undefined) yield* perform(() => removeDirectory(work, link.parent, link.name, { release: true }));
}
