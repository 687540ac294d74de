/**
 * The conformance suite of file systems in the shape of `node:fs`. It runs against the real one, which proves the suite, and
 * against byre. Callers must give a fresh, empty target per call of `setup`.
 */
import { describe } from 'vitest';
import { directoriesGroup } from './directories.ts';
import { handlesGroup } from './handles.ts';
import { linksGroup } from './links.ts';
import { namesGroup } from './names.ts';
import { openGroup } from './open.ts';
import { positionsGroup } from './positions.ts';
import { renameGroup } from './rename.ts';
import { statsGroup } from './stats.ts';
import { streamsGroup } from './streams.ts';
import { allForms, type GroupBody, runGroup } from './suite.ts';
import type { FormName, Setup } from './target.ts';
import { treesGroup } from './trees.ts';
import { watchGroup } from './watch.ts';
import { wholeGroup } from './whole.ts';

export interface SuiteOptions {
  /** Which of the three forms to run; all by default. */
  readonly forms?: readonly FormName[];
  /** Leaves out the cases that name a form themselves, for what has no synchronous form. */
  readonly eachOnly?: boolean;
}

/** Groups whose cases all name a form themselves. */
const onceGroups: readonly GroupBody[] = [handlesGroup, streamsGroup, watchGroup];

const groups: readonly [string, GroupBody][] = [
  ['open', openGroup],
  ['positions', positionsGroup],
  ['whole files', wholeGroup],
  ['directories', directoriesGroup],
  ['names', namesGroup],
  ['links', linksGroup],
  ['rename', renameGroup],
  ['stats', statsGroup],
  ['trees', treesGroup],
  ['handles', handlesGroup],
  ['streams', streamsGroup],
  ['watch', watchGroup],
];

export function filesConformance(name: string, setup: Setup, options: SuiteOptions = {}): void {
  describe(name, () => {
    for (const [title, body] of groups) {
      if (options.eachOnly === true && onceGroups.includes(body)) continue;
      runGroup(title, setup, { forms: options.forms ?? allForms, eachOnly: options.eachOnly === true }, body);
    }
  });
}
