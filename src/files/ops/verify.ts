/**
 * What `check` holds about the keys of this face: names and back-references agree, counts of links and pages are right, nothing
 * lies beyond a file's end, and every directory can be reached from root.
 * Callers must call `step` inside the runner until it is true, and must not write to the branch meanwhile: check a fork or a
 * snapshot of what is being written.
 *
 * It reads the face's cells once in order and looks the rest up, so what it remembers is one inode and a bounded set of
 * directories known to be connected, however large the branch is.
 */
import { PAGE_BYTES } from '../../core/bytes.ts';
import { contentLength, readContent } from '../../core/content.ts';
import { borrow, has } from '../../core/tree.ts';
import { isByreError } from '../../errors.ts';
import { chunkPages } from './cells.ts';
import { collect } from './collect.ts';
import { MAX_TARGET_BYTES } from './create.ts';
import { findEntry, linksOf, somePath } from './directory.ts';
import { findRecord } from './draft.ts';
import * as keys from './keys.ts';
import { requireName } from './names.ts';
import { decodeRecord, type InodeRecord } from './record.ts';
import type { Tree } from './view.ts';
import { readXattr } from './xattrs.ts';

/** Cells looked at in one step; each may need three more looks elsewhere. */
const STEP_CELLS = 16;
const MAX_REMEMBERED = 1 << 16;

export interface Problem {
  /** A constant sentence: what is wrong. */
  readonly text: string;
  /** 0 if the key names none. */
  readonly inode: number;
  /** The names from root down to the inode, where they could be found. */
  readonly path: readonly Uint8Array[] | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

/** What was seen so far of the inode whose cells are passing by. */
interface Passing {
  readonly inode: number;
  record: InodeRecord | undefined;
  entries: number;
  subdirectories: number;
  links: number;
  pages: number;
}

interface Cell {
  readonly key: Uint8Array;
  readonly inline: boolean;
  readonly empty: boolean;
}

export class Verification {
  readonly tree: Tree;
  /** Cells seen so far, for progress. */
  cells = 0;
  readonly problems: Problem[] = [];
  #next: Uint8Array = keys.kindStart(0, 0);
  #passing: Passing | undefined;
  /** Directories whose chain of parents is known to reach root. */
  readonly #connected = new Set<number>([keys.ROOT_INODE]);

  constructor(tree: Tree) {
    this.tree = tree;
  }

  /** Looks at a few more cells; true when there are no more. */
  step(): boolean {
    const to = new Uint8Array([keys.FILES_FACE + 1]);
    const cells = collect(this.tree, { from: this.#next, to }, STEP_CELLS, (entry) => ({
      key: entry.key(),
      inline: entry.kind === 'inline',
      empty: entry.borrowValue().length === 0,
    }));
    const done = cells.length < STEP_CELLS;
    // A fault runs the step again, so what it finds counts only at its end.
    const look = new Look(this.tree, this.#connected, this.#passing);
    for (const cell of cells) look.cell(cell);
    if (done) look.finish();
    this.problems.push(...look.problems);
    for (const inode of look.connected) {
      if (this.#connected.size >= MAX_REMEMBERED) break;
      this.#connected.add(inode);
    }
    this.#passing = look.passing;
    this.cells += cells.length;
    const last = cells.at(-1);
    if (last !== undefined) {
      this.#next = new Uint8Array(last.key.length + 1);
      this.#next.set(last.key);
    }
    return done;
  }
}

/** One step: knows what the steps before it found, and changes none of it. */
class Look {
  readonly tree: Tree;
  readonly problems: Problem[] = [];
  readonly connected: number[] = [];
  passing: Passing | undefined;
  readonly #known: ReadonlySet<number>;

  constructor(tree: Tree, known: ReadonlySet<number>, passing: Passing | undefined) {
    this.tree = tree;
    this.#known = known;
    this.passing = passing === undefined ? undefined : { ...passing };
  }

  #report(text: string, inode: number, details: Readonly<Record<string, unknown>> = {}): void {
    this.problems.push({ text, inode, path: somePath(this.tree, inode), details });
  }

  cell({ key, inline, empty }: Cell): void {
    const parsed = keys.parseKey(key);
    if (parsed === undefined) {
      this.#report('a key of the files face has no known form', 0, { key });
      return;
    }
    try {
      this.#judge(parsed, key, inline, empty);
    } catch (error) {
      if (!isByreError(error) || error.code !== 'DAMAGED') throw error;
      this.#report('a cell is not of a known form', parsed.inode, { part: parsed.part });
    }
  }

  #judge(parsed: keys.FileKey, key: Uint8Array, inline: boolean, empty: boolean): void {
    const { part, inode } = parsed;
    if (part === 'orphan') {
      if (!inline || !empty) this.#report('an orphan mark is not empty', inode);
      if (findRecord(this.tree, inode)?.links !== 0) this.#report('an orphan mark names an inode that is none', inode);
      return;
    }
    if (this.passing?.inode !== inode) this.#begin(inode);
    const passing = this.passing!;
    if (!inline && part !== 'content' && part !== 'xattr') {
      this.#report('pages are stored where only inline bytes may be', inode, { part });
    } else if (part === 'entry') this.#entry(passing, parsed.name);
    else if (part === 'link') this.#link(passing, parsed.parent, parsed.name, empty);
    else if (part === 'content') this.#content(passing, parsed.chunk, key);
    else if (part === 'xattr') this.#xattr(inode, parsed.name);
  }

