/**
 * A plain model of POSIX files: maps and arrays, whole copies for forks, one error code per refusal. It is slow and obvious;
 * what the operations do is compared with it.
 * Callers must not make it clever: where it and the operations differ, POSIX decides.
 */
import type { FileType } from '../../src/files/ops/record.ts';

export interface ModelInode {
  type: FileType;
  mode: number;
  uid: number;
  gid: number;
  links: number;
  bytes: Uint8Array;
  entries: Map<string, number>;
  xattrs: Map<string, Uint8Array>;
  modified: number;
  changed: number;
  linkable: boolean;
}

/** What the model refuses with. */
export class Refusal extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

const ROOT = 1;

function blank(type: FileType, mode: number, now: number): ModelInode {
  return {
    type,
    mode,
    uid: 0,
    gid: 0,
    links: type === 'directory' ? 2 : 1,
    bytes: new Uint8Array(0),
    entries: new Map(),
    xattrs: new Map(),
    modified: now,
    changed: now,
    linkable: false,
  };
}

export interface ModelRenameOptions {
  readonly noReplace?: boolean;
  readonly exchange?: boolean;
}

export class Model {
  readonly inodes = new Map<number, ModelInode>();
  now = 0;

  constructor() {
    this.inodes.set(ROOT, blank('directory', 0o755, 0));
  }

  fork(): Model {
    const copy = new Model();
    copy.now = this.now;
    for (const [number, inode] of this.inodes) {
      copy.inodes.set(number, {
        ...inode,
        bytes: inode.bytes.slice(),
        entries: new Map(inode.entries),
        xattrs: new Map(inode.xattrs),
      });
    }
    return copy;
  }

  inode(number: number): ModelInode {
    const inode = this.inodes.get(number);
    if (inode === undefined) throw new Refusal('ENOENT');
    return inode;
  }

  directory(number: number): ModelInode {
    const inode = this.inode(number);
    if (inode.type !== 'directory') throw new Refusal('ENOTDIR');
    if (inode.links === 0) throw new Refusal('ENOENT');
    return inode;
  }

  file(number: number): ModelInode {
    const inode = this.inode(number);
    if (inode.type === 'directory') throw new Refusal('EISDIR');
    if (inode.type !== 'file') throw new Refusal('EINVAL');
    return inode;
  }

  touch(directory: ModelInode): void {
    directory.modified = directory.changed = this.now;
  }

  /** `number` is what the operation under test gave the new inode. */
  create(parent: number, name: string, type: FileType, mode: number, bytes: Uint8Array): (number: number) => void {
    const directory = this.directory(parent);
    if (directory.entries.has(name)) throw new Refusal('EEXIST');
    return (number) => {
      const inode = blank(type, mode, this.now);
      inode.bytes = bytes.slice();
      if ((directory.mode & 0o2000) !== 0) {
        inode.gid = directory.gid;
        if (type === 'directory') inode.mode |= 0o2000;
      }
      this.inodes.set(number, inode);
      directory.entries.set(name, number);
      if (type === 'directory') directory.links++;
      this.touch(directory);
    };
  }

  link(number: number, parent: number, name: string): void {
    const directory = this.directory(parent);
    const inode = this.inode(number);
    if (directory.entries.has(name)) throw new Refusal('EEXIST');
    if (inode.type === 'directory') throw new Refusal('EPERM');
    if (inode.links === 0 && !inode.linkable) throw new Refusal('ENOENT');
    inode.links++;
    inode.linkable = false;
    inode.changed = this.now;
    directory.entries.set(name, number);
    this.touch(directory);
  }

  unlink(parent: number, name: string): void {
    const directory = this.directory(parent);
    const number = directory.entries.get(name);
    if (number === undefined) throw new Refusal('ENOENT');
    const inode = this.inode(number);
    if (inode.type === 'directory') throw new Refusal('EISDIR');
    directory.entries.delete(name);
    this.touch(directory);
    inode.links--;
    inode.changed = this.now;
  }

