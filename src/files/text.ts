/**
 * Texts as lines: merging two changed versions of one, and showing what differs between two.
 * Callers must expect undefined for what is no text, and for texts of so many lines that comparing them would take long.
 *
 * A text is bytes without a zero byte, of any encoding that ends lines with a newline; what a line holds is never interpreted.
 */
import { diff3Merge, diffIndices } from 'node-diff3';

/** Lines of one version between what all versions have in common at both ends. */
const MAX_LINES = 20_000;
/** Pairs of equal lines that a comparison may have to weigh. */
const MAX_PAIRS = 4_000_000;
const CONTEXT_LINES = 3;
const NEWLINE = 0x0a;

export function isText(bytes: Uint8Array): boolean {
  return !bytes.includes(0);
}

/** The lines with their newlines, as strings of one character for each byte. */
function linesOf(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let from = 0; from < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, from);
    const to = newline < 0 ? bytes.length : newline + 1;
    let line = '';
    for (let at = from; at < to; at += 4096)
      line += String.fromCharCode(...bytes.subarray(at, Math.min(to, at + 4096)));
    lines.push(line);
    from = to;
  }
  return lines;
}

function bytesOf(lines: readonly string[]): Uint8Array {
  const text = lines.join('');
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** How many lines all versions begin with, and end with beyond that. */
function commonEnds(versions: readonly (readonly string[])[]): { start: number; end: number } {
  const [first = [], ...others] = versions;
  const shortest = Math.min(...versions.map((lines) => lines.length));
  let start = 0;
  while (start < shortest && others.every((lines) => lines[start] === first[start])) start++;
  let end = 0;
  while (end < shortest - start && others.every((lines) => lines.at(-1 - end) === first.at(-1 - end))) end++;
  return { start, end };
}

/** Whether two versions can be compared in a time that nobody notices. */
function isComparable(a: readonly string[], b: readonly string[]): boolean {
  if (a.length > MAX_LINES || b.length > MAX_LINES) return false;
  const counts = new Map<string, number>();
  for (const line of a) counts.set(line, (counts.get(line) ?? 0) + 1);
  let pairs = 0;
  for (const line of b) pairs += counts.get(line) ?? 0;
  return pairs <= MAX_PAIRS;
}

/**
 * The text with the changes of both sides. Undefined if they changed the same lines differently, unless `favour` says whose lines
 * to take there.
 */
export function mergeText(
  base: Uint8Array,
  ours: Uint8Array,
  theirs: Uint8Array,
  favour?: 'ours' | 'theirs',
): Uint8Array | undefined {
  if (!isText(base) || !isText(ours) || !isText(theirs)) return undefined;
  const versions = [linesOf(ours), linesOf(base), linesOf(theirs)];
  const { start, end } = commonEnds(versions);
  const [a = [], o = [], b = []] = versions.map((lines) => lines.slice(start, lines.length - end));
  if (!isComparable(a, o) || !isComparable(o, b)) return undefined;
  const all = versions[1]!;
  const merged = all.slice(0, start);
  for (const region of diff3Merge(a, o, b, { excludeFalseConflicts: true })) {
    if (region.ok !== undefined) {
      for (const line of region.ok) merged.push(line);
      continue;
    }
    if (favour === undefined) return undefined;
    for (const line of (favour === 'ours' ? region.conflict?.a : region.conflict?.b) ?? []) merged.push(line);
  }
  for (const line of all.slice(all.length - end)) merged.push(line);
  return bytesOf(merged);
}

/**
 * The difference in the unified format of `diff -u`, without a header, as bytes: empty if there is none. Undefined if either is
 * no text.
 */
export function unifiedDiff(before: Uint8Array, after: Uint8Array): Uint8Array | undefined {
  if (!isText(before) || !isText(after)) return undefined;
  const [old, now] = [linesOf(before), linesOf(after)];
  const { start, end } = commonEnds([old, now]);
  const a = old.slice(start, old.length - end);
  const b = now.slice(start, now.length - end);
  const whole = { buffer1: [0, a.length] as const, buffer2: [0, b.length] as const };
  const changes = isComparable(a, b) ? diffIndices(a, b) : a.length + b.length === 0 ? [] : [whole];
  const spans = changes.map(({ buffer1, buffer2 }) => ({
    from: buffer1[0] + start,
    lost: buffer1[1],
    to: buffer2[0] + start,
    won: buffer2[1],
  }));
  const out: string[] = [];
  for (let at = 0; at < spans.length; ) {
    let last = at;
    while (last + 1 < spans.length && spans[last + 1]!.from - endOf(spans[last]!) <= 2 * CONTEXT_LINES) last++;
    writeHunk(out, old, now, spans.slice(at, last + 1));
    at = last + 1;
  }
  return bytesOf(out);
}

interface Span {
  readonly from: number;
  readonly lost: number;
  readonly to: number;
  readonly won: number;
}

function endOf({ from, lost }: Span): number {
  return from + lost;
}

function writeHunk(out: string[], old: readonly string[], now: readonly string[], spans: readonly Span[]): void {
  const first = spans[0]!;
  const last = spans.at(-1)!;
  const lead = Math.min(CONTEXT_LINES, first.from);
  const from = first.from - lead;
  const to = Math.min(old.length, endOf(last) + CONTEXT_LINES);
  const trail = to - endOf(last);
  const won = last.to + last.won + trail - (first.to - lead);
  out.push(`@@ -${range(from, to - from)} +${range(first.to - lead, won)} @@\n`);
  let at = from;
  for (const span of spans) {
    for (; at < span.from; at++) writeLine(out, ' ', old[at]!);
    for (; at < endOf(span); at++) writeLine(out, '-', old[at]!);
    for (let added = span.to; added < span.to + span.won; added++) writeLine(out, '+', now[added]!);
  }
  for (; at < to; at++) writeLine(out, ' ', old[at]!);
}

/** Lines are counted from one; an empty range names the line before it. */
function range(from: number, count: number): string {
  if (count === 1) return String(from + 1);
  return `${count === 0 ? from : from + 1},${count}`;
}

function writeLine(out: string[], mark: string, line: string): void {
  out.push(mark, line);
  if (!line.endsWith('\n')) out.push('\n\\ No newline at end of file\n');
}
