/**
 * Arguments as they were typed. Node makes text of them, with U+FFFD for what is not UTF-8; where there is /proc, the bytes can still be had.
 * In the text that stands for them each byte that is not UTF-8 is a lone surrogate, U+DC80 to U+DCFF: callers must make bytes of such text by
 * `bytesOfTyped` alone.
 */
import { readFileSync } from 'node:fs';

const REPLACEMENT = '\ufffd';
const RAW = 0xdc00;

/** The arguments, read again if Node has replaced anything in them. `args` are the last of the process's own. */
export function typedArguments(args: readonly string[]): readonly string[] {
  if (!args.some((each) => each.includes(REPLACEMENT))) return args;
  let line: Buffer;
  try {
    line = readFileSync('/proc/self/cmdline');
  } catch {
    return args;
  }
  const all: Buffer[] = [];
  for (let at = 0; at < line.length; ) {
    const end = line.indexOf(0, at);
    all.push(line.subarray(at, end));
    at = end + 1;
  }
  const typed = all.slice(all.length - args.length);
  // Whoever has changed the process's title has written over its command line.
  const isSame = typed.length === args.length && typed.every((bytes, at) => bytes.toString() === args[at]);
  return isSame ? typed.map(textOfTyped) : args;
}

/** Text in which the bytes can be told. */
export function textOfTyped(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((each) => isText(decoder, bytes.subarray(at, at + each)));
    text +=
      length === undefined ? String.fromCharCode(RAW + bytes[at]!) : decoder.decode(bytes.subarray(at, at + length));
    at += length ?? 1;
  }
  return text;
}

function isText(decoder: InstanceType<typeof TextDecoder>, bytes: Uint8Array): boolean {
  try {
    return decoder.decode(bytes) !== '';
  } catch {
    return false;
  }
}

/** Whether there are bytes in a text that are not UTF-8. */
export function isRaw(text: string): boolean {
  return /[\udc80-\udcff]/u.test(text);
}

/** A path as the files of a branch take it. */
export function pathOfTyped(text: string): string | Uint8Array {
  return isRaw(text) ? bytesOfTyped(text) : text;
}

/** The bytes that were typed. */
export function bytesOfTyped(text: string): Uint8Array {
  if (!isRaw(text)) return Buffer.from(text);
  const parts = text.split(/([\udc80-\udcff])/u);
  return Buffer.concat(
    parts.map((part) => (isRaw(part) ? Buffer.from([part.charCodeAt(0) - RAW]) : Buffer.from(part))),
  );
}
