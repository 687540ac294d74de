/**
 * Names and paths of the host as byte strings: one character for each byte. A name in any encoding, or in none, survives, and
 * byte strings sort and compare as the bytes do.
 * Callers must not print a byte string, nor hand it to `node:fs`: `showName` and `hostPath` are for that.
 */

/** Each character is a byte, 0 to 255. */
export type ByteString = string;

const beyondAscii = /[\u0080-\u00ff]/;

export function bytesOfName(name: ByteString): Uint8Array {
  const bytes = new Uint8Array(name.length);
  for (let at = 0; at < name.length; at++) bytes[at] = name.charCodeAt(at);
  return bytes;
}

export function nameOfBytes(bytes: Uint8Array): ByteString {
  let name = '';
  for (let at = 0; at < bytes.length; at++) name += String.fromCharCode(bytes[at]!);
  return name;
}

/** The bytes that this text has in UTF-8. */
export function byteString(text: string): ByteString {
  return beyondAscii.test(text) || /[^\0-\u00ff]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** The path as `node:fs` takes it. */
export function hostPath(path: ByteString): string | Buffer {
  return beyondAscii.test(path) ? Buffer.from(path, 'latin1') : path;
}

/** The path with a zero byte at its end, as C takes it. */
export function hostPathForC(path: ByteString): Uint8Array {
  return Buffer.from(`${path}\0`, 'latin1');
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What can upset a terminal or mislead a reader: controls, line and paragraph separators, and marks that turn the direction. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\\]/gu;

function escaped(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  if (character === '\\') return '\\\\';
  const code = character.codePointAt(0)!;
  return code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** A name or path for people, on one line: as it is if it can be shown, otherwise with escapes that say which bytes there are. */
export function showName(name: ByteString): string {
  try {
    const text = beyondAscii.test(name) ? decoder.decode(bytesOfName(name)) : name;
    return text.replace(unprintable, escaped);
  } catch {
    // Not UTF-8: every byte that is not plain ASCII is shown by its number.
    return name
      .replace(unprintable, escaped)
      .replace(/[\u0080-\u00ff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
  }
}

export function joinPath(directory: ByteString, name: ByteString): ByteString {
  return directory === '' ? name : `${directory}/${name}`;
}
