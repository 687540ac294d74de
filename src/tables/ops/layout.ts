/**
 * Where a table's keys lie in a branch's tree, and a buffer that builds them without garbage.
 * Callers must not keep a view that `rowKey` or `rowBound` returned beyond the next call of either, nor give a table a name that
 * `checkName` refuses. docs/tables.md and docs/format.md state the layout; it is part of the format.
 *
 * Every key of a table: 0x02, the name's UTF-8, 0x00, a part: 0x00 the catalogue record, 0x01 a row, 0x02 an index entry, 0x03 a piece
 * of a long value.
 * Tables are found by name, not by a number: so two branches that each make a table of one name merge row by row, and a key can be
 * shown without looking anything up.
 */
import { ByreError } from '../../errors.ts';
import { checkKeyEnd, type Key, writeKey, writeKeyPart } from './tuple.ts';
import { readKey, readText } from './tuple-read.ts';

export const TABLES_FACE = 0x02;
export const RECORD_PART = 0x00;
export const ROW_PART = 0x01;
export const INDEX_PART = 0x02;
export const VALUE_PART = 0x03;

const MAX_NAME_BYTES = 255;
const encoder = new TextEncoder();

/** The UTF-8 of a table's or index's name. */
export function checkName(name: string, what: 'table' | 'index'): Uint8Array {
  const bytes = typeof name === 'string' ? encoder.encode(name) : new Uint8Array(0);
  if (
    bytes.length === 0 ||
    bytes.length > MAX_NAME_BYTES ||
    bytes.includes(0) ||
    readText(bytes, 0, bytes.length) !== name
  ) {
    throw new ByreError('BAD_ARGUMENT', `The name of a ${what} is 1 to ${MAX_NAME_BYTES} bytes of text without NUL`, {
      details: { name },
    });
  }
  return bytes;
}

/** The keys of one table. One object may serve every handle of the table: nothing in it outlasts an operation. */
export class TableLayout {
  readonly name: string;
  /** The longest encoded primary key. */
  readonly maxKeyBytes: number;
  /** Start and end of all that is the table's. */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly record: Uint8Array;
  /** Start and end of the rows. */
  readonly rowsFrom: Uint8Array;
  readonly rowsTo: Uint8Array;
  /** Start and end of the pieces of long values. */
  readonly piecesFrom: Uint8Array;
  readonly piecesTo: Uint8Array;

  /** Where a row key's own part begins. */
  readonly rowStart: number;
  private readonly limit: number;
  /** One for each key that an operation holds at a time. */
  private readonly lanes: Lane[] = [];

  constructor(name: string, maxKeyBytes: number) {
    const bytes = checkName(name, 'table');
    this.name = name;
    const prefix = Uint8Array.of(TABLES_FACE, ...bytes, 0);
    this.from = prefix;
    this.to = successor(prefix);
    this.record = withByte(prefix, RECORD_PART);
    this.rowsFrom = withByte(prefix, ROW_PART);
    this.rowsTo = withByte(prefix, INDEX_PART);
    this.piecesFrom = withByte(prefix, VALUE_PART);
    this.piecesTo = withByte(prefix, VALUE_PART + 1);
    this.rowStart = prefix.length + 1;
    this.limit = maxKeyBytes;
    this.maxKeyBytes = maxKeyBytes - this.rowStart;
    this.lane(0);
  }

  /** The tree's key of a row: a view, see above. Keys of different lanes can be held at a time. */
  rowKey(key: Key, lane = 0): Uint8Array {
    const { buffer, views } = this.lanes[lane] ?? this.lane(lane);
    const end = writeKey(buffer, this.rowStart, key);
    if (end > this.limit) checkKeyEnd(end, this.limit);
    return views[end] ?? this.view(lane, end);
  }

  /** The tree's key of a row given as its encoded key. */
  rowKeyOf(encoded: Uint8Array): Uint8Array {
    const end = this.rowStart + encoded.length;
    checkKeyEnd(end, this.limit);
    this.lanes[0].buffer.set(encoded, this.rowStart);
    return this.view(0, end);
  }

  /** The primary key in a row's key. */
  keyOf(rowKey: Uint8Array): Key {
    return readKey(rowKey, this.rowStart, rowKey.length);
  }

  private view(lane: number, end: number): Uint8Array {
    const { buffer, views } = this.lanes[lane];
    const view = views[end] ?? buffer.subarray(0, end);
    views[end] = view;
    return view;
  }

  private lane(lane: number): Lane {
    const buffer = new Uint8Array(this.limit);
    buffer.set(this.rowsFrom);
    const made = { buffer, views: [] };
    this.lanes[lane] = made;
    return made;
  }
}

/** A buffer with the rows' prefix in it, and its views by length, made when first needed: a key then allocates nothing. */
interface Lane {
  readonly buffer: Uint8Array;
  readonly views: Uint8Array[];
}

/** The keys of one index of a table. */
export class IndexLayout {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  private readonly limit: number;

  constructor(table: TableLayout, name: string, maxKeyBytes: number) {
    const bytes = checkName(name, 'index');
    this.from = Uint8Array.of(...table.from, INDEX_PART, ...bytes, 0);
    this.to = successor(this.from);
    this.limit = maxKeyBytes;
  }

  /** A new key of the index with these parts, each delimited. */
  key(parts: readonly Key[]): Uint8Array {
    const buffer = new Uint8Array(this.limit);
    buffer.set(this.from);
    let end = this.from.length;
    for (const part of parts) end = writeKeyPart(buffer, end, part);
    checkKeyEnd(end, this.limit);
    return buffer.slice(0, end);
  }
}

/** What a key of the tables' face is part of. */
export interface Described {
  readonly table: string;
  readonly part: 'record' | 'row' | 'index' | 'value';
  /** The index's name; absent unless `part` is `index`. */
  readonly index?: string;
  /** Where the key's own part begins. */
  readonly start: number;
}

/** Takes a tree's key apart; undefined if it is not one of the tables' face. */
export function describeKey(key: Uint8Array): Described | undefined {
  if (key[0] !== TABLES_FACE) return undefined;
  const end = key.indexOf(0, 1);
  if (end < 2 || end + 1 >= key.length) return undefined;
  const table = readText(key, 1, end);
  const start = end + 2;
  switch (key[end + 1]) {
    case RECORD_PART:
      return key.length === start ? { table, part: 'record', start } : undefined;
    case ROW_PART:
      return { table, part: 'row', start };
    case INDEX_PART: {
      const stop = key.indexOf(0, start);
      return stop < 0 ? undefined : { table, part: 'index', index: readText(key, start, stop), start: stop + 1 };
    }
    case VALUE_PART:
      return { table, part: 'value', start };
    default:
      return undefined;
  }
}

/** The first key that does not begin with `prefix`; undefined is never needed: the face byte is never 0xff. */
export function successor(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  const next = prefix.slice(0, length);
  next[length - 1] = next[length - 1] + 1;
  return next;
}

function withByte(bytes: Uint8Array, byte: number): Uint8Array {
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  longer[bytes.length] = byte;
  return longer;
}
