/**
 * What changed in text files, in the unified format. Callers must show the list of changes besides: what is no text is only named here.
 */
import { getAttributes } from '../../src/files/ops/attributes.ts';
import { read } from '../../src/files/ops/content.ts';
import { unifiedDiff } from '../../src/files/text.ts';
import type { FileChange } from '../../src/host/changes.ts';
import { type ByteString, byteString, showName } from '../../src/host/names.ts';
import type { Branch } from '../../src/pool/branch.ts';
import type { Pool } from '../../src/pool/pool.ts';

/** Longer files are not compared line by line. */
const LONGEST_TEXT_BYTES = 4 * 1024 * 1024;
const NOTHING = new Uint8Array(0);

function contentOf(branch: Branch, inode: number): Uint8Array | undefined {
  const { size } = branch.runSync(() => getAttributes(branch, inode));
  if (size > LONGEST_TEXT_BYTES) return undefined;
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    const from = at;
    const length = branch.runSync(() => read(branch, inode, from, bytes.subarray(from)));
    if (length === 0) break;
    at += length;
  }
  return bytes;
}

const quoted: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '"': '\\"', '\\': '\\\\' };

/** As `diff` and git write names and `patch` reads them: quoted, if they are not plain text; ended by a tab, if they have spaces. */
function headerName(path: ByteString): string {
  const text = showName(path);
  if (byteString(text) === path && !text.includes('"')) return text.includes(' ') ? `${text}\t` : text;
  const octal = (byte: string) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`;
  return `"${path.replace(/[^ !#-[\]-~]/g, (byte) => quoted[byte] ?? octal(byte))}"`;
}

/** Writes the difference of every file whose content changed. */
export function showText(
  pool: Pool,
  before: string,
  after: string,
  changes: readonly FileChange[],
  write: (text: string | Uint8Array) => void,
): void {
  showTextOf(pool.branchSync(before), pool.branchSync(after), changes, write);
}

/** {@link showText} of any two states. */
export function showTextOf(
  old: Branch,
  fresh: Branch,
  changes: readonly FileChange[],
  write: (text: string | Uint8Array) => void,
): void {
  for (const { kind, type, path, from, inode, inodeBefore, aspects } of changes) {
    if (type !== 'file' || (kind !== 'added' && kind !== 'removed' && !aspects.content)) continue;
    const was = kind === 'added' ? NOTHING : contentOf(old, inodeBefore);
    const is = kind === 'removed' ? NOTHING : contentOf(fresh, inode);
    const text = was === undefined || is === undefined ? undefined : unifiedDiff(was, is);
    const [a, b] = [headerName(`a/${from ?? path}`), headerName(`b/${path}`)];
    if (text === undefined) write(`${a.trimEnd()} and ${b.trimEnd()} differ\n`);
    else if (text.length > 0) {
      write(`--- ${kind === 'added' ? '/dev/null' : a}\n+++ ${kind === 'removed' ? '/dev/null' : b}\n`);
      write(text);
    }
  }
}
