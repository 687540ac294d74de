/**
 * Brings one entry that both sides have, of the same type and no directory, to what the host has.
 * Callers must finish the directory afterwards: replacing an entry touches it.
 */
import { closeSync, readlinkSync } from 'node:fs';
import { type Attributes, getAttributes, setAttributes } from '../files/ops/attributes.ts';
import { link, readLink } from '../files/ops/link.ts';
import type { FileType } from '../files/ops/record.ts';
import type { Directory, ImportState } from './import-state.ts';
import { bytesOfName, hostPath, joinPath } from './names.ts';
import { openForReading } from './place.ts';
import { guarded, plantEntry } from './plant.ts';
import type { KnownEntry } from './record.ts';
import { removeTree } from './removal.ts';
import { type HostStat, identityOf, nanosecondsOf, statDescriptor, statHost, timeOf } from './stat.ts';
import { importXattrs } from './xattrs.ts';

/** Undefined if it vanished or cannot be read; that is noted. */
export function updateEntry(
  state: ImportState,
  directory: Directory,
  entry: KnownEntry,
  type: FileType,
): KnownEntry | undefined {
  const path = joinPath(directory.place.path, entry.name);
  return guarded(state, path, () =>
    type === 'file' ? updateFile(state, directory, entry) : updateOther(state, directory, entry),
  );
}

/** Takes the name from what it is in the branch; its last name takes the content along. */
function cut(state: ImportState, directory: Directory, entry: KnownEntry): void {
  const { view, run, memory } = state;
  removeTree(view, run, memory, directory.place.inode, bytesOfName(entry.name), entry, () => {});
  directory.touched = true;
}

/** The entry becomes a new inode, or one more name of another. */
function replace(state: ImportState, directory: Directory, entry: KnownEntry, type: FileType): KnownEntry | undefined {
  cut(state, directory, entry);
  const planted = plantEntry(state, directory.place, entry.name, type);
  if (planted === undefined) return undefined;
  state.report.created--;
  state.report.changed++;
  return planted;
}

/** Links that the host has and the branch has not, or the other way round; undefined if all is well. */
function relink(
  state: ImportState,
  directory: Directory,
  entry: KnownEntry,
  stat: HostStat,
  attributes: Attributes,
): KnownEntry | undefined {
  const identity = identityOf(stat);
  const other = stat.links > 1 ? state.linked.get(identity) : undefined;
  if (other !== undefined && other !== entry.inode) {
    cut(state, directory, entry);
    state.run(() => link(state.view, other, directory.place.inode, bytesOfName(entry.name)));
    state.report.changed++;
    state.count(stat.type);
    return state.remember(entry.name, other, stat);
  }
  const claimed = state.claimed.get(entry.inode);
  if (claimed !== undefined && claimed !== identity) return replace(state, directory, entry, stat.type);
  if (attributes.links > 1) state.claimed.set(entry.inode, identity);
  state.claim(stat, entry.inode);
  return undefined;
}

function differs(attributes: Attributes, stat: HostStat): boolean {
  return (
    attributes.mode !== stat.mode ||
    attributes.uid !== stat.uid ||
    attributes.gid !== stat.gid ||
    nanosecondsOf(attributes.modifyTime) !== stat.modifyTime
  );
}

/** Gives the inode the host's attributes if anything differed, and says what to remember. */
function settle(
  state: ImportState,
  entry: KnownEntry,
  stat: HostStat,
  attributes: Attributes,
  found: { readonly changed: boolean; readonly steady: boolean },
): KnownEntry {
  const { view, run, report } = state;
  state.count(stat.type);
  const remembered = state.remember(entry.name, entry.inode, stat, found.steady);
  if (!found.changed && !differs(attributes, stat)) {
    report.unchanged++;
    return { ...remembered, branchTime: nanosecondsOf(attributes.changeTime) };
  }
  report.changed++;
  const changes = {
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    accessTime: timeOf(stat.accessTime),
    modifyTime: timeOf(stat.modifyTime),
  };
  run(() => setAttributes(view, entry.inode, changes));
  return remembered;
}

function updateFile(state: ImportState, directory: Directory, entry: KnownEntry): KnownEntry | undefined {
  const { view, run } = state;
  const path = directory.place.accessTo(entry.name);
  const descriptor = openForReading(path);
  try {
    const stat = statDescriptor(descriptor);
    if (stat.type !== 'file') {
      state.problem(
        'vanished',
        joinPath(directory.place.path, entry.name),
        'it became something else while it was read',
      );
      return undefined;
    }
    const attributes = run(() => getAttributes(view, entry.inode));
    if (stat.links > 1 && state.linked.get(identityOf(stat)) === entry.inode) {
      // Another name of it has been seen to already.
      state.report.unchanged++;
      state.count('file');
      return { ...state.remember(entry.name, entry.inode, stat), branchTime: nanosecondsOf(attributes.changeTime) };
    }
    const relinked = relink(state, directory, entry, stat, attributes);
    if (relinked !== undefined) return relinked;
    const filled = state.filler.refill(entry.inode, attributes.size, descriptor, stat);
    state.report.bytesRead += filled.bytesRead;
    if (!filled.steady) {
      state.problem('unsteady', joinPath(directory.place.path, entry.name), 'it changed each time it was read');
    }
    const xattrsChanged = importXattrs(view, run, entry.inode, path, { descriptor, isNew: false });
    const changed = filled.contentChanged || xattrsChanged;
    return settle(state, entry, filled.stat, attributes, { changed, steady: filled.steady });
  } finally {
    closeSync(descriptor);
  }
}

function updateOther(state: ImportState, directory: Directory, entry: KnownEntry): KnownEntry | undefined {
  const { view, run } = state;
  const path = directory.place.accessTo(entry.name);
  const stat = statHost(path);
  if (stat === undefined || stat.type !== entry.type) return replace(state, directory, entry, entry.type);
  const attributes = run(() => getAttributes(view, entry.inode));
  const relinked = relink(state, directory, entry, stat, attributes);
  if (relinked !== undefined) return relinked;
  if (stat.type === 'symlink') {
    const target = readlinkSync(hostPath(path), 'buffer');
    if (!target.equals(run(() => readLink(view, entry.inode)))) return replace(state, directory, entry, 'symlink');
  } else if (stat.nodeDevice !== attributes.device) {
    return replace(state, directory, entry, stat.type);
  }
  const changed = stat.type !== 'symlink' && importXattrs(view, run, entry.inode, path, { isNew: false });
  return settle(state, entry, stat, attributes, { changed, steady: true });
}
