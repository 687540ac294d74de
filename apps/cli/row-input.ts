/**
 * Bytes as lines and as CSV records (RFC 4180), as they come.
 * Callers must treat what comes as anybody's: lines may be long, and what is no UTF-8 or no CSV is refused with its line.
 */
import { refused } from './session.ts';

/** A line or record, and the number of the line that it begins in. */
export interface Line {
  readonly number: number;
  readonly text: string;
}

export interface Cell {
  readonly text: string;
  readonly quoted: boolean;
}

export interface CsvRecord {
  readonly number: number;
  readonly cells: readonly Cell[];
}

/** Text as it comes, without a byte order mark at its beginning. */
async function* readText(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw refused(`line ${line} or soon after it: this is no UTF-8`);
    }
  };
  for await (const bytes of input) {
    const text = decode(bytes);
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++;
    yield text;
  }
  yield decode();
}

/** Lines without their ends; the last one also if it has none. */
export async function* readLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let rest = '';
  let number = 0;
  const take = (line: string): Line => ({ number: ++number, text: line.endsWith('\r') ? line.slice(0, -1) : line });
  for await (const text of readText(input)) {
    const lines = text.split('\n');
    lines[0] = rest + lines[0];
    rest = lines.pop() ?? '';
    for (const line of lines) yield take(line);
  }
  if (rest !== '') yield take(rest);
}

/** Records: quoted cells may hold commas, line ends and doubled quotes. Empty lines are no records. */
export async function* readCsv(input: AsyncIterable<Uint8Array>): AsyncGenerator<CsvRecord> {
  const parser = new CsvParser();
  for await (const text of readText(input)) {
    parser.read(text);
    yield* parser.records.splice(0);
  }
  parser.end();
  yield* parser.records;
}

/** `bare`: in a cell without quotes, or before one. `closed`: after a quote in a quoted cell, which may be the first of two. */
type State = 'bare' | 'quoted' | 'closed';

class CsvParser {
  readonly records: CsvRecord[] = [];
  private state: State = 'bare';
  private cells: Cell[] = [];
  private text = '';
  private quoted = false;
  private line = 1;
  private started = 1;

  read(text: string): void {
    for (let at = 0; at < text.length; ) {
      const marks = this.state === 'quoted' ? /"/g : /[",\n]/g;
      marks.lastIndex = at;
      const end = marks.exec(text)?.index ?? text.length;
      if (end > at) this.take(text.slice(at, end));
      if (end < text.length) this.meet(text[end]!);
      at = end + 1;
    }
  }

  end(): void {
    if (this.state === 'quoted') throw refused(`line ${this.started}: a quote that is opened there is never closed`);
    this.endRecord();
  }

  /** Text without what has a meaning in the present state. */
  private take(text: string): void {
    if (this.state === 'closed') {
      // The first half of a line's end is no part of the cell.
      if (text === '\r') return;
      throw refused(`line ${this.line}: there is text after the closing quote of a cell`);
    }
    this.text += text;
    if (this.state === 'quoted') for (const each of text) if (each === '\n') this.line++;
  }

  private meet(mark: string): void {
    if (mark === '"') this.meetQuote();
    else if (mark === ',') this.endCell();
    else {
      this.endRecord();
      this.line++;
      this.started = this.line;
    }
  }

  private meetQuote(): void {
    if (this.state === 'quoted') this.state = 'closed';
    else if (this.state === 'closed') {
      this.text += '"';
      this.state = 'quoted';
    } else if (this.text === '') {
      this.state = 'quoted';
      this.quoted = true;
    } else this.text += '"';
  }

  private endCell(): void {
    this.cells.push({ text: this.text, quoted: this.quoted });
    this.text = '';
    this.quoted = false;
    this.state = 'bare';
  }

  private endRecord(): void {
    if (!this.quoted && this.text.endsWith('\r')) this.text = this.text.slice(0, -1);
    this.endCell();
    const [only] = this.cells;
    const isEmpty = this.cells.length === 1 && only?.text === '' && !only.quoted;
    if (!isEmpty) this.records.push({ number: this.started, cells: this.cells });
    this.cells = [];
  }
}
