/**
 * Proves all tables of a branch. What only a program knows, a table's own codec, must be given: an index can be compared with its
 * rows only by who can read them.
 * Callers may write the branch meanwhile: what is checked is the state that it begins with.
 */
import type { Branch } from '../pool/branch.ts';
import { targetOf } from './branch-target.ts';
import { checkTable, type TableProblem } from './check.ts';
import { type Codec, knownCodec } from './codec.ts';
import { hold } from './held.ts';
import { type Job, runJob, runJobSync, step } from './job.ts';
import { nextTable, readRecord } from './ops/catalogue.ts';
import { TableLayout } from './ops/layout.ts';
import { Schema } from './schema.ts';
import type { Target } from './target.ts';

export interface CheckTablesOptions {
  /** Codecs that tables were made with, besides the named ones. */
  readonly codecs?: readonly Codec<never>[];
}

export interface TablesCheck {
  readonly problems: readonly TableProblem[];
  /** Tables with indexes whose codec is not known here: those were not compared with their rows. */
  readonly unchecked: readonly string[];
}

export function checkTables(branch: Branch, options: CheckTablesOptions = {}): Promise<TablesCheck> {
  return runJob(targetOf(branch), checkAll(targetOf(branch), options));
}

export function checkTablesSync(branch: Branch, options: CheckTablesOptions = {}): TablesCheck {
  return runJobSync(targetOf(branch), checkAll(targetOf(branch), options));
}

function* checkAll(target: Target, { codecs = [] }: CheckTablesOptions): Job<TablesCheck> {
  const problems: TableProblem[] = [];
  const unchecked: string[] = [];
  const state = yield* hold(target);
  const { store } = state;
  try {
    for (let from: Uint8Array | undefined; ; ) {
      const at: Uint8Array | undefined = from;
      const found: ReturnType<typeof nextTable> = yield* step(() => nextTable(store, state.root, at));
      if (found === undefined) break;
      from = found.next;
      const { name } = found;
      const record = yield* step(() => readRecord(store, state.root, new TableLayout(name, store.maxKeyBytes)));
      const codec = knownCodec(record?.values ?? 'bytes', codecs);
      if (codec === undefined && record?.indexes.length !== 0) unchecked.push(name);
      else problems.push(...(yield* checkTable(state, new Schema(name, store, codec ?? unread(record?.values ?? '')))));
    }
  } finally {
    state.release();
  }
  return { problems, unchecked };
}

/** Where nobody asks what the values mean. */
function unread(name: string): Codec<unknown> {
  return { name, encode: () => new Uint8Array(0), decode: (bytes) => bytes };
}
