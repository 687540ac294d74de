/**
 * The system calls that `node:fs` lacks: times to the nanosecond, extended attributes, device nodes, holes, syncing a file system.
 * They come from the optional package `koffi`; without it, or on another system than Linux, there are none of them.
 * Callers must work without them, and say what was lost. Paths are followed by nobody: each call looks at the link itself.
 */
import { createRequire } from 'node:module';
import os from 'node:os';
import { type ByteString, hostPathForC } from './names.ts';

export interface Native {
  /** Access and modification time in nanoseconds since 1970. */
  setTimes(path: ByteString, accessTime: bigint, modifyTime: bigint): void;
  listXattrs(path: ByteString): ByteString[];
  listXattrsOf(descriptor: number): ByteString[];
  getXattr(path: ByteString, name: ByteString): Uint8Array;
  setXattr(path: ByteString, name: ByteString, value: Uint8Array): void;
  removeXattr(path: ByteString, name: ByteString): void;
  makeNode(path: ByteString, mode: number, device: number): void;
  /** The first offset at or after `offset` that holds data, or -1 if only a hole follows. */
  seekData(descriptor: number, offset: number): number;
  seekHole(descriptor: number, offset: number): number;
  syncFileSystem(descriptor: number): void;
  /** What is in an open directory: names, and what `getdents` calls their types. Undefined where the C library has no such call. */
  readonly listDirectory: ((descriptor: number) => NativeEntry[]) | undefined;
  /** Fills 256 bytes with what `statx` says of a path of plain ASCII; false if there is any error. */
  statInto(path: string, into: Uint8Array): boolean;
  /** The same of an open file. */
  statDescriptorInto(descriptor: number, into: Uint8Array): boolean;
}

export interface NativeEntry {
  readonly name: ByteString;
  readonly type: number;
}

type Call = (...values: unknown[]) => number;

interface Koffi {
  load(path: string | null): { func(declaration: string): Call };
  errno(): number;
}

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
/** The basic fields and the birth time. */
const STATX_ALL = 0xfff;
const SEEK_SET = 0;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const BILLION = 1_000_000_000n;
/** The kernel's own limits: XATTR_LIST_MAX and XATTR_SIZE_MAX. */
const XATTR_BYTES = 65_536;

/** Where a `struct linux_dirent64` has what. */
const ENTRY = { length: 16, type: 18, name: 19 } as const;

const names = new Map(Object.entries(os.constants.errno).map(([name, number]) => [number, name]));

/** A call that some C libraries lack. */
function optional(find: () => Call): Call | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}

function declare(koffi: Koffi) {
  const library = koffi.load(null);
  return {
    utimensat: library.func('int utimensat(int, const void*, const void*, int)'),
    llistxattr: library.func('int64_t llistxattr(const void*, void*, size_t)'),
    flistxattr: library.func('int64_t flistxattr(int, void*, size_t)'),
    lgetxattr: library.func('int64_t lgetxattr(const void*, const void*, void*, size_t)'),
    lsetxattr: library.func('int lsetxattr(const void*, const void*, const void*, size_t, int)'),
    lremovexattr: library.func('int lremovexattr(const void*, const void*)'),
    mknod: library.func('int mknod(const void*, uint32_t, uint64_t)'),
    lseek: library.func('int64_t lseek(int, int64_t, int)'),
    syncfs: library.func('int syncfs(int)'),
    getdents64: optional(() => library.func('int64_t getdents64(int, void*, size_t)')),
    statx: library.func('int statx(int, const char*, int, uint32_t, void*)'),
  };
}

/** All that `read` brings into the buffer, so many bytes at a time, until it brings nothing. */
function listWith(read: () => number, buffer: Uint8Array): NativeEntry[] {
  const bytes = Buffer.from(buffer.buffer);
  const entries: NativeEntry[] = [];
  for (let end = read(); end > 0; end = read()) {
    for (let at = 0; at < end; at += bytes.readUInt16LE(at + ENTRY.length)) {
      const start = at + ENTRY.name;
      const name = bytes.toString('latin1', start, bytes.indexOf(0, start));
      if (name !== '.' && name !== '..') entries.push({ name, type: bytes[at + ENTRY.type]! });
    }
  }
  return entries;
}

