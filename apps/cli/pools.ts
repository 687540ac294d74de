/**
 * Which pool a command means. It only looks: nothing is opened or made here.
 */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { takePositionals } from './arguments.ts';
import { CommandFailure, refused, type Session, Status, usage } from './session.ts';
import type { Target } from './target.ts';

/** What a pool is called where none is named. */
export const DEFAULT_NAME = '.byre';
/** Its file where that is a directory. */
const POOL_FILE = 'pool.byre';

/** The file of a pool that was given as a file, or as a directory with `pool.byre`, `.byre` or `.byre/pool.byre` in it. */
export function poolFileAt(given: string): string {
  if (!isDirectory(given)) return given;
  const inside = path.join(given, POOL_FILE);
  const below = path.join(given, DEFAULT_NAME);
  return [inside, below, path.join(below, POOL_FILE)].find(isFile) ?? inside;
}

/** Where to make a pool: the file that is given or, in a directory, the pool that is there or `.byre`, which commands find from there. */
export function newPoolFileAt(given: string): string {
  const present = poolFileAt(given);
  if (!isDirectory(given) || isFile(present) || path.basename(given) === DEFAULT_NAME) return present;
  const below = path.join(given, DEFAULT_NAME);
  return isDirectory(below) ? path.join(below, POOL_FILE) : below;
}

/** The nearest `.byre` in a directory or above it. */
export function nearestPool(directory: string): string | undefined {
  for (let at = directory; ; at = path.dirname(at)) {
    const file = poolFileAt(path.join(at, DEFAULT_NAME));
    if (isFile(file)) return file;
    if (path.dirname(at) === at) return undefined;
  }
}

/** The pool that `byre try` keeps for a directory or the nearest above it. */
async function nearestTrialPool(session: Session): Promise<string | undefined> {
  const { trialDirectory } = await import('./trial-place.ts');
  for (let at = session.directory; ; at = path.dirname(at)) {
    const file = path.join(trialDirectory(at, session.environment), POOL_FILE);
    if (existsSync(file)) return file;
    if (path.dirname(at) === at) return undefined;
  }
}

function isDirectory(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

/** An absolute path; a shell leaves `~` alone before a colon. */
export function pathOf(session: Session, typed: string): string {
  const home = (): string => session.environment.HOME || os.homedir();
  return session.path(typed.startsWith('~/') ? path.join(home(), typed.slice(2)) : typed);
}

/** What a command is to work on that takes a pool and nothing in it: the whole word is a path. */
export function takePool(session: Session): Target[] {
  const [pool] = takePositionals(session, ['POOL'], 1);
  if (pool === '') throw usage('an empty name: give the path of a pool, or leave it out');
  return pool === undefined ? [] : [{ pool, branch: undefined, path: undefined }];
}

/** The pool's file that the targets, the options or the surroundings name, without symbolic links. It is there. */
export async function locatePool(session: Session, targets: readonly (Target | undefined)[] = []): Promise<string> {
  // Whoever asks has looked. To look again could mean to look into the mount that this very thread serves, and wait for itself.
  if (session.given !== undefined) return session.given.poolPath;
  const { pool: option } = session.values;
  const typed = [typeof option === 'string' ? option : undefined, ...targets.map((each) => each?.pool)];
  const named = new Set(typed.flatMap((each) => (each === undefined ? [] : [poolFileAt(pathOf(session, each))])));
  if (named.size > 1) throw usage(`a command works on one pool, and these are ${named.size}: ${[...named].join(', ')}`);
  const [only] = named;
  const { BYRE_POOL } = session.environment;
  const meant =
    only ?? (BYRE_POOL === undefined || BYRE_POOL === '' ? undefined : poolFileAt(pathOf(session, BYRE_POOL)));
  const found = meant ?? nearestPool(session.directory) ?? (await nearestTrialPool(session));
  if (found === undefined) {
    throw new CommandFailure(
      `there is no pool for ${session.directory}: make one with 'byre init', or name one with --pool or BYRE_POOL`,
      Status.missing,
    );
  }
  if (!existsSync(found)) {
    const above = path.dirname(found);
    const where = path.basename(found) === POOL_FILE && existsSync(above) ? `in ${above}` : `at ${found}`;
    throw new CommandFailure(`there is no pool ${where}: make one with 'byre init', or check the path`, Status.missing);
  }
  return realpathSync(found);
}

/**
 * Where a path typed for a real file or directory leads. A process that serves a mount must not reach into it with synchronous
 * calls: for a command that makes such calls, a path in there is refused.
 */
export async function realPathOf(session: Session, typed: string): Promise<string> {
  const absolute = pathOf(session, typed);
  const { given } = session;
  if (given === undefined) return absolute;
  const { mountsOfPool } = await import('../fuse/transport/mount-table.ts');
  const leadsTo = await nearestReal(absolute);
  const within = mountsOfPool(given.poolPath).find(
    ({ directory }) => leadsTo === directory || leadsTo.startsWith(`${directory}/`),
  );
  if (within === undefined) return absolute;
  throw refused(`${typed} is in a mount of the very pool: use cp there, or name what is meant as BRANCH:/PATH`);
}

/** The path without symbolic links, as far as it is there. */
async function nearestReal(absolute: string): Promise<string> {
  try {
    return await realpath(absolute);
  } catch {
    const above = path.dirname(absolute);
    return above === absolute ? absolute : path.join(await nearestReal(above), path.basename(absolute));
  }
}
