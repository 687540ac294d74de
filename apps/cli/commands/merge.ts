/**
 * `byre merge`: brings the changes of one branch into another.
 * All of them or, if a conflict is left, none: a branch is never left half merged.
 */
import { isFileConflict, settleFiles } from '../../../src/files/merge.ts';
import { FILES_FACE } from '../../../src/files/ops/keys.ts';
import type { FileConflict } from '../../../src/files/ops/merge/conflict.ts';
import { HOST_FACE } from '../../../src/host/memory.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import { settleTables, showKey } from '../../../src/tables/index.ts';
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { type Conflict, conflictAsJson, showConflict } from '../conflicts.ts';
import { showCount } from '../format.ts';
import { withPool } from '../pool.ts';
import { type Session, Status, usage, writeJson } from '../session.ts';
import { shown } from '../shown.ts';
import { parseTarget } from '../target.ts';
import { branchName } from '../targets.ts';

type Strategy = 'ours' | 'theirs' | 'fail';

interface Merged {
  readonly merged: boolean;
  /** Keys that changed. */
  readonly changes: number;
  /** All that were met, settled ones too. */
  readonly conflicts: readonly Conflict[];
}

function strategyOf(session: Session): Strategy {
  const { strategy = 'fail' } = session.values;
  if (strategy === 'ours' || strategy === 'theirs' || strategy === 'fail') return strategy;
  throw usage(`--strategy is ours, theirs or fail, not '${String(strategy)}'`);
}

interface What {
  readonly from: string;
  readonly into: string;
  readonly base: string | undefined;
  readonly strategy: Strategy;
}

async function mergeBranches(pool: Pool, { from, into, base, strategy }: What): Promise<Merged> {
  // A merge begins anew if the branch changes meanwhile: the last of equal reports counts.
  const files = new Map<string, FileConflict>();
  const report = await pool.merge({
    from,
    into,
    ...(base === undefined ? {} : { base }),
    resolve: ({ key }) => {
      // What is remembered of imports makes only the next one quicker.
      if (key[0] === HOST_FACE) return 'ours';
      const isSettled = key[0] === FILES_FACE || 'table' in showKey(key);
      return isSettled || strategy === 'fail' ? 'conflict' : strategy;
    },
    settle: [
      settleFiles({
        files: (conflict) => {
          files.set(`${conflict.kind} ${conflict.path.join('/')} ${conflict.xattr}`, conflict);
          return strategy;
        },
      }),
      settleTables(strategy === 'fail' ? {} : { tables: strategy }),
    ],
  });
  const left = report.conflicts.map((conflict): Conflict => {
    if (isFileConflict(conflict)) return { file: conflict.file };
    return { key: showKey(conflict.key) };
  });
  if (strategy === 'fail') return { merged: report.merged, changes: report.changes, conflicts: left };
  const settled = [...files.values()].map((file): Conflict => ({ file: { ...file, taken: strategy } }));
  const conflicts = [...settled, ...left.filter((conflict) => 'key' in conflict)];
  return { merged: report.merged, changes: report.changes, conflicts };
}

async function run(session: Session): Promise<number> {
  const typed = takePositionals(session, ['FROM', 'INTO'], 1);
  const targets = typed.map(parseTarget);
  const [from, into = 'main'] = targets.map((target, at) => branchName(target, typed[at]!));
  const { base } = session.values;
  const strategy = strategyOf(session);
  if (from === into) throw usage(`'${from}' cannot be merged into itself`);
  return await withPool(session, { mode: 'write', targets }, async (pool) => {
    const what = { from: from!, into, base: typeof base === 'string' ? base : undefined, strategy };
    const { merged, changes, conflicts } = await mergeBranches(pool, what);
    if (session.json) {
      writeJson(session, { from, into, merged, changedKeys: changes, conflicts: conflicts.map(conflictAsJson) });
    } else {
      for (const conflict of conflicts) session.write(`${showConflict(conflict)}\n`);
      const names = `${shown(from!)} into ${shown(into)}`;
      const count = showCount(conflicts.length, 'conflict');
      if (!merged)
        session.write(`nothing was merged: ${count}; --strategy=ours or theirs decides, or change a branch\n`);
      else if (changes === 0) session.write(`${shown(into)} has all of ${shown(from!)} already\n`);
      else session.write(`merged ${names}${conflicts.length > 0 ? `, ${count} settled` : ''}\n`);
    }
    return merged ? Status.ok : Status.no;
  });
}

export const merge: Command = {
  name: 'merge',
  summary: 'bring the changes of one branch into another',
  usage: ['FROM [INTO]'],
  details: `INTO is main if it is left out; FROM stays as it is. What counts as a change is told by the newest state that both have in
common. Files are told by their inodes, so renames meet changes; texts are merged line by line, tables row by row. Where both changed
one thing differently there is a conflict: by default nothing is merged then, and every conflict is listed. Exit status 1: conflicts.`,
  options: {
    strategy: {
      type: 'string',
      short: 's',
      value: 'WHOSE',
      text: "on conflicts take 'ours' (INTO), 'theirs' (FROM), or 'fail'",
    },
    base: { type: 'string', value: 'NAME', text: 'take this branch or snapshot for the common state' },
  },
  examples: [
    ['byre merge try-1', 'brings what try-1 changed into main, or lists the conflicts'],
    ['byre merge --strategy=theirs main try-1', 'brings try-1 up to date with main, which wins where both changed'],
  ],
  run,
};
