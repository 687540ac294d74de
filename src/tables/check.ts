/**
 * Proves that a table is what it says: every row can be read, every index has exactly the entries that the rows ask for.
 * Callers must give a state that does not change (a snapshot, or a held one); what is found is reported, never mended.
 */
import { equalBytes } from '../core/bytes.ts';
import { get } from '../core/tree.ts';
import { isByreError } from '../errors.ts';
import { Cursor } from './cursor.ts';
import { type Job, step } from './job.ts';
import { LongValue, numberOfPiece, readValue } from './ops/cell.ts';
import { encodeKey, type Key } from './ops/tuple.ts';
import { readElements } from './ops/tuple-read.ts';
import type { LiveIndex, Schema } from './schema.ts';
import type { Target } from './target.ts';
import { entryKeys } from './write.ts';

export interface TableProblem {
  readonly problem:
    | 'unreadable row'
    | 'missing entry'
    | 'wrong entry'
    | 'rows without a table record'
    | 'a long value without a row';
  readonly table: string;
  readonly index?: string;
  /** The row's key, or the entry's fields. */
  readonly key?: Key;
}

/** Everything that is wrong, at most `limit` problems. */
export function* checkTable<Value>(state: Target, schema: Schema<Value>, limit = 100): Job<TableProblem[]> {
  const problems: TableProblem[] = [];
  yield* schema.load(state);
  const table = schema.layout.name;
  const report = (problem: Omit<TableProblem, 'table'>) => problems.push({ table, ...problem });
  const numbers = new Set<number>();
  const expected = new Map<LiveIndex, number>(schema.indexes.map((index) => [index, 0]));
  yield* eachCell(state, schema.layout.rowsFrom, schema.layout.rowsTo, schema.layout.rowStart, function* (cursor) {
    if (!schema.exists && problems.length === 0) report({ problem: 'rows without a table record' });
    yield* checkRow(state, schema, cursor, expected, report);
    if (schema.long) yield* noteLong(state, cursor, numbers);
    return problems.length < limit;
  });
  if (problems.length < limit) yield* checkPieces(state, schema, numbers, report);
  for (const [index, count] of expected) {
    if (problems.length < limit) yield* checkEntries(state, index, count, report);
  }
  return problems;
}

type Report = (problem: Omit<TableProblem, 'table'>) => void;

function* checkRow<Value>(
  state: Target,
  schema: Schema<Value>,
  cursor: Cursor,
  expected: Map<LiveIndex, number>,
  report: Report,
): Job<void> {
  let key: Key = null;
  let value: unknown;
  try {
    key = cursor.key;
    value = schema.codec.decode((yield* cursor.value()).slice());
  } catch (error) {
    if (isByreError(error) && error.code !== 'DAMAGED') throw error;
    report({ problem: 'unreadable row', key });
    return;
  }
  const primary = encodeKey(key, schema.layout.maxKeyBytes);
  for (const index of schema.indexes) {
    const { name, unique } = index.definition;
    for (const entry of entryKeys(index, key, value)) {
      expected.set(index, (expected.get(index) ?? 0) + 1);
      const held = yield* step(() => get(state.store, state.root, entry));
      if (held === undefined || !equalBytes(held, unique ? primary : noBytes)) {
        report({ problem: 'missing entry', index: name, key });
      }
    }
  }
}

/** Notes the number of a row's long value. */
function* noteLong(state: Target, cursor: Cursor, numbers: Set<number>): Job<void> {
  if (cursor.leaf.value() !== undefined) return;
  const key = cursor.leaf.treeKey();
  const stored = yield* step(() => readValue(state.store, state.root, key));
  if (stored instanceof LongValue) numbers.add(stored.number);
}

/** That each piece is of a row's value: those that a row needs have been read with it. */
function* checkPieces<Value>(
  state: Target,
  { layout }: Schema<Value>,
  numbers: ReadonlySet<number>,
  report: Report,
): Job<void> {
  const lost = new Set<number>();
  // biome-ignore lint/correctness/useYield: it needs no operation, but is given where others do
  yield* eachCell(state, layout.piecesFrom, layout.piecesTo, layout.piecesFrom.length, function* (cursor) {
    const number = numberOfPiece(cursor.leaf.treeKey());
    if (!numbers.has(number)) lost.add(number);
    return true;
  });
  for (const _ of lost) report({ problem: 'a long value without a row' });
}

const noBytes = new Uint8Array(0);

/** Every entry that a row asks for was found: so any more than those are wrong. */
function* checkEntries(state: Target, index: LiveIndex, expected: number, report: Report): Job<void> {
  const { layout, definition } = index;
  let count = 0;
  let last: Key | undefined;
  // biome-ignore lint/correctness/useYield: it needs no operation, but is given where others do
  yield* eachCell(state, layout.from, layout.to, layout.from.length, function* (cursor) {
    count++;
    if (count <= expected) return true;
    const entry = cursor.leaf.treeKey();
    last = readElements(entry, layout.from.length, entry.length);
    return false;
  });
  if (count > expected) report({ problem: 'wrong entry', index: definition.name, key: last ?? null });
}

/** Visits the cells of a range until `visit` returns false. */
function* eachCell(
  state: Target,
  from: Uint8Array,
  to: Uint8Array,
  start: number,
  visit: (cursor: Cursor) => Job<boolean>,
): Job<void> {
  const cursor = new Cursor(state, { from, to, reverse: false, limit: Number.POSITIVE_INFINITY }, start);
  const load = () => cursor.load();
  try {
    while (!cursor.ended) {
      while (cursor.advance()) if (!(yield* visit(cursor))) return;
      if (!cursor.ended) yield* step(load);
    }
  } finally {
    cursor.close();
  }
}
