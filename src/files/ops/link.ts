/**
 * Hard links, and reading symbolic ones.
 * Callers must not link directories, and must not expect `link` to follow a symbolic link: it names the link itself.
 */
import { readContent } from '../../core/content.ts';
import { has } from '../../core/tree.ts';
import { MAX_LINKS } from './create.ts';
import { Draft, loadRecord } from './draft.ts';
import { failure } from './failure.ts';
import { contentKey, entryKey, linkKey, orphanKey } from './keys.ts';
import { requireName } from './names.ts';
import { encodeEntry } from './record.ts';
import { requireWritable, type Tree, type View } from './view.ts';

const NOTHING = new Uint8Array(0);

/** Gives an inode one more name. EPERM for a directory, EEXIST, EMLINK; ENOENT for an orphan that was not made without a name. */
export function link(view: View, inode: number, parent: number, name: Uint8Array): void {
  requireWritable(view);
  requireName(name);
  const draft = new Draft(view);
  draft.directory(parent);
  const record = draft.read(inode);
  const entry = entryKey(parent, name);
  if (has(view.store, view.root, entry)) throw failure('EEXIST');
  if (record.type === 'directory') throw failure('EPERM');
  if (record.links === 0 && !record.linkable) throw failure('ENOENT', { inode });
  if (record.links >= MAX_LINKS) throw failure('EMLINK');
  draft.change(inode);
  if (record.links === 0) draft.remove(orphanKey(inode));
  record.links++;
  record.linkable = false;
  record.changeTime = draft.now;
  draft.touchEntries(parent);
  draft.putNew(entry, encodeEntry(inode, record.type));
  draft.put(linkKey(inode, parent, name), NOTHING);
  draft.apply();
}

/** The bytes that a symbolic link holds; EINVAL for anything else. */
export function readLink(view: Tree, inode: number): Uint8Array {
  const record = loadRecord(view, inode);
  if (record.type !== 'symlink') throw failure('EINVAL', { inode });
  const target = new Uint8Array(record.size);
  readContent(view.store, view.root, contentKey(inode, 0), 0, target);
  return target;
}
