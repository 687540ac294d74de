/**
 * Commands that come over the control socket, run in the thread that holds the pool.
 * Callers must serve the mount in the event loop while `running` is above 0, and expect `idle` to be called when it falls to 0.
 */
import { ByreError } from '../../src/errors.ts';
import type { Pool } from '../../src/pool/pool.ts';
import type { CommandSays } from './control.ts';
import type { EngineCommand, RunCommand, ServedMount, ToEngine } from './setup.ts';

export interface CommandsOptions {
  readonly pool: Pool;
  readonly poolPath: string;
  readonly mounts: () => readonly ServedMount[];
  readonly runCommand: RunCommand | undefined;
  readonly say: (said: CommandSays) => void;
  /** Resolves when the kernel knows of everything that has been changed so far. */
  readonly settled: () => Promise<void>;
  /** The last command has ended, or waits for whoever asked for it. */
  readonly idle: () => void;
}

/** A stream that one side pushes and the other iterates over. */
class Input implements AsyncIterable<Uint8Array> {
  private readonly pieces: Uint8Array[] = [];
  private ended = false;
  private wake: () => void = () => {};

  push(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.ended = true;
    else this.pieces.push(bytes);
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.pieces.shift();
      if (piece !== undefined) yield piece;
      else if (this.ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}

interface Running {
  readonly input: Input;
  readonly abort: AbortController;
  reply: (value: unknown) => void;
}

export class Commands {
  private readonly options: CommandsOptions;
  private readonly calls = new Map<number, Running>();
  /** How many of them wait for whoever asked for them. */
  private waiting = 0;

  constructor(options: CommandsOptions) {
    this.options = options;
  }

  get running(): number {
    return this.calls.size - this.waiting;
  }

  take(message: Extract<ToEngine, { readonly id: number }>): void {
    if (message.kind === 'command') {
      const running: Running = { input: new Input(), abort: new AbortController(), reply: () => {} };
      this.calls.set(message.id, running);
      this.run(message, running).then(
        (status) => this.end(message.id, status),
        (error: Error) => {
          const text = new TextEncoder().encode(`byre: ${error.message}\n`);
          this.options.say({ kind: 'error', id: message.id, bytes: text });
          this.end(message.id, 1);
        },
      );
    } else if (message.kind === 'input') this.calls.get(message.id)?.input.push(message.bytes);
    else if (message.kind === 'reply') this.calls.get(message.id)?.reply(message.value);
    else this.calls.get(message.id)?.abort.abort();
  }

  private async run(message: Extract<ToEngine, { readonly kind: 'command' }>, running: Running): Promise<number> {
    const { pool, poolPath, mounts, runCommand, say } = this.options;
    if (runCommand === undefined) throw new Error('this process mounts the pool but takes no commands');
    try {
      return await runCommand({
        request: message.request,
        pool,
        poolPath,
        mounts: mounts(),
        input: running.input,
        signal: running.abort.signal,
        output: (bytes) => say({ kind: 'output', id: message.id, bytes }),
        error: (bytes) => say({ kind: 'error', id: message.id, bytes }),
        call: (asked) => this.ask(message.id, running, asked),
      } satisfies EngineCommand);
    } finally {
      await this.options.settled();
    }
  }

  private ask(id: number, running: Running, message: unknown): Promise<unknown> {
    const { signal } = running.abort;
    this.waiting++;
    const replied = new Promise<unknown>((resolve, reject) => {
      const gone = (): void => reject(new ByreError('CLOSED', 'whoever asked for the command has gone'));
      if (signal.aborted) gone();
      signal.addEventListener('abort', gone, { once: true });
      running.reply = (value) => {
        signal.removeEventListener('abort', gone);
        resolve(value);
      };
    });
    this.options.say({ kind: 'call', id, message });
    if (this.running === 0) this.options.idle();
    return replied.finally(() => {
      this.waiting--;
    });
  }

  private end(id: number, status: number): void {
    this.calls.delete(id);
    this.options.say({ kind: 'exit', id, status });
    if (this.running === 0) this.options.idle();
  }

  cancelAll(): void {
    for (const { abort } of this.calls.values()) abort.abort();
  }
}
