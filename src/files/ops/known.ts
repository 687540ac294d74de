/**
 * What paths and inodes of a branch were found to be, so that most looks need no descent of the tree.
 * All of it is true of the tree as it was after the last change that a draft told of; a change by any other means makes all of
 * it forgotten. Callers must come through {@link Known.at} in each operation, and must not change what they are given.
 */
import type { Root } from '../../core/store.ts';
import type { EntryTarget, InodeRecord } from './record.ts';

/** So many, and at most twice as many, are kept of each: some 6 MiB for a branch of which more files than that are read. */
const KEPT = 8192;

/** A map that forgets what was not asked for lately. */
class Recent<Key, Value extends object> {
  #newer = new Map<Key, Value>();
  #older = new Map<Key, Value>();

  get(key: Key): Value | undefined {
    const value = this.#newer.get(key);
    if (value !== undefined) return value;
    const older = this.#older.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: Key, value: Value): void {
    if (this.#newer.size >= KEPT) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(key, value);
  }

  delete(key: Key): void {
    this.#newer.delete(key);
    this.#older.delete(key);
  }

  clear(): void {
    if (this.#newer.size > 0) this.#newer = new Map();
    if (this.#older.size > 0) this.#older = new Map();
  }
}

export class Known {
  /** What a path stands for, a link at its end not followed; by the path's text, which has no slash at its end. */
  readonly paths = new Recent<string, EntryTarget>();
  readonly records = new Recent<number, Readonly<InodeRecord>>();
  #root: Root | undefined;
  #changes = -1;

  /** This, without anything that is not true of the tree as it is now. */
  at(root: Root): this {
    if (root !== this.#root || root.changes !== this.#changes) {
      this.paths.clear();
      this.records.clear();
      this.#root = root;
      this.#changes = root.changes;
    }
    return this;
  }

  /** Whoever changed the tree after `before` has told of each change: the rest is still true. */
  keep(root: Root, before: number): void {
    if (root === this.#root && before === this.#changes) this.#changes = root.changes;
  }
}

const byRoot = new WeakMap<Root, Known>();

/** What is known of a branch, shared by all its handles. */
export function knownOf(root: Root): Known {
  let known = byRoot.get(root);
  if (known === undefined) {
    known = new Known();
    byRoot.set(root, known);
  }
  return known;
}
