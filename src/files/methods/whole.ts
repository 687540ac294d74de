/**
 * Methods on whole files: readFile, writeFile, appendFile, of a path or of a descriptor.
 * Small files take one operation; longer ones many, so callers must not expect a long file as it was at one moment.
 */
import {
  type AnyOptions,
  dataOf,
  encodingOf,
  flagOption,
  flagsOf,
  modeOf,
  optionsOf,
  signalOf,
  textEncodingOf,
  wrongType,
} from '../arguments.ts';
import { constants } from '../constants.ts';
import type { Context } from '../context.ts';
import { type Call, callError, calling, errno, nodeError, type SignalLike, throwIfAborted } from '../explain.ts';
import { letGo } from '../opened.ts';
import { getAttributes } from '../ops/attributes.ts';
import * as content from '../ops/content.ts';
import { create } from '../ops/create.ts';
import { CONTENT_BYTES } from '../ops/keys.ts';
import { type Path, pathOf, recall, resolve, walk } from '../path.ts';
import { allocate, type Bytes, decodeText, type Encoding, presented } from '../platform.ts';
import { given, type Task } from '../task.ts';
import { numberOf, withDescriptor } from './descriptors.ts';
import { closeFile, openFile } from './open.ts';
import { readInto, writeAll } from './transfer.ts';

interface Reading {
  readonly flags: number;
  readonly encoding: Encoding | 'buffer';
  readonly signal: SignalLike | undefined;
}

export function readFile(context: Context, file: unknown, options?: unknown): Task<Bytes | string> {
  const settings = optionsOf(options);
  const reading: Reading = {
    flags: flagsOf(settings.flag),
    encoding: encodingOf(settings, 'buffer'),
    signal: signalOf(settings),
  };
  const number = numberOf(context, file);
  return number === undefined
    ? readingPath(context, pathOf(file), reading)
    : presenting(readingOpen(context, number, reading), reading);
}

function* presenting(task: Task<Uint8Array>, { encoding }: Reading): Task<Bytes | string> {
  const bytes = yield* task;
  return encoding === 'buffer' ? presented(bytes) : decodeText(bytes, encoding);
}

/** What the first operation found: the whole of a short file, or the inode of a longer one, held. */
type Glance = { readonly whole: Bytes | string } | { readonly inode: number; readonly size: number };

/** Text is read here before it is decoded. Nothing may leave an operation that still refers to it. */
const scratch = new Uint8Array(65_536);

function glance(context: Context, path: Path, { encoding }: Reading): Glance {
  const entry = resolve(context.view, path, 'always');
  if (entry.type === 'directory') throw callError('EISDIR', { syscall: 'read' });
  if (entry.type !== 'file') throw errno('ENXIO');
  const { size } = getAttributes(context.view, entry.inode);
  if (size > CONTENT_BYTES) {
    context.opened.hold(entry.inode);
    return { inode: entry.inode, size };
  }
  const bytes = encoding !== 'buffer' && size <= scratch.length ? scratch.subarray(0, size) : allocate(size);
  content.read(context.view, entry.inode, 0, bytes);
  return { whole: encoding === 'buffer' ? presented(bytes) : decodeText(bytes, encoding) };
}

function* readingPath(context: Context, path: Path, reading: Reading): Task<Bytes | string> {
  throwIfAborted(reading.signal);
  const call: Call = { syscall: 'open', path: path.text };
  if (reading.flags !== constants.O_RDONLY) {
    const { number } = yield* openFile(context, path, reading.flags, 0o666 & ~context.umask, call);
    try {
      return yield* presenting(readingOpen(context, number, reading), reading);
    } finally {
      yield* closeFile(context, number);
    }
  }
  const first = (yield calling(call, () => glance(context, path, reading))) as Glance;
  if ('whole' in first) {
    throwIfAborted(reading.signal);
    return first.whole;
  }
  return yield* presenting(readingLong(context, first.inode, first.size, reading), reading);
}

/** What node reads at most into one buffer. */
const MAX_WHOLE_BYTES = 2 ** 31 - 1;

function room(size: number): Bytes {
  if (size <= MAX_WHOLE_BYTES) return allocate(size);
  throw nodeError('ERR_FS_FILE_TOO_LARGE', `File size (${size}) is greater than 2 GiB: read it in parts`);
}

