/**
 * Names and files as they are shown to people, and in JSON.
 * What comes out of a pool must not reach a terminal by other ways: a name can hold what rules terminals.
 */
import type { Attributes } from '../../src/files/ops/attributes.ts';
import { byteString, nameOfBytes, showName } from '../../src/host/names.ts';
import type { Colour } from './paint.ts';
import { bytesOfTyped, isRaw } from './typed.ts';

/** A name or path on one line; what cannot be shown stands as escapes. */
export function shown(name: string | Uint8Array): string {
  return showName(typeof name === 'string' && !isRaw(name) ? byteString(name) : nameOfBytes(bytesOf(name)));
}

function bytesOf(name: string | Uint8Array): Uint8Array {
  return typeof name === 'string' ? bytesOfTyped(name) : name;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes that should be text, for JSON: as text, or if they are not UTF-8 as `…Base64`. */
export function jsonText(key: string, bytes: Uint8Array): Record<string, string> {
  try {
    return { [key]: decoder.decode(bytes) };
  } catch {
    return { [`${key}Base64`]: Buffer.from(bytes).toString('base64') };
  }
}

/** A name for JSON: as text and, if it is not UTF-8, exactly as `…Base64` besides. */
export function jsonName(key: string, name: string | Uint8Array): Record<string, string> {
  const exact = jsonText(key, bytesOf(name));
  return key in exact ? exact : { [key]: shown(name), ...exact };
}

export function jsonAttributes({ type, inode, mode, uid, gid, size, modifyTime }: Attributes): object {
  const modifyTimeNs = `${BigInt(modifyTime.seconds) * 1_000_000_000n + BigInt(modifyTime.nanoseconds)}`;
  return { type, inode, mode: mode.toString(8).padStart(4, '0'), uid, gid, size, modifyTimeNs };
}

/** A path from the names on the way, which begins with a slash. */
export function joinNames(names: readonly Uint8Array[]): Uint8Array {
  return names.length === 0 ? Buffer.from('/') : Buffer.concat(names.flatMap((name) => [Buffer.from('/'), name]));
}

const colours: Readonly<Partial<Record<Attributes['type'], Colour>>> = {
  directory: 'blue',
  symlink: 'cyan',
  fifo: 'yellow',
  socket: 'magenta',
  block: 'yellow',
  character: 'yellow',
};

export function typeColour({ type, mode }: Pick<Attributes, 'type' | 'mode'>): Colour | undefined {
  return type === 'file' && (mode & 0o111) !== 0 ? 'green' : colours[type];
}
