/**
 * createReadStream and createWriteStream, over node's own streams.
 * Where there is no `node:stream` they must not be called: `readableWebStream` of a FileHandle is for there.
 */
import type { Readable, Writable } from 'node:stream';
import {
  type AnyOptions,
  bytesOf,
  encodingOf,
  flagOption,
  flagsOf,
  integerOf,
  modeOf,
  optionsOf,
  signalOf,
  textEncodingOf,
  wrongType,
} from './arguments.ts';
import type { Context } from './context.ts';
import { type Call, nodeError } from './explain.ts';
import { closeFile, openFile } from './methods/open.ts';
import { readInto, writeAll } from './methods/transfer.ts';
import { type Path, type PathLike, pathOf } from './path.ts';
import { allocate, builtinModule, encodeText } from './platform.ts';

type StreamModule = typeof import('node:stream');

/** A FileHandle, as far as a stream needs it. */
interface HandleLike {
  readonly fd: number;
  close(): Promise<void>;
}

/** The file behind a stream: opened by it, or given by the caller. */
class StreamFile {
  readonly #context: Context;
  readonly #path: Path | undefined;
  readonly #flags: number;
  readonly #mode: number;
  readonly #given: number | HandleLike | undefined;
  #opened: number | undefined;
  /** What is under way: closing waits for it. */
  #busy: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(context: Context, path: unknown, settings: AnyOptions, flags: string) {
    const { fd } = settings;
    this.#context = context;
    this.#given = fd === undefined || fd === null ? undefined : (fd as number | HandleLike);
    if (typeof this.#given === 'object' && !context.handles.has(this.#given)) {
      throw wrongType('fd', 'of type number or a FileHandle of these files', fd);
    }
    this.#path = this.#given === undefined ? pathOf(path) : undefined;
    this.#flags = flagsOf(settings.flags, flags);
    this.#mode = modeOf(settings.mode, 0o666) & ~context.umask;
    if (typeof this.#given === 'number') integerOf(this.#given, 'fd', 0, 0x7fff_ffff);
  }

