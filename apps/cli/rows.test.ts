/** Keys and values of tables on the command line, and lines and CSV as they are read. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cellOfKey, cellOfValue, keyOfCell, valueOfCell } from './row-cells.ts';
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
    const cells = async (text: string, size: number) =>
      (await all(readCsv(chunks(text, size)))).map((record) => [
        record.number,
        ...record.cells.map((cell) => cell.text),
      ]);
    for (const size of [1, 2, 3, 1000]) {
      expect((await all(readLines(chunks('\ufeffa\r\né\n\nlast', size)))).map(({ text }) => text)).toEqual([
        'a',
        'é',
        '',
        'last',
      ]);
      expect(await cells('\ufeffid,name\r\n1,"a, ""b""\r\nc\r"\r\n\r\n2,\n,""\n"",5" pipe\n""""', size)).toEqual([
        [1, 'id', 'name'],
        [2, '1', 'a, "b"\r\nc\r'],
        [5, '2', ''],
        [6, '', ''],
        [7, '', '5" pipe'],
        [8, '"'],
      ]);
      await expect(cells('a\n"b\nc', size)).rejects.toThrow('line 2: a quote that is opened there is never closed');
      await expect(cells('a\n"b\n"c', size)).rejects.toThrow('line 3: there is text after the closing quote');
    }
    const wrong = (async function* () {
      yield Uint8Array.of(0x61, 0x0a, 0xff, 0x0a);
    })();
    await expect(all(readLines(wrong))).rejects.toThrow('no UTF-8');
  });

  test('any key and any JSON value come back from a cell', async () => {
    const roundTrip = async (cell: string) => {
      const [record] = await all(readCsv(chunks(`x,${cell},x\n`, 1000)));
      return record!.cells[1]!;
    };
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('', '7', 'null', '1e3', '"', '[1]', ' a', 'a\r\n', ','),
    );
    const key = fc.oneof(
      text,
      fc.double(),
      fc.bigInt(),
      fc.boolean(),
      fc.constant(null),
      fc.date({ noInvalidDate: true }),
      fc.array(text),
    );
    await fc.assert(
      fc.asyncProperty(key, async (one) => {
        expect(keyOfCell(await roundTrip(cellOfKey(one)))).toStrictEqual(one);
      }),
    );
    const value = fc.oneof(text, fc.jsonValue());
    await fc.assert(
      fc.asyncProperty(value, async (one) => {
        // JSON has no -0.
        expect(valueOfCell(await roundTrip(cellOfValue(one)))).toStrictEqual(JSON.parse(JSON.stringify(one)));
      }),
    );
    for (const plain of ['007', '1.0', '1e3', '12345678901234567890', 'True', '{"a": 1}']) {
      expect(valueOfCell({ text: plain, quoted: false })).toBe(plain);
      expect(cellOfValue(plain)).toBe(plain.includes('"') ? '"{""a"": 1}"' : plain);
    }
  });
});
