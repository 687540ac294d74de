/**
 * What byre adds to descriptors: holes, allocation, finding data, and copying ranges by sharing pages.
 * Offsets are bytes from the file's start; ranges are `[from, to)`. A method here must not touch the descriptor's position.
 */
import { flagOption, integerOf, optionsOf } from '../arguments.ts';
import type { Context } from '../context.ts';
import { type Descriptor, descriptorNumber } from '../descriptor.ts';
import { errno } from '../explain.ts';
import * as copies from '../ops/copy.ts';
import * as holes from '../ops/holes.ts';
import type { Task } from '../task.ts';
import { numberOf, withDescriptor } from './descriptors.ts';

function offsetOf(value: unknown, name: string): number {
  return integerOf(value, name, 0);
}

function requireWritableOpen(open: Descriptor): void {
  if (!open.writable) throw errno('EBADF');
}

type Punch = typeof holes.zeroRange;

function* punching(
  context: Context,
  number: number,
  from: number,
  to: number,
  punch: Punch,
  options: holes.AllocateOptions,
): Task<void> {
  for (let at = from; at < to; ) {
    at = (yield withDescriptor(context, number, 'fallocate', (open) => {
      requireWritableOpen(open);
      const reached = punch(context.view, open.inode, at, to, options);
      context.changes.changed(open.inode);
      return reached;
    })) as number;
  }
}

/** Makes a hole, giving its pages back; the size stays. */
export function punchHole(context: Context, fd: unknown, from: unknown, to: unknown): Task<void> {
  return punching(context, descriptorNumber(fd), offsetOf(from, 'from'), offsetOf(to, 'to'), holes.punchHole, {});
}

/** Makes a range read as zeros; the file reaches its end afterwards unless `keepSize`. */
export function zeroRange(context: Context, fd: unknown, from: unknown, to: unknown, options?: unknown): Task<void> {
  const settings = { keepSize: flagOption(optionsOf(options), 'keepSize') };
  return punching(context, descriptorNumber(fd), offsetOf(from, 'from'), offsetOf(to, 'to'), holes.zeroRange, settings);
}

/** The file reaches `to` afterwards unless `keepSize`. No pages are set aside: copy-on-write would not use them. */
export function allocate(context: Context, fd: unknown, from: unknown, to: unknown, options?: unknown): () => void {
  const settings = { keepSize: flagOption(optionsOf(options), 'keepSize') };
  const [start, end] = [offsetOf(from, 'from'), offsetOf(to, 'to')];
  return withDescriptor(context, descriptorNumber(fd), 'fallocate', (open) => {
    requireWritableOpen(open);
    holes.allocate(context.view, open.inode, start, end, settings);
    context.changes.changed(open.inode);
  });
}

function* seeking(context: Context, number: number, offset: number, what: 'data' | 'hole'): Task<number> {
  for (let at = offset; ; ) {
    const step = (yield withDescriptor(context, number, 'lseek', ({ inode }) =>
      holes.seekStep(context.view, inode, at, what),
    )) as holes.Seeking;
    if (step.found) return step.offset;
    at = step.offset;
  }
}

/** The first byte of data at or after `offset`. ENXIO if none follows. */
export function seekData(context: Context, fd: unknown, offset: unknown): Task<number> {
  return seeking(context, descriptorNumber(fd), offsetOf(offset, 'offset'), 'data');
}

/** The first hole at or after `offset`; the end of the file counts as one. ENXIO at or beyond it. */
export function seekHole(context: Context, fd: unknown, offset: unknown): Task<number> {
  return seeking(context, descriptorNumber(fd), offsetOf(offset, 'offset'), 'hole');
}

/** Copies bytes between descriptors, sharing pages where both offsets allow it; gives how many, fewer at the source's end. */
export function copyRange(
  context: Context,
  fd: unknown,
  offset: unknown,
  targetFd: unknown,
  targetOffset: unknown,
  length: unknown,
): Task<number> {
  const target = numberOf(context, targetFd) ?? descriptorNumber(targetFd);
  const numbers = [descriptorNumber(fd), target] as const;
  return copying(
    context,
    numbers,
    offsetOf(offset, 'offset'),
    offsetOf(targetOffset, 'targetOffset'),
    offsetOf(length, 'length'),
  );
}

function* copying(
  context: Context,
  [source, target]: readonly [number, number],
  from: number,
  to: number,
  length: number,
): Task<number> {
  let done = 0;
  while (done < length) {
    const count = (yield withDescriptor(context, target, 'copy_file_range', (into) => {
      const out = context.descriptors.get(source);
      if (!out.readable || into.append) throw errno('EBADF');
      requireWritableOpen(into);
      const bytes = copies.copyRange(context.view, out.inode, from + done, into.inode, to + done, length - done);
      context.changes.changed(into.inode);
      return bytes;
    })) as number;
    if (count === 0) break;
    done += count;
  }
  return done;
}
