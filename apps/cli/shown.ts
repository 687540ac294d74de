/**
 * Names and paths as they are shown to people, and in JSON.
 * Nothing that comes out of a pool may reach a terminal by other ways: a name can hold what rules terminals.
 */
import { byteString, nameOfBytes, showName } from '../../src/host/names.ts';

/** A name on one line; bytes that cannot be shown stand as escapes. */
export function shown(name: string | Uint8Array): string {
  return showName(typeof name === 'string' ? byteString(name) : nameOfBytes(name));
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A name for JSON: as text and, if it is not UTF-8, also as `…Base64`. */
export function jsonName(key: string, name: Uint8Array): Record<string, string> {
  try {
    return { [key]: decoder.decode(name) };
  } catch {
    return { [key]: shown(name), [`${key}Base64`]: Buffer.from(name).toString('base64') };
  }
}