function bind(koffi: Koffi): Native {
  const calls = declare(koffi);
  const { utimensat, llistxattr, flistxattr, lgetxattr, lsetxattr, lremovexattr } = calls;
  const { mknod, lseek, syncfs, getdents64, statx } = calls;
  const times = new BigInt64Array(4);
  const buffer = new Uint8Array(XATTR_BYTES);

  function checked(result: number, syscall: string, path?: ByteString): number {
    if (result >= 0) return result;
    const code = names.get(koffi.errno()) ?? 'EIO';
    const error: NodeJS.ErrnoException = new Error(`${code}: ${syscall} '${path ?? ''}'`);
    error.code = code;
    error.errno = -koffi.errno();
    error.syscall = syscall;
    if (path !== undefined) error.path = path;
    throw error;
  }

  function split(bytes: number): ByteString[] {
    return bytes === 0
      ? []
      : Buffer.from(buffer.buffer, 0, bytes - 1)
          .toString('latin1')
          .split('\0');
  }

  function seek(descriptor: number, offset: number, whence: number): number {
    const found = lseek(descriptor, offset, whence);
    if (found < 0 && names.get(koffi.errno()) === 'ENXIO') return -1;
    return checked(found, 'lseek');
  }

  return {
    setTimes(path, accessTime, modifyTime) {
      times[0] = BigInt.asIntN(64, floorDivide(accessTime));
      times[1] = accessTime - times[0] * BILLION;
      times[2] = BigInt.asIntN(64, floorDivide(modifyTime));
      times[3] = modifyTime - times[2] * BILLION;
      checked(utimensat(AT_FDCWD, hostPathForC(path), times, AT_SYMLINK_NOFOLLOW), 'utimensat', path);
    },
    listXattrs: (path) => split(checked(llistxattr(hostPathForC(path), buffer, XATTR_BYTES), 'listxattr', path)),
    listXattrsOf: (descriptor) => split(checked(flistxattr(descriptor, buffer, XATTR_BYTES), 'listxattr')),
    getXattr(path, name) {
      const bytes = lgetxattr(hostPathForC(path), hostPathForC(name), buffer, XATTR_BYTES);
      return buffer.slice(0, checked(bytes, 'getxattr', path));
    },
    setXattr(path, name, value) {
      checked(lsetxattr(hostPathForC(path), hostPathForC(name), value, value.length, 0), 'setxattr', path);
    },
    removeXattr(path, name) {
      checked(lremovexattr(hostPathForC(path), hostPathForC(name)), 'removexattr', path);
    },
    makeNode(path, mode, device) {
      checked(mknod(hostPathForC(path), mode, device), 'mknod', path);
    },
    seekData: (descriptor, offset) => seek(descriptor, offset, SEEK_DATA),
    seekHole: (descriptor, offset) => seek(descriptor, offset, SEEK_HOLE),
    statDescriptorInto: (descriptor, into) => statx(descriptor, '', AT_EMPTY_PATH, STATX_ALL, into) === 0,
    statInto: (path, into) => statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_ALL, into) === 0,
    syncFileSystem(descriptor) {
      checked(syncfs(descriptor), 'syncfs');
    },
    listDirectory:
      getdents64 &&
      ((descriptor) => {
        checked(lseek(descriptor, 0, SEEK_SET), 'lseek');
        return listWith(() => checked(getdents64(descriptor, buffer, XATTR_BYTES), 'getdents'), buffer);
      }),
  };
}

function floorDivide(nanoseconds: bigint): bigint {
  const seconds = nanoseconds / BILLION;
  return nanoseconds < 0n && seconds * BILLION !== nanoseconds ? seconds - 1n : seconds;
}

let loaded: Native | undefined;
let tried = false;

/** The calls, or undefined where there are none. `BYRE_NO_NATIVE=1` does without, so that this can be tested. */
export function native(): Native | undefined {
  if (tried) return loaded;
  tried = true;
  if (process.platform !== 'linux' || process.env.BYRE_NO_NATIVE === '1') return undefined;
  try {
    loaded = bind(createRequire(import.meta.url)('koffi') as Koffi);
  } catch {
    loaded = undefined;
  }
  return loaded;
}
