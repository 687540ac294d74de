/**
 * `byre diff`: what differs between the files and the tables of two branches or snapshots.
 * It reads and never writes; time goes with what differs, not with what the branches hold.
 */
import { isQuiet } from '../../../src/host/changes.ts';
import { bytesOfName } from '../../../src/host/names.ts';
import { findTrial } from '../../../src/host/trial.ts';
import type { Branch } from '../../../src/pool/branch.ts';
import type { Pool } from '../../../src/pool/pool.ts';
import { takePositionals } from '../arguments.ts';
import { changeLine, changeLines, changesAsJson, summaryLine } from '../changes-text.ts';
import type { Command } from '../command.ts';
import { compareAt, hold } from '../comparison.ts';
import { type Colour, painter } from '../paint.ts';
import { withPool } from '../pool.ts';
import { compareRows, rowLines, rowSummary, rowsAsJson, type TableChanges } from '../row-changes.ts';
import { type Session, Status, usage, writeJson } from '../session.ts';
import { parseTarget, type Target } from '../target.ts';
import { DEFAULT_BRANCH } from '../targets.ts';
import { showTextOf } from '../text-diff.ts';

type Changes = Awaited<ReturnType<typeof compareAt>>;

const lineColours: Readonly<Record<string, Colour>> = { '+': 'green', '-': 'red', '@': 'cyan' };
const markColours: Readonly<Record<string, Colour>> = { '+': 'green', '-': 'red', '~': 'yellow', '>': 'cyan' };

/** Unified text; on a terminal with colours, and with nothing in it that rules terminals. */
function writeText(session: Session, before: Branch, after: Branch, changes: Changes): void {
  if (session.columns === undefined) {
    showTextOf(before, after, changes, (text) => session.write(text));
    return;
  }
  const paint = painter(session);
  const decoder = new TextDecoder();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about.
  const clean = (line: string) => line.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
  showTextOf(before, after, changes, (text) => {
    const lines = (typeof text === 'string' ? text : decoder.decode(text)).split('\n');
    session.write(lines.map((line) => paint(clean(line), lineColours[line.slice(0, 1)])).join('\n'));
  });
}

function wholeText(before: Branch, after: Branch, changes: Changes): string {
  const pieces: Uint8Array[] = [];
  showTextOf(before, after, changes, (text) => pieces.push(typeof text === 'string' ? Buffer.from(text) : text));
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(pieces));
}

function write(session: Session, before: Branch, after: Branch, changes: Changes, rows: readonly TableChanges[]): void {
  const { text, summary, names, null: zero } = session.values;
  const shown = changes.filter((change) => !isQuiet(change));
  if (text === true) writeText(session, before, after, changes);
  else if (names === true || zero === true) {
    const end = zero === true ? '\0' : '\n';
    for (const { path } of shown) session.write(Buffer.concat([bytesOfName(path), Buffer.from(end)]));
  } else {
    const paint = painter(session);
    const isShort = summary === true;
    const lines = isShort ? changeLines(changes) : shown.map(changeLine);
    for (const line of [...lines, ...(isShort ? rowSummary(rows) : rowLines(rows))]) {
      const mark = line.slice(0, 1);
      session.write(`${paint(mark, markColours[mark])}${line.slice(1)}\n`);
    }
    if (isShort && (shown.length > 0 || rows.length === 0)) session.write(`${summaryLine(changes)}\n`);
  }
}

const branchOf = ({ branch }: Target): string => branch ?? DEFAULT_BRANCH;

/** What a branch is compared with that is named alone. */
function whereItBegan(pool: Pool, name: string): string {
  const base = findTrial(pool, name)?.base;
  // An imported state is its own beginning.
  return base === undefined || base === name ? DEFAULT_BRANCH : base;
}

async function run(session: Session): Promise<number> {
  const sinceFork = session.values['since-fork'] === true;
  const typed = takePositionals(session, sinceFork ? ['BRANCH'] : ['TO', 'TO'], sinceFork ? 0 : 1);
  const targets = typed.map(parseTarget);
  const to = targets.at(-1)!;
  const paths = new Set(targets.flatMap(({ path }) => path ?? []));
  if (paths.size > 1) throw usage('two branches are compared at the same path: name it once, such as main try-1:/src');
  const name = branchOf(to);
  return await withPool(session, { mode: 'read', targets }, (pool) => {
    const from = sinceFork ? undefined : targets.length > 1 ? branchOf(targets[0]!) : whereItBegan(pool, name);
    return hold(pool, from, name, async (before, after) => {
      const [path] = paths;
      const changes = await compareAt(session, before, after, path ?? '/');
      // A path names files; tables have none.
      const rows = path === undefined ? await compareRows(before, after) : [];
      if (session.json) {
        const states = { from: from ?? null, to: name, path: path ?? '/' };
        const text = session.values.text === true ? { text: wholeText(before, after, changes) } : {};
        writeJson(session, { ...states, changes: changesAsJson(changes), rows: rowsAsJson(rows), ...text });
      } else write(session, before, after, changes, rows);
      return changes.every(isQuiet) && rows.length === 0 ? Status.ok : Status.no;
    });
  });
}

export const diff: Command = {
  name: 'diff',
  summary: 'show what differs between two branches or snapshots',
  usage: ['[FROM] TO[:/PATH]', '--since-fork BRANCH[:/PATH]'],
  details: `FROM is main if it is left out; for a branch that 'byre try' has made, the directory as the try found it.
A line for each path: + added, ~ changed, > renamed, - removed, with sizes; then, unless a PATH is named, a line for each row of
a table.
Exit status 0: no difference, 1: there are some.`,
  options: {
    text: { type: 'boolean', short: 't', text: "changed text line by line, as 'diff -u' and 'patch' have it" },
    summary: { type: 'boolean', short: 's', text: 'group long lists by directory, and sum up' },
    names: { type: 'boolean', short: '1', text: 'paths only, one a line' },
    null: { type: 'boolean', short: 'z', text: 'paths only, each ended by a zero byte' },
    'since-fork': {
      type: 'boolean',
      text: 'what the branch has changed since it was forked, or last took the other in',
    },
  },
  examples: [
    ['byre diff work', 'what work has that main has not, and the other way round'],
    ['byre diff try-1', 'what a try has changed'],
    ['byre diff --text main try-1:/src', 'changed lines, in one directory'],
    ['byre diff --since-fork try-1', 'what try-1 did itself, whatever happened to the branch it came from'],
  ],
  run,
};
