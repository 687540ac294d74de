/**
 * Where a branch remembers the host directories that it was imported from: keys of their own, first byte 0x06, which fork with the
 * branch and are not part of its files. Losing them costs a slower next import, nothing else.
 * Callers must forget a directory before its inode can mean another one, and must not expect an entry to be there.
 *
 * Keys: 0x06, 0x00, inode u64 BE: the origin of an import into that directory. 0x06, 0x01, inode u64 BE, part u16 BE: what
 * is known of the host directory that this inode was made from (`record.ts`).
 */
import { readU64, readU64BE, writeU64BE } from '../core/bytes.ts';
import { prepare } from '../core/prepare.ts';
import { scan } from '../core/scan.ts';
import type { Store } from '../core/store.ts';
import { get, put, remove } from '../core/tree.ts';
import type { View } from '../files/ops/view.ts';
import { decodeOrigin, decodeParts, encodeOrigin, encodeParts, type KnownDirectory, type Origin } from './record.ts';

export const HOST_FACE = 0x06;

const ORIGIN = 0;
const DIRECTORY = 1;
const PREFIX_BYTES = 10;
/** Parts written or removed by one operation. */
const STEP_PARTS = 8;
/** Directories whose memory is kept for when it is asked for. */
const MOST_AHEAD = 2000;

/** Runs one operation of the branch. */
export type Run = <T>(operation: () => T) => T;

function keyOf(kind: number, inode: number, part?: number): Uint8Array {
  const key = new Uint8Array(part === undefined ? PREFIX_BYTES : PREFIX_BYTES + 2);
  key[0] = HOST_FACE;
  key[1] = kind;
  writeU64BE(key, 2, inode);
  if (part !== undefined) {
    key[PREFIX_BYTES] = part >>> 8;
    key[PREFIX_BYTES + 1] = part & 0xff;
  }
  return key;
}

/** A node's header says in which commit it was written: `docs/format.md`. */
function bornOf(store: Store, frame: number): number {
  return readU64(store.nodes.u8, frame * store.nodeBytes + 8);
}

export class HostMemory {
  readonly #view: View;
  readonly #run: Run;
  readonly #partBytes: number;
  #trusted = true;
  /** Stored forms that were read before they were asked for. */
  readonly #ahead = new Map<number, Uint8Array[]>();

  constructor(view: View, run: Run) {
    this.#view = view;
    this.#run = run;
    this.#partBytes = view.store.maxInlineBytes - PREFIX_BYTES - 2;
  }

  /** From now on nothing is known but what is saved from now on. */
  distrust(): void {
    this.#trusted = false;
  }

  origin(inode: number): Origin | undefined {
    const { store, root } = this.#view;
    const bytes = this.#run(() => get(store, root, keyOf(ORIGIN, inode)));
    return bytes === undefined ? undefined : decodeOrigin(bytes);
  }

  /** `isLast`: nothing else is written to the branch before the next commit. */
  setOrigin(inode: number, origin: Origin, isLast = false): void {
    const { store, root } = this.#view;
    const key = keyOf(ORIGIN, inode);
    this.#run(() => {
      prepare(store, root, { puts: [key] });
      put(store, root, key, encodeOrigin(isLast ? { ...origin, commit: store.building } : origin));
    });
  }

  /** Whether nobody has written the branch since this origin was set as the last thing. */
  isUntouchedSince(origin: Origin | undefined): boolean {
    const { store, root } = this.#view;
    if (origin?.commit === undefined || root.page === 0) return false;
    return this.#run(() => bornOf(store, store.node(root.page, root.low, root.high))) === origin.commit;
  }

  load(inode: number): KnownDirectory | undefined {
    return decodeParts(this.loadParts(inode));
  }

  /** The stored form of {@link load}; empty if nothing is known. */
  loadParts(inode: number): Uint8Array[] {
    if (!this.#trusted) return [];
    if (!this.#ahead.has(inode)) this.#readAhead(inode);
    const parts = this.#ahead.get(inode) ?? [];
    this.#ahead.delete(inode);
    return parts;
  }

  /**
   * Reads the memory of a directory, and of those that follow as far as their leaf goes: imports ask for most of them, and
   * mostly in this order.
   */
  #readAhead(inode: number): void {
    const { store, root } = this.#view;
    if (this.#ahead.size > MOST_AHEAD) this.#ahead.clear();
    let last = inode;
    const to = keyOf(DIRECTORY + 1, 0);
    for (let from: Uint8Array | undefined = keyOf(DIRECTORY, inode); from !== undefined && last === inode; ) {
      const start: Uint8Array = from;
      const found: Array<{ inode: number; part: number; value: Uint8Array }> = [];
      from = this.#run(() => {
        found.length = 0;
        return scan(store, root, { from: start, to }, (entry) => {
          const key = entry.key();
          found.push({
            inode: readU64BE(key, 2),
            part: (key[PREFIX_BYTES]! << 8) | key[PREFIX_BYTES + 1]!,
            value: entry.value(),
          });
        });
      });
      for (const each of found) {
        last = each.inode;
        if (each.part === 0) this.#ahead.set(last, [each.value]);
        else this.#ahead.get(last)?.push(each.value);
      }
      // Of the last one there may be more in the next leaf.
      if (last !== inode && from !== undefined) this.#ahead.delete(last);
    }
  }

  /** Replaces what was known; `isNew` promises that nothing was. */
  save(inode: number, directory: KnownDirectory, isNew: boolean): void {
    const { store, root } = this.#view;
    const parts = encodeParts(directory, this.#partBytes);
    this.#ahead.delete(inode);
    for (let first = 0; first < parts.length; first += STEP_PARTS) {
      const keys = parts.slice(first, first + STEP_PARTS).map((_, at) => keyOf(DIRECTORY, inode, first + at));
      this.#run(() => {
        prepare(store, root, { puts: keys });
        for (let at = 0; at < keys.length; at++) put(store, root, keys[at]!, parts[first + at]!);
      });
    }
    if (!isNew) this.#clear(keyOf(DIRECTORY, inode, parts.length), keyOf(DIRECTORY, inode + 1));
  }

  forget(inode: number): void {
    this.#ahead.delete(inode);
    this.#clear(keyOf(DIRECTORY, inode), keyOf(DIRECTORY, inode + 1));
  }

  forgetAll(): void {
    this.#ahead.clear();
    this.#clear(keyOf(ORIGIN, 0), keyOf(DIRECTORY + 1, 0));
  }

  #clear(from: Uint8Array, to: Uint8Array): void {
    const { store, root } = this.#view;
    for (;;) {
      const keys: Uint8Array[] = [];
      const next = this.#run(() => {
        keys.length = 0;
        const rest = scan(store, root, { from, to }, (entry) => {
          keys.push(entry.key());
          return keys.length < STEP_PARTS;
        });
        if (keys.length === 0) return rest;
        prepare(store, root, { removes: keys, purpose: 'free' });
        for (const key of keys) remove(store, root, key);
        return from;
      });
      if (keys.length === 0 && next === undefined) return;
      if (keys.length === 0) from = next!;
    }
  }
}
