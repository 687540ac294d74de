/**
 * A strict comparison of two real directories: everything that byre promises to carry, and nothing that it does not (access times,
 * change times, inode numbers). Tests must not weaken it for one case: they remove what they changed from both sides.
 */
import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { native } from '../../src/host/native.ts';

type Described = Record<string, unknown>;

export interface CompareOptions {
  /** Times may be less than a tenth of a second apart: what Node alone sets is off by a microsecond or so, differently in its versions. */
  readonly coarseTimes?: boolean;
}

const COARSE_NANOSECONDS = 100_000_000n;

function dataRanges(path: string, size: number): string {
  const calls = native();
  if (calls === undefined) return '';
  const descriptor = openSync(Buffer.from(path, 'latin1'), 'r');
  const ranges: string[] = [];
  try {
    for (let at = 0; at < size; ) {
      const from = calls.seekData(descriptor, at);
      if (from < 0) break;
      at = Math.min(calls.seekHole(descriptor, from), size);
      ranges.push(`${from}-${at}`);
    }
  } finally {
    closeSync(descriptor);
  }
  return ranges.join(' ');
}

function xattrsOf(path: string): Described {
  const calls = native();
  const found: Described = {};
  for (const name of calls?.listXattrs(path) ?? []) {
    if (!name.startsWith('security.selinux')) found[name] = Buffer.from(calls!.getXattr(path, name)).toString('base64');
  }
  return found;
}

function describeEntry(path: string, links: Map<bigint, string>, name: string): Described {
  const bytes = Buffer.from(path, 'latin1');
  const stat = lstatSync(bytes, { bigint: true });
  const described: Described = {
    mode: stat.mode.toString(8),
    owner: `${stat.uid}:${stat.gid}`,
    modified: stat.mtimeNs.toString(),
    device: stat.rdev.toString(),
  };
  if (!stat.isDirectory()) {
    described.links = stat.nlink.toString();
    const first = links.get(stat.ino);
    if (first === undefined) links.set(stat.ino, name);
    else described.sameAs = first;
  }
  if (stat.isSymbolicLink()) described.target = readlinkSync(bytes, 'latin1');
  else if (stat.isFile() || stat.isDirectory()) described.xattrs = xattrsOf(path);
  if (stat.isFile()) {
    described.size = stat.size.toString();
    described.content = createHash('sha256').update(readFileSync(bytes)).digest('hex');
    if (stat.size > 4096n) described.data = dataRanges(path, Number(stat.size));
  }
  return described;
}

/** Everything below a directory, by name as bytes in latin1. `.` is the directory itself. */
export function describeTree(root: string): Map<string, Described> {
  const found = new Map<string, Described>();
  const links = new Map<bigint, string>();
  const visit = (path: string, name: string): void => {
    const described = describeEntry(path, links, name);
    found.set(name, described);
    if (!String(described.mode).startsWith('40')) return;
    for (const child of readdirSync(Buffer.from(path, 'latin1'), 'latin1').sort()) {
      visit(`${path}/${child}`, name === '.' ? child : `${name}/${child}`);
    }
  };
  visit(Buffer.from(root).toString('latin1'), '.');
  return found;
}

function areClose(a: unknown, b: unknown): boolean {
  const apart = BigInt(String(a)) - BigInt(String(b));
  return apart > -COARSE_NANOSECONDS && apart < COARSE_NANOSECONDS;
}

/** What differs, one line each; empty if nothing does. */
export function compareTrees(left: string, right: string, options: CompareOptions = {}): string[] {
  const a = describeTree(left);
  const b = describeTree(right);
  const wrong: string[] = [];
  for (const name of new Set([...a.keys(), ...b.keys()])) {
    const from = a.get(name);
    const to = b.get(name);
    if (from === undefined || to === undefined) {
      wrong.push(`${JSON.stringify(name)}: only ${from === undefined ? 'right' : 'left'}`);
      continue;
    }
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      const isClose = options.coarseTimes === true && key === 'modified' && areClose(from[key], to[key]);
      const same = isClose || JSON.stringify(from[key]) === JSON.stringify(to[key]);
      if (!same)
        wrong.push(`${JSON.stringify(name)}: ${key} ${JSON.stringify(from[key])} -> ${JSON.stringify(to[key])}`);
    }
  }
  return wrong.map((line) => line.slice(0, 300));
}
