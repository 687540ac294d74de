/**
 * The walk of an import. First it compares every directory that both sides have, in place; what only the host has and what only the
 * branch has is collected. Then what appeared is matched with what disappeared, so that a moved file or directory stays the same
 * inode; the rest is made, and removed. Last come the times of every directory that was touched.
 * Callers must take one step after another until the walk is done, and nobody else may write the branch's files meanwhile.
 */
import { getAttributes, setAttributes } from '../files/ops/attributes.ts';
import { readDirectory } from '../files/ops/directory.ts';
import type { FileType } from '../files/ops/record.ts';
import { rename } from '../files/ops/rename.ts';
import { Gone } from './gone.ts';
import type { Directory, ImportState } from './import-state.ts';
import { type ByteString, bytesOfName, joinPath, nameOfBytes } from './names.ts';
import type { Place } from './place.ts';
import { finishDirectory, flushBatch, guarded, listHost, plantDirectory, plantEntry, plantNew } from './plant.ts';
import { type Below, QuickLook } from './quick-look.ts';
import type { KnownDirectory, KnownEntry } from './record.ts';
import { type HostStat, nanosecondsOf, statHost } from './stat.ts';
import { type Nested, unfolded } from './turns.ts';
import { updateEntry } from './update.ts';

/** An entry that the branch's directory has not: perhaps new, perhaps moved here. */
interface Fresh {
  readonly directory: Directory;
  readonly name: ByteString;
  readonly stat: HostStat;
}

const STEP_ENTRIES = 256;
const SGID = 0o2000;
/** The host takes no longer paths (PATH_MAX, with some room). */
const LONGEST_PATH = 4000;

export class Importer {
  readonly #state: ImportState;
  readonly #gone: Gone;
  /** Directories that cannot be finished before all that moved has been moved. */
  readonly #open = new Map<number, Directory>();
  readonly #fresh: Fresh[] = [];

  readonly #quick: QuickLook | undefined;

  constructor(state: ImportState) {
    this.#state = state;
    this.#gone = new Gone(state);
    this.#quick = QuickLook.make(state.view, state.run, state.memory, state.trusted);
  }

  walk(top: Place, stat: HostStat): Generator<void> {
    return unfolded(this.#walk(top, stat));
  }

  *#walk(top: Place, stat: HostStat): Nested {
    const { inode } = top;
    const { memory, view, run } = this.#state;
    this.#state.count('directory');
    const isKnown = memory.loadParts(inode).length > 0;
    if (!isKnown && run(() => readDirectory(view, inode, undefined, 1)).length === 0) yield this.#plantTree(top, stat);
    else yield this.#visit(top);
    yield* this.#settle();
    top.closeAll();
  }

