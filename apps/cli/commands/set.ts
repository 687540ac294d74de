/**
 * `byre set`: puts one row.
 * The table is made if there is none; nothing else is.
 */
import { takePositionals } from '../arguments.ts';
import type { Command } from '../command.ts';
import { withPool } from '../pool.ts';
import { openTable, parseKey, parseValue, toJson } from '../rows.ts';
import { Status, writeJson } from '../session.ts';
import { parseTarget } from '../target.ts';

export const set: Command = {
  name: 'set',
  summary: 'put a row into a table',
  usage: ['[BRANCH]:TABLE KEY VALUE'],
  details: `KEY is as for \`byre get\`. VALUE is JSON; in a table of text the text itself, in a table of bytes {"$bytes": BASE64}.`,
  options: {
    values: { type: 'string', value: 'KIND', text: 'how a new table stores values: json (default), text or bytes' },
    'if-absent': { type: 'boolean', text: 'only if there is no such row; else the status is 1' },
  },
  examples: [[`byre set main:users ada '{"name": "Ada"}'`, 'puts the row under the key "ada"']],
  async run(session) {
    const [typed = '', key = '', value = ''] = takePositionals(session, ['TABLE', 'KEY', 'VALUE']);
    const target = parseTarget(typed);
    return await withPool(session, { mode: 'write', targets: [target] }, async (pool) => {
      const { table, values } = await openTable(pool, target, session.values.values as string | undefined);
      const row = parseValue(value, values);
      const isPut = session.values['if-absent'] === true ? await table.putIfAbsent(parseKey(key), row) : true;
      if (session.values['if-absent'] !== true) await table.put(parseKey(key), row);
      if (session.json) writeJson(session, { table: table.name, key: toJson(parseKey(key)), put: isPut });
      return isPut ? Status.ok : Status.no;
    });
  },
};
