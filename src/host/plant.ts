/**
 * Makes in the branch what the host has and the branch has not: single entries, and whole trees one directory at a time.
 * Callers must have made sure that the branch has no such name, and must finish the directory that they plant into.
 */
import { closeSync, readlinkSync, readSync } from 'node:fs';
import { isByreError } from '../errors.ts';
import { getAttributes, setAttributes } from '../files/ops/attributes.ts';
import { create } from '../files/ops/create.ts';
import { link } from '../files/ops/link.ts';
import type { FileType } from '../files/ops/record.ts';
import type { Directory, ImportState } from './import-state.ts';
import { type ByteString, bytesOfName, hostPath, joinPath } from './names.ts';
import { type HostEntry, openForReading, type Place } from './place.ts';
import type { KnownEntry } from './record.ts';
import {
  type HostStat,
  identityOf,
  isMissing,
  isSparse,
  isUnchanged,
  nanosecondsOf,
  statDescriptor,
  statHost,
  timeOf,
} from './stat.ts';
import { hostXattrNames, importXattrs } from './xattrs.ts';

/** While it is filled, a directory has no bit that would change what is made in it. */
const BARE_MODE = 0o700;
/** Files up to this size are made many at a time. */
const SMALL_BYTES = 64 * 1024;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException | undefined)?.code ?? '';

/** Errors of the host that concern one entry; everything else, byre's own above all, ends the import. */
const entryErrors = new Set([
  'EACCES',
  'EPERM',
  'ENXIO',
  'ENODEV',
  'EIO',
  'ELOOP',
  'ESTALE',
  'ENAMETOOLONG',
  'EINVAL',
  'EBUSY',
  // What a mounted file system says whose server is gone, and a damaged one.
  'ENOTCONN',
  'ECONNABORTED',
  'EHOSTDOWN',
  'EREMOTEIO',
  'ETIMEDOUT',
  'EUCLEAN',
]);

/** Runs what looks at one entry of the host. Undefined, and a note, if the entry is gone or the host refuses. */
export function guarded<T>(state: ImportState, path: ByteString, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    const isHosts = error instanceof Error && 'syscall' in error && !isByreError(error);
    if (isHosts && isMissing(error)) state.problem('vanished', path, 'it was listed, and then was not there');
    else if (isHosts && entryErrors.has(codeOf(error))) state.problem('unreadable', path, codeOf(error));
    else throw error;
    return undefined;
  }
}

/** Makes one entry that is no directory. Undefined if it vanished, cannot be read, or is a directory now. */
export function plantEntry(
  state: ImportState,
  place: Place,
  name: ByteString,
  type?: FileType,
): KnownEntry | undefined {
  return guarded(state, joinPath(place.path, name), () => {
    if (type === 'file') return plantFile(state, place, name);
    const stat = statHost(place.accessTo(name));
    if (stat?.type === 'file') return plantFile(state, place, name);
    if (stat !== undefined && stat.type !== 'directory') return plantOther(state, place, name, stat);
    state.problem('vanished', joinPath(place.path, name), 'it was listed, and then was not there');
    return undefined;
  });
}

/** {@link plantEntry} in a directory that this import made: small files wait until there are some, or `flushBatch` is called. */
export function plantNew(state: ImportState, directory: Directory, name: ByteString, type: FileType): void {
  const { place, entries } = directory;
  const known = type === 'file' ? plantSmall(state, directory, name) : plantEntry(state, place, name, type);
  if (known === undefined) directory.suspect = true;
  else if (known !== 'waits') entries.push(known);
}

export function flushBatch(state: ImportState, directory: Directory): void {
  state.batch.flush(directory.place.inode, ({ name, stat, steady }, inode) => {
    directory.entries.push(settled(state, name, inode, stat, steady));
  });
}

/** Puts a small plain file into the batch; does all of it for any other. */
function plantSmall(state: ImportState, directory: Directory, name: ByteString): KnownEntry | 'waits' | undefined {
  const { place } = directory;
  return guarded(state, joinPath(place.path, name), () => {
    const path = place.accessTo(name);
    const descriptor = openForReading(path);
    try {
      const stat = statDescriptor(descriptor);
      if (stat.type === 'file' && stat.size <= SMALL_BYTES && stat.links === 1 && !isSparse(stat)) {
        let room = state.batch.room(stat.size + 1);
        if (room === undefined) flushBatch(state, directory);
        room ??= state.batch.room(stat.size + 1)!;
        const length = readSync(descriptor, room, 0, room.length, 0);
        const after = statDescriptor(descriptor);
        const isPlain =
          length === after.size && isUnchanged(stat, after) && hostXattrNames(path, descriptor).length === 0;
        if (isPlain) {
          state.report.bytesRead += length;
          state.batch.add(name, after, true, length);
          return 'waits';
        }
      }
      return plantOpen(state, place, name, descriptor, stat);
    } finally {
      closeSync(descriptor);
    }
  });
}

function settled(state: ImportState, name: ByteString, inode: number, stat: HostStat, steady: boolean): KnownEntry {
  state.claim(stat, inode);
  state.report.created++;
  state.count(stat.type);
  return state.remember(name, inode, stat, steady);
}

