/**
 * Where `byre try` keeps what it knows of a directory: outside of it, in the user's state directory.
 * Callers must not create the place just to look whether something is there.
 */
import { createHash } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

export function stateDirectory(environment: Environment): string {
  const state = environment.XDG_STATE_HOME;
  const user = environment.HOME || os.homedir();
  const base = state !== undefined && path.isAbsolute(state) ? state : path.join(user, '.local', 'state');
  return path.join(base, 'byre');
}

/** One directory for each real directory, named so that people can tell which. */
export function trialDirectory(directory: string, environment: Environment): string {
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  const word =
    path
      .basename(directory)
      .replace(/[^A-Za-z0-9._-]+/g, '_')
      .slice(0, 40) || 'root';
  return path.join(stateDirectory(environment), `${word}-${hash}`);
}
