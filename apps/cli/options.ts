/**
 * Values of options, checked.
 * Callers must pass what `parseArgs` gave; a value that is of no use is a usage failure that names the option.
 */
import { parseBytes } from './format.ts';
import { usage, type Values } from './session.ts';

/** A size such as `10G`; units are binary. */
export function bytesOption(option: string, value: Values[string]): number {
  const bytes = parseBytes(String(value));
  if (bytes === undefined) throw usage(`${option} takes a size such as 4096, 64K, 1.5M or 10G, not '${String(value)}'`);
  return bytes;
}
