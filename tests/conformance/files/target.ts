/**
 * What the conformance suite runs against, and the one face through which it speaks to the three forms of `node:fs`
 * (synchronous, promises, callbacks), so that each case is written once and holds for all of them.
 * Cases must not touch `target.fs` where `Calls` can say it: then only one form would be proven.
 */
import type * as nodeFs from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

export type FsLike = typeof nodeFs;

/** A file system, an empty writable directory in it, and what to do when a case is over. */
export interface Target {
  readonly fs: FsLike;
  /** Absolute path of an empty directory, without a trailing slash, reached through no symbolic link. `''` is the root itself. */
  readonly root: string;
  /** True when the caller passes every permission check, as the superuser does. */
  readonly superuser: boolean;
  /** Also holds where Node's versions and forms differ among themselves: then what is documented, or what most of them do, counts. */
  readonly strict: boolean;
  /** Verifies the file system and frees it. */
  cleanup(): Promise<void>;
}

export type Setup = () => Promise<Target>;

export const formNames = ['sync', 'promises', 'callback'] as const;
export type FormName = (typeof formNames)[number];

type Promises = FsLike['promises'];

/** An open file in any form: the methods of a FileHandle that have a twin taking a descriptor. */
export type Handle = Pick<
  FileHandle,
  | 'read'
  | 'write'
  | 'readv'
  | 'writev'
  | 'stat'
  | 'truncate'
  | 'sync'
  | 'datasync'
  | 'chmod'
  | 'chown'
  | 'utimes'
  | 'readFile'
  | 'writeFile'
  | 'appendFile'
  | 'close'
>;

/** The methods of `fs.promises` that all forms share, `open` giving a {@link Handle}, and `exists`. */
export type Calls = Pick<
  Promises,
  | 'access'
  | 'appendFile'
  | 'chmod'
  | 'chown'
  | 'copyFile'
  | 'cp'
  | 'lchown'
  | 'link'
  | 'lstat'
  | 'lutimes'
  | 'mkdir'
  | 'mkdtemp'
  | 'opendir'
  | 'readFile'
  | 'readdir'
  | 'readlink'
  | 'realpath'
  | 'rename'
  | 'rm'
  | 'rmdir'
  | 'stat'
  | 'statfs'
  | 'symlink'
  | 'truncate'
  | 'unlink'
  | 'utimes'
  | 'writeFile'
> & {
  open(path: nodeFs.PathLike, flags?: string | number, mode?: nodeFs.Mode): Promise<Handle>;
  exists(path: nodeFs.PathLike): Promise<boolean>;
};

type Loose = Record<string, (...args: unknown[]) => unknown>;

const descriptorNames: Record<string, string> = {
  stat: 'fstat',
  truncate: 'ftruncate',
  sync: 'fsync',
  datasync: 'fdatasync',
  chmod: 'fchmod',
  chown: 'fchown',
  utimes: 'futimes',
};

/** The synchronous and callback forms give only the count, or count and buffer apart, where promises give an object. */
const countNames: Record<string, [string, string]> = {
  read: ['bytesRead', 'buffer'],
  readv: ['bytesRead', 'buffers'],
  write: ['bytesWritten', 'buffer'],
  writev: ['bytesWritten', 'buffers'],
};

function callSync(fs: FsLike, name: string, args: unknown[]): Promise<unknown> {
  return new Promise((resolve) => resolve((fs as unknown as Loose)[`${name}Sync`]!(...args)));
}

/** Node 20 calls back from within a recursive `readdir`. */
function callsBackAtOnce(name: string, args: unknown[]): boolean {
  return name === 'readdir' && typeof args[1] === 'object';
}

function callCallback(fs: FsLike, name: string, args: unknown[]): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    let returned = false;
    (fs as unknown as Loose)[name]!(...args, (error: unknown, ...results: unknown[]) => {
      if (!returned && !callsBackAtOnce(name, args)) reject(new Error(`${name} called back before it returned`));
      if (error) reject(error);
      else resolve(results);
    });
    returned = true;
  });
}

function descriptorCall(fs: FsLike, form: FormName, descriptor: number, name: string) {
  const twin = descriptorNames[name] ?? name;
  const counts = countNames[name];
  return async (...args: unknown[]): Promise<unknown> => {
    if (form === 'sync') {
      const result = await callSync(fs, twin, [descriptor, ...args]);
      return counts ? { [counts[0]]: result, [counts[1]]: args[0] } : result;
    }
    const results = await callCallback(fs, twin, [descriptor, ...args]);
    return counts ? { [counts[0]]: results[0], [counts[1]]: results[1] } : results[0];
  };
}

function handleOf(fs: FsLike, form: FormName, descriptor: number): Handle {
  return new Proxy({} as Handle, {
    get: (_, name) => (name === 'then' ? undefined : descriptorCall(fs, form, descriptor, String(name))),
  });
}

async function call(fs: FsLike, form: FormName, name: string, args: unknown[]): Promise<unknown> {
  if (name === 'exists') {
    if (form === 'callback') return new Promise((resolve) => fs.exists(args[0] as string, resolve));
    return fs.existsSync(args[0] as string);
  }
  if (form === 'promises') return (fs.promises as unknown as Loose)[name]!(...args);
  const result = form === 'sync' ? await callSync(fs, name, args) : (await callCallback(fs, name, args))[0];
  return name === 'open' ? handleOf(fs, form, result as number) : result;
}

/** The calls of one form, all returning promises. */
export function callsOf(fs: FsLike, form: FormName): Calls {
  return new Proxy({} as Calls, {
    get:
      (_, name) =>
      (...args: unknown[]) =>
        call(fs, form, String(name), args),
  });
}
