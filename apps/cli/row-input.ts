/**
 * Standard input as lines and as CSV records.
 * Callers must treat what comes as anybody's: lines may be long, and nothing says that it is what it should be.
 */

/** Lines without their ends; the last one also if it has none. */
export async function* readLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: false });
  let rest = '';
  for await (const chunk of input) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

/** Records of RFC 4180: quoted fields may hold commas, line ends and doubled quotes. Empty lines are no records. */
export async function* readCsv(input: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  let open: string | undefined;
  for await (const line of readLines(input)) {
    const text: string = open === undefined ? line : `${open}\n${line}`;
    if ((text.match(/"/g)?.length ?? 0) % 2 === 1) {
      open = text;
      continue;
    }
    open = undefined;
    if (text !== '') yield fieldsOf(text);
  }
  if (open !== undefined) yield fieldsOf(open);
}

function fieldsOf(text: string): string[] {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"?([^,]*)|([^,]*))(,|$)/gy;
  for (let found = field.exec(text); found !== null; found = field.exec(text)) {
    const [, quoted, after = '', plain = '', end] = found;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"') + after);
    if (end === '') break;
  }
  return fields;
}
