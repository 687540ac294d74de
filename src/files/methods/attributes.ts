/**
 * Methods that change attributes: modes, owners, times, and extended attributes.
 * Each must check its arguments before it returns its operation.
 */
import { bytesOf, dataOf, encodingOf, flagOption, modeOf, optionsOf, ownerOf, timeOf } from '../arguments.ts';
import type { Context } from '../context.ts';
import { calling, errno } from '../explain.ts';
import { type AttributeChanges, setAttributes } from '../ops/attributes.ts';
import { requireWritable, type Time } from '../ops/view.ts';
import * as xattrs from '../ops/xattrs.ts';
import { type Follow, pathOf, resolve } from '../path.ts';
import { presented } from '../platform.ts';
import { onDescriptor } from './descriptors.ts';
import { shown } from './inspect.ts';

function set(context: Context, inode: number, changes: AttributeChanges): void {
  setAttributes(context.view, inode, changes);
  context.changes.changed(inode);
}

function setAt(context: Context, syscall: string, path: unknown, follow: Follow, changes: () => AttributeChanges) {
  const target = pathOf(path);
  return calling({ syscall, path: target.text }, () => {
    const { inode } = resolve(context.view, target, follow);
    requireWritable(context.view);
    set(context, inode, changes());
  });
}

function setOf(context: Context, syscall: string, fd: unknown, changes: () => AttributeChanges) {
  return onDescriptor(context, fd, syscall, ({ inode }) => set(context, inode, changes()));
}

function modeChanges(mode: unknown): () => AttributeChanges {
  const bits = modeOf(mode);
  return () => ({ mode: bits });
}

export function chmod(context: Context, path: unknown, mode: unknown) {
  return setAt(context, 'chmod', path, 'always', modeChanges(mode));
}

export function fchmod(context: Context, fd: unknown, mode: unknown) {
  return setOf(context, 'fchmod', fd, modeChanges(mode));
}

function ownerChanges(uid: unknown, gid: unknown): () => AttributeChanges {
  const changes = { uid: ownerOf(uid, 'uid'), gid: ownerOf(gid, 'gid'), clearPrivileges: true };
  return () => changes;
}

export function chown(context: Context, path: unknown, uid: unknown, gid: unknown) {
  return setAt(context, 'chown', path, 'always', ownerChanges(uid, gid));
}

export function lchown(context: Context, path: unknown, uid: unknown, gid: unknown) {
  return setAt(context, 'lchown', path, 'slash', ownerChanges(uid, gid));
}

export function fchown(context: Context, fd: unknown, uid: unknown, gid: unknown) {
  return setOf(context, 'fchown', fd, ownerChanges(uid, gid));
}

function timeChanges(context: Context, atime: unknown, mtime: unknown): () => AttributeChanges {
  const [accessTime, modifyTime] = [timeOf(atime, 'atime'), timeOf(mtime, 'mtime')];
  return () => {
    const present: Time = context.view.now();
    return { accessTime: accessTime ?? present, modifyTime: modifyTime ?? present };
  };
}

export function utimes(context: Context, path: unknown, atime: unknown, mtime: unknown) {
  return setAt(context, 'utime', path, 'always', timeChanges(context, atime, mtime));
}

export function lutimes(context: Context, path: unknown, atime: unknown, mtime: unknown) {
  return setAt(context, 'lutime', path, 'slash', timeChanges(context, atime, mtime));
}

export function futimes(context: Context, fd: unknown, atime: unknown, mtime: unknown) {
  return setOf(context, 'futime', fd, timeChanges(context, atime, mtime));
}

/** Attributes of the thing itself (`follow: false`), or of what a link leads to, as by default. */
function xattrTarget(path: unknown, options: unknown) {
  const settings = optionsOf(options);
  const follow: Follow = flagOption(settings, 'follow', true) ? 'always' : 'slash';
  return { target: pathOf(path), follow, settings };
}

function xattrName(name: unknown): Uint8Array {
  return dataOf(name, 'utf8');
}

/** ENODATA if it has none of that name. */
export function getXattr(context: Context, path: unknown, name: unknown, options?: unknown) {
  const { target, follow } = xattrTarget(path, options);
  const key = xattrName(name);
  return calling({ syscall: 'getxattr', path: target.text }, () => {
    const value = xattrs.getXattr(context.view, resolve(context.view, target, follow).inode, key);
    if (value === undefined) throw errno('ENODATA');
    return presented(value);
  });
}

export function setXattr(context: Context, path: unknown, name: unknown, value: unknown, options?: unknown) {
  const { target, follow, settings } = xattrTarget(path, options);
  const key = xattrName(name);
  const bytes = typeof value === 'string' ? dataOf(value, 'utf8') : new Uint8Array(bytesOf(value, 'value'));
  const how = { create: flagOption(settings, 'create'), replace: flagOption(settings, 'replace') };
  return calling({ syscall: 'setxattr', path: target.text }, () => {
    const { inode } = resolve(context.view, target, follow);
    xattrs.setXattr(context.view, inode, key, bytes, how);
    context.changes.changed(inode);
  });
}

export function listXattrs(context: Context, path: unknown, options?: unknown) {
  const { target, follow, settings } = xattrTarget(path, options);
  const encoding = encodingOf(settings, 'utf8');
  return calling({ syscall: 'listxattr', path: target.text }, () =>
    xattrs.listXattrs(context.view, resolve(context.view, target, follow).inode).map((name) => shown(name, encoding)),
  );
}

/** ENODATA if it has none of that name. */
export function removeXattr(context: Context, path: unknown, name: unknown, options?: unknown) {
  const { target, follow } = xattrTarget(path, options);
  const key = xattrName(name);
  return calling({ syscall: 'removexattr', path: target.text }, () => {
    const { inode } = resolve(context.view, target, follow);
    xattrs.removeXattr(context.view, inode, key);
    context.changes.changed(inode);
  });
}
