/**
 * Rename, in all the cases of POSIX and of Linux's `renameat2`.
 * Callers must resolve both names to their directories first, and must treat what was replaced as they treat what was unlinked.
 */

import { equalBytes } from '../../core/bytes.ts';
import { MAX_LINKS } from './create.ts';
import { findEntry, isEmptyDirectory, isWithin } from './directory.ts';
import { Draft } from './draft.ts';
import { failure } from './failure.ts';
import { entryKey, linkKey } from './keys.ts';
import { requireName } from './names.ts';
import { type EntryTarget, encodeEntry } from './record.ts';
import { stageLoss, type Unlinked, type UnlinkOptions } from './unlink.ts';
import { requireWritable, type Tree, type View } from './view.ts';

const NOTHING = new Uint8Array(0);

export interface RenameOptions extends UnlinkOptions {
  /** EEXIST instead of replacing. */
  readonly noReplace?: boolean | undefined;
  /** Both names must be there, and change places. */
  readonly exchange?: boolean | undefined;
}

/** One name and what it stands for. */
interface Place {
  readonly parent: number;
  readonly name: Uint8Array;
}

/** Moves a name. Says what it replaced, if anything lost a name by it. */
export function rename(
  view: View,
  fromParent: number,
  fromName: Uint8Array,
  toParent: number,
  toName: Uint8Array,
  options: RenameOptions = {},
): Unlinked | undefined {
  requireWritable(view);
  requireName(fromName);
  requireName(toName);
  if (options.noReplace === true && options.exchange === true) throw failure('EINVAL');
  const draft = new Draft(view);
  draft.directory(fromParent);
  draft.directory(toParent);
  const from: Place = { parent: fromParent, name: fromName };
  const to: Place = { parent: toParent, name: toName };
  const source = findEntry(view, fromParent, fromName);
  if (source === undefined) throw failure('ENOENT');
  const target = findEntry(view, toParent, toName);
  if (target !== undefined && options.noReplace === true) throw failure('EEXIST');
  if (target === undefined && options.exchange === true) throw failure('ENOENT');
  if (fromParent === toParent && equalBytes(fromName, toName)) return undefined;
  if (source.type === 'directory' && fromParent !== toParent && isWithin(view, toParent, source.inode)) {
    throw failure('EINVAL');
  }
  if (target !== undefined && options.exchange === true) {
    exchange(draft, from, source, to, target);
    return undefined;
  }
  // Two names of one file: POSIX wants nothing done, and both names stay.
  if (target?.inode === source.inode) return undefined;
  return move(draft, from, source, to, target, options.release === true);
}

function requireReplaceable(view: Tree, source: EntryTarget, target: EntryTarget): void {
  if (source.type === 'directory') {
    if (target.type !== 'directory') throw failure('ENOTDIR');
    if (!isEmptyDirectory(view, target.inode)) throw failure('ENOTEMPTY');
  } else if (target.type === 'directory') {
    throw failure('EISDIR');
  }
}

/** Stages that the inode's name is now `to` and no more `from`; `to`'s former holder is the caller's to deal with. */
function stageMove(draft: Draft, from: Place, to: Place, moved: EntryTarget): void {
  draft.put(entryKey(to.parent, to.name), encodeEntry(moved.inode, moved.type));
  draft.remove(linkKey(moved.inode, from.parent, from.name));
  draft.put(linkKey(moved.inode, to.parent, to.name), NOTHING);
  draft.change(moved.inode).changeTime = draft.now;
  if (moved.type === 'directory' && from.parent !== to.parent) {
    draft.change(from.parent).links--;
    draft.change(to.parent).links++;
  }
}

function requireLinks(draft: Draft, directory: number): void {
  if (draft.read(directory).links > MAX_LINKS) throw failure('EMLINK');
}

function move(
  draft: Draft,
  from: Place,
  source: EntryTarget,
  to: Place,
  target: EntryTarget | undefined,
  release: boolean,
): Unlinked | undefined {
  if (target !== undefined) requireReplaceable(draft.view, source, target);
  draft.touchEntries(from.parent);
  draft.touchEntries(to.parent);
  draft.remove(entryKey(from.parent, from.name));
  stageMove(draft, from, to, source);
  let replaced: Unlinked | undefined;
  if (target !== undefined) {
    if (target.type === 'directory') draft.change(to.parent).links--;
    draft.remove(linkKey(target.inode, to.parent, to.name));
    const record = draft.read(target.inode);
    const released = stageLoss(draft, target.inode, release);
    replaced = { inode: target.inode, links: record.links, released };
  }
  requireLinks(draft, to.parent);
  draft.apply();
  return replaced;
}

function exchange(draft: Draft, from: Place, source: EntryTarget, to: Place, target: EntryTarget): void {
  if (source.inode === target.inode) return;
  if (target.type === 'directory' && from.parent !== to.parent && isWithin(draft.view, from.parent, target.inode)) {
    throw failure('EINVAL');
  }
  draft.touchEntries(from.parent);
  draft.touchEntries(to.parent);
  stageMove(draft, from, to, source);
  stageMove(draft, to, from, target);
  requireLinks(draft, from.parent);
  requireLinks(draft, to.parent);
  draft.apply();
}
