/**
 * Numbers of the kernel's FUSE protocol, minor versions 31 to 45: operation codes, flags, and where each field lies.
 * Offsets of requests count from the start of the body (after the 40-byte header). Callers must not use an offset past the size
 * that `request.ts` has checked for the operation.
 */

export const PROTOCOL_MAJOR = 7;
/** The oldest minor version that is served (Linux 5.4) and the newest that is known. */
export const PROTOCOL_MINOR_OLDEST = 31;
export const PROTOCOL_MINOR_NEWEST = 45;

export const REQUEST_HEADER_BYTES = 40;
export const REPLY_HEADER_BYTES = 16;
/** The node that is the root of every mount. */
export const ROOT_NODE = 1;
export const NAME_BYTES_MAX = 255;
export const TARGET_BYTES_MAX = 4095;
/** What the kernel may put before a write's data, with room to spare; it refuses to deliver into less. */
export const REQUEST_OVERHEAD_BYTES = 8192;

export const operation = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  getlk: 31,
  setlk: 32,
  setlkw: 33,
  access: 34,
  create: 35,
  interrupt: 36,
  bmap: 37,
  destroy: 38,
  ioctl: 39,
  poll: 40,
  notifyReply: 41,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  lseek: 46,
  copyFileRange: 47,
  setupMapping: 48,
  removeMapping: 49,
  syncfs: 50,
  tmpfile: 51,
  statx: 52,
  copyFileRange64: 53,
} as const;

/** One past the highest operation code that is known. */
export const OPERATION_COUNT = 54;

/** Flags of the first word that INIT negotiates. */
export const initFlag = {
  asyncRead: 1 << 0,
  posixLocks: 1 << 1,
  atomicTruncate: 1 << 3,
  exportSupport: 1 << 4,
  bigWrites: 1 << 5,
  dontMask: 1 << 6,
  flockLocks: 1 << 10,
  autoInvalidateData: 1 << 12,
  readdirplus: 1 << 13,
  readdirplusAuto: 1 << 14,
  asyncDirect: 1 << 15,
  writebackCache: 1 << 16,
  noOpenSupport: 1 << 17,
  parallelDirectoryOperations: 1 << 18,
  abortError: 1 << 21,
  maxPages: 1 << 22,
  cacheSymlinks: 1 << 23,
  noOpendirSupport: 1 << 24,
  explicitInvalidateData: 1 << 25,
  handleKillPrivilegesV2: 1 << 28,
  initExtended: 1 << 30,
} as const;

/** Flags of the second word (bits 32 and up). */
export const initFlag2 = {
  hasExpireOnly: 1 << 3,
} as const;

export const openFlag = { directIo: 1, keepCache: 2, cacheDirectory: 8, noFlush: 32 } as const;

/** Which fields of SETATTR count. */
export const setattrValid = {
  mode: 1 << 0,
  uid: 1 << 1,
  gid: 1 << 2,
  size: 1 << 3,
  accessTime: 1 << 4,
  modifyTime: 1 << 5,
  accessTimeNow: 1 << 7,
  modifyTimeNow: 1 << 8,
  changeTime: 1 << 10,
  killSetIds: 1 << 11,
} as const;

export const writeFlag = { fromCache: 1, killSetIds: 4 } as const;
export const fsyncFlag = { dataOnly: 1 } as const;
export const renameFlag = { noReplace: 1, exchange: 2, whiteout: 4 } as const;
export const xattrFlag = { create: 1, replace: 2 } as const;
export const fallocateMode = { keepSize: 1, punchHole: 2, zeroRange: 16 } as const;
export const seekWhence = { data: 3, hole: 4 } as const;

/** Bits of a mode word that say what a node is. */
export const modeType = {
  mask: 0o170000,
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;

export const requestHeader = {
  length: 0,
  operation: 4,
  unique: 8,
  node: 16,
  uid: 24,
  gid: 28,
  pid: 32,
  extension: 36,
} as const;

export const initIn = { major: 0, minor: 4, maxReadahead: 8, flags: 12, flags2: 16 } as const;
export const forgetIn = { count: 0 } as const;
export const batchForgetIn = { count: 0, items: 8, itemBytes: 16 } as const;
export const setattrIn = {
  valid: 0,
  handle: 8,
  size: 16,
  accessSeconds: 32,
  modifySeconds: 40,
  changeSeconds: 48,
  accessNanoseconds: 56,
  modifyNanoseconds: 60,
  changeNanoseconds: 64,
  mode: 68,
  uid: 76,
  gid: 80,
} as const;
export const mknodIn = { mode: 0, device: 4, umask: 8 } as const;
export const mkdirIn = { mode: 0, umask: 4 } as const;
export const createIn = { flags: 0, mode: 4, umask: 8 } as const;
export const renameIn = { newParent: 0, flags: 8 } as const;
export const linkIn = { oldNode: 0 } as const;
export const openIn = { flags: 0 } as const;
export const readIn = { handle: 0, offset: 8, size: 16, flags: 32 } as const;
export const writeIn = { handle: 0, offset: 8, size: 16, writeFlags: 20, flags: 32, data: 40 } as const;
export const releaseIn = { handle: 0 } as const;
export const fsyncIn = { handle: 0, flags: 8 } as const;
export const getxattrIn = { size: 0 } as const;
export const setxattrIn = { size: 0, flags: 4 } as const;
export const accessIn = { mask: 0 } as const;
export const fallocateIn = { handle: 0, offset: 8, length: 16, mode: 24 } as const;
export const lseekIn = { handle: 0, offset: 8, whence: 16 } as const;
export const copyIn = {
  fromHandle: 0,
  fromOffset: 8,
  toNode: 16,
  toHandle: 24,
  toOffset: 32,
  length: 40,
  flags: 48,
} as const;

export const notification = {
  invalidateInode: 2,
  invalidateEntry: 3,
  retrieve: 5,
  increaseEpoch: 8,
} as const;