  removeDirectory(parent: number, name: string): void {
    const directory = this.directory(parent);
    const number = directory.entries.get(name);
    if (number === undefined) throw new Refusal('ENOENT');
    const inode = this.inode(number);
    if (inode.type !== 'directory') throw new Refusal('ENOTDIR');
    if (inode.entries.size > 0) throw new Refusal('ENOTEMPTY');
    directory.entries.delete(name);
    directory.links--;
    this.touch(directory);
    inode.links = 0;
    inode.changed = this.now;
  }

  within(number: number, ancestor: number): boolean {
    if (number === ancestor) return true;
    for (const child of this.inode(ancestor).entries.values()) {
      if (this.inode(child).type === 'directory' && this.within(number, child)) return true;
    }
    return false;
  }

  rename(fromParent: number, from: string, toParent: number, to: string, options: ModelRenameOptions): void {
    if (options.noReplace === true && options.exchange === true) throw new Refusal('EINVAL');
    const source = this.directory(fromParent);
    const target = this.directory(toParent);
    const moved = source.entries.get(from);
    if (moved === undefined) throw new Refusal('ENOENT');
    const replaced = target.entries.get(to);
    if (replaced !== undefined && options.noReplace === true) throw new Refusal('EEXIST');
    if (replaced === undefined && options.exchange === true) throw new Refusal('ENOENT');
    if (moved === replaced) return;
    const isDirectory = (number: number) => this.inode(number).type === 'directory';
    if (isDirectory(moved) && this.within(toParent, moved)) throw new Refusal('EINVAL');
    if (options.exchange === true && replaced !== undefined) {
      if (isDirectory(replaced) && this.within(fromParent, replaced)) throw new Refusal('EINVAL');
      source.entries.set(from, replaced);
      if (isDirectory(replaced)) this.moveLink(target, source);
      this.inode(replaced).changed = this.now;
    } else {
      if (replaced !== undefined) this.replace(target, moved, replaced);
      source.entries.delete(from);
    }
    target.entries.set(to, moved);
    if (isDirectory(moved)) this.moveLink(source, target);
    this.inode(moved).changed = this.now;
    this.touch(source);
    this.touch(target);
  }

  private moveLink(from: ModelInode, to: ModelInode): void {
    from.links--;
    to.links++;
  }

  private replace(parent: ModelInode, moved: number, replaced: number): void {
    const inode = this.inode(replaced);
    if (this.inode(moved).type === 'directory') {
      if (inode.type !== 'directory') throw new Refusal('ENOTDIR');
      if (inode.entries.size > 0) throw new Refusal('ENOTEMPTY');
      parent.links--;
      inode.links = 0;
    } else {
      if (inode.type === 'directory') throw new Refusal('EISDIR');
      inode.links--;
    }
    inode.changed = this.now;
  }

  resize(number: number, size: number): void {
    const inode = this.file(number);
    const bytes = new Uint8Array(size);
    bytes.set(inode.bytes.subarray(0, size));
    inode.bytes = bytes;
    this.touch(inode);
  }

  write(number: number, offset: number, bytes: Uint8Array): void {
    const inode = this.file(number);
    if (bytes.length === 0) return;
    if (offset + bytes.length > inode.bytes.length) this.resize(number, offset + bytes.length);
    inode.bytes.set(bytes, offset);
    this.touch(inode);
  }

  zero(number: number, from: number, to: number, grow: boolean): void {
    const inode = this.inode(number);
    if (inode.type === 'directory') throw new Refusal('EISDIR');
    if (inode.type !== 'file') throw new Refusal('ENODEV');
    if (to <= from) throw new Refusal('EINVAL');
    if (grow && to > inode.bytes.length) this.resize(number, to);
    inode.bytes.fill(0, from, to);
    this.touch(inode);
  }

  copy(fromNumber: number, from: number, toNumber: number, to: number, length: number): void {
    const source = this.file(fromNumber);
    this.file(toNumber);
    const bytes = source.bytes.slice(from, from + length);
    if (bytes.length === 0) return;
    if (fromNumber === toNumber && from < to + bytes.length && to < from + bytes.length) throw new Refusal('EINVAL');
    this.write(toNumber, to, bytes);
  }

  /** Everything that has no name goes. */
  releaseAll(): void {
    for (const [number, inode] of this.inodes) if (inode.links === 0) this.inodes.delete(number);
  }
}
