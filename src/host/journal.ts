/**
 * The journal of an apply: what is being done to a real directory, step by step, written before anything is done, so that a process
 * that was killed half-way can be followed by one that finishes the work.
 * Callers must hold the pool's lock while a journal exists that they mean to carry out, and must write it whole or not at all.
 *
 * Two phases. `staging`: new content is being collected in a directory of its own, nothing of the user's has changed, and giving up
 * means removing that directory. `applying`: all content is there, and only forward leads out.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ByreError } from '../errors.ts';
import type { ByteString } from './names.ts';

/** What was found at a path, so that the same file is known again. */
export interface Expectation {
  readonly hostInode: string;
  readonly birthTime: string;
  readonly modifyTime: string;
  readonly size: number;
}

/** `n` names a place in the staging directory. Paths are byte strings from the real directory. */
export type Step =
  /** Writes what the fork has as `inode` to place n. */
  | { readonly do: 'stage'; readonly n: number; readonly inode: number; readonly path: ByteString }
  /** Makes place n one more name of a real file. */
  | { readonly do: 'stageLink'; readonly n: number; readonly path: ByteString }
  /** Makes place n one more name of place m. */
  | { readonly do: 'stageTwin'; readonly n: number; readonly m: number; readonly path: ByteString }
  /** Moves a real file or directory to place n. */
  | { readonly do: 'out'; readonly n: number; readonly path: ByteString; readonly expect: Expectation }
  | { readonly do: 'unlink'; readonly path: ByteString; readonly expect: Expectation }
  | { readonly do: 'rmdir'; readonly path: ByteString; readonly expect: Expectation }
  | { readonly do: 'mkdir'; readonly path: ByteString }
  /** Moves place n to a path, over what is expected there, if anything is. */
  | {
      readonly do: 'in';
      readonly n: number;
      readonly path: ByteString;
      /** Where that is before anything moves. */
      readonly before: ByteString;
      readonly inode: number;
      readonly expect: Expectation | null;
    }
  /** Gives a directory in which names came or went the times that the fork's has. */
  | { readonly do: 'times'; readonly path: ByteString; readonly inode: number }
  /** Gives a path the mode, owner, extended attributes and times that the fork's inode has. */
  | { readonly do: 'attributes'; readonly path: ByteString; readonly inode: number };

export interface Journal {
  readonly version: 1;
  readonly phase: 'staging' | 'applying';
  /** The real directory. */
  readonly root: ByteString;
  /** Name of the staging directory in it. */
  readonly staging: ByteString;
  /** The branch with the wanted state. */
  readonly branch: string;
  /** The real directory's own times before anything was done, in nanoseconds. */
  readonly rootTimes: { readonly access: string; readonly modify: string };
  readonly steps: readonly Step[];
}

/** Where the journal of a real directory lies: beside the pool that holds the fork. */
export function journalPath(poolPath: string, root: ByteString): string {
  const hash = createHash('sha256').update(root, 'latin1').digest('hex').slice(0, 16);
  return `${poolPath}.apply-${hash}`;
}

export function writeJournal(file: string, journal: Journal): void {
  const fresh = `${file}.new`;
  writeFileSync(fresh, JSON.stringify(journal), { mode: 0o600 });
  syncFile(fresh);
  renameSync(fresh, file);
  syncFile(path.dirname(file));
}

export function readJournal(file: string): Journal | undefined {
  if (!existsSync(file)) return undefined;
  const journal = JSON.parse(readFileSync(file, 'utf8')) as Journal;
  if (journal.version === 1) return journal;
  throw new ByreError('UNSUPPORTED', `${file} was written by another version of byre: finish it with that one`);
}

export function removeJournal(file: string): void {
  rmSync(file, { force: true });
  syncFile(path.dirname(file));
}

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