  /** A directory that both sides have: the quick way if nothing in it has changed, and then all below it. */
  *#visit(place: Place): Nested {
    const state = this.#state;
    const below = this.#gone.hasMoved ? undefined : this.#lookQuickly(place);
    if (below === undefined) {
      const find = () => statHost(place.hostPath.length < LONGEST_PATH ? place.hostPath : place.outside());
      const stat = guarded(state, place.path, find);
      if (stat?.type === 'directory') yield this.#compare(place, stat, state.memory.load(place.inode));
      place.closeAll();
      return;
    }
    state.report.directories += below.length;
    yield;
    for (const { name, inode } of below) yield this.#visit(place.below(name, inode));
  }

  #lookQuickly({ hostPath, inode }: Place): Below[] | undefined {
    const state = this.#state;
    if (state.device !== undefined) return undefined;
    // What is to be passed over from now on must not be known from before.
    if (state.holdsExcluded(hostPath)) {
      const known = state.memory.load(inode)?.entries;
      if (known === undefined || known.some(({ name }) => state.isExcluded(`${hostPath}/${name}`))) return undefined;
    }
    return this.#quick?.unchanged(hostPath, inode, state.report);
  }

  /** Only looks: true if nothing in or below a directory has changed. */
  isUnchanged(top: Place): boolean {
    const waiting = [top];
    for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
      const below = this.#lookQuickly(place);
      if (below === undefined) return false;
      this.#state.report.directories++;
      for (let at = below.length - 1; at >= 0; at--) waiting.push(place.below(below[at]!.name, below[at]!.inode));
    }
    return true;
  }

  /** A directory that both sides have, entry by entry. */
  *#compare(place: Place, stat: HostStat, memory: KnownDirectory | undefined): Nested {
    const entries = this.#entriesOf(place.inode, memory);
    const isAsKnown = entries === memory?.entries && isUnchangedDirectory(stat, memory);
    const listed = isAsKnown ? { names: entries.map((entry) => entry.name), isPartial: false } : this.#listNames(place);
    if (listed === undefined) return;
    const directory: Directory = {
      place,
      stat,
      entries: [],
      changed: !isAsKnown,
      touched: false,
      suspect: listed.isPartial,
      isNew: false,
    };
    const subdirectories: Array<{ readonly entry: KnownEntry; readonly stat: HostStat }> = [];
    let at = 0;
    for (const name of listed.names) {
      while (at < entries.length && entries[at]!.name < name) this.#lose(directory, entries[at++]!);
      const known = at < entries.length && entries[at]!.name === name ? entries[at++] : undefined;
      const entry = known !== undefined && this.#gone.isTaken(place.inode, name) ? undefined : known;
      const path = `${place.hostPath}/${name}`;
      if (this.#state.isExcluded(path)) continue;
      const found = guarded(this.#state, joinPath(place.path, name), () =>
        statHost(path.length < LONGEST_PATH ? path : place.accessTo(name)),
      );
      if (found === undefined) {
        if (entry !== undefined) this.#lose(directory, entry);
        directory.suspect = directory.changed = true;
      } else if (entry?.type === found.type) {
        this.#meet(directory, entry, found, subdirectories);
      } else {
        if (entry !== undefined) this.#lose(directory, entry);
        this.#appear(directory, name, found);
      }
    }
    while (at < entries.length) this.#lose(directory, entries[at++]!);
    if (this.#open.get(place.inode) === undefined) finishDirectory(this.#state, directory);
    place.close();
    yield;
    for (const { entry } of subdirectories) {
      yield this.#visit(place.below(entry.name, entry.inode));
    }
  }

  /** The branch's side of a directory: as remembered, if that can be relied on, otherwise as the branch has it. */
  #entriesOf(inode: number, known: KnownDirectory | undefined): readonly KnownEntry[] {
    const { view, run, trusted } = this.#state;
    if (known !== undefined) {
      if (trusted) return known.entries;
      const { changeTime } = run(() => getAttributes(view, inode));
      if (nanosecondsOf(changeTime) === known.branchTime) return known.entries;
    }
    const remembered = new Map(known?.entries.map((entry) => [entry.name, entry]));
    const entries: KnownEntry[] = [];
    for (let after: Uint8Array | undefined; ; ) {
      const from: Uint8Array | undefined = after;
      const step = run(() => readDirectory(view, inode, from, STEP_ENTRIES));
      for (const found of step) {
        const name = nameOfBytes(found.name);
        const before = remembered.get(name);
        const isSame = before?.inode === found.inode && before.type === found.type;
        entries.push(
          isSame
            ? before
            : { name, type: found.type, inode: found.inode, seen: undefined, branchTime: 0n, suspect: true },
        );
      }
      if (step.length < STEP_ENTRIES) return entries;
      after = step.at(-1)!.name;
    }
  }

  #listNames(place: Place): { readonly names: ByteString[]; readonly isPartial: boolean } | undefined {
    return guarded(this.#state, place.path, () => {
      const { entries, isPartial } = listHost(this.#state, place);
      return { names: entries.map((entry) => entry.name), isPartial };
    });
  }

  /** A name that both sides have, for the same type of file. */
  #meet(
    directory: Directory,
    entry: KnownEntry,
    stat: HostStat,
    subdirectories: Array<{ readonly entry: KnownEntry; readonly stat: HostStat }>,
  ): void {
    const state = this.#state;
    if (entry.type === 'directory') {
      const { device } = state;
      if (device !== undefined && stat.device !== device) return;
      state.count('directory');
      const isSame = entry.seen?.hostInode === stat.inode && entry.seen.birthTime === stat.birthTime;
      const kept = isSame ? entry : state.remember(entry.name, entry.inode, stat);
      if (!isSame) directory.changed = true;
      directory.entries.push(kept);
      subdirectories.push({ entry: kept, stat });
    } else if (this.#isUnchanged(entry, stat)) {
      state.claim(stat, entry.inode);
      state.report.unchanged++;
      state.count(stat.type);
      directory.entries.push(entry);
    } else {
      this.#update(directory, entry, stat.type);
    }
  }

  #isUnchanged(entry: KnownEntry, stat: HostStat): boolean {
    const { seen } = entry;
    if (
      seen === undefined ||
      entry.suspect ||
      seen.hostInode !== stat.inode ||
      seen.size !== stat.size ||
      seen.modifyTime !== stat.modifyTime ||
      seen.changeTime !== stat.changeTime
    ) {
      return false;
    }
    if (this.#state.trusted) return true;
    const { view, run } = this.#state;
    return nanosecondsOf(run(() => getAttributes(view, entry.inode)).changeTime) === entry.branchTime;
  }

  #update(directory: Directory, entry: KnownEntry, type: FileType): void {
    directory.changed = true;
    const updated = updateEntry(this.#state, directory, entry, type);
    if (updated === undefined) directory.suspect = true;
    else directory.entries.push(updated);
    if (updated === undefined) this.#lose(directory, entry);
  }

  #lose(directory: Directory, entry: KnownEntry): void {
    this.#keepOpen(directory);
    this.#gone.add(directory.place.inode, entry);
  }

  #appear(directory: Directory, name: ByteString, stat: HostStat): void {
    this.#keepOpen(directory);
    this.#fresh.push({ directory, name, stat });
  }

  #keepOpen(directory: Directory): void {
    directory.changed = true;
    directory.touched = true;
    this.#open.set(directory.place.inode, directory);
  }

  /** What appeared and what disappeared. */
  *#settle(): Nested {
    const later: Fresh[] = [];
    // Moves first: the directories among them bring more of both kinds.
    for (let at = 0; at < this.#fresh.length; at++) {
      const fresh = this.#fresh[at]!;
      if (!(yield* this.#move(fresh))) later.push(fresh);
    }
    for (const fresh of later) {
      const { directory, name, stat } = fresh;
      if (!(yield* this.#move(fresh))) {
        this.#readyFor(directory, name);
        yield* this.#plant(directory, name, stat);
      }
      directory.place.closeAll();
    }
    yield* this.#gone.removeRest();
    for (const directory of this.#open.values()) finishDirectory(this.#state, directory);
  }

  /** Clears the way for a name in a directory of the branch. */
  #readyFor(directory: Directory, name: ByteString): void {
    const { view, run } = this.#state;
    const { inode } = directory.place;
    this.#gone.removeAt(inode, name);
    const { mode } = run(() => getAttributes(view, inode));
    if ((mode & SGID) !== 0) run(() => setAttributes(view, inode, { mode: mode & ~SGID }));
  }

  /** If this is something that disappeared elsewhere, it moves. */
  *#move({ directory, name, stat }: Fresh): Generator<Nested | undefined, boolean> {
    const found = this.#gone.find(stat);
    if (found === undefined) return false;
    const { view, run, report } = this.#state;
    const to = directory.place;
    const target = bytesOfName(name);
    let { parent } = found;
    let source = bytesOfName(found.entry.name);
    this.#gone.take(found);
    if (this.#gone.at(to.inode, name) !== undefined) {
      // What stands in the way may be the very directory that this moves out of: step aside before it is removed.
      const aside = bytesOfName(`.byre-moving-${found.entry.inode}`);
      run(() => rename(view, parent, source, to.inode, aside));
      parent = to.inode;
      source = aside;
    }
    this.#readyFor(directory, name);
    run(() => rename(view, parent, source, to.inode, target));
    report.renamed++;
    const entry = { ...found.entry, name };
    if (entry.type !== 'directory') {
      this.#update(directory, entry, entry.type);
      return true;
    }
    this.#state.count('directory');
    directory.entries.push(this.#state.remember(name, entry.inode, stat));
    const below = to.below(name, entry.inode);
    yield this.#compare(below, stat, this.#state.memory.load(entry.inode));
    below.closeAll();
    return true;
  }

  *#plant(directory: Directory, name: ByteString, stat: HostStat): Nested {
    const { place, entries } = directory;
    const { device } = this.#state;
    if (stat.type !== 'directory') {
      const entry = plantEntry(this.#state, place, name, stat.type);
      if (entry === undefined) directory.suspect = true;
      else entries.push(entry);
      return;
    }
    const entry = plantDirectory(this.#state, place, name, stat);
    entries.push(entry);
    if (device !== undefined && stat.device !== device) return;
    const below = place.below(name, entry.inode);
    yield this.#plantTree(below, stat);
    below.close();
  }

  /** Fills a new directory and all below it. */
  *#plantTree(place: Place, stat: HostStat): Nested {
    const state = this.#state;
    const directory: Directory = {
      place,
      stat,
      entries: [],
      changed: true,
      touched: true,
      suspect: false,
      isNew: true,
    };
    const listed = guarded(state, place.path, () => listHost(state, place));
    directory.suspect = listed === undefined || listed.isPartial;
    const subdirectories: Array<{ readonly entry: KnownEntry; readonly stat: HostStat }> = [];
    for (const each of listed?.entries ?? []) {
      const { type } = each;
      const found = this.#gone.isEmpty && type === 'file' ? undefined : this.#statFresh(directory, each.name);
      if (found === undefined && (type !== 'file' || !this.#gone.isEmpty)) continue;
      if (found !== undefined && (yield* this.#move({ directory, name: each.name, stat: found }))) continue;
      if (found?.type === 'directory') {
        const entry = plantDirectory(state, place, each.name, found);
        directory.entries.push(entry);
        if (state.device === undefined || found.device === state.device) subdirectories.push({ entry, stat: found });
        continue;
      }
      plantNew(state, directory, each.name, found?.type ?? 'file');
    }
    flushBatch(state, directory);
    finishDirectory(state, directory);
    yield;
    for (const { entry, stat: found } of subdirectories) {
      const below = place.below(entry.name, entry.inode);
      yield this.#plantTree(below, found);
      below.close();
    }
  }

  #statFresh(directory: Directory, name: ByteString): HostStat | undefined {
    const { place } = directory;
    const path = joinPath(place.path, name);
    const stat = guarded(this.#state, path, () => statHost(place.accessTo(name)));
    if (stat === undefined) directory.suspect = true;
    return stat;
  }
}

function isUnchangedDirectory(stat: HostStat, known: KnownDirectory): boolean {
  return (
    !known.suspect &&
    known.hostInode === stat.inode &&
    known.modifyTime === stat.modifyTime &&
    known.changeTime === stat.changeTime
  );
}
