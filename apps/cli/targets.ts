/**
 * The branches and files that a command line names, in an open pool.
 * Callers must not keep what is opened here beyond the command, nor take one of their paths for printable: `title` is.
 */
import { ByreError, isByreError } from '../../src/errors.ts';
import { now } from '../../src/files/clock.ts';
import type { EntryTarget } from '../../src/files/ops/record.ts';
import type { View } from '../../src/files/ops/view.ts';
import { type Follow, found, type Place, pathOf, walk } from '../../src/files/path.ts';
import type { Branch } from '../../src/pool/branch.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { usage } from './session.ts';
import { shown } from './shown.ts';
import { parseTarget, showTarget, type Target } from './target.ts';
import { pathOfTyped } from './typed.ts';

/** Used where no branch is named. */
export const DEFAULT_BRANCH = 'main';

export interface Opened {
  readonly branch: Branch;
  readonly name: string;
  /** Begins with a slash. */
  readonly path: string;
  /** As it is told to people. */
  readonly title: string;
  readonly view: View;
}

export function viewOf(branch: Branch): View {
  const { store, root, readOnly } = branch;
  return { store, root, readOnly, now, nextInode: () => branch.nextInode() };
}

export async function openTarget(pool: Pool, target: Target): Promise<Opened> {
  const name = target.branch ?? DEFAULT_BRANCH;
  const path = target.path ?? '/';
  const branch = await pool.branch(name);
  return { branch, name, path, title: shown(showTarget(name, path)), view: viewOf(branch) };
}

/** A branch that is to be written. Throws READ_ONLY for a snapshot. */
export async function writableBranch(pool: Pool, name: string): Promise<Branch> {
  const branch = await pool.branch(name);
  if (!branch.readOnly) return branch;
  throw new ByreError('READ_ONLY', `'${name}' is a snapshot, which nobody can write`);
}

/** An errno with the target that it is about. */
function about(title: string, error: unknown): unknown {
  if (!isByreError(error) || error.errno === undefined || error.path !== undefined) return error;
  return new ByreError(error.code, `${title}: ${error.message}`, { path: title, details: error.details, cause: error });
}

/** Runs an operation on what `opened` names; failures say so. */
export function operate<T>({ branch, title }: Opened, operation: () => T): T {
  try {
    return branch.runSync(operation);
  } catch (error) {
    throw about(title, error);
  }
}

/** Where the path leads, whether anything is there or not. */
export function placeOf(opened: Opened, follow: Follow): Place {
  return operate(opened, () => walk(opened.view, pathOf(pathOfTyped(opened.path)), follow));
}

/** What is at the path. Throws ENOENT. */
export function find(opened: Opened, follow: Follow): EntryTarget {
  return operate(opened, () => found(walk(opened.view, pathOf(pathOfTyped(opened.path)), follow)));
}

/** Targets that are branches, and have no paths. */
export function branchName(target: Target, text: string): string {
  if (target.path !== undefined) throw usage(`'${text}' has a path, and a branch alone is wanted here`);
  return target.branch ?? DEFAULT_BRANCH;
}

export interface NamedBranch {
  readonly target: Target;
  readonly name: string;
}

/** Positionals that name branches; of which the first may be left out, and is main then. */
export function takeBranches(typed: readonly string[], count: number): NamedBranch[] {
  const all = typed.length === count - 1 ? [DEFAULT_BRANCH, ...typed] : typed;
  return all.map((text) => {
    const target = parseTarget(text);
    return { target, name: branchName(target, text) };
  });
}
