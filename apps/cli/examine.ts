/**
 * What check and scrub have in common: the structure of the pool, then what the faces' keys say.
 * It only looks: nothing here mends anything.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { describe } from '../../src/files/ops/describe.ts';
import { Verification } from '../../src/files/ops/verify.ts';
import type { Branch } from '../../src/pool/branch.ts';
import type { CheckReport, Problem as PoolProblem } from '../../src/pool/check.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { checkTables } from '../../src/tables/index.ts';
import { type Session, Status } from './session.ts';
import { joinNames, shown } from './shown.ts';
import { viewOf } from './targets.ts';

export interface Problem {
  readonly kind: string;
  readonly message: string;
  readonly page?: number;
  readonly branch?: string;
  /** Of a file, as people read it. */
  readonly path?: string;
  readonly keyHex?: string;
}

export interface Report extends Omit<CheckReport, 'problems' | 'ok'> {
  readonly ok: boolean;
  readonly problems: readonly Problem[];
}

const TURN_STEPS = 64;

/** Whether the tables' indexes have what their rows ask for. */
async function tableProblems(session: Session, branch: Branch, name: string): Promise<Problem[]> {
  session.progress(`checking the tables of ${shown(name)}`);
  try {
    const { problems, unchecked } = await checkTables(branch);
    for (const table of unchecked) {
      session.say(
        `${shown(name)}: table ${shown(table)} has a codec of its own: only its program can check its indexes`,
      );
    }
    return problems.map(({ table, index, problem }) => {
      const where = index === undefined ? `table ${shown(table)}` : `index ${shown(index)} of ${shown(table)}`;
      return { kind: 'table', branch: name, message: `${where}: ${problem}` };
    });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== 'DAMAGED') throw error;
    return [{ kind: 'damaged', branch: name, message }];
  }
}

/** Whether names, links, sizes and pages of a branch's files agree. */
async function fileProblems(session: Session, branch: Branch, name: string): Promise<Problem[]> {
  const verification = new Verification(viewOf(branch));
  try {
    for (let steps = 1; !(await branch.run(() => verification.step())); steps++) {
      if (steps % TURN_STEPS !== 0) continue;
      session.progress(`checking the files of ${shown(name)}`);
      await turn(undefined, { signal: session.signal });
    }
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== 'DAMAGED') throw error;
    return [{ kind: 'damaged', branch: name, message }];
  }
  return verification.problems.map(({ text, inode, path }) => ({
    kind: 'files',
    branch: name,
    message: inode === 0 ? text : `inode ${inode}: ${text}`,
    ...(path === undefined ? {} : { path: shown(joinNames(path)) }),
  }));
}

/** What a damaged key is about, if that can be told. */
async function located(pool: Pool, { kind, message, page, branch: name, key }: PoolProblem): Promise<Problem> {
  const problem = { kind, message, ...(page === undefined ? {} : { page }) };
  if (name === undefined || key === undefined) return name === undefined ? problem : { ...problem, branch: name };
  const keyHex = Buffer.from(key).toString('hex');
  try {
    const branch = await pool.branch(name);
    const found = await branch.run(() => describe(viewOf(branch), key));
    if (found?.path !== undefined) return { ...problem, branch: name, keyHex, path: shown(joinNames(found.path)) };
  } catch {
    // Where it lies may be damaged as well.
  }
  return { ...problem, branch: name, keyHex };
}

async function ofFaces(session: Session, pool: Pool): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const { name } of await pool.branches()) {
    const branch = await pool.branch(name);
    // What is being written would change under the eyes of the check.
    const fork = branch.readOnly ? undefined : await pool.forkUnnamed(branch);
    const state = fork ?? branch;
    try {
      problems.push(...(await fileProblems(session, state, name)), ...(await tableProblems(session, state, name)));
    } finally {
      if (fork) await pool.release(fork);
    }
  }
  return problems;
}

export async function examine(session: Session, pool: Pool, how: 'check' | 'scrub'): Promise<Report> {
  session.progress(how === 'scrub' ? 'reading all of the pool' : 'checking the structure');
  const structure = await pool[how]();
  const problems: Problem[] = [];
  for (const problem of structure.problems) problems.push(await located(pool, problem));
  problems.push(...(await ofFaces(session, pool)));
  session.progress(undefined);
  return { ...structure, ok: problems.length === 0, problems };
}

/** One problem on one line. */
export function showProblem({ branch, path, message }: Problem): string {
  const where =
    branch === undefined || branch === '' ? '' : `${shown(branch)}${path === undefined ? '' : `:${path}`}: `;
  return `${where}${message}`;
}

export function statusOf(report: Report): number {
  return report.ok ? Status.ok : Status.no;
}
