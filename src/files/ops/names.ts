/**
 * What may be a name: any 1 to 255 bytes but the zero byte and the slash, and not `.` or `..`, which are steps of a path.
 * Callers must resolve `.`, `..` and slashes before they call an operation.
 */
import { failure } from './failure.ts';

export const MAX_NAME_BYTES = 255;

const DOT = 0x2e;
const SLASH = 0x2f;

/** Throws ENOENT for an empty name, ENAMETOOLONG for a long one, EINVAL for one that cannot be. */
export function requireName(name: Uint8Array): void {
  const length = name.length;
  if (length === 0) throw failure('ENOENT');
  if (length > MAX_NAME_BYTES) throw failure('ENAMETOOLONG');
  for (let at = 0; at < length; at++) {
    const byte = name[at];
    if (byte === 0 || byte === SLASH) throw failure('EINVAL');
  }
  if (name[0] === DOT && (length === 1 || (length === 2 && name[1] === DOT))) throw failure('EINVAL');
}

/** Names of extended attributes: 1 to 255 bytes without the zero byte; ERANGE as Linux has it. */
export function requireXattrName(name: Uint8Array): void {
  if (name.length === 0 || name.length > MAX_NAME_BYTES) throw failure('ERANGE');
  if (name.includes(0)) throw failure('EINVAL');
}
