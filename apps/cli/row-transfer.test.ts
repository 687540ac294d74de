/** Rows in and out of tables: `byre import` and `byre export` with --ndjson and --csv. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openPool } from '../../src/pool/open-pool.ts';
import { tableOf } from '../../src/tables/index.ts';
import { commandLines } from '../../tests/cli/pools.ts';

const { byre, directory, done, json, poolPath } = commandLines();
const file = (name: string) => path.join(directory(), name);
const write = (name: string, text: string) => writeFileSync(file(name), text);
const read = (name: string) => readFileSync(file(name), 'utf8');

async function inTable<T>(
  name: string,
  work: (table: ReturnType<typeof tableOf<unknown>>) => T,
  values = 'json',
): Promise<T> {
  await using pool = await openPool(poolPath());
  return work(tableOf(await pool.branch('main'), name, { values: values as 'json' }));
}

describe('rows as JSON lines', () => {
  test('come out as they went in, whatever keys and values they have', async () => {
    const keys = [null, true, -0, 1.5, Number.NaN, 7n, new Date(0), Uint8Array.of(1), 'a,"b"\n', ['eu', 7], []];
    await inTable('t', (table) => {
      for (const [at, key] of keys.entries()) table.putSync(key, { at, nested: { $bigint: 'plain' } });
    });
    await inTable('b', (table) => table.putSync('x', Uint8Array.of(1, 2)), 'bytes');
    expect(await done(['export', '--ndjson', 'main:t', 't.ndjson'])).toBe('t.ndjson: 11 rows\n');
    expect(read('t.ndjson')).toBe(await done(['scan', 'main:t']));
    expect(await done(['import', '--ndjson', 't.ndjson', 'main:copy'])).toBe('main:copy: 11 rows\n');
    expect(await done(['scan', 'main:copy'])).toBe(read('t.ndjson'));
    expect(await inTable('copy', (table) => [...table.keysSync()])).toHaveLength(11);
    const bytes = await done(['export', '--ndjson', 'main:b', '-']);
    await done(['import', '--ndjson', '-', 'main:b2', '--values=bytes'], { input: bytes });
    expect(await done(['get', 'main:b2', 'x', '--raw'])).toBe('\x01\x02');
    expect(await json(['export', '--ndjson', 'main:b', 'b.ndjson'])).toMatchObject({ rows: 1 });
    expect(await json(['import', '--ndjson', 'b.ndjson', 'main:b2'])).toEqual({ target: 'main:b2', rows: 1 });
  });

  test('of any documents, by one field or several', async () => {
    write('people.ndjson', '\ufeff{"id": 1, "land": "fr", "n": "A"}\r\n\n{"id": 2, "land": "de", "n": "B"}');
    await done(['import', '--ndjson', 'people.ndjson', ':people', '-k', 'id']);
    expect(await done(['scan', ':people'])).toBe(
      '{"key":1,"value":{"id":1,"land":"fr","n":"A"}}\n{"key":2,"value":{"id":2,"land":"de","n":"B"}}\n',
    );
    await done(['import', '--ndjson', 'people.ndjson', ':by', '-k', 'land', '--key', 'id']);
    expect(await done(['scan', ':by', '-k'])).toBe('["de",2]\n["fr",1]\n');
  });

  test('all or none: a mistake is told with its line', async () => {
    const good = Array.from({ length: 2500 }, (_, key) => JSON.stringify({ key, value: key }));
    const refusedAs = async (line: string, message: string) => {
      const lines = [...good];
      lines[2222] = line;
      write('bad.ndjson', lines.join('\n'));
      const { status, error } = await byre(['import', '--ndjson', 'bad.ndjson', 'main:t']);
      expect(status).toBe(4);
      expect(error).toContain(`line 2223: ${message}`);
      expect(await done(['tables'])).toBe('');
    };
    await refusedAs('{"key": 1,', 'this is no JSON');
    await refusedAs('7', 'this is no JSON object');
    await refusedAs('{"value": 1}', 'there is no "key"');
    await refusedAs('{"key": {"a": 1}, "value": 1}', 'A key must be');
    await refusedAs(JSON.stringify({ key: 'x'.repeat(5000), value: 1 }), 'A key is longer');
    write('good.ndjson', good.join('\n'));
    expect(await done(['import', '--ndjson', 'good.ndjson', 'main:t'])).toBe('main:t: 2,500 rows\n');
    expect((await byre(['import', '--ndjson', 'none.ndjson', 'main:t'])).status).not.toBe(0);
  });
});

test('set and del tell what they did, as JSON', async () => {
  expect(await json(['set', 'main:t', '["a", 1]', '7'])).toEqual({ table: 't', key: ['a', 1], put: true });
  const again = await byre(['set', 'main:t', '["a", 1]', '8', '--if-absent', '--json']);
  expect([again.status, JSON.parse(again.output)]).toEqual([1, { table: 't', key: ['a', 1], put: false }]);
  const gone = await byre(['del', 'main:t', '["a", 1]', '{"$date": "2000-01-01T00:00:00.000Z"}', '--json']);
  const missing = [{ $date: '2000-01-01T00:00:00.000Z' }];
  expect([gone.status, JSON.parse(gone.output)]).toEqual([1, { table: 't', removed: 1, missing }]);
  await done(['set', 'main:t', 'ada', '1']);
  expect(await json(['del', 'main:t', 'ada', '"ada"'])).toEqual({ table: 't', removed: 1, missing: [] });
});

test('rows that are asked for are told with their keys, and those that are missing', async () => {
  await done(['set', ':users', 'ada', '{"n":1}']);
  await done(['set', ':users', '7', '{"n":2}']);
  const asked = await byre(['get', ':users', 'nope', '7', '[1]', 'ada', '7', '--json']);
  expect([asked.status, asked.error, JSON.parse(asked.output)]).toEqual([
    1,
    '',
    {
      table: 'users',
      rows: [
        { key: 7, value: { n: 2 } },
        { key: 'ada', value: { n: 1 } },
        { key: 7, value: { n: 2 } },
      ],
      missing: ['nope', [1]],
    },
  ]);
  await done(['set', ':bytes', 'x', '{"$bytes":"AQ=="}', '--values=bytes']);
  expect(await json(['get', ':bytes', 'x'])).toEqual({
    table: 'bytes',
    rows: [{ key: 'x', value: { $bytes: 'AQ==' } }],
    missing: [],
  });
  expect(await byre(['get', ':users', 'ada', '--raw', '--json'])).toMatchObject({ status: 2 });
});

test('a table that is not there is told, with one that may be meant', async () => {
  await done(['set', ':users', 'ada', '1']);
  for (const line of ['scan :usres', 'get :usres ada', 'del :usres ada', 'export --csv :usres -', 'scan :usres --keys'])
    expect(await byre(line.split(' '))).toMatchObject({
      status: 3,
      output: '',
      error: "byre: there is no table 'usres' in main: did you mean users?\n",
    });
  const far = await byre(['scan', ':xyzzy', '--json']);
  expect(JSON.parse(far.error).error).toMatchObject({
    status: 3,
    message: "there is no table 'xyzzy' in main: 'byre tables main' lists those that are there",
  });
  await done(['del', ':users', 'ada']);
  expect(await done(['scan', ':users'])).toBe('');
  expect(await byre(['get', ':users', 'ada'])).toMatchObject({ status: 1, output: '', error: '' });
});

describe('rows as CSV', () => {
  test('come out as they went in', async () => {
    const rows: [never, unknown][] = [
      [['fr', 1], { name: 'a,"b"\r\nc', n: 1, list: [1, { x: null }], none: null, yes: true }],
      ['007', { name: '', n: '7', text: 'null', odd: '{"a":1}' }],
      [7, { name: ' x ', 'a,b': -1.5e-7, key: 'k' }],
      ['', {}],
    ] as never;
    await inTable('t', (table) => {
      for (const [key, value] of rows) table.putSync(key, value);
    });
    expect(await done(['export', '--csv', 'main:t', 't.csv'])).toBe('t.csv: 4 rows\n');
    await done(['import', '--csv', 't.csv', 'main:copy']);
    const found = await inTable(
      'copy',
      (table) => new Map([...table].map(([key, value]) => [JSON.stringify(key), value])),
    );
    expect(found).toEqual(new Map(rows.map(([key, value]) => [JSON.stringify(key), value])));
    expect(await done(['export', '--csv', 'main:copy', '-'])).toBe(read('t.csv'));
    await inTable(
      'texts',
      (table) => {
        for (const text of ['', '7', 'a\nb']) table.putSync(text, text);
      },
      'text',
    );
    await done(['export', '--csv', 'main:texts', 'texts.csv']);
    await done(['import', '--csv', 'texts.csv', 'main:texts2', '--values=text']);
    expect(await done(['scan', 'main:texts2'])).toBe(await done(['scan', 'main:texts']));
    await inTable('b', (table) => table.putSync(1, Uint8Array.of(7)), 'bytes');
    await done(['import', '--csv', '-', 'main:b2', '--values=bytes'], {
      input: await done(['export', '--csv', 'main:b', '-']),
    });
    expect(await done(['scan', 'main:b2'])).toBe(await done(['scan', 'main:b']));
  });

  test('of others: header, types, keys', async () => {
    write('cities.csv', 'id,name,zip,size\r\n1,"Bonn, am Rhein",01234,1e5\r\n2,,"",3\r\n');
    await done(['import', '--csv', 'cities.csv', 'main:cities']);
    expect(await done(['scan', 'main:cities'])).toBe(
      '{"key":1,"value":{"id":1,"name":"Bonn, am Rhein","zip":"01234","size":"1e5"}}\n{"key":2,"value":{"id":2,"zip":"","size":3}}\n',
    );
    await done(['import', '--csv', 'cities.csv', 'main:text', '--text', '-k', 'size', '-k', 'id']);
    expect(await done(['scan', 'main:text'])).toBe(
      '{"key":["1e5","1"],"value":{"id":"1","name":"Bonn, am Rhein","zip":"01234","size":"1e5"}}\n' +
        '{"key":["3","2"],"value":{"id":"2","name":"","zip":"","size":"3"}}\n',
    );
    const refusedAs = async (text: string, message: string, ...options: string[]) => {
      const { status, error } = await byre(['import', '--csv', '-', 'main:new', ...options], { input: text });
      expect(status).toBe(4);
      expect(error).toContain(message);
      expect(await done(['tables'])).not.toContain('new');
    };
    await refusedAs('a,b\n1,2\n3\n', 'line 3: there are 1 cells, and 2 columns');
    await refusedAs('a,b\n1,2\n', 'line 1: there is no column "c" among "a", "b"', '--key=c');
    await refusedAs('a,a\n1,2\n', 'line 1: there are two columns "a"');
    await refusedAs('a\n"1', 'line 2: a quote');
  });

  test('refuses what it cannot write, and files that are there', async () => {
    await done(['set', 'main:t', '1', '7']);
    expect((await byre(['export', '--csv', 'main:t', 'new.csv'])).error).toContain('the row 1 is no object');
    expect((await byre(['export', '--csv', 'main:none', 'new.csv'])).status).toBe(3);
    write('there.ndjson', 'kept');
    expect(await byre(['export', '--ndjson', 'main:t', 'there.ndjson'])).toMatchObject({ status: 4 });
    expect(read('there.ndjson')).toBe('kept');
    await done(['export', '--ndjson', 'main:t', 'there.ndjson', '--overwrite']);
    expect(read('there.ndjson')).toBe('{"key":1,"value":7}\n');
    expect(readdirSync(directory()).filter((name) => !/^(there\.ndjson|pool\.byre|\.byre)/.test(name))).toEqual([]);
    expect((await byre(['import', '--key=a', '.'])).error).toContain('--key is about rows');
    expect((await byre(['import', '--csv', '--exclude=a', '-', 'main:t'])).error).toContain(
      '--exclude is about directories',
    );
    expect((await byre(['import', '--csv', '--ndjson', '-', 'main:t'])).status).toBe(2);
    expect((await byre(['import', '--csv', '-', 'main'])).status).toBe(2);
  });
});
