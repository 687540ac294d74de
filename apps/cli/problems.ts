/**
 * What an import or export could not do, for people and as JSON. Callers must show all of it: nothing is left out of JSON.
 */
import type { Problem } from '../../src/host/import.ts';
import { bytesOfName, showName } from '../../src/host/names.ts';
import { reasonIn } from './reason.ts';
import type { Session } from './session.ts';
import { jsonName } from './shown.ts';

const SHOWN = 20;

export function problemsAsJson(problems: readonly Problem[]): unknown[] {
  return problems.map(({ kind, path, reason }) => ({ kind, ...jsonName('path', bytesOfName(path)), reason }));
}

export function sayProblems(session: Session, problems: readonly Problem[]): void {
  for (const { path, reason } of problems.slice(0, SHOWN)) {
    session.say(`byre: ${showName(path) || '.'}: ${showName(reasonIn(reason))}`);
  }
  if (problems.length > SHOWN) session.say(`byre: and ${problems.length - SHOWN} more like these; --json lists all`);
}
