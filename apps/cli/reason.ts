/**
 * Failures of the system in words: which path, and why; without the codes and calls that only programs want.
 * Callers must not tell one failure from another by these words: `code` is for that.
 */
import { shown } from './shown.ts';

/** As Node and the files of a branch put it: CODE: reason, call, and paths if there are any. */
const systemMessage = /^(E[A-Z0-9]+): ([^,]+), \w+(?: '.*')?$/s;

/** Where the system's own words mislead. */
const words: Readonly<Record<string, string>> = {
  EISDIR: 'it is a directory',
  EEXIST: 'it is there already',
  ENOTSUP: 'that is not possible there',
  EBUSY: 'it is in use',
};

/** Why, from an error's message. */
export function reasonIn(message: string): string {
  const found = systemMessage.exec(message);
  return found === null ? message : (words[found[1]!] ?? found[2]!);
}

/** What failed and why. An error that knows its path, and whose message has no more than the system's words, is told by both. */
export function messageOf(error: Error): string {
  const { message, path, dest } = error as NodeJS.ErrnoException & { readonly dest?: string };
  if (path === undefined || !systemMessage.test(message)) return reasonIn(message);
  return `${[path, dest].flatMap((each) => (each === undefined ? [] : shown(each))).join(' -> ')}: ${reasonIn(message)}`;
}