/** All of a held inode's bytes; what is cut off meanwhile is not among them. */
function* readingLong(context: Context, inode: number, size: number, { signal }: Reading): Task<Uint8Array> {
  let done = 0;
  try {
    const bytes = room(size);
    while (done < size) {
      const part = bytes.subarray(done);
      const count = (yield calling({ syscall: 'read' }, () => content.read(context.view, inode, done, part))) as number;
      throwIfAborted(signal);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  } finally {
    yield* letGo(context.view, context.opened, inode);
  }
}

/** From the descriptor's position to the end. */
function* readingOpen(context: Context, number: number, { signal }: Reading): Task<Uint8Array> {
  const left = (yield withDescriptor(context, number, 'read', (open) => {
    if (!open.readable) throw errno('EBADF');
    const { size, type } = getAttributes(context.view, open.inode);
    if (type === 'directory') throw errno('EISDIR');
    return Math.max(0, size - open.position);
  })) as number;
  const bytes = room(left);
  let done = 0;
  while (done < left) {
    const part = bytes.subarray(done, Math.min(left, done + CONTENT_BYTES));
    const count = yield* readInto(context, number, part, null);
    throwIfAborted(signal);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

interface Writing {
  readonly flags: number;
  readonly mode: number;
  readonly encoding: Encoding;
  readonly flush: boolean;
  readonly signal: SignalLike | undefined;
}

function writingOf(context: Context, settings: AnyOptions, flag: string): Writing {
  return {
    flags: flagsOf(settings.flag, flag),
    mode: modeOf(settings.mode, 0o666) & ~context.umask,
    encoding: textEncodingOf(settings),
    flush: flagOption(settings, 'flush'),
    signal: signalOf(settings),
  };
}

/** Bytes, or the iterator that gives them piece by piece. */
type Source = Uint8Array | Iterator<unknown> | AsyncIterator<unknown>;

function sourceOf(data: unknown, encoding: Encoding): Source {
  if (typeof data === 'object' && data !== null && !ArrayBuffer.isView(data)) {
    if (Symbol.asyncIterator in data) return (data as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    if (Symbol.iterator in data) return (data as Iterable<unknown>)[Symbol.iterator]();
  }
  return dataOf(data, encoding);
}

function startWriting(context: Context, file: unknown, data: unknown, options: unknown, flag: string): Task<void> {
  const writing = writingOf(context, optionsOf(options), flag);
  const source = sourceOf(data, writing.encoding);
  const number = numberOf(context, file);
  if (number !== undefined) return writingOpen(context, number, source, writing);
  return writingPath(context, pathOf(file), source, writing);
}

export function writeFile(context: Context, file: unknown, data: unknown, options?: unknown): Task<void> {
  return startWriting(context, file, data, options, 'w');
}

export function appendFile(context: Context, file: unknown, data: unknown, options?: unknown): Task<void> {
  if (typeof data !== 'string' && !ArrayBuffer.isView(data)) {
    throw wrongType('data', 'of type string or an instance of Buffer, TypedArray, or DataView', data);
  }
  return startWriting(context, file, data, options, 'a');
}

/**
 * The whole of a write in one operation, where one can do it: a new short file, or one that is no longer than what it gets.
 * False if it takes more.
 */
function writeAtOnce(context: Context, path: Path, bytes: Uint8Array, { mode }: Writing): boolean {
  if (bytes.length > CONTENT_BYTES) return false;
  const { view } = context;
  let entry = recall(view, path, 'always');
  if (entry === undefined) {
    const { parent, name, slash, entry: last } = walk(view, path, 'always');
    if (last === undefined) {
      if (name === undefined || slash) throw errno('EISDIR');
      const { uid, gid } = context;
      const inode = create(view, parent, name, { type: 'file', mode, uid, gid, content: bytes });
      context.changes.named(parent, name, inode);
      return true;
    }
    if (slash) return false;
    entry = last;
  }
  if (entry.type !== 'file' || bytes.length === 0) return false;
  if (getAttributes(view, entry.inode).size > bytes.length) return false;
  content.write(view, entry.inode, 0, bytes);
  context.changes.changed(entry.inode);
  return true;
}

const REPLACE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;

function* writingPath(context: Context, path: Path, source: Source, writing: Writing): Task<void> {
  throwIfAborted(writing.signal);
  const call: Call = { syscall: 'open', path: path.text };
  if (writing.flags === REPLACE && source instanceof Uint8Array) {
    if ((yield calling(call, () => writeAtOnce(context, path, source, writing))) as boolean) {
      if (writing.flush) yield context.commit;
      return;
    }
  }
  const { number } = yield* openFile(context, path, writing.flags, writing.mode, call);
  try {
    yield* writingOpen(context, number, source, writing);
  } finally {
    yield* closeFile(context, number);
  }
}

/** Writes from the descriptor's position on. */
function* writingOpen(context: Context, number: number, source: Source, writing: Writing): Task<void> {
  throwIfAborted(writing.signal);
  if (source instanceof Uint8Array) yield* writingBytes(context, number, source, writing);
  else yield* writingPieces(context, number, source, writing);
  if (writing.flush) yield context.commit;
}

function* writingBytes(context: Context, number: number, bytes: Uint8Array, { signal }: Writing): Task<void> {
  for (let at = 0; at < bytes.length; at += CONTENT_BYTES) {
    throwIfAborted(signal);
    yield* writeAll(context, number, bytes.subarray(at, at + CONTENT_BYTES), null);
  }
}

function* writingPieces(
  context: Context,
  number: number,
  pieces: Iterator<unknown> | AsyncIterator<unknown>,
  writing: Writing,
): Task<void> {
  try {
    for (;;) {
      const next = (yield given(() => pieces.next())) as IteratorResult<unknown>;
      if (next.done) return;
      yield* writingBytes(context, number, dataOf(next.value, writing.encoding), writing);
    }
  } catch (error) {
    yield given(() => pieces.return?.());
    throw error;
  }
}