  get number(): number | null {
    if (typeof this.#given === 'object') return this.#given.fd;
    return this.#given ?? this.#opened ?? null;
  }

  /** True if it was opened now. */
  async open(): Promise<boolean> {
    if (this.#path === undefined) return false;
    const call: Call = { syscall: 'open', path: this.#path.text };
    const { number } = await this.#context.perform(openFile(this.#context, this.#path, this.#flags, this.#mode, call));
    this.#opened = number;
    return true;
  }

  #after<T>(work: Promise<T>): Promise<T> {
    this.#busy = work.catch(() => {});
    return work;
  }

  read(target: Uint8Array, position: number | null): Promise<number> {
    return this.#after(this.#context.perform(readInto(this.#context, this.number ?? -1, target, position)));
  }

  write(bytes: Uint8Array, position: number | null): Promise<number> {
    return this.#after(this.#context.perform(writeAll(this.#context, this.number ?? -1, bytes, position)));
  }

  async flush(): Promise<void> {
    await this.#context.commit.wait();
  }

  async close(): Promise<void> {
    await this.#busy;
    if (this.#closed) return;
    this.#closed = true;
    if (typeof this.#given === 'object') return this.#given.close();
    const number = this.number;
    if (number !== null) await this.#context.perform(closeFile(this.#context, number));
  }
}

interface Common {
  readonly path: PathLike | undefined;
  readonly fd: number | null;
  readonly pending: boolean;
}

export type ReadStream = Readable &
  Common & { readonly bytesRead: number; close(callback?: (error?: Error | null) => void): void };
export type WriteStream = Writable &
  Common & { readonly bytesWritten: number; close(callback?: (error?: Error | null) => void): void };

type Done = (error?: Error | null) => void;

/** Opens before the first read or write, and says so. */
function constructing(file: StreamFile, stream: () => Readable | Writable) {
  return (done: Done): void => {
    file.open().then((isNew) => {
      done();
      if (!isNew) return;
      stream().emit('open', file.number);
      stream().emit('ready');
    }, done);
  };
}

function destroying(file: StreamFile) {
  return (error: Error | null, done: Done): void => {
    file.close().then(
      () => done(error),
      (closeError) => done(error ?? closeError),
    );
  };
}

function decorate(stream: object, file: StreamFile, path: unknown, others: PropertyDescriptorMap): void {
  Object.defineProperties(stream, {
    path: { value: path, enumerable: true, configurable: true },
    fd: { get: () => file.number, enumerable: true, configurable: true },
    pending: { get: () => file.number === null, enumerable: true, configurable: true },
    ...others,
  });
}

interface Range {
  /** Null: where the descriptor is. */
  readonly start: number | null;
  /** Inclusive. */
  readonly end: number;
}

function rangeOf(settings: AnyOptions): Range {
  const { start, end } = settings;
  const first = start === undefined ? null : integerOf(start, 'start', 0);
  const last =
    end === undefined || end === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : integerOf(end, 'end', 0);
  if (first !== null && first > last) {
    throw nodeError('ERR_OUT_OF_RANGE', `The value of "start" is out of range. It must be <= "end" (here: ${last})`);
  }
  return { start: first, end: last };
}

const READ_AHEAD_BYTES = 65_536;

/** What every stream is made with. Undefined options must not be passed on. */
function commonOptions(settings: AnyOptions) {
  const signal = signalOf(settings);
  const closes = flagOption(settings, 'autoClose', true);
  return {
    closes,
    shared: {
      autoDestroy: closes,
      emitClose: flagOption(settings, 'emitClose', true),
      ...(signal === undefined ? {} : { signal: signal as AbortSignal }),
    },
  };
}

export function createReadStream(context: Context, path: unknown, options?: unknown): ReadStream {
  const settings = optionsOf(options);
  const { Readable: Streams, finished } = builtinModule<StreamModule>('node:stream', 'createReadStream');
  const file = new StreamFile(context, path, settings, 'r');
  const { start, end } = rangeOf(settings);
  const { shared } = commonOptions(settings);
  const encoding = encodingOf(settings, 'buffer');
  let bytesRead = 0;
  const read = async (wanted: number): Promise<Uint8Array | null> => {
    // Without a start, the end counts from where the descriptor was.
    const left = end - (start ?? 0) + 1 - bytesRead;
    if (left <= 0) return null;
    const target = allocate(Math.min(wanted, left));
    const count = await file.read(target, start === null ? null : start + bytesRead);
    bytesRead += count;
    return count === 0 ? null : target.subarray(0, count);
  };
  const stream: Readable = new Streams({
    ...shared,
    highWaterMark: integerOf(settings.highWaterMark ?? READ_AHEAD_BYTES, 'highWaterMark', 0),
    ...(encoding === 'buffer' ? {} : { encoding: encoding as BufferEncoding }),
    construct: constructing(file, () => stream),
    read(wanted) {
      read(wanted).then(
        (bytes) => stream.push(bytes),
        (error) => stream.destroy(error),
      );
    },
    destroy: destroying(file),
  });
  decorate(stream, file, path, {
    bytesRead: { get: () => bytesRead, enumerable: true, configurable: true },
    close: {
      value: (callback?: Done) => {
        if (callback !== undefined) finished(stream, callback);
        stream.destroy();
      },
    },
  });
  return stream as ReadStream;
}

function joinedChunks(chunks: readonly { readonly chunk: Uint8Array }[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((length, { chunk }) => length + chunk.length, 0));
  let at = 0;
  for (const { chunk } of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

export function createWriteStream(context: Context, path: unknown, options?: unknown): WriteStream {
  const settings = optionsOf(options);
  const { Writable: Streams } = builtinModule<StreamModule>('node:stream', 'createWriteStream');
  const file = new StreamFile(context, path, settings, 'w');
  const { start } = rangeOf(settings);
  const { closes, shared } = commonOptions(settings);
  const encoding = textEncodingOf(settings);
  const flush = flagOption(settings, 'flush');
  let bytesWritten = 0;
  const write = (bytes: Uint8Array, done: Done): void => {
    file.write(bytes, start === null ? null : start + bytesWritten).then((count) => {
      bytesWritten += count;
      done();
    }, done);
  };
  const { highWaterMark } = settings;
  const stream: Writable = new Streams({
    ...shared,
    ...(highWaterMark === undefined ? {} : { highWaterMark: integerOf(highWaterMark, 'highWaterMark', 0) }),
    defaultEncoding: encoding as BufferEncoding,
    construct: constructing(file, () => stream),
    write: (chunk, _encoding, done) =>
      write(typeof chunk === 'string' ? encodeText(chunk, 'utf8') : bytesOf(chunk, 'chunk'), done),
    writev: (chunks, done) => write(joinedChunks(chunks as { chunk: Uint8Array }[]), done),
    final: (done) => (flush ? void file.flush().then(() => done(), done) : done()),
    destroy: destroying(file),
  });
  decorate(stream, file, path, {
    bytesWritten: { get: () => bytesWritten, enumerable: true, configurable: true },
    close: {
      value: (callback?: Done) => {
        if (callback !== undefined) {
          if (stream.closed) queueMicrotask(() => callback());
          else stream.on('close', () => callback());
        }
        if (!closes) stream.on('finish', () => stream.destroy());
        stream.end();
      },
    },
  });
  return stream as WriteStream;
}
