/**
 * What happened to the files of a branch in this process, for those who watch.
 * Operations must tell a change after they have written, and must not care whether anyone listens.
 */

/**
 * A name that appeared, vanished or now means something else; or content and attributes of an inode, whatever its names; or anything
 * at all, told by those who change too much to tell of each.
 */
export type Change =
  | { readonly event: 'rename'; readonly parent: number; readonly name: Uint8Array; readonly inode: number }
  | { readonly event: 'change'; readonly inode: number }
  | { readonly event: 'everything' };

export type ChangeListener = (change: Change) => void;

export class Changes {
  readonly #listeners = new Set<ChangeListener>();

  listen(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A name now stands, or no longer stands, for an inode. Listeners must not throw, and must put off what they do. */
  named(parent: number, name: Uint8Array, inode: number): void {
    for (const listener of this.#listeners) listener({ event: 'rename', parent, name, inode });
  }

  changed(inode: number): void {
    for (const listener of this.#listeners) listener({ event: 'change', inode });
  }

  everything(): void {
    for (const listener of this.#listeners) listener({ event: 'everything' });
  }
}

const byRoot = new WeakMap<object, Changes>();

/** What happens to the files under a root, whoever asks: there is one for all. */
export function changesOf(root: object): Changes {
  let changes = byRoot.get(root);
  if (changes === undefined) {
    changes = new Changes();
    byRoot.set(root, changes);
  }
  return changes;
}
