/**
 * What a key of this face is about, for those who show changed or damaged keys without knowing the face.
 * Callers must expect undefined for a key of another face, or of no known form.
 */
import { somePath } from './directory.ts';
import { type FileKey, parseKey } from './keys.ts';
import type { Tree } from './view.ts';

export type Description = FileKey & {
  /** Names from root down to the inode (one of them, if it has several); for an entry or a back-reference, to that name. */
  readonly path?: readonly Uint8Array[];
};

/** The parts of a key, with a path where the branch still has one. */
export function describe(tree: Tree, key: Uint8Array): Description | undefined {
  const parsed = parseKey(key);
  if (parsed === undefined) return undefined;
  const path = pathOf(tree, parsed);
  return path === undefined ? parsed : { ...parsed, path };
}

function pathOf(tree: Tree, key: FileKey): Uint8Array[] | undefined {
  if (key.part !== 'entry' && key.part !== 'link') return somePath(tree, key.inode);
  const chain = somePath(tree, key.part === 'entry' ? key.inode : key.parent);
  return chain === undefined ? undefined : [...chain, key.name];
}
