/**
 * What an import found in the branch and no longer on the host where it was: either it has moved, and is found again by the host's
 * inode number and birth time, or it is to be removed.
 * Callers must take what they move before they move it, and must remove nothing before all moves are done, but by `removeAt`.
 */
import type { ImportState } from './import-state.ts';
import { type ByteString, bytesOfName } from './names.ts';
import type { KnownEntry } from './record.ts';
import { removeTree } from './removal.ts';
import type { HostStat } from './stat.ts';

export interface Lost {
  /** The branch's directory that has the entry. */
  readonly parent: number;
  readonly entry: KnownEntry;
  /** The lost directory that it lies in, if it was not lost by itself. */
  readonly within: Lost | undefined;
  settled: boolean;
}

const keyOf = (parent: number, name: ByteString) => `${parent}/${name}`;

/** Whether this, or a directory that it lies in, has moved or been removed. */
function isSettled(lost: Lost): boolean {
  for (let at: Lost | undefined = lost; at !== undefined; at = at.within) if (at.settled) return true;
  return false;
}

export class Gone {
  readonly #state: ImportState;
  readonly #lost = new Map<string, Lost>();
  readonly #byHostInode = new Map<bigint, Lost>();
  #unlisted: Lost[] = [];
  /** Names that have moved away, though a directory's memory may still have them. */
  readonly #taken = new Set<string>();

  constructor(state: ImportState) {
    this.#state = state;
  }

  get isEmpty(): boolean {
    return this.#lost.size === 0;
  }

  /** From then on what is remembered of directories may name what is elsewhere by now. */
  get hasMoved(): boolean {
    return this.#taken.size > 0;
  }

  add(parent: number, entry: KnownEntry): void {
    if (this.isTaken(parent, entry.name)) return;
    const lost: Lost = { parent, entry, within: undefined, settled: false };
    this.#lost.set(keyOf(parent, entry.name), lost);
    this.#unlisted.push(lost);
  }

  /** What was lost elsewhere and is this file of the host. */
  find(stat: HostStat): Lost | undefined {
    this.#list();
    const lost = this.#byHostInode.get(stat.inode);
    if (lost === undefined || isSettled(lost)) return undefined;
    const isSame = lost.entry.type === stat.type && lost.entry.seen?.birthTime === stat.birthTime;
    return isSame ? lost : undefined;
  }

  take(lost: Lost): void {
    lost.settled = true;
    this.#taken.add(keyOf(lost.parent, lost.entry.name));
  }

  /** Whether the branch has lost this name to a move already. */
  isTaken(parent: number, name: ByteString): boolean {
    return this.#taken.size > 0 && this.#taken.has(keyOf(parent, name));
  }

  /** What still has this name in the branch although the host has it no longer. */
  at(parent: number, name: ByteString): Lost | undefined {
    const lost = this.#lost.get(keyOf(parent, name));
    return lost === undefined || lost.settled ? undefined : lost;
  }

  removeAt(parent: number, name: ByteString): void {
    const lost = this.at(parent, name);
    if (lost !== undefined) this.#remove(lost);
  }

  *removeRest(): Generator<undefined> {
    for (const lost of this.#lost.values()) {
      if (lost.settled) continue;
      this.#remove(lost);
      yield;
    }
  }

  #remove(lost: Lost): void {
    lost.settled = true;
    const { view, run, memory, report } = this.#state;
    const { parent, entry } = lost;
    removeTree(view, run, memory, parent, bytesOfName(entry.name), entry, () => report.removed++);
  }

  /** Enters what was lost, and all that lies in it, by host inode. */
  #list(): void {
    const waiting = this.#unlisted;
    this.#unlisted = [];
    for (let lost = waiting.pop(); lost !== undefined; lost = waiting.pop()) {
      const { seen, inode, type } = lost.entry;
      if (seen !== undefined) this.#byHostInode.set(seen.hostInode, lost);
      if (type !== 'directory') continue;
      for (const entry of this.#state.memory.load(inode)?.entries ?? []) {
        waiting.push({ parent: inode, entry, within: lost, settled: false });
      }
    }
  }
}
