/**
 * `byre put`: a real file or standard input into a file of a branch, which has the new content whole or not at all.
 * Other changes of the branch in the meantime must stay: the content is gathered in a fork, and then moved in one turn.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ByreError, isByreError } from '../../../src/errors.ts';
import { createFiles, type Files } from '../../../src/files/index.ts';
import type { Branch } from '../../../src/pool/branch.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { withPool } from '../pool.ts';
import { pathOf } from '../pools.ts';
import { piecesOfFile } from '../real-file.ts';
import { reasonIn } from '../reason.ts';
import { refused, type Session, usage, writeJson } from '../session.ts';
import { shown } from '../shown.ts';
import { parseTarget, showTarget, type Target } from '../target.ts';
import { DEFAULT_BRANCH, writableBranch } from '../targets.ts';
import { isRaw } from '../typed.ts';

const DEFAULT_MODE = 0o644;
const STEP_BYTES = 512 * 1024;

interface Source {
  /** Undefined: standard input. */
  readonly file: string | undefined;
  /** Undefined: what a file that is there has, else the default. */
  readonly mode: number | undefined;
}

/** It may lie in a mount of the pool that this process serves: so it is only waited for. */
async function sourceOf(session: Session, typed: string | undefined): Promise<Source> {
  const file = typed === undefined || typed === '-' ? undefined : pathOf(session, typed);
  const { mode } = session.values;
  if (mode !== undefined && !/^[0-7]{3,4}$/.test(String(mode))) {
    throw usage(`--mode takes octal permissions such as 644, not '${String(mode)}'`);
  }
  if (mode !== undefined) return { file, mode: Number.parseInt(String(mode), 8) };
  if (file === undefined) return { file, mode: undefined };
  const stats = await stat(file);
  if (stats.isDirectory()) throw usage(`${file} is a directory: 'byre import' takes those`);
  return { file, mode: stats.mode & 0o777 };
}

function isDirectory(files: Files, name: string): boolean {
  return files.existsSync(name) && files.statSync(name).isDirectory();
}

/** The path in the branch; into a directory a file goes by its own name. */
function destination(files: Files, { path: typed }: Target, { file }: Source): string {
  const into = typed ?? '/';
  if (!into.endsWith('/') && !isDirectory(files, into)) return into;
  if (file === undefined) throw usage(`${into} is a directory: give the path of a file, such as main:/src/a.ts`);
  return path.posix.join(into, path.basename(file));
}

/** Opens the file to write it anew, with the directories that lead to it. */
function openAnew(files: Files, name: string, mode: number | undefined): number {
  files.mkdirSync(path.posix.dirname(name), { recursive: true });
  const descriptor = files.openSync(name, 'w', mode ?? DEFAULT_MODE);
  if (mode !== undefined) files.fchmodSync(descriptor, mode);
  return descriptor;
}

/** Copies a file of one branch to another, without letting anyone else have a turn. */
function copy(from: Files, to: Files, name: string, mode: number | undefined): void {
  const source = from.openSync(name, 'r');
  const target = openAnew(to, name, mode);
  const bytes = new Uint8Array(STEP_BYTES);
  for (;;) {
    const length = from.readSync(source, bytes, 0, bytes.length, null);
    if (length === 0) break;
    to.writeSync(target, bytes.subarray(0, length));
  }
  from.closeSync(source);
  to.closeSync(target);
}

/** Makes `work`'s file the branch's; if the branch has changed since `work` was forked from it, by bringing only the file over. */
function settle(pool: Pool, branch: Branch, work: Branch, name: string, mode: number | undefined): void {
  if (pool.adoptSync(branch, work)) return;
  const fork = pool.forkUnnamedSync(branch);
  copy(createFiles(work), createFiles(fork), name, mode);
  if (!pool.adoptSync(branch, fork)) throw refused(`branch ${branch.name} was changed meanwhile: put again`);
  pool.releaseSync(fork);
}

interface Written {
  readonly name: string;
  readonly size: number;
  readonly inode: number;
}

/** Writes all of the source into a fork of the branch. */
async function gather(session: Session, work: Branch, target: Target, source: Source): Promise<Written> {
  const files = createFiles(work);
  const name = destination(files, target, source);
  const descriptor = openAnew(files, name, source.mode);
  let size = 0;
  for await (const piece of source.file === undefined ? session.input : piecesOfFile(source.file)) {
    session.signal.throwIfAborted();
    files.writeSync(descriptor, piece);
    size += piece.length;
  }
  const { ino: inode } = files.fstatSync(descriptor);
  files.closeSync(descriptor);
  return { name, size, inode };
}

/** A failure of the branch's files, with the branch. What stands where a directory is to be made is none. */
function told(branch: string, error: unknown): unknown {
  if (!isByreError(error) || error.path === undefined) return error;
  const path = shown(showTarget(branch, error.path));
  if (error.code === 'EEXIST') return new ByreError('ENOTDIR', `${path} is not a directory`, { path, cause: error });
  return new ByreError(error.code, `${path}: ${reasonIn(error.message)}`, {
    path,
    details: error.details,
    cause: error,
  });
}

async function put(session: Session, pool: Pool, target: Target, source: Source): Promise<void> {
  const branch = await writableBranch(pool, target.branch ?? DEFAULT_BRANCH);
  const work = await pool.forkUnnamed(branch);
  try {
    const { name, size, inode } = await gather(session, work, target, source);
    settle(pool, branch, work, name, source.mode);
    if (session.json) writeJson(session, { branch: branch.name, path: name, size, inode });
    else if (source.file !== undefined && session.columns !== undefined) {
      session.write(`${shown(source.file)} -> ${shown(showTarget(branch.name ?? '', name))}\n`);
    }
  } catch (error) {
    throw told(branch.name ?? '', error);
  } finally {
    await pool.release(work);
  }
}

export const putCommand: Command = {
  name: 'put',
  summary: 'write a file of a branch, from a real file or standard input',
  usage: ['[FILE] TARGET'],
  details: `Without FILE, or where it is -, the content comes from standard input. Directories that lead to TARGET are made; if
TARGET is a directory, FILE keeps its name in it. The file appears with its new content whole, or stays as it was.`,
  options: { mode: { type: 'string', value: 'MODE', text: "permissions, such as 755; default: FILE's, or 644" } },
  examples: [
    ['byre put setup.sh main:/bin/', 'copies a file into a directory of main'],
    ['date | byre put try-1:/stamp', 'writes what a program prints'],
  ],
  input: 'data',
  async run(session) {
    const typed = takePositionals(session, ['TARGET', 'TARGET'], 1);
    const target = parseTarget(typed.at(-1)!);
    if (isRaw(typed.join())) throw usage('names of new files are UTF-8 here: byre import keeps any');
    if (target.path === undefined) throw usage(`'${typed.at(-1)}' has no path: write BRANCH:/PATH, as in main:/a.txt`);
    const source = await sourceOf(session, typed.length > 1 ? typed[0] : undefined);
    await withPool(session, { mode: 'write', targets: [target] }, (pool) => put(session, pool, target, source));
    return 0;
  },
};
