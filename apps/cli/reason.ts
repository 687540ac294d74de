/**
 * Failures of the system in words: which path, and why; without the codes and calls that only programs want.
 * Callers must not tell one failure from another by these words: `code` is for that.
 */
import { getSystemErrorMap } from 'node:util';
import { shown } from './shown.ts';

/** As Node, the files of a branch and calls of the host put it: CODE: reason, call, and paths; some leave all out but the code. */
const systemMessage = /^(E[A-Z0-9]+)(?:: (?:([^,']+), )?\w+(?: '(.*)')?)?$/s;

/** Where the system's own words mislead. */
const words: Readonly<Record<string, string>> = {
  EISDIR: 'it is a directory',
  EEXIST: 'it is there already',
  ENOTSUP: 'that is not possible there',
  EBUSY: 'it is in use',
  ENOTCONN: 'it is a mount whose server is gone',
};

function wordsOf(code: string): string {
  return [...getSystemErrorMap().values()].find(([each]) => each === code)?.[1] ?? code;
}

/** Why, from an error's message. */
export function reasonIn(message: string): string {
  const [, code, reason] = systemMessage.exec(message) ?? [];
  return code === undefined ? message : (words[code] ?? reason ?? wordsOf(code));
}

/** What failed and why. An error whose message has no more than the system's words is told by its path and the reason. */
export function messageOf(error: Error): string {
  const { message, path, dest } = error as NodeJS.ErrnoException & { readonly dest?: string };
  const found = systemMessage.exec(message);
  const paths = path === undefined ? found?.[3]?.split("' -> '") : [path, dest];
  if (found === null || paths === undefined) return reasonIn(message);
  return `${paths.flatMap((each) => (each === undefined ? [] : shown(each))).join(' -> ')}: ${reasonIn(message)}`;
}
