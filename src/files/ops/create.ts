/**
 * Making inodes of every type: files, directories, symbolic links, fifos, sockets and device nodes, with a name or without.
 * Callers must have applied the umask, and must repeat nothing: one call makes one whole inode, content included.
 */
import { writeContent } from '../../core/content.ts';
import { has } from '../../core/tree.ts';
import { Draft } from './draft.ts';
import { failure } from './failure.ts';
import { CONTENT_BYTES, contentKey, entryKey, linkKey, orphanKey } from './keys.ts';
import { requireName } from './names.ts';
import { encodeEntry, type FileType, type InodeRecord, MODE_BITS } from './record.ts';
import { requireTime, requireWritable, type Time, type View } from './view.ts';

export const MAX_LINKS = 0x7fff_ffff;
export const MAX_TARGET_BYTES = 4095;

const SGID = 0o2000;
const NOTHING = new Uint8Array(0);

export interface NewInode {
  readonly type: FileType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a character or block device. */
  readonly device?: number | undefined;
  /** Of a symbolic link. */
  readonly target?: Uint8Array | undefined;
  /** The first bytes of a regular file, at most one chunk of 512 KiB; the rest is for `write`. */
  readonly content?: Uint8Array | undefined;
  /** Otherwise the present time, as are change and birth time always. */
  readonly accessTime?: Time | undefined;
  readonly modifyTime?: Time | undefined;
}

/** The bytes that are stored as content: a symbolic link keeps its target where a file keeps its bytes. */
function requireInode(options: NewInode): Uint8Array {
  const { type, mode, target, content, device } = options;
  if ((mode & ~MODE_BITS) !== 0) throw failure('EINVAL');
  if (device !== undefined && !(Number.isSafeInteger(device) && device >= 0)) throw failure('EINVAL');
  if (options.accessTime !== undefined) requireTime(options.accessTime);
  if (options.modifyTime !== undefined) requireTime(options.modifyTime);
  if (type === 'symlink') {
    if (target === undefined) throw failure('EINVAL');
    if (target.length === 0) throw failure('ENOENT');
    if (target.length > MAX_TARGET_BYTES) throw failure('ENAMETOOLONG');
    if (target.includes(0)) throw failure('EINVAL');
    return target;
  }
  if (target !== undefined || (content !== undefined && type !== 'file')) throw failure('EINVAL');
  if (content === undefined) return NOTHING;
  if (content.length > CONTENT_BYTES) throw failure('EFBIG');
  return content;
}

function newRecord(options: NewInode, size: number, now: Time): InodeRecord {
  const isDevice = options.type === 'character' || options.type === 'block';
  return {
    type: options.type,
    mode: options.mode,
    uid: options.uid,
    gid: options.gid,
    links: options.type === 'directory' ? 2 : 1,
    size,
    device: isDevice ? (options.device ?? 0) : 0,
    pages: 0,
    linkable: false,
    accessTime: options.accessTime ?? now,
    modifyTime: options.modifyTime ?? now,
    changeTime: now,
    birthTime: now,
  };
}

function finish(draft: Draft, inode: number, record: InodeRecord, bytes: Uint8Array): number {
  const { view } = draft;
  draft.add(inode, record);
  if (bytes.length === 0) {
    draft.apply();
    return inode;
  }
  const key = contentKey(inode, 0);
  draft.prepare({ content: [{ key, from: 0, to: bytes.length }] });
  record.pages = writeContent(view.store, view.root, key, 0, bytes);
  draft.write();
  return inode;
}

/**
 * Makes an inode and its name. EEXIST if the name is taken, EMLINK if `parent` has too many subdirectories.
 * In a directory with the sgid bit it gets that directory's group, and a directory the bit as well.
 */
export function create(view: View, parent: number, name: Uint8Array, options: NewInode): number {
  requireWritable(view);
  requireName(name);
  const bytes = requireInode(options);
  const draft = new Draft(view);
  const directory = draft.directory(parent);
  const entry = entryKey(parent, name);
  if (has(view.store, view.root, entry)) throw failure('EEXIST');
  const isDirectory = options.type === 'directory';
  if (isDirectory && directory.links >= MAX_LINKS) throw failure('EMLINK');
  const record = newRecord(options, bytes.length, draft.now);
  if ((directory.mode & SGID) !== 0) {
    record.gid = directory.gid;
    if (isDirectory) record.mode |= SGID;
  }
  const changed = draft.touchEntries(parent);
  if (isDirectory) changed.links++;
  const inode = view.nextInode();
  draft.putNew(entry, encodeEntry(inode, options.type));
  draft.put(linkKey(inode, parent, name), NOTHING);
  return finish(draft, inode, record, bytes);
}

/** Makes an inode without a name (`O_TMPFILE`): an orphan from birth, which `link` may give its first name. */
export function createUnnamed(view: View, options: NewInode): number {
  requireWritable(view);
  const bytes = requireInode(options);
  if (options.type === 'directory') throw failure('EISDIR');
  const draft = new Draft(view);
  const record = newRecord(options, bytes.length, draft.now);
  record.links = 0;
  record.linkable = true;
  const inode = view.nextInode();
  draft.put(orphanKey(inode), NOTHING);
  return finish(draft, inode, record, bytes);
}
