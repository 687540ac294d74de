/**
 * `byre get`: the values of rows.
 * A row that is not there is no failure of the program, but told by its exit status.
 */
import type { Key } from '../../../src/tables/index.ts';
import type { Command } from '../command.ts';
import { withPool } from '../pool.ts';
import { formOf, line, openExisting, parseKey, toJson } from '../rows.ts';
import { Status, usage, writeJson } from '../session.ts';
import { parseTarget } from '../target.ts';

/** Every key that was asked for is in one of the two. */
function documents(keys: readonly Key[], found: readonly unknown[], values: string): object {
  const rows: object[] = [];
  const missing: unknown[] = [];
  for (const [at, key] of keys.entries()) {
    const value = found[at];
    if (value === undefined) missing.push(toJson(key));
    else rows.push({ key: toJson(key), value: formOf(values) === 'plain' ? value : toJson(value) });
  }
  return { rows, missing };
}

export const get: Command = {
  name: 'get',
  summary: 'print the values of rows of a table',
  usage: ['[BRANCH]:TABLE KEY...'],
  details: `A KEY is JSON, or, where it is no JSON, the text itself: 7, true, ada, '["eu", 7]'. What JSON lacks stands as
{"$bytes": BASE64}, {"$date": TEXT}, {"$bigint": TEXT} and {"$number": "NaN"}. Values are printed as JSON, one a line; the status is 1
if any row is missing, which prints nothing; with --json all are in one document, and what is missing is named.`,
  options: { raw: { type: 'boolean', text: 'print text and bytes as they are, without a line end' } },
  examples: [['byre get main:users ada', 'prints the row of table users under the key "ada"']],
  async run(session) {
    const [typed, ...keys] = session.positionals;
    if (typed === undefined || keys.length === 0) throw usage('TABLE or KEY is missing');
    const target = parseTarget(typed);
    if (session.json && session.values.raw === true) throw usage('--raw or --json, not both');
    return await withPool(session, { mode: 'read', targets: [target] }, async (pool) => {
      const { table, values } = await openExisting(pool, target);
      const wanted = keys.map(parseKey);
      const found = await table.getMany(wanted);
      const status = found.includes(undefined) ? Status.no : Status.ok;
      if (session.json) {
        writeJson(session, { table: table.name, ...documents(wanted, found, values) });
        return status;
      }
      for (const value of found) {
        if (value === undefined) continue;
        const isRaw = session.values.raw === true && (typeof value === 'string' || value instanceof Uint8Array);
        session.write(isRaw ? value : line(value, formOf(values)));
      }
      return status;
    });
  },
};
