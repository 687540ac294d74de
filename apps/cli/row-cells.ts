/**
 * Keys and values as cells of CSV: a cell is JSON where it is exactly what byre would write for that JSON, else it is text. So what is
 * read and written again stays as it was: 007, 1e3 and 1.0 are text, 7 is a number.
 * Callers must quote cells by `quoted`; an empty cell without quotes is a field that is not there, with quotes an empty text.
 */
import type { Key } from '../../src/tables/index.ts';
import type { Cell } from './row-input.ts';
import { fromJson, line, toJson } from './rows.ts';

/** The first column of what is exported: the key, which is no field of the row. */
export const KEY_COLUMN = 'key';
/** The column of tables whose rows have no fields. */
export const VALUE_COLUMN = 'value';

/** How JSON begins that byre would write; to see that text is none is cheaper so than by an error. */
const start = /^(?:-?\d|["[{]|true$|false$|null$)/;

function parsed(text: string): unknown {
  if (!start.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The key in a cell; arrays, dates and the like as `byre scan` prints them. */
export function keyOfCell({ text }: Cell): Key {
  const json = parsed(text);
  if (json === undefined) return text;
  const key = fromJson(json) as Key;
  return line(key) === `${text}\n` ? key : text;
}

/** The value in a cell; undefined: there is none. */
export function valueOfCell({ text, quoted }: Cell): unknown {
  if (text === '') return quoted ? '' : undefined;
  const json = parsed(text);
  return json !== undefined && JSON.stringify(json) === text ? json : text;
}

export function cellOfKey(key: Key): string {
  if (typeof key === 'string' && keyOfCell({ text: key, quoted: true }) === key) return quoted(key, key === '');
  return quoted(line(key).trimEnd());
}

export function cellOfValue(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string' && valueOfCell({ text: value, quoted: true }) === value) {
    return quoted(value, value === '');
  }
  return quoted(JSON.stringify(value));
}

/** The cell of a value that JSON lacks. */
export function cellOfMarked(value: unknown): string {
  return quoted(JSON.stringify(toJson(value)));
}

/** A cell with the quotes that it needs. */
export function quoted(text: string, always = false): string {
  return always || /[",\r\n\ufeff]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
