/**
 * FileHandle: an open file as `fs.promises.open` gives it. Its methods are those that take a descriptor, made here from the same
 * bodies.
 * It must be closed: nothing else does it, and a file without a name lives until then.
 */
import type { Interface as LineReader } from 'node:readline';
import { optionsOf } from './arguments.ts';
import type { Context } from './context.ts';
import { Emitter, type Listener } from './emitter.ts';
import { callError } from './explain.ts';
import { handleMethods } from './methods/all.ts';
import { closeFile } from './methods/open.ts';
import { builtinModule } from './platform.ts';
import type { HandleMethods } from './signatures.ts';
import { createReadStream, createWriteStream, type ReadStream, type WriteStream } from './streams.ts';
import type { Work } from './task.ts';

const WEB_READ_BYTES = 65_536;
const ALL_LINE_ENDS = Number.POSITIVE_INFINITY;

class OpenFile {
  readonly #context: Context;
  readonly #number: number;
  readonly #events = new Emitter();
  #running = 0;
  #closing: Promise<void> | undefined;
  #closed = false;
  /** Called when nothing is under way any more. */
  #idle: () => void = () => {};

  constructor(context: Context, number: number) {
    this.#context = context;
    this.#number = number;
  }

  /** -1 once it is closed. Good for the methods of the same `Files` that take a descriptor, and for no other. */
  get fd(): number {
    return this.#closed ? -1 : this.#number;
  }

  /** Runs one of the generated methods, so that `close` can wait for it. */
  async perform(name: string, body: (context: Context, number: number) => Work): Promise<unknown> {
    if (this.#closed) throw callError('EBADF', { syscall: name });
    this.#running++;
    try {
      return await this.#context.perform(body(this.#context, this.#number));
    } finally {
      this.#running--;
      if (this.#running === 0) this.#idle();
    }
  }

  /** Waits for what is under way, then closes. Later calls get the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#closed = true;
    await this.#context.perform(closeFile(this.#context, this.#number));
    this.#events.emit('close');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  on(event: 'close', listener: Listener): this {
    this.#events.on(event, listener);
    return this;
  }

  once(event: 'close', listener: Listener): this {
    this.#events.once(event, listener);
    return this;
  }

  off(event: 'close', listener: Listener): this {
    this.#events.off(event, listener);
    return this;
  }

  createReadStream(options?: object): ReadStream {
    return createReadStream(this.#context, undefined, { ...optionsOf(options), fd: this });
  }

  createWriteStream(options?: object): WriteStream {
    return createWriteStream(this.#context, undefined, { ...optionsOf(options), fd: this });
  }

  /** The lines from here on; at their end the handle is closed, unless `autoClose` is false. */
  readLines(options?: object): LineReader {
    const { createInterface } = builtinModule<typeof import('node:readline')>('node:readline', 'readLines');
    return createInterface({ input: this.createReadStream(options), crlfDelay: ALL_LINE_ENDS });
  }

  /** The bytes from the start on, on every platform; the handle stays open. */
  readableWebStream(): ReadableStream<Uint8Array> {
    const handle = this as unknown as HandleMethods;
    let position = 0;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const buffer = new Uint8Array(WEB_READ_BYTES);
        const { bytesRead } = await handle.read(buffer, 0, WEB_READ_BYTES, position);
        position += bytesRead;
        if (bytesRead === 0) controller.close();
        else controller.enqueue(buffer.subarray(0, bytesRead));
      },
    });
  }
}

type Body = (context: Context, number: number, ...args: unknown[]) => Work;

for (const [name, body] of Object.entries(handleMethods) as [string, Body][]) {
  Object.defineProperty(OpenFile.prototype, name, {
    configurable: true,
    writable: true,
    value(this: OpenFile, ...args: unknown[]) {
      return this.perform(name, (context, number) => body(context, number, ...args));
    },
  });
}

/** An open file with all its methods. */
export type FileHandle = Omit<OpenFile, 'perform'> & HandleMethods;

export function fileHandle(context: Context, number: number): FileHandle {
  const handle = new OpenFile(context, number);
  context.handles.add(handle);
  return handle as unknown as FileHandle;
}
