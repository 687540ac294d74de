/**
 * Extended attributes between the host and the branch: those of users, of trusted programs, capabilities and access control lists.
 * What a security module of the host adds by itself (labels of SELinux and the like) belongs to the host and is left there.
 * Callers must not expect any where `native` has no calls for them.
 */
import { isByreError } from '../errors.ts';
import type { View } from '../files/ops/view.ts';
import { getXattr, listXattrs, removeXattr, setXattr } from '../files/ops/xattrs.ts';
import type { Run } from './memory.ts';
import { type ByteString, bytesOfName, nameOfBytes } from './names.ts';
import { native } from './native.ts';

const carried = /^(user\.|trusted\.|security\.capability$|system\.posix_acl_(access|default)$)/;

const sameBytes = (a: Uint8Array, b: Uint8Array | undefined) => b !== undefined && Buffer.from(a).equals(b);

/** Names that byre carries of what `path` has; none where the file system knows none. */
export function hostXattrNames(path: ByteString, descriptor?: number): ByteString[] {
  const calls = native();
  if (calls === undefined) return [];
  try {
    const names = descriptor === undefined ? calls.listXattrs(path) : calls.listXattrsOf(descriptor);
    return names.length === 0 ? names : names.filter((name) => carried.test(name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOENT') return [];
    throw error;
  }
}

/** Makes the attributes of an inode those of the host's file; true if any differed. `isNew` promises that it has none. */
export function importXattrs(
  view: View,
  run: Run,
  inode: number,
  path: ByteString,
  options: { descriptor?: number; isNew: boolean },
): boolean {
  const calls = native();
  if (calls === undefined) return false;
  const names = hostXattrNames(path, options.descriptor);
  let changed = false;
  if (!options.isNew) {
    for (const stored of run(() => listXattrs(view, inode))) {
      const name = nameOfBytes(stored);
      if (names.includes(name) || !carried.test(name)) continue;
      run(() => removeXattr(view, inode, stored));
      changed = true;
    }
  }
  for (const name of names) {
    const bytes = bytesOfName(name);
    const value = calls.getXattr(path, name);
    if (
      !options.isNew &&
      sameBytes(
        value,
        run(() => getXattr(view, inode, bytes)),
      )
    )
      continue;
    run(() => setXattr(view, inode, bytes, value));
    changed = true;
  }
  return changed;
}

/** Gives a host file the inode's attributes; says which could not be given. */
export function exportXattrs(view: View, run: Run, inode: number, path: ByteString, isNew: boolean): ByteString[] {
  const stored = run(() => listXattrs(view, inode));
  const calls = native();
  if (calls === undefined) return stored.map(nameOfBytes);
  const failed: ByteString[] = [];
  for (const bytes of stored) {
    const name = nameOfBytes(bytes);
    const value = run(() => getXattr(view, inode, bytes));
    if (value === undefined) continue;
    try {
      calls.setXattr(path, name, value);
    } catch (error) {
      if (isByreError(error)) throw error;
      failed.push(name);
    }
  }
  if (!isNew) {
    const wanted = new Set(stored.map(nameOfBytes));
    for (const name of hostXattrNames(path)) if (!wanted.has(name)) calls.removeXattr(path, name);
  }
  return failed;
}
