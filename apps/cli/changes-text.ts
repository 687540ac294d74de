/**
 * Changes as people read them: a line for each, long lists grouped by directory.
 * A removal is never hidden: it has its own line, or lies in a directory whose line says that all of it was removed.
 */
import type { FileChange } from '../../src/host/changes.ts';
import { isQuiet } from '../../src/host/changes.ts';
import { type ByteString, bytesOfName, showName } from '../../src/host/names.ts';
import { splitPath } from '../../src/host/reach.ts';
import { showBytes, showCount, showNumber } from './format.ts';
import { jsonName } from './shown.ts';

/** Lists up to this length are shown path by path. */
const LONG_LIST = 40;

const marks = { added: '+', changed: '~', renamed: '>', removed: '-' } as const;

/** A path in the branch, as all commands tell it to programs: it begins with a slash. */
export function jsonPath(key: string, path: ByteString): object {
  return jsonName(key, bytesOfName(`/${path}`));
}

export function changesAsJson(changes: readonly FileChange[]): unknown[] {
  return changes
    .filter((change) => !isQuiet(change))
    .map(({ kind, path, from, type, size, sizeBefore, aspects }) => ({
      kind,
      ...jsonPath('path', path),
      ...(from === undefined ? { from: null } : jsonPath('from', from)),
      type,
      sizeBefore: sizeBefore ?? null,
      size: size ?? null,
      aspects:
        kind === 'changed' || kind === 'renamed' ? Object.keys(aspects).filter((name) => aspects[name as never]) : [],
    }));
}

function sizes({ kind, type, size, sizeBefore }: FileChange): string {
  if (type !== 'file') return type === 'directory' ? '' : `(${type})`;
  if (kind === 'added') return `(${showBytes(size ?? 0)})`;
  if (kind === 'removed') return `(${showBytes(sizeBefore ?? 0)})`;
  if (size === sizeBefore) return `(${showBytes(size ?? 0)})`;
  return `(${showBytes(sizeBefore ?? 0)} -> ${showBytes(size ?? 0)})`;
}

/** What of a file changed, where it is not its content. */
function what({ kind, aspects }: FileChange): string {
  if (kind === 'added' || kind === 'removed') return '';
  const { content, ...others } = aspects;
  const names = Object.entries(others).flatMap(([name, differs]) => (differs && name !== 'time' ? [name] : []));
  if (!content && names.length === 0 && aspects.time) names.push('time');
  if (content) names.unshift(...(kind === 'renamed' ? ['content'] : []));
  return names.length === 0 ? '' : `[${names.join(', ')}]`;
}

export function changeLine(change: FileChange): string {
  const slash = change.type === 'directory' ? '/' : '';
  const name = change.path === '' ? './' : `${showName(change.path)}${slash}`;
  const path = change.from === undefined ? name : `${showName(change.from)}${slash} -> ${name}`;
  return [marks[change.kind], path, sizes(change), what(change)].filter((part) => part !== '').join(' ');
}

export function summaryLine(changes: readonly FileChange[]): string {
  const counts = { added: 0, changed: 0, renamed: 0, removed: 0 };
  let bytes = 0;
  for (const change of changes) {
    if (isQuiet(change)) continue;
    counts[change.kind]++;
    if (change.type === 'file') bytes += (change.size ?? 0) - (change.sizeBefore ?? 0);
  }
  const parts = Object.entries(counts).flatMap(([kind, count]) => (count > 0 ? [`${showNumber(count)} ${kind}`] : []));
  if (parts.length === 0) return 'nothing changed';
  return `${parts.join(', ')} (${bytes < 0 ? '-' : '+'}${showBytes(Math.abs(bytes))})`;
}

interface Group {
  readonly directory: ByteString;
  readonly kind: FileChange['kind'];
  count: number;
  bytes: number;
}

/** The topmost of the directories that came or went, for each path below one. */
function wholes(changes: readonly FileChange[], kind: 'added' | 'removed'): Map<ByteString, FileChange> {
  const directories = new Map<ByteString, FileChange>();
  for (const change of changes)
    if (change.kind === kind && change.type === 'directory') directories.set(change.path, change);
  const tops = new Map<ByteString, FileChange>();
  for (const change of changes) {
    if (change.kind !== kind) continue;
    let top: FileChange | undefined;
    for (let at = change.path; at !== ''; at = splitPath(at).directory) top = directories.get(at) ?? top;
    if (top !== undefined && top !== change) tops.set(change.path, top);
  }
  return tops;
}

function wholeLine(change: FileChange, count: number, bytes: number): string {
  return `${marks[change.kind]} ${showName(change.path)}/ with ${showCount(count, 'entry', 'entries')} (${showBytes(bytes)})`;
}

/** Lines of a directory that came or went as a whole, with all that was in it. */
function foldWholes(
  changes: readonly FileChange[],
  kind: 'added' | 'removed',
  lines: Map<FileChange, string>,
): Set<FileChange> {
  const tops = wholes(changes, kind);
  const sums = new Map<FileChange, { count: number; bytes: number }>();
  const folded = new Set<FileChange>();
  for (const change of changes) {
    const top = change.kind === kind ? tops.get(change.path) : undefined;
    if (top === undefined) continue;
    folded.add(change);
    const sum = sums.get(top) ?? { count: 0, bytes: 0 };
    sum.count++;
    if (change.type === 'file') sum.bytes += change.size ?? change.sizeBefore ?? 0;
    sums.set(top, sum);
  }
  for (const [top, { count, bytes }] of sums) lines.set(top, wholeLine(top, count, bytes));
  return folded;
}

/** Additions, changes and renames that are still too many, counted by directory. */
function groupLines(changes: readonly FileChange[]): string[] {
  let depth = Number.POSITIVE_INFINITY;
  for (let tries = 0; ; tries++) {
    const groups = new Map<string, Group>();
    for (const change of changes) {
      const steps = splitPath(change.path).directory.split('/');
      const directory = steps.slice(0, depth).join('/');
      const key = `${change.kind} ${directory}`;
      const group = groups.get(key) ?? { directory, kind: change.kind, count: 0, bytes: 0 };
      group.count++;
      if (change.type === 'file') group.bytes += change.size ?? 0;
      groups.set(key, group);
    }
    if (groups.size > LONG_LIST && depth > 1) {
      depth = tries === 0 ? 4 : depth - 1;
      continue;
    }
    return [...groups.values()].map(({ directory, kind, count, bytes }) => {
      const where = directory === '' ? './' : `${showName(directory)}/`;
      return `${marks[kind]} ${where}  ${showCount(count, 'entry', 'entries')} ${kind} (${showBytes(bytes)})`;
    });
  }
}

/** All changes, at most about 40 lines but for removals; `all`: each path, however many. */
export function changeLines(changes: readonly FileChange[], all = false): string[] {
  const shown = changes.filter((change) => !isQuiet(change));
  if (all || shown.length <= LONG_LIST) return shown.map(changeLine);
  const lines = new Map<FileChange, string>();
  const folded = new Set([...foldWholes(shown, 'added', lines), ...foldWholes(shown, 'removed', lines)]);
  const rest = shown.filter((change) => !folded.has(change));
  const plain = rest.filter((change) => change.kind !== 'removed' && !lines.has(change));
  if (rest.length <= LONG_LIST || plain.length <= 3)
    return rest.map((change) => lines.get(change) ?? changeLine(change));
  const kept = rest.filter((change) => !plain.includes(change));
  return [...groupLines(plain), ...kept.map((change) => lines.get(change) ?? changeLine(change))];
}
