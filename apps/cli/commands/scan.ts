/**
 * `byre scan`: rows of a table in order.
 * Rows are printed as they are read, one JSON document a line; it must not gather them first.
 */
import type { RangeOptions } from '../../../src/tables/index.ts';
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { withPool } from '../pool.ts';
import { formOf, line, openExisting, parseKey, toJson } from '../rows.ts';
import { type Session, usage } from '../session.ts';
import { parseTarget } from '../target.ts';

const bounds = ['gt', 'gte', 'lt', 'lte', 'prefix'] as const;

function rangeOf({ values }: Session): RangeOptions {
  const range: Record<string, unknown> = {};
  for (const bound of bounds) if (values[bound] !== undefined) range[bound] = parseKey(String(values[bound]));
  if (values.reverse === true) range.reverse = true;
  if (values.limit !== undefined) {
    if (!/^\d+$/.test(String(values.limit))) throw usage('--limit takes a number of rows');
    range.limit = Number(values.limit);
  }
  return range;
}

const bound = (text: string) => ({ type: 'string', value: 'KEY', text }) as const;

export const scan: Command = {
  name: 'scan',
  summary: 'print rows of a table in order',
  usage: ['[BRANCH]:TABLE'],
  details: `Prints {"key": …, "value": …}, one a line. KEY is as for \`byre get\`; with --index it is a value of the indexed field.`,
  options: {
    gt: bound('after this key'),
    gte: bound('from this key'),
    lt: bound('before this key'),
    lte: bound('up to this key'),
    prefix: bound('arrays or text that begin so'),
    reverse: { type: 'boolean', short: 'r', text: 'from the last to the first' },
    limit: { type: 'string', short: 'n', value: 'COUNT', text: 'at most so many' },
    keys: { type: 'boolean', short: 'k', text: 'print keys alone' },
    index: { type: 'string', short: 'i', value: 'NAME', text: 'in the order of an index' },
  },
  examples: [
    ['byre scan main:users', 'prints all rows'],
    [`byre scan main:users --prefix '["eu"]' -n 10`, 'prints the first ten rows whose keys begin with "eu"'],
  ],
  async run(session) {
    const [typed = ''] = takePositionals(session, ['TABLE']);
    const target = parseTarget(typed);
    const range = rangeOf(session);
    await withPool(session, { mode: 'read', targets: [target] }, async (pool) => {
      const { table, values } = await openExisting(pool, target);
      const rows = session.values.index === undefined ? table : table.index(String(session.values.index));
      if (session.values.keys === true) {
        for await (const key of rows.keys(range)) session.write(line(key));
        return;
      }
      const form = formOf(values);
      for await (const [key, value] of rows.entries(range)) {
        session.write(line({ key: toJson(key), value: form === 'plain' ? value : toJson(value) }, 'plain'));
      }
    });
    return 0;
  },
};
