/** Keys and values of tables on the command line, and the input of `byre load`. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCsv, readLines } from './row-input.ts';
import { fromJson, line, parseKey, parseValue, toJson } from './rows.ts';

async function* chunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe('rows', () => {
  test('keys that JSON lacks come back', () => {
    const keys = [
      null,
      true,
      1.5,
      -0,
      Number.NaN,
      -Infinity,
      7n,
      'x',
      new Date(0),
      new Date(8.64e15),
      Uint8Array.of(1, 255),
      [[], 'a', 2n],
    ];
    for (const key of keys) expect(parseKey(line(key).trim())).toStrictEqual(key);
    expect(parseKey('ada')).toBe('ada');
    expect(parseKey('"7"')).toBe('7');
    expect(fromJson({ $bytes: 'AQ==', more: 1 })).toEqual({ $bytes: 'AQ==', more: 1 });
    expect(parseValue('{"$bigint": "1"}', 'json')).toEqual({ $bigint: '1' });
    expect(parseValue('{"$bytes": "AQ=="}', 'bytes')).toEqual(Uint8Array.of(1));
    expect(() => parseValue('{', 'json')).toThrow('no JSON');
  });

  test('nothing that rules a terminal is printed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const printed = line(text);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about.
        expect(/[\0-\t\v-\x1f\x7f-\x9f]/.test(printed)).toBe(false);
        expect(JSON.parse(printed)).toBe(text);
      }),
    );
    expect(toJson(1)).toBe(1);
  });

  test('lines and CSV, however the input is cut', async () => {
    for (const size of [1, 2, 3, 1000]) {
      expect(await all(readLines(chunks('a\r\né\n\nlast', size)))).toEqual(['a', 'é', '', 'last']);
      expect(await all(readCsv(chunks('id,name\n1,"a, ""b""\nc"\n\n2,\n,""\n', size)))).toEqual([
        ['id', 'name'],
        ['1', 'a, "b"\nc'],
        ['2', ''],
        ['', ''],
      ]);
    }
  });
});
