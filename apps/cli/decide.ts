/**
 * What becomes of a trial's changes: by option, or by asking. Callers must have shown the changes before.
 */
import { type FileChange, isQuiet } from '../../src/host/changes.ts';
import { changeLine } from './changes-text.ts';
import { complete } from './selection.ts';
import type { Session } from './session.ts';

export type Decision =
  | { readonly kind: 'keep'; readonly changes: readonly FileChange[] }
  | { readonly kind: 'discard' }
  | { readonly kind: 'branch' };

export async function decide(
  session: Session,
  changes: readonly FileChange[],
  showDiff: () => void,
): Promise<Decision> {
  const { keep, discard, branch } = session.values;
  if (keep === true) return { kind: 'keep', changes };
  if (discard === true) return { kind: 'discard' };
  // Without anybody to ask nothing is applied and nothing is lost.
  if (branch !== undefined || !session.interactive) return { kind: 'branch' };
  for (;;) {
    const answer = await session.ask('Keep these changes? [a]ll, [n]one, [p]ath by path, [d]iff, as a [b]ranch: ');
    if (answer === undefined) return { kind: 'branch' };
    const letter = answer.trim().toLowerCase().slice(0, 1);
    if (letter === 'a' || letter === 'y') return { kind: 'keep', changes };
    if (letter === 'n') return { kind: 'discard' };
    if (letter === 'b') return { kind: 'branch' };
    if (letter === 'd') showDiff();
    if (letter === 'p') return await choose(session, changes);
  }
}

async function choose(session: Session, changes: readonly FileChange[]): Promise<Decision> {
  const chosen = new Set<FileChange>();
  let rest: boolean | undefined;
  for (const change of changes) {
    if (isQuiet(change)) continue;
    if (rest === undefined) {
      const answer =
        (await session.ask(`${changeLine(change)}\n  keep? [y]es, [n]o, [a]ll the rest, [d]one: `)) ?? 'quit';
      const letter = answer.trim().toLowerCase().slice(0, 1);
      if (letter === 'q') return { kind: 'branch' };
      if (letter === 'a') rest = true;
      else if (letter === 'd') rest = false;
      else if (letter === 'y') chosen.add(change);
    }
    if (rest === true) chosen.add(change);
  }
  return chosen.size === 0 ? { kind: 'discard' } : { kind: 'keep', changes: complete(changes, chosen) };
}
