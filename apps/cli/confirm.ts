/**
 * Asks before something is lost.
 * Callers must ask before they have changed anything, and offer `--yes` in their options.
 */
import type { OptionSpecs } from './command.ts';
import { refused, type Session } from './session.ts';

export const yesOption = {
  yes: { type: 'boolean', short: 'y', text: 'do not ask' },
} as const satisfies OptionSpecs;

/** Returns if the answer is yes, or `--yes` was given; otherwise throws. `loss` is a sentence without its full stop. */
export async function confirm(session: Session, loss: string, question: string, otherwise = ''): Promise<void> {
  if (session.values.yes === true) return;
  if (!session.interactive) throw refused(`${loss}; nothing was done: give --yes${otherwise} if that is meant`);
  const sentence = `${loss.slice(0, 1).toUpperCase()}${loss.slice(1)}`;
  const answer = await session.ask(`${sentence}. ${question} [y/N] `);
  if (answer === undefined || !/^y(es)?$/i.test(answer.trim())) throw refused('nothing was done');
}
