/**
 * Reads tables from the cells of a branch, by docs/format.md and nothing else: it must import nothing from the sources.
 * Callers must give it whole trees; what the book does not allow throws.
 */
import type { PoolReader, TreeRef } from './reader.ts';

export interface StoredTable {
  readonly name: string;
  readonly record: {
    readonly format: number;
    readonly values: string;
    readonly indexes: object;
    readonly long?: boolean;
  };
  readonly rows: Array<{ readonly key: unknown; readonly value: Uint8Array }>;
  /** By index: the parts of each entry, and what it holds. */
  readonly entries: Map<string, Array<{ readonly parts: unknown[]; readonly primary: unknown }>>;
}

const text = new TextDecoder('utf-8', { ignoreBOM: true });

export function tablesOf(reader: PoolReader, root: TreeRef): StoredTable[] {
  const cells: Array<{ key: Uint8Array; bytes: Uint8Array; isInline: boolean }> = [];
  reader.walk(root, (key, cell) => {
    if (key[0] === 0x02) cells.push({ key, bytes: reader.content(cell), isInline: cell.kind === 'inline' });
  });
  const tables: StoredTable[] = [];
  const used = new Set<string>();
  const pieces = new Map(cells.map(({ key, bytes }) => [hex(key), bytes]));
  for (const { key, bytes, isInline } of cells) {
    const nameEnd = key.indexOf(0, 1);
    const name = text.decode(key.subarray(1, nameEnd));
    const own = key.subarray(nameEnd + 2);
    const part = key[nameEnd + 1];
    if (part === 0) {
      tables.push({ name, record: JSON.parse(text.decode(bytes)), rows: [], entries: new Map() });
      continue;
    }
    const table = tables.at(-1);
    if (table?.name !== name) throw new Error(`${name} has no record`);
    if (part === 1) {
      const take = (number: bigint, piece: number) => {
        const at = new Uint8Array([...key.subarray(0, nameEnd + 1), 3, ...new Uint8Array(12)]);
        new DataView(at.buffer).setBigUint64(nameEnd + 2, number);
        new DataView(at.buffer).setUint32(nameEnd + 10, piece);
        used.add(hex(at));
        const found = pieces.get(hex(at));
        if (found === undefined) throw new Error('a piece is missing');
        return found;
      };
      table.rows.push({ key: openKey(own), value: isInline ? bytes : valueInPages(bytes, take) });
    } else if (part === 2) {
      const indexEnd = own.indexOf(0);
      const index = text.decode(own.subarray(0, indexEnd));
      const parts = new Parts(own.subarray(indexEnd + 1)).all();
      const list = table.entries.get(index) ?? [];
      table.entries.set(index, [...list, { parts, primary: bytes.length === 0 ? parts.at(-1) : openKey(bytes) }]);
    } else if (part === 3) {
      if (!used.has(hex(key))) throw new Error('a piece is of no row');
    } else throw new Error(`part ${part}`);
  }
  return tables;
}

function valueInPages(content: Uint8Array, piece: (number: bigint, piece: number) => Uint8Array): Uint8Array {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const length = view.getUint32(0, true);
  if (length <= 524284) return content.subarray(4, 4 + length);
  const value = new Uint8Array(length);
  value.set(content.subarray(12, 12 + 524276));
  for (let at = 524276, index = 0; at < length; at += 524288, index++) {
    value.set(piece(view.getBigUint64(4, true), index).subarray(0, Math.min(524288, length - at)), at);
  }
  return value;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A key to the end of its bytes. */
export function openKey(bytes: Uint8Array): unknown {
  const rest = bytes.subarray(1);
  if (bytes[0] === 0x50) return rest.slice();
  if (bytes[0] === 0x60) return wide(rest);
  if (bytes[0] === 0x70) return new Parts(rest).all();
  return new Parts(bytes).one();
}

/** Keys in delimited form, one after another. */
class Parts {
  private at = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  all(): unknown[] {
    const found: unknown[] = [];
    while (this.at < this.bytes.length) found.push(this.one());
    return found;
  }

  one(): unknown {
    const type = this.bytes[this.at++];
    if (type === 0x10) return null;
    if (type === 0x20 || type === 0x21) return type === 0x21;
    if (type === 0x30) return this.number();
    if (type === 0x38) return this.bigint();
    if (type === 0x40) return new Date(this.number());
    if (type === 0x50) return this.delimited();
    if (type === 0x60) return wide(this.delimited());
    if (type !== 0x70) throw new Error(`type ${type}`);
    const elements: unknown[] = [];
    while (this.bytes[this.at] !== 0) elements.push(this.one());
    this.at++;
    return elements;
  }

  private number(): number {
    const bytes = this.bytes.slice(this.at, this.at + 8);
    this.at += 8;
    if (bytes.every((byte) => byte === 0)) return Number.NaN;
    const isPositive = (bytes[0] as number) >= 0x80;
    const stored = bytes.map((byte, i) => (isPositive ? (i === 0 ? byte ^ 0x80 : byte) : byte ^ 0xff));
    return new DataView(stored.buffer).getFloat64(0);
  }

  private bigint(): bigint {
    const head = ((this.bytes[this.at] as number) << 8) | (this.bytes[this.at + 1] as number);
    const length = head >= 32768 ? head - 32768 : 32767 - head;
    const digits = this.bytes.slice(this.at + 2, this.at + 2 + length);
    this.at += 2 + length;
    const magnitude = BigInt(`0x0${hex(head >= 32768 ? digits : digits.map((byte) => byte ^ 0xff))}`);
    return head >= 32768 ? magnitude : -magnitude;
  }

  private delimited(): Uint8Array {
    const found: number[] = [];
    for (;;) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new Error('a part has no end');
      if (byte !== 0) found.push(byte);
      else if (this.bytes[this.at] === 0xff) {
        found.push(0);
        this.at++;
      } else return Uint8Array.from(found);
    }
  }
}

/** UTF-8 that may have single surrogates. */
function wide(bytes: Uint8Array): string {
  let found = '';
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++] as number;
    const more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    let code = first & (more === 0 ? 0x7f : 0x3f >> more);
    for (let i = 0; i < more; i++) code = (code << 6) | ((bytes[at++] as number) & 0x3f);
    found += String.fromCodePoint(code);
  }
  return found;
}
