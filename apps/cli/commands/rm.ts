/**
 * `byre rm`: removes files of a branch, all that are named or none.
 * Directories go only when that is asked for, and a whole branch never: that is `byre drop`.
 */
import { ByreError } from '../../../src/errors.ts';
import { createFiles, type Files } from '../../../src/files/index.ts';
import type { Branch } from '../../../src/pool/branch.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import type { Command } from '../command.ts';
import { withPool } from '../pool.ts';
import { refused, type Session, usage, writeJson } from '../session.ts';
import { jsonName, shown } from '../shown.ts';
import { parseTarget, showTarget, type Target } from '../target.ts';
import { DEFAULT_BRANCH, writableBranch } from '../targets.ts';
import { pathOfTyped } from '../typed.ts';

interface Options {
  readonly recursive: boolean;
  readonly force: boolean;
}

/** Removes one, if it is there. */
function removeOne(files: Files, name: string | Uint8Array, title: string, { recursive, force }: Options): boolean {
  const stats = files.lstatSync(name, { throwIfNoEntry: false, bigint: false });
  if (stats === undefined) {
    if (force) return false;
    throw new ByreError('ENOENT', `${title}: no such file or directory`, { path: title });
  }
  if (stats.isDirectory() && !recursive) {
    throw new ByreError('EISDIR', `${title} is a directory: give --recursive to remove it with all in it`);
  }
  files.rmSync(name, { recursive });
  return true;
}

interface Removal {
  readonly branch: Branch;
  readonly paths: ReadonlySet<string>;
}

/** All of them or none, in one turn, so that nobody's change comes in between. */
function removeAll(pool: Pool, removals: readonly Removal[], options: Options): object[] {
  const forks: Branch[] = [];
  try {
    const removed = removals.flatMap(({ branch, paths }) => {
      const { name = '' } = branch;
      const fork = pool.forkUnnamedSync(branch);
      forks.push(fork);
      const files = createFiles(fork);
      return [...paths]
        .filter((path) => removeOne(files, pathOfTyped(path), shown(showTarget(name, path)), options))
        .map((path) => ({ branch: name, ...jsonName('path', path) }));
    });
    for (const [at, { branch }] of removals.entries()) {
      if (!pool.adoptSync(branch, forks[at]!))
        throw refused(`branch ${branch.name} was changed meanwhile: remove again`);
    }
    return removed;
  } finally {
    for (const fork of forks) pool.releaseSync(fork);
  }
}

function requirePath({ path }: Target, text: string): string {
  if (path === undefined || /^\/*$/.test(path)) {
    throw usage(`'${text}' is a whole branch: name what is to be removed from it, or use 'byre drop'`);
  }
  return path;
}

async function run(session: Session): Promise<void> {
  const { positionals, values } = session;
  if (positionals.length === 0) throw usage('TARGET is missing');
  const targets = positionals.map(parseTarget);
  const byBranch = new Map<string, Set<string>>();
  for (const [at, target] of targets.entries()) {
    const name = target.branch ?? DEFAULT_BRANCH;
    byBranch.set(name, (byBranch.get(name) ?? new Set()).add(requirePath(target, positionals[at]!)));
  }
  const options = { recursive: values.recursive === true, force: values.force === true };
  await withPool(session, { mode: 'write', targets }, async (pool) => {
    const removals: Removal[] = [];
    for (const [name, paths] of byBranch) removals.push({ branch: await writableBranch(pool, name), paths });
    const removed = removeAll(pool, removals, options);
    if (session.json) writeJson(session, { removed });
  });
}

export const rm: Command = {
  name: 'rm',
  summary: 'remove files from a branch',
  usage: ['[-rf] TARGET...'],
  details: 'Either all targets are removed or, if one cannot be, none.',
  options: {
    recursive: { type: 'boolean', short: 'r', text: 'directories, too, with all that is in them' },
    force: { type: 'boolean', short: 'f', text: 'what is not there is no failure' },
  },
  examples: [
    ['byre rm main:/old.txt', 'removes a file'],
    ['byre rm -r try-1:/node_modules', 'removes a directory of another branch'],
  ],
  async run(session) {
    await run(session);
    return 0;
  },
};
