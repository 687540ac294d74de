/**
 * Commands that come over the control socket, run in the thread that holds the pool.
 * Callers must serve the mount in the event loop while `running` is above 0, and expect `idle` to be called when it falls to 0.
 */
import type { Pool } from '../../src/pool/pool.ts';
import type { EngineCommand, FromEngine, RunCommand, ToEngine } from './setup.ts';

export interface CommandsOptions {
  readonly pool: Pool;
  readonly poolPath: string;
  readonly runCommand: RunCommand | undefined;
  readonly say: (message: FromEngine) => void;
  /** Resolves when the kernel knows of everything that has been changed so far. */
  readonly settled: () => Promise<void>;
  /** The last command has ended. */
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
}

export class Commands {
  private readonly options: CommandsOptions;
  private readonly calls = new Map<number, Running>();

  constructor(options: CommandsOptions) {
    this.options = options;
  }

  get running(): number {
    return this.calls.size;
  }

  take(message: Extract<ToEngine, { readonly id: number }>): void {
    if (message.kind === 'command') {
      const running = { input: new Input(), abort: new AbortController() };
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
    else this.calls.get(message.id)?.abort.abort();
  }

  private async run(message: Extract<ToEngine, { readonly kind: 'command' }>, running: Running): Promise<number> {
    const { pool, poolPath, runCommand, say } = this.options;
    if (runCommand === undefined) throw new Error('this process mounts the pool but takes no commands');
    try {
      return await runCommand({
        request: message.request,
        pool,
        poolPath,
        input: running.input,
        signal: running.abort.signal,
        output: (bytes) => say({ kind: 'output', id: message.id, bytes }),
        error: (bytes) => say({ kind: 'error', id: message.id, bytes }),
      } satisfies EngineCommand);
    } finally {
      await this.options.settled();
    }
  }

  private end(id: number, status: number): void {
    this.calls.delete(id);
    this.options.say({ kind: 'exit', id, status });
    if (this.calls.size === 0) this.options.idle();
  }

  cancelAll(): void {
    for (const { abort } of this.calls.values()) abort.abort();
  }
}
