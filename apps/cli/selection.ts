/**
 * Some of a trial's changes, chosen path by path, and what they need to make sense by themselves.
 * Callers must apply what `complete` returns, not what was chosen.
 */
import type { FileChange } from '../../src/host/changes.ts';
import { isQuiet } from '../../src/host/changes.ts';
import { splitPath } from '../../src/host/reach.ts';

/** The chosen changes, with the directories that they need, and without the removal of a directory that keeps something. */
export function complete(changes: readonly FileChange[], chosen: ReadonlySet<FileChange>): FileChange[] {
  if (changes.every((change) => chosen.has(change) || isQuiet(change))) return [...changes];
  const arriving = new Map<string, FileChange>();
  for (const change of changes) {
    if (change.type === 'directory' && (change.kind === 'added' || change.kind === 'renamed'))
      arriving.set(change.path, change);
  }
  const wanted = new Set(chosen);
  for (const change of chosen) {
    for (let at = splitPath(change.path).directory; at !== ''; at = splitPath(at).directory) {
      const directory = arriving.get(at);
      if (directory !== undefined) wanted.add(directory);
    }
  }
  // What stays keeps the directories that it lies in.
  const kept = new Set<string>();
  for (const change of changes) {
    if (change.kind !== 'removed' && change.kind !== 'renamed') continue;
    if (wanted.has(change)) continue;
    for (let at = change.before; at !== ''; at = splitPath(at).directory) kept.add(at);
  }
  return changes.filter(
    (change) =>
      wanted.has(change) && !(change.kind === 'removed' && change.type === 'directory' && kept.has(change.before)),
  );
}
