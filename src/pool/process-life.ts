/**
 * Who a process is, so that another process can later tell whether it still lives.
 * Callers must take `lives: 'unknown'` for alive: it means that nobody here can tell.
 */
import * as fs from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  readonly pid: number;
  /** When the process began, in the kernel's clock ticks since boot: a pid that is used again has another. Null where unknown. */
  readonly processStart: number | null;
  readonly bootId: string | null;
  readonly pidNamespace: string | null;
  readonly host: string;
}

/** `ending`: it was killed or is exiting, and may still have files open, for a moment. */
export type Life = { readonly lives: 'yes' | 'ending' | 'no' } | { readonly lives: 'unknown'; readonly reason: string };

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return {
    pid: process.pid,
    processStart: startOf(process.pid),
    bootId: attempted(() => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: attempted(() => fs.readlinkSync('/proc/self/ns/pid')),
    host: hostname(),
  };
}

/** Judges `other` from where `self` stands. `isShared` says that other machines, too, could have written what names `other`. */
export function lifeOf(other: ProcessIdentity, self: ProcessIdentity, isShared: () => boolean): Life {
  if (other.host !== self.host) {
    return { lives: 'unknown', reason: `it runs on another machine or in another container (${other.host})` };
  }
  if (other.bootId !== self.bootId) {
    // Two machines of one name on one network file system look like one machine before and after a restart.
    if (isShared())
      return { lives: 'unknown', reason: 'it ran before a restart, or on another machine of the same name' };
    return { lives: 'no' };
  }
  if (other.pidNamespace !== self.pidNamespace) {
    return { lives: 'unknown', reason: 'it runs in another container, whose processes cannot be seen from here' };
  }
  return { lives: stateOf(other.pid, other.processStart) };
}

/** When a process of this machine began; null if there is no such process, or no telling. */
export function startOf(pid: number): number | null {
  return statOf(pid)?.start ?? null;
}

/** Judges a process of this machine, as {@link lifeOf} does. */
export function stateOf(pid: number, processStart: number | null): 'yes' | 'ending' | 'no' {
  if (!isThere(pid)) return 'no';
  const first = statOf(pid);
  // The kernel writes flags before signals: who takes its signal between the two shows neither, this once.
  const stat = first?.isEnding === false ? statOf(pid) : first;
  // It may have ended just now; else it is hidden, or there is no /proc.
  if (stat === undefined) return isThere(pid) ? 'yes' : 'no';
  if (processStart !== null && stat.start !== processStart) return 'no';
  // Its parent has not noticed yet. Its other threads may still be writing, and are waited for.
  if (stat.isZombie) return stat.threads <= 1 ? 'no' : 'ending';
  return stat.isEnding ? 'ending' : 'yes';
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (caught) {
    // EPERM says that it is another user's, and there.
    return (caught as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Of a process's flags, that it is exiting, or that a signal has ended it; of its pending signals, SIGKILL. */
const EXITING = 0x4 | 0x400;
const KILLED = 0x100;

interface ProcessStat {
  readonly start: number;
  readonly isZombie: boolean;
  readonly isEnding: boolean;
  readonly threads: number;
}

/** Undefined where there is no /proc, or where it hides the process. Fields as proc_pid_stat(5) numbers them. */
function statOf(pid: number): ProcessStat | undefined {
  const line = attempted(() => fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (line === null) return undefined;
  // The second field is the program's name in parentheses, which may hold spaces and parentheses; the third follows the last.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state, flags, threads, start, signals] = [3, 9, 20, 22, 31].map((field) => fields[field - 3]);
  if (state === undefined || start === undefined) return undefined;
  return {
    start: Number(start),
    isZombie: state === 'Z' || state === 'X' || state === 'x',
    isEnding: (Number(flags) & EXITING) !== 0 || (Number(signals) & KILLED) !== 0,
    threads: Number(threads),
  };
}

function attempted(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}
