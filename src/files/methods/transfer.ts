/**
 * Methods that move bytes through a descriptor: read, write and their vectors, truncation, making durable.
 * A long transfer is many operations; callers must not expect that others see all of it or nothing.
 */
import {
  type AnyOptions,
  bytesOf,
  integerOf,
  optionsOf,
  positionOf,
  vectorOf,
  wrongType,
  wrongValue,
} from '../arguments.ts';
import type { Context } from '../context.ts';
import { type Descriptor, descriptorNumber } from '../descriptor.ts';
import { calling, errno } from '../explain.ts';
import { letGo } from '../opened.ts';
import { getAttributes } from '../ops/attributes.ts';
import * as content from '../ops/content.ts';
import { truncateStep } from '../ops/truncate.ts';
import { pathOf, resolve } from '../path.ts';
import { allocate, type Encoding, encodeText, encodingNamed } from '../platform.ts';
import type { Task } from '../task.ts';
import { onDescriptor, withDescriptor } from './descriptors.ts';
import { truncateWhole } from './open.ts';

/** Fills `target` as far as the file goes, from `position`, or from the descriptor's own and moving it. */
export function* readInto(context: Context, number: number, target: Uint8Array, position: number | null): Task<number> {
  let done = 0;
  do {
    const part = done === 0 ? target : target.subarray(done);
    const from = position === null ? null : position + done;
    const count = (yield withDescriptor(context, number, 'read', (open) =>
      readPart(context, open, part, from),
    )) as number;
    if (count === 0) break;
    done += count;
  } while (done < target.length);
  return done;
}

function readPart(context: Context, open: Descriptor, target: Uint8Array, position: number | null): number {
  if (!open.readable) throw errno('EBADF');
  const count = content.read(context.view, open.inode, position ?? open.position, target);
  if (position === null) open.position += count;
  return count;
}

/** Writes all of `bytes` at `position`, or at the descriptor's own and moving it, or at the end if it appends. */
export function* writeAll(context: Context, number: number, bytes: Uint8Array, position: number | null): Task<number> {
  let done = 0;
  let open: Descriptor | undefined;
  do {
    const part = done === 0 ? bytes : bytes.subarray(done);
    const at = position === null ? null : position + done;
    const count = (yield withDescriptor(context, number, 'write', (descriptor) => {
      open = descriptor;
      return writePart(context, descriptor, part, at);
    })) as number;
    done += count;
  } while (done < bytes.length);
  if (open?.durable) yield context.commit;
  return done;
}

function writePart(context: Context, open: Descriptor, bytes: Uint8Array, position: number | null): number {
  if (!open.writable) throw errno('EBADF');
  const { view } = context;
  const at = open.append ? getAttributes(view, open.inode).size : (position ?? open.position);
  const count = content.write(view, open.inode, at, bytes);
  if (position === null && count > 0) open.position = at + count;
  if (count > 0) context.changes.changed(open.inode);
  return count;
}

interface Span {
  readonly bytes: Uint8Array;
  readonly position: number | null;
}

/** The part of a buffer that offset and length name. */
function spanOf(bytes: Uint8Array, offset: unknown, length: unknown, position: unknown): Span {
  const from = offset === undefined || offset === null ? 0 : integerOf(offset, 'offset', 0, bytes.length);
  const most = bytes.length - from;
  const count = length === undefined || length === null ? most : integerOf(length, 'length', 0, most);
  return { bytes: bytes.subarray(from, from + count), position: positionOf(position) };
}

const DEFAULT_READ_BYTES = 16_384;

export interface Read {
  readonly bytesRead: number;
  readonly buffer: ArrayBufferView;
}

/** The forms of `read`: a buffer and its span, a buffer and options, options alone, or nothing. */
export function read(
  context: Context,
  fd: unknown,
  buffer?: unknown,
  offset?: unknown,
  length?: unknown,
  position?: unknown,
): Task<Read> {
  const number = descriptorNumber(fd);
  let target: unknown = buffer;
  let given: AnyOptions = { offset, length, position };
  if (!ArrayBuffer.isView(buffer)) {
    if (buffer !== undefined && buffer !== null && typeof buffer !== 'object') {
      throw wrongType('buffer', 'an instance of Buffer, TypedArray, or DataView', buffer);
    }
    given = optionsOf(buffer);
    target = given.buffer ?? allocate(DEFAULT_READ_BYTES).fill(0);
  } else if (typeof offset === 'object' && offset !== null) {
    given = optionsOf(offset);
  }
  const span = spanOf(bytesOf(target, 'buffer'), given.offset, given.length, given.position);
  return reading(context, number, target as ArrayBufferView, span);
}

function* reading(context: Context, number: number, buffer: ArrayBufferView, span: Span): Task<Read> {
  return { bytesRead: yield* readInto(context, number, span.bytes, span.position), buffer };
}

export interface Written {
  readonly bytesWritten: number;
  readonly buffer: ArrayBufferView | string;
}

