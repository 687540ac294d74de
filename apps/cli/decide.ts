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

/** Asks until the answer is one of the words, or the first letter of one; undefined if nobody answers. */
async function askFor(session: Session, question: string, words: readonly string[]): Promise<string | undefined> {
  for (;;) {
    const answer = (await session.ask(question))?.trim().toLowerCase();
    if (answer === undefined) return undefined;
    const word = words.find((each) => answer === each || answer === each[0]);
    if (word !== undefined) return word;
  }
}

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
    const question = 'Keep these changes? [a]ll, [n]one, [p]ath by path, [d]iff, as a [b]ranch: ';
    const answer = await askFor(session, question, ['all', 'yes', 'none', 'no', 'path', 'diff', 'branch']);
    if (answer === 'all' || answer === 'yes') return { kind: 'keep', changes };
    if (answer === 'none' || answer === 'no') return { kind: 'discard' };
    if (answer === 'path') return await choose(session, changes);
    if (answer !== 'diff') return { kind: 'branch' };
    showDiff();
  }
}

async function choose(session: Session, changes: readonly FileChange[]): Promise<Decision> {
  const chosen = new Set<FileChange>();
  let rest: boolean | undefined;
  for (const change of changes) {
    if (isQuiet(change)) continue;
    if (rest === undefined) {
      const question = `${changeLine(change)}\n  keep? [y]es, [n]o, [a]ll the rest, [d]one with it, [q]uit (all stays as a branch): `;
      const answer = await askFor(session, question, ['yes', 'no', 'all', 'done', 'quit']);
      // Who answers no more has not said no.
      if (answer === undefined || answer === 'quit') return { kind: 'branch' };
      if (answer === 'all') rest = true;
      else if (answer === 'done') rest = false;
      else if (answer === 'yes') chosen.add(change);
    }
    if (rest === true) chosen.add(change);
  }
  return chosen.size === 0 ? { kind: 'discard' } : { kind: 'keep', changes: complete(changes, chosen) };
}
