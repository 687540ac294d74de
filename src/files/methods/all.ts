/**
 * All methods by name, each written once: `forms.ts` makes three of each. What takes a descriptor first stands apart, since the
 * promises have those on FileHandle only.
 * A name may stand here only if its body checks its arguments before its first step.
 */
import * as attributes from './attributes.ts';
import { copyFile } from './copy.ts';
import { cp } from './copy-tree.ts';
import * as inspect from './inspect.ts';
import { opendir, readdir } from './listing.ts';
import * as names from './names.ts';
import { close, open } from './open.ts';
import { rm } from './remove.ts';
import * as sparse from './sparse.ts';
import * as transfer from './transfer.ts';
import { appendFile, readFile, writeFile } from './whole.ts';

export const pathMethods = {
  access: inspect.access,
  appendFile,
  chmod: attributes.chmod,
  chown: attributes.chown,
  copyFile,
  cp,
  getXattr: attributes.getXattr,
  lchown: attributes.lchown,
  link: names.link,
  listXattrs: attributes.listXattrs,
  lstat: inspect.lstat,
  lutimes: attributes.lutimes,
  mkdir: names.mkdir,
  mkdtemp: names.mkdtemp,
  mkfifo: names.mkfifo,
  mknod: names.mknod,
  open,
  opendir,
  readFile,
  readdir,
  readlink: inspect.readlink,
  realpath: inspect.realpath,
  removeXattr: attributes.removeXattr,
  rename: names.rename,
  rm,
  rmdir: names.rmdir,
  setXattr: attributes.setXattr,
  stat: inspect.stat,
  statfs: inspect.statfs,
  symlink: names.symlink,
  truncate: transfer.truncate,
  unlink: names.unlink,
  utimes: attributes.utimes,
  writeFile,
};

export const descriptorMethods = {
  allocate: sparse.allocate,
  close,
  copyRange: sparse.copyRange,
  fchmod: attributes.fchmod,
  fchown: attributes.fchown,
  fdatasync: transfer.fdatasync,
  fstat: inspect.fstat,
  fsync: transfer.fsync,
  ftruncate: transfer.ftruncate,
  futimes: attributes.futimes,
  punchHole: sparse.punchHole,
  read: transfer.read,
  readv: transfer.readv,
  seekData: sparse.seekData,
  seekHole: sparse.seekHole,
  write: transfer.write,
  writev: transfer.writev,
  zeroRange: sparse.zeroRange,
};

/** What a FileHandle calls the methods that take its descriptor first. */
export const handleMethods = {
  allocate: sparse.allocate,
  appendFile,
  chmod: attributes.fchmod,
  chown: attributes.fchown,
  copyRange: sparse.copyRange,
  datasync: transfer.fdatasync,
  punchHole: sparse.punchHole,
  read: transfer.read,
  readFile,
  readv: transfer.readv,
  seekData: sparse.seekData,
  seekHole: sparse.seekHole,
  stat: inspect.fstat,
  sync: transfer.fsync,
  truncate: transfer.ftruncate,
  utimes: attributes.futimes,
  write: transfer.write,
  writeFile,
  writev: transfer.writev,
  zeroRange: sparse.zeroRange,
};

export const { exists } = inspect;
