/**
 * How commands name a pool, a branch and a path in it: `[POOL:][BRANCH][:PATH]`.
 *   main   main:/src/a.ts   :/src/a.ts   ./work.byre   work.byre:main   ../p.byre:main:/src
 * A POOL is recognised by its beginning with `/`, `./`, `../` or `~/`, or its ending in `.byre`; a branch's name has neither slash nor
 * colon. Without BRANCH it is `main`, without PATH the root.
 * Callers must not take a target apart by other means: the rule is documented, and `byre mount` uses it, too.
 */
import { usage } from './session.ts';

export interface Target {
  readonly pool: string | undefined;
  /** Undefined if none was given. */
  readonly branch: string | undefined;
  /** Begins with a slash; undefined if none was given. */
  readonly path: string | undefined;
}

const poolPart = /^((?:\/|\.\.?\/|~\/)[^:]*|[^:]*\.byre)(?::(.*))?$/s;

export function parseTarget(text: string): Target {
  if (text === '') throw usage('an empty name: give a branch, or a branch and a path such as main:/src');
  const found = poolPart.exec(text);
  const pool = found?.[1];
  const rest = found === null ? text : (found[2] ?? '');
  const colon = rest.indexOf(':');
  const branch = colon < 0 ? rest : rest.slice(0, colon);
  const path = colon < 0 ? undefined : rest.slice(colon + 1);
  if (branch.includes('/')) {
    throw usage(`'${branch}' is no branch's name: write BRANCH:/path, or ./POOL:BRANCH for a pool in a file`);
  }
  return {
    pool,
    branch: branch === '' ? undefined : branch,
    path: path === undefined ? undefined : `/${path.replace(/^\/+/, '')}`,
  };
}

/** A target that must name a branch alone. */
export function parseBranch(text: string): Target {
  const target = parseTarget(text);
  if (target.path !== undefined) throw usage(`'${text}' has a path, and a branch alone is wanted here`);
  return target;
}

export function showTarget(branch: string, path: string): string {
  return path === '/' ? branch : `${branch}:${path}`;
}
