/**
 * Numbers, times and lists for people. Callers must use it for text only: JSON has plain numbers.
 */
import type { Attributes } from '../../src/files/ops/attributes.ts';
import type { FileType } from '../../src/files/ops/record.ts';

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function showBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${value} B` : `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

/** With commas. Not by `toLocaleString`: making its tables takes longer than most commands. */
export function showNumber(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

export function showCount(count: number, one: string, more = `${one}s`): string {
  return `${showNumber(count)} ${count === 1 ? one : more}`;
}

export function showDuration(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toFixed(0)} µs`;
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const ascii = /^[\x20-\x7e]*$/;
/** Letters that take two places on a terminal. */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** How many places a printable text takes on a terminal. */
export function widthOf(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) width += wide.test(segment) ? 2 : 1;
  return width;
}

/** Rows with columns of one width; a column whose index is in `right` is flush right. Cells must be printable already. */
export function showTable(rows: ReadonlyArray<readonly string[]>, right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell));
  const placed = (cell: string, at: number): string => {
    const space = ' '.repeat(widths[at]! - widthOf(cell));
    return right.includes(at) ? space + cell : cell + space;
  };
  return rows.map((row) => `${row.map(placed).join('  ').trimEnd()}\n`).join('');
}

const typeLetters: Record<FileType, string> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  character: 'c',
  block: 'b',
  socket: 's',
};

/** As `ls -l` shows it. */
export function showMode(type: FileType, mode: number): string {
  const letters = ['r', 'w', 'x', 'r', 'w', 'x', 'r', 'w', 'x'].map((letter, at) =>
    (mode & (0o400 >> at)) !== 0 ? letter : '-',
  );
  const special: Array<[bit: number, at: number, on: string, off: string]> = [
    [0o4000, 2, 's', 'S'],
    [0o2000, 5, 's', 'S'],
    [0o1000, 8, 't', 'T'],
  ];
  for (const [bit, at, on, off] of special) if ((mode & bit) !== 0) letters[at] = letters[at] === 'x' ? on : off;
  return typeLetters[type] + letters.join('');
}

/** Local time to the second, or all of it. */
export function showTime(time: Attributes['modifyTime'], precise = false): string {
  const date = new Date(time.seconds * 1000);
  if (Number.isNaN(date.getTime())) return `${time.seconds} s`;
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return precise ? `${day} ${clock}.${String(time.nanoseconds).padStart(9, '0')}` : `${day} ${clock}`;
}

const suffixes: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** `10G`, `512M`, `4096`; undefined for anything else. */
export function parseBytes(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const factor = found === null ? undefined : suffixes[found[2]!.toUpperCase()];
  return factor === undefined ? undefined : Math.round(Number(found![1]) * factor);
}
