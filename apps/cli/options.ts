/**
 * Values of options, checked.
 * Callers must pass what `parseArgs` gave; a value that is of no use is a usage failure that names the option.
 */
import { MAX_LIMIT_BYTES, MIN_LIMIT_BYTES } from '../../src/pool/options.ts';
import { parseBytes, showBytes } from './format.ts';
import { usage, type Values } from './session.ts';

/** A size such as `10G`; units are binary. */
export function bytesOption(option: string, value: Values[string], least = 0, most = Number.POSITIVE_INFINITY): number {
  const bytes = parseBytes(String(value));
  if (bytes === undefined) throw usage(`${option} takes a size such as 4096, 64K, 1.5M or 10G, not '${String(value)}'`);
  if (bytes < least) throw usage(`${option} is at least ${showBytes(least)}, not ${String(value)}`);
  if (bytes > most) throw usage(`${option} is at most ${showBytes(most)}, not ${String(value)}`);
  return bytes;
}

/** How large a pool may get. */
export function poolLimitOption(option: string, value: Values[string]): number {
  return bytesOption(option, value, MIN_LIMIT_BYTES, MAX_LIMIT_BYTES);
}