  #begin(inode: number): void {
    this.finish();
    const passing: Passing = { inode, record: undefined, entries: 0, subdirectories: 0, links: 0, pages: 0 };
    this.passing = passing;
    passing.record = findRecord(this.tree, inode);
    if (passing.record === undefined) this.#report('an inode has cells but no record', inode);
  }

  #entry(passing: Passing, name: Uint8Array): void {
    const { inode } = passing;
    passing.entries++;
    try {
      requireName(name);
    } catch (error) {
      if (!isByreError(error)) throw error;
      this.#report('an entry has a name that cannot be', inode, { name });
    }
    const target = findEntry(this.tree, inode, name)!;
    if (target.type === 'directory') passing.subdirectories++;
    const bytes = borrow(this.tree.store, this.tree.root, keys.recordKey(target.inode));
    if (bytes === undefined) {
      this.#report('an entry names an inode that is not there', inode, { name, target: target.inode });
      return;
    }
    const { type } = decodeRecord(bytes);
    if (type !== target.type) {
      this.#report('an entry has another type than its inode', inode, { name, target: target.inode, type });
    }
    if (!has(this.tree.store, this.tree.root, keys.linkKey(target.inode, inode, name))) {
      this.#report('an entry has no back-reference', inode, { name, target: target.inode });
    }
  }

  #link(passing: Passing, parent: number, name: Uint8Array, empty: boolean): void {
    const { inode } = passing;
    passing.links++;
    if (!empty) this.#report('a back-reference is not empty', inode);
    if (findEntry(this.tree, parent, name)?.inode !== inode) {
      this.#report('a back-reference has no entry', inode, { parent, name });
    }
  }

  #content(passing: Passing, chunk: number, key: Uint8Array): void {
    const { inode, record } = passing;
    passing.pages += chunkPages(this.tree, key);
    if (record === undefined) return;
    if (record.type !== 'file' && record.type !== 'symlink') {
      this.#report('content is stored for what can have none', inode);
      return;
    }
    const room = record.size - chunk * keys.CONTENT_BYTES;
    const length = contentLength(this.tree.store, this.tree.root, key);
    if (length <= room) return;
    const pagesEnd = Math.ceil(room / PAGE_BYTES) * PAGE_BYTES;
    if (room <= 0 || length > pagesEnd) {
      this.#report('content lies beyond the end of its file', inode, { chunk, length, size: record.size });
      return;
    }
    const tail = new Uint8Array(pagesEnd - room);
    readContent(this.tree.store, this.tree.root, key, room, tail);
    if (tail.some((byte) => byte !== 0)) {
      this.#report('the page that a file ends in is not zero beyond its end', inode, { chunk, size: record.size });
    }
  }

  #xattr(inode: number, name: Uint8Array): void {
    if (readXattr(this.tree, inode, name) === undefined) {
      this.#report('an extended attribute is not of a known form', inode, { name });
    }
  }

  /** Judges the inode whose cells have all passed. */
  finish(): void {
    const passing = this.passing;
    this.passing = undefined;
    if (passing?.record === undefined) return;
    const { inode, record } = passing;
    const isOrphan = has(this.tree.store, this.tree.root, keys.orphanKey(inode));
    if (record.links === 0 && !isOrphan) this.#report('an inode without links is not marked an orphan', inode);
    if (record.links !== 0 && record.linkable) this.#report('an inode with links is marked to have none yet', inode);
    if (record.pages !== passing.pages) {
      this.#report('the count of pages is wrong', inode, { stored: record.pages, counted: passing.pages });
    }
    if (record.type === 'directory') this.#finishDirectory(passing, record);
    else {
      if (passing.entries > 0) this.#report('entries are stored for what is no directory', inode);
      if (record.links !== passing.links) {
        this.#report('the count of links is wrong', inode, { stored: record.links, counted: passing.links });
      }
    }
    if (record.type === 'symlink' && (record.size === 0 || record.size > MAX_TARGET_BYTES || passing.pages !== 1)) {
      this.#report('a symbolic link has no proper target', inode, { size: record.size });
    }
  }

  #finishDirectory(passing: Passing, record: InodeRecord): void {
    const { inode } = passing;
    if (record.links === 0) {
      if (passing.entries > 0) this.#report('a removed directory has entries', inode);
      if (passing.links > 0) this.#report('a removed directory has a name', inode);
      return;
    }
    if (record.links !== 2 + passing.subdirectories) {
      const counted = 2 + passing.subdirectories;
      this.#report('the count of links is wrong', inode, { stored: record.links, counted });
    }
    if (inode === keys.ROOT_INODE) {
      if (passing.links !== 0) this.#report('the root directory has a name', inode);
      return;
    }
    if (passing.links !== 1) this.#report('a directory has not one name', inode, { names: passing.links });
    else if (!this.#reachesRoot(inode)) this.#report('a directory cannot be reached from root', inode);
  }

  #reachesRoot(inode: number): boolean {
    const trail = new Set<number>();
    for (let at = inode; !this.#known.has(at); ) {
      if (trail.has(at)) return false;
      trail.add(at);
      const [link] = linksOf(this.tree, at, 1);
      if (link === undefined) return false;
      at = link.parent;
    }
    this.connected.push(...trail);
    return true;
  }
}