/** A buffer with its span or options; or text with its position and encoding. */
export function write(
  context: Context,
  fd: unknown,
  buffer: unknown,
  offset?: unknown,
  length?: unknown,
  position?: unknown,
): Task<Written> {
  const number = descriptorNumber(fd);
  if (typeof buffer === 'string') {
    const bytes = encodeText(buffer, writeEncoding(length));
    return writing(context, number, buffer, {
      bytes,
      position: typeof offset === 'number' ? positionOf(offset) : null,
    });
  }
  const given = typeof offset === 'object' && offset !== null ? optionsOf(offset) : { offset, length, position };
  const place = typeof given.position === 'number' || typeof given.position === 'bigint' ? given.position : null;
  const span = spanOf(bytesOf(buffer, 'buffer'), given.offset, given.length, place);
  return writing(context, number, buffer as ArrayBufferView, span);
}

function writeEncoding(value: unknown): Encoding {
  if (value === undefined || value === null) return 'utf8';
  const encoding = typeof value === 'string' ? encodingNamed(value) : undefined;
  if (encoding === undefined) throw wrongValue('encoding', 'is invalid encoding', value);
  return encoding;
}

function* writing(
  context: Context,
  number: number,
  buffer: ArrayBufferView | string,
  { bytes, position }: Span,
): Task<Written> {
  return { bytesWritten: yield* writeAll(context, number, bytes, position), buffer };
}

export function readv(context: Context, fd: unknown, buffers: unknown, position?: unknown) {
  const number = descriptorNumber(fd);
  return readingEach(context, number, vectorOf(buffers), buffers as readonly ArrayBufferView[], positionOf(position));
}

function* readingEach(
  context: Context,
  number: number,
  vector: Uint8Array[],
  buffers: readonly ArrayBufferView[],
  position: number | null,
): Task<{ bytesRead: number; buffers: readonly ArrayBufferView[] }> {
  let bytesRead = 0;
  for (const target of vector) {
    if (target.length === 0) continue;
    const at = position === null ? null : position + bytesRead;
    const count = yield* readInto(context, number, target, at);
    bytesRead += count;
    if (count < target.length) break;
  }
  // Also of an empty vector, a closed descriptor must be told.
  if (bytesRead === 0) yield* readInto(context, number, new Uint8Array(0), position);
  return { bytesRead, buffers };
}

export function writev(context: Context, fd: unknown, buffers: unknown, position?: unknown) {
  const number = descriptorNumber(fd);
  const vector = vectorOf(buffers);
  const bytes = new Uint8Array(vector.reduce((length, each) => length + each.length, 0));
  let at = 0;
  for (const each of vector) {
    bytes.set(each, at);
    at += each.length;
  }
  return writingEach(context, number, bytes, buffers as readonly ArrayBufferView[], positionOf(position));
}

function* writingEach(
  context: Context,
  number: number,
  bytes: Uint8Array,
  buffers: readonly ArrayBufferView[],
  position: number | null,
): Task<{ bytesWritten: number; buffers: readonly ArrayBufferView[] }> {
  return { bytesWritten: yield* writeAll(context, number, bytes, position), buffers };
}

function lengthOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  return Math.max(0, integerOf(value, 'len'));
}

export function ftruncate(context: Context, fd: unknown, length?: unknown): Task<void> {
  return truncatingOpen(context, descriptorNumber(fd), lengthOf(length));
}

function* truncatingOpen(context: Context, number: number, length: number): Task<void> {
  const step = withDescriptor(context, number, 'ftruncate', (open) => {
    if (!open.writable) throw errno('EINVAL');
    const done = truncateStep(context.view, open.inode, length);
    context.changes.changed(open.inode);
    return done;
  });
  while (!((yield step) as boolean));
}

export function truncate(context: Context, path: unknown, length?: unknown): Task<void> {
  // Node's older form, which its promises do not have.
  if (typeof path === 'number') return ftruncate(context, path, length);
  return truncatingPath(context, path, lengthOf(length));
}

function* truncatingPath(context: Context, path: unknown, length: number): Task<void> {
  const target = pathOf(path);
  const call = { syscall: 'open', path: target.text };
  const inode = (yield calling(call, () => {
    const entry = resolve(context.view, target, 'always');
    if (entry.type === 'directory') throw errno('EISDIR');
    if (entry.type !== 'file') throw errno('ENXIO');
    context.opened.hold(entry.inode);
    return entry.inode;
  })) as number;
  try {
    yield* truncateWhole(context, inode, length, { syscall: 'ftruncate' });
  } finally {
    yield* letGo(context.view, context.opened, inode);
  }
}

function* makingDurable(context: Context, fd: unknown, syscall: string): Task<void> {
  yield onDescriptor(context, fd, syscall, () => undefined);
  yield context.commit;
}

/** Commits the pool: nothing less is durable. */
export function fsync(context: Context, fd: unknown): Task<void> {
  return makingDurable(context, descriptorNumber(fd), 'fsync');
}

export function fdatasync(context: Context, fd: unknown): Task<void> {
  return makingDurable(context, descriptorNumber(fd), 'fdatasync');
}
