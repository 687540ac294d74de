/**
 * What `check` and `scrub` say of a pool beyond its pages: which files the damaged ones belong to, and whether files and tables are
 * sound. It only looks, and must be given the report of this pool's pages.
 */
import { isByreError } from './errors.ts';
import { checkFiles, checkFilesSync, pathOfKey, textOf } from './files/examine.ts';
import { drive, driveSync, either, type Runner, type Task } from './files/task.ts';
import type { CheckReport as BareCheckReport, Problem as BareProblem } from './pool/check.ts';
import type { Pool } from './pool/pool.ts';
import { type CheckTablesOptions, checkTables, checkTablesSync } from './tables/index.ts';

export interface Problem extends BareProblem {
  /** The file that is hit, in the problem's branch, where there is one and the way to it can be read. */
  readonly path?: string;
}

/** What is wrong with a pool: with its pages, or with what they mean as files and tables. */
export interface CheckReport extends BareCheckReport {
  readonly problems: readonly Problem[];
  /** Tables whose indexes could not be compared with their rows, since their codec was not given. */
  readonly unchecked: ReadonlyArray<{ readonly branch: string; readonly table: string }>;
}

/** What a table's own codec is must be told. */
export type CheckOptions = CheckTablesOptions;

/** No step of these tasks is an operation of its own. */
const runner: Runner = { run: async (operation) => operation(), runSync: (operation) => operation() };

export async function examine(pool: Pool, pages: BareCheckReport, options?: CheckOptions): Promise<CheckReport> {
  return drive(runner, examinePool(pool, pages, options));
}

export function examineSync(pool: Pool, pages: BareCheckReport, options?: CheckOptions): CheckReport {
  return driveSync(runner, examinePool(pool, pages, options));
}

function* examinePool(pool: Pool, pages: BareCheckReport, options?: CheckOptions): Task<CheckReport> {
  const problems: Problem[] = [];
  const unchecked: { branch: string; table: string }[] = [];
  for (const problem of pages.problems) problems.push(at(problem, yield* located(pool, problem)));
  // What is damaged below says nothing about the faces.
  const branches = pages.ok ? yield* either(pool.branches, pool.branchesSync) : [];
  for (const { name } of branches) {
    const found = yield* examineBranch(pool, name, options);
    problems.push(...found.problems);
    for (const table of found.unchecked) unchecked.push({ branch: name, table });
  }
  return { ...pages, ok: problems.length === 0, problems, unchecked };
}

function* examineBranch(
  pool: Pool,
  name: string,
  options?: CheckOptions,
): Task<{ problems: Problem[]; unchecked: readonly string[] }> {
  const branch = yield* either(
    () => pool.branch(name),
    () => pool.branchSync(name),
  );
  const files = yield* either(
    () => checkFiles(branch),
    () => checkFilesSync(branch),
  );
  const tables = yield* either(
    () => checkTables(branch, options),
    () => checkTablesSync(branch, options),
  );
  const problem = (message: string, path?: string) => at({ kind: 'face', branch: name, message }, path);
  const problems = [
    ...files.map(({ inode, text, path }) => problem(`files: inode ${inode}: ${text}`, path && textOf(path))),
    ...tables.problems.map(({ table, index, problem: what }) =>
      problem(index === undefined ? `table ${table}: ${what}` : `index ${index} of table ${table}: ${what}`),
    ),
  ];
  return { problems, unchecked: tables.unchecked };
}

/** The file that a problem is about. The way to it may be damaged as well, and an unnamed fork cannot be asked for. */
function* located(pool: Pool, { branch: name, key }: BareProblem): Task<string | undefined> {
  if (name === undefined || name === '' || key === undefined) return undefined;
  try {
    const branch = yield* either(
      () => pool.branch(name),
      () => pool.branchSync(name),
    );
    const path = () => pathOfKey(branch, key);
    return yield* either(
      () => branch.run(path),
      () => branch.runSync(path),
    );
  } catch (error) {
    if (isByreError(error) && (error.code === 'DAMAGED' || error.code === 'NO_SUCH_BRANCH')) return undefined;
    throw error;
  }
}

function at(problem: BareProblem, path: string | undefined): Problem {
  return path === undefined ? problem : { ...problem, path };
}
