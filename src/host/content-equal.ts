/**
 * Whether a real file holds what an inode of a branch holds, byte for byte.
 * Callers must compare modes and owners themselves, if they mind.
 */
import { closeSync, readlinkSync, readSync } from 'node:fs';
import { getAttributes } from '../files/ops/attributes.ts';
import { read } from '../files/ops/content.ts';
import { readLink } from '../files/ops/link.ts';
import { type HostBranch, viewOf } from './branch.ts';
import { type ByteString, hostPath } from './names.ts';
import { openForReading } from './place.ts';
import type { HostStat } from './stat.ts';

const STEP_BYTES = 256 * 1024;

export function isSameContent(branch: HostBranch, inode: number, path: ByteString, stat: HostStat): boolean {
  const view = viewOf(branch, 0n);
  const attributes = branch.runSync(() => getAttributes(view, inode));
  if (attributes.type !== stat.type) return false;
  if (stat.type === 'symlink') {
    return readlinkSync(hostPath(path), 'buffer').equals(branch.runSync(() => readLink(view, inode)));
  }
  if (stat.type !== 'file') return stat.type === 'directory' || stat.nodeDevice === attributes.device;
  if (attributes.size !== stat.size) return false;
  const descriptor = openForReading(path);
  const ours = Buffer.alloc(STEP_BYTES);
  const theirs = Buffer.alloc(STEP_BYTES);
  try {
    for (let at = 0; at < stat.size; ) {
      const offset = at;
      const wanted = Math.min(STEP_BYTES, stat.size - at);
      const length = branch.runSync(() => read(view, inode, offset, ours.subarray(0, wanted)));
      let found = 0;
      while (found < length) {
        const count = readSync(descriptor, theirs, found, length - found, at + found);
        if (count === 0) return false;
        found += count;
      }
      if (length === 0 || ours.compare(theirs, 0, length, 0, length) !== 0) return false;
      at += length;
    }
    return true;
  } finally {
    closeSync(descriptor);
  }
}