/** One more name for a host file that the branch has already. */
function plantLink(state: ImportState, place: Place, name: ByteString, stat: HostStat): KnownEntry | undefined {
  const inode = stat.links > 1 ? state.linked.get(identityOf(stat)) : undefined;
  if (inode === undefined) return undefined;
  state.run(() => link(state.view, inode, place.inode, bytesOfName(name)));
  return settled(state, name, inode, stat, true);
}

function plantFile(state: ImportState, place: Place, name: ByteString): KnownEntry | undefined {
  const descriptor = openForReading(place.accessTo(name));
  try {
    return plantOpen(state, place, name, descriptor, statDescriptor(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

function plantOpen(
  state: ImportState,
  place: Place,
  name: ByteString,
  descriptor: number,
  stat: HostStat,
): KnownEntry | undefined {
  if (stat.type !== 'file') {
    state.problem('vanished', joinPath(place.path, name), 'it became something else while it was read');
    return undefined;
  }
  const known = plantLink(state, place, name, stat);
  if (known !== undefined) return known;
  const filled = state.filler.createFile(place.inode, bytesOfName(name), descriptor, stat);
  state.report.bytesRead += filled.bytesRead;
  if (!filled.steady) state.problem('unsteady', joinPath(place.path, name), 'it changed each time it was read');
  importXattrs(state.view, state.run, filled.inode, place.accessTo(name), { descriptor, isNew: true });
  return settled(state, name, filled.inode, filled.stat, filled.steady);
}

function plantOther(state: ImportState, place: Place, name: ByteString, stat: HostStat): KnownEntry | undefined {
  const known = plantLink(state, place, name, stat);
  if (known !== undefined) return known;
  const path = place.accessTo(name);
  const options = {
    type: stat.type,
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    accessTime: timeOf(stat.accessTime),
    modifyTime: timeOf(stat.modifyTime),
    device: stat.nodeDevice,
    target: stat.type === 'symlink' ? readlinkSync(hostPath(path), 'buffer') : undefined,
  };
  const inode = state.run(() => create(state.view, place.inode, bytesOfName(name), options));
  if (stat.type !== 'symlink') importXattrs(state.view, state.run, inode, path, { isNew: true });
  return settled(state, name, inode, stat, true);
}

/** Makes an empty directory; its mode and times come when it is finished. */
export function plantDirectory(state: ImportState, place: Place, name: ByteString, stat: HostStat): KnownEntry {
  const options = { type: 'directory', mode: BARE_MODE, uid: stat.uid, gid: stat.gid } as const;
  const inode = state.run(() => create(state.view, place.inode, bytesOfName(name), options));
  state.report.created++;
  state.count('directory');
  return state.remember(name, inode, stat);
}

export interface Listing {
  /** In byte order of names, with types as far as the host tells them for nothing. */
  readonly entries: HostEntry[];
  /** Something was passed over: what is remembered of the directory is not all that is there. */
  readonly isPartial: boolean;
}

export function listHost(state: ImportState, place: Place): Listing {
  const all = place.list();
  const isKept = ({ name }: HostEntry) => !state.isExcluded(`${place.hostPath}/${name}`);
  const entries = state.holdsExcluded(place.hostPath) ? all.filter(isKept) : all;
  const isPartial = entries.length < all.length;
  return { entries: entries.sort((a, b) => (a.name < b.name ? -1 : 1)), isPartial };
}

/** Gives a directory of the branch what the host's has, and remembers it. All its entries are there now. */
export function finishDirectory(state: ImportState, directory: Directory): void {
  const { place, stat, entries } = directory;
  if (!directory.changed && !directory.touched) return;
  const attributes = state.run(() => getAttributes(state.view, place.inode));
  const changes = {
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    accessTime: timeOf(stat.accessTime),
    modifyTime: timeOf(stat.modifyTime),
  };
  const differs =
    directory.touched ||
    attributes.mode !== stat.mode ||
    attributes.uid !== stat.uid ||
    attributes.gid !== stat.gid ||
    nanosecondsOf(attributes.modifyTime) !== stat.modifyTime;
  let { changeTime } = attributes;
  if (directoryXattrs(state, directory)) changeTime = timeOf(state.time);
  if (differs) {
    if (!directory.touched) state.report.changed++;
    state.run(() => setAttributes(state.view, place.inode, changes));
    changeTime = timeOf(state.time);
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const remembered = {
    hostInode: stat.inode,
    modifyTime: stat.modifyTime,
    changeTime: stat.changeTime,
    branchTime: nanosecondsOf(changeTime),
    suspect: directory.suspect || state.isSuspect(stat),
    entries,
  };
  state.memory.save(place.inode, remembered, directory.isNew);
  state.report.remembered++;
}

function directoryXattrs(state: ImportState, directory: Directory): boolean {
  const { place, isNew } = directory;
  const { view, run } = state;
  // Through the directory itself: `.` of a descriptor's path is no link.
  return (
    guarded(state, place.path, () => importXattrs(view, run, place.inode, place.accessTo('.'), { isNew })) ?? false
  );
}
