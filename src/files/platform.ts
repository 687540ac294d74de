/**
 * What the files face takes from the platform it runs on: Buffer where there is one, Node's own modules, the user's ids.
 * This is the only file of the face that may look for them, and nothing here may fail where they are missing but what says so.
 */
import { ByreError } from '../errors.ts';

/** A Buffer where the platform has them, as `node:fs` promises; otherwise plain bytes. */
export type Bytes = typeof globalThis extends { Buffer: { alloc(size: number): infer B extends Uint8Array } }
  ? B
  : Uint8Array;

export type Encoding =
  | 'ascii'
  | 'utf8'
  | 'utf-8'
  | 'utf16le'
  | 'utf-16le'
  | 'ucs2'
  | 'ucs-2'
  | 'base64'
  | 'base64url'
  | 'latin1'
  | 'binary'
  | 'hex';

/** Names of encodings and the one that each stands for. */
const encodings = new Map<string, Encoding>([
  ['ascii', 'ascii'],
  ['utf8', 'utf8'],
  ['utf-8', 'utf8'],
  ['utf16le', 'utf16le'],
  ['utf-16le', 'utf16le'],
  ['ucs2', 'utf16le'],
  ['ucs-2', 'utf16le'],
  ['base64', 'base64'],
  ['base64url', 'base64url'],
  ['latin1', 'latin1'],
  ['binary', 'latin1'],
  ['hex', 'hex'],
]);

export function encodingNamed(name: string): Encoding | undefined {
  return encodings.get(name) ?? encodings.get(name.toLowerCase());
}

interface BufferLike extends Uint8Array {
  toString(encoding?: string): string;
}

interface BufferMaker {
  isBuffer(value: unknown): boolean;
  from(text: string, encoding: string): BufferLike;
  from(buffer: ArrayBufferLike, offset: number, length: number): BufferLike;
  allocUnsafe(length: number): BufferLike;
}

const { Buffer: bufferMaker } = globalThis as { Buffer?: BufferMaker };
const utf8Decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const utf8Encoder = new TextEncoder();

/** Bytes for a caller to keep, not cleared: whoever asks must fill them all. */
export function allocate(length: number): Bytes {
  return (bufferMaker === undefined ? new Uint8Array(length) : bufferMaker.allocUnsafe(length)) as Bytes;
}

/** The same bytes in the platform's favourite class. */
export function presented(bytes: Uint8Array): Bytes {
  if (bufferMaker === undefined || bufferMaker.isBuffer(bytes)) return bytes as Bytes;
  return bufferMaker.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as Uint8Array as Bytes;
}

/** Longer text is left to the platform: below this, calling out costs more than the loop. */
const SHORT_BYTES = 64;

/** A lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const { length } = text;
  if (length > SHORT_BYTES) return utf8Encoder.encode(text);
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x80) return utf8Encoder.encode(text);
    bytes[at] = code;
  }
  return bytes;
}

/** What is not UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  if (bytes.length > SHORT_BYTES) return utf8Decoder.decode(bytes);
  let text = '';
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte >= 0x80) return utf8Decoder.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

function unsupported(encoding: Encoding): ByreError {
  return new ByreError('UNSUPPORTED', `the encoding ${encoding} needs a platform with Buffer`);
}

export function encodeText(text: string, encoding: Encoding): Uint8Array {
  if (encoding === 'utf8') return utf8Encoder.encode(text);
  if (bufferMaker === undefined) throw unsupported(encoding);
  return bufferMaker.from(text, encoding);
}

export function decodeText(bytes: Uint8Array, encoding: Encoding): string {
  if (encoding === 'utf8') return decodeUtf8(bytes);
  if (bufferMaker === undefined) throw unsupported(encoding);
  return bufferMaker.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding);
}

interface ProcessLike {
  getuid?(): number;
  getgid?(): number;
  getBuiltinModule?(name: string): unknown;
}

const { process: processLike } = globalThis as { process?: ProcessLike };

/** Whose new files are, unless the options say otherwise: the process's user, or the superuser where there are no users. */
export function presentUser(): { readonly uid: number; readonly gid: number } {
  return { uid: processLike?.getuid?.() ?? 0, gid: processLike?.getgid?.() ?? 0 };
}

/** A module of Node's own, found without an import, so that bundles for browsers need none. */
export function builtinModule<T>(name: string, wantedFor: string): T {
  const found = processLike?.getBuiltinModule?.(name);
  if (found === undefined) {
    throw new ByreError('UNSUPPORTED', `${wantedFor} needs ${name}, which Node has from 20.16 on and browsers lack`);
  }
  return found as T;
}

/** Lets timers and input of others have their turn. */
export function pause(): Promise<void> {
  const { setImmediate: immediately } = globalThis as { setImmediate?: (run: () => void) => void };
  return new Promise((resolve) => {
    if (immediately === undefined) setTimeout(resolve, 0);
    else immediately(resolve);
  });
}
