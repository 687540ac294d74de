/**
 * Attributes of an inode, as `stat` and `chmod`, `chown`, `utimes` and `truncate` want them.
 * Callers must decide who may do what: operations check no permissions. They must repeat a call that returned false.
 */
import { Draft, loadRecord } from './draft.ts';
import { failure } from './failure.ts';
import { type FileType, type InodeRecord, MODE_BITS } from './record.ts';
import { applySize, planSize } from './truncate.ts';
import { requireTime, requireWritable, type Time, type Tree, type View } from './view.ts';

export interface Attributes {
  readonly inode: number;
  readonly type: FileType;
  /** Permission bits with suid, sgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: number;
  readonly device: number;
  readonly accessTime: Time;
  readonly modifyTime: Time;
  readonly changeTime: Time;
  readonly birthTime: Time;
  /** Data pages of 4 KiB held by the content, shared ones too. */
  readonly pages: number;
}

export interface AttributeChanges {
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Truncates, or extends by a hole. */
  readonly size?: number | undefined;
  readonly accessTime?: Time | undefined;
  readonly modifyTime?: Time | undefined;
  /** Otherwise it becomes the present time, as POSIX wants it. */
  readonly changeTime?: Time | undefined;
  readonly birthTime?: Time | undefined;
  /** Takes the suid bit, and the sgid bit of what its group may execute, as an unprivileged chown or truncate must. */
  readonly clearPrivileges?: boolean | undefined;
}

const SUID = 0o4000;
const SGID = 0o2000;
const GROUP_EXECUTE = 0o010;
const MAX_ID = 0xffff_ffff;

/** What is left of `mode` after a write by someone without privileges. */
export function withoutPrivileges(mode: number): number {
  const cleared = mode & ~SUID;
  return (cleared & GROUP_EXECUTE) !== 0 ? cleared & ~SGID : cleared;
}

export function attributesOf(inode: number, record: InodeRecord): Attributes {
  return {
    inode,
    type: record.type,
    mode: record.mode,
    uid: record.uid,
    gid: record.gid,
    links: record.links,
    size: record.size,
    device: record.device,
    accessTime: record.accessTime,
    modifyTime: record.modifyTime,
    changeTime: record.changeTime,
    birthTime: record.birthTime,
    pages: record.pages,
  };
}

/** ENOENT if there is no such inode; that of an orphan is still there. */
export function getAttributes(view: Tree, inode: number): Attributes {
  return attributesOf(inode, loadRecord(view, inode));
}

function requireChanges(changes: AttributeChanges): void {
  const { mode, uid, gid } = changes;
  if (mode !== undefined && (mode & ~MODE_BITS) !== 0) throw failure('EINVAL');
  if (uid !== undefined && !(Number.isInteger(uid) && uid >= 0 && uid <= MAX_ID)) throw failure('EINVAL');
  if (gid !== undefined && !(Number.isInteger(gid) && gid >= 0 && gid <= MAX_ID)) throw failure('EINVAL');
  if (changes.accessTime !== undefined) requireTime(changes.accessTime);
  if (changes.modifyTime !== undefined) requireTime(changes.modifyTime);
  if (changes.changeTime !== undefined) requireTime(changes.changeTime);
  if (changes.birthTime !== undefined) requireTime(changes.birthTime);
}

/**
 * Sets what is given. True when all is done. False after one step of a long truncation: the file is shorter now, nothing else
 * has changed, and the call must be made again.
 */
export function setAttributes(view: View, inode: number, changes: AttributeChanges): boolean {
  requireWritable(view);
  requireChanges(changes);
  const draft = new Draft(view);
  const record = draft.change(inode);
  if (changes.size === undefined) {
    draft.prepare();
  } else {
    const plan = planSize(view, inode, record, changes.size);
    applySize(draft, record, plan);
    if (!plan.done) {
      draft.write();
      return false;
    }
  }
  record.mode = changes.mode ?? record.mode;
  if (changes.clearPrivileges === true && record.type !== 'directory') record.mode = withoutPrivileges(record.mode);
  record.uid = changes.uid ?? record.uid;
  record.gid = changes.gid ?? record.gid;
  record.accessTime = changes.accessTime ?? record.accessTime;
  record.modifyTime = changes.modifyTime ?? record.modifyTime;
  record.birthTime = changes.birthTime ?? record.birthTime;
  record.changeTime = changes.changeTime ?? draft.now;
  draft.write();
  return true;
}
