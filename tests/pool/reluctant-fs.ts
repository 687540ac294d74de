/**
 * `node:fs` as a system that does less than it is asked, for `vi.mock`: short transfers, interruptions, failures.
 * Callers must set `behaviour` back after each test.
 */
import type * as Fs from 'node:fs';

export interface Behaviour {
  /** Reads and writes transfer at most this many bytes. */
  atMostBytes: number;
  /** Every other read and write fails with EINTR first. */
  interrupts: boolean;
  /** The code that a call, such as `writevSync`, fails with; its waiting form fails alike. */
  failures: Record<string, string | undefined>;
  /** How many pieces each write was given. */
  pieces: number[];
  syncedDirectories: number;
}

export const willing: Readonly<Behaviour> = {
  atMostBytes: Number.POSITIVE_INFINITY,
  interrupts: false,
  failures: {},
  pieces: [],
  syncedDirectories: 0,
};

function failure(call: string, code: string): Error {
  return Object.assign(new Error(`${code}: mocked, ${call}`), { code, syscall: call.replace('Sync', '') });
}

type Settle = (error: Error | null, result?: number) => void;

/** The callback form of a synchronous call. */
function later<A extends unknown[]>(call: (...given: A) => number | undefined) {
  return (...all: [...A, Settle]): void => {
    const settle = all.at(-1) as Settle;
    const given = all.slice(0, -1) as unknown as A;
    setImmediate(() => {
      let result: number | undefined;
      try {
        result = call(...given);
      } catch (error) {
        settle(error as Error);
        return;
      }
      settle(null, result);
    });
  };
}

/** The calls that a file device makes. */
export function reluctant(real: typeof Fs, behaviour: Behaviour): Record<string, unknown> {
  let interrupted = false;
  const admit = (call: string): void => {
    const code = behaviour.failures[call];
    if (code !== undefined) throw failure(call, code);
    if (!behaviour.interrupts || !/^(read|write)/.test(call)) return;
    interrupted = !interrupted;
    if (interrupted) throw failure(call, 'EINTR');
  };
  const readSync = (fd: number, target: Uint8Array, at: number, length: number, position: number) => {
    admit('readSync');
    return real.readSync(fd, target, at, Math.min(length, behaviour.atMostBytes), position);
  };
  const writevSync = (fd: number, pieces: Uint8Array[], position: number) => {
    admit('writevSync');
    behaviour.pieces.push(pieces.length);
    const bytes = Buffer.concat(pieces);
    return real.writeSync(fd, bytes, 0, Math.min(bytes.length, behaviour.atMostBytes), position);
  };
  const fdatasyncSync = (fd: number) => {
    admit('fdatasyncSync');
    real.fdatasyncSync(fd);
    return undefined;
  };
  const ftruncateSync = (fd: number, bytes: number) => {
    admit('ftruncateSync');
    real.ftruncateSync(fd, bytes);
    return undefined;
  };
  const fsyncSync = (fd: number) => {
    if (real.fstatSync(fd).isDirectory()) behaviour.syncedDirectories++;
    real.fsyncSync(fd);
  };
  const openSync = (path: string, flags: string) => {
    admit('openSync');
    return real.openSync(path, flags);
  };
  const statfsSync = (path: string) => {
    admit('statfsSync');
    return real.statfsSync(path);
  };
  const waiting = {
    read: later(readSync),
    writev: later(writevSync),
    fdatasync: later(fdatasyncSync),
    ftruncate: later(ftruncateSync),
  };
  return { ...real, ...waiting, readSync, writevSync, fdatasyncSync, ftruncateSync, fsyncSync, openSync, statfsSync };
}
