/**
 * The control socket, `<pool>.sock`: other processes ask the one that holds a pool to run a command on it. JSON lines both ways, one
 * connection per command; `docs/mount.md` has the messages.
 * Callers must treat a command as they would their own: it runs with this process's rights. The socket is its owner's alone.
 */
import { chmodSync, closeSync, openSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { ByreError } from '../../src/errors.ts';

/** What is asked for: a command line, and where and how it was typed. */
export interface CommandRequest {
  readonly arguments: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Width of the terminal that the output goes to, if it goes to one. */
  readonly columns?: number;
}

/** A command under way, as the process that runs it sees it. */
export interface CommandCall {
  readonly request: CommandRequest;
  /** Called with each piece of input, and with undefined at its end. */
  onInput: (bytes: Uint8Array | undefined) => void;
  /** Called when whoever asked has gone or has pressed Ctrl-C. */
  onCancel: () => void;
  /** Called with what whoever asked replies to `call`. */
  onReply: (value: unknown) => void;
  output(bytes: Uint8Array): void;
  error(bytes: Uint8Array): void;
  /** Asks something of whoever asked for the command: only its process has the terminal, and can start programs there. */
  call(message: unknown): void;
  exit(status: number): void;
}

/** What a command says to whoever asked for it, by the number of its call; the last is its exit. */
export type CommandSays =
  | { readonly kind: 'output' | 'error'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'call'; readonly id: number; readonly message: unknown }
  | { readonly kind: 'exit'; readonly id: number; readonly status: number };

export function deliver(calls: Map<number, CommandCall>, said: CommandSays): void {
  const call = calls.get(said.id);
  if (said.kind === 'exit') {
    call?.exit(said.status);
    calls.delete(said.id);
  } else if (said.kind === 'call') call?.call(said.message);
  else call?.[said.kind](said.bytes);
}

export interface ControlSocket {
  /** How many are connected, be it that they have not yet said what they want. */
  readonly connections: number;
  close(): void;
}

/** What it looks like when nobody listens, or has just ceased to. */
const GONE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE']);
/** Longer paths do not fit into a socket's address. */
const ADDRESS_BYTES_MAX = 100;
const LINE_BYTES_MAX = 4 * 1024 * 1024;

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function decode(text: unknown): Uint8Array {
  return new Uint8Array(Buffer.from(String(text), 'base64'));
}

export function socketPathOf(poolPath: string): string {
  return `${poolPath}.sock`;
}

/** Gives `use` an address for the socket; where its path is too long, one through an opened directory. */
function withAddress<T>(poolPath: string, use: (address: string) => T): T {
  const whole = socketPathOf(poolPath);
  if (Buffer.byteLength(whole) <= ADDRESS_BYTES_MAX) return use(whole);
  const directory = openSync(path.dirname(whole), 'r');
  try {
    return use(`/proc/self/fd/${directory}/${path.basename(whole)}`);
  } finally {
    // The address is resolved when it is bound or connected to, which has happened by now.
    closeSync(directory);
  }
}

/** Calls `take` with every line that arrives, parsed; a line that is no JSON object ends the connection. */
function eachMessage(socket: Socket, take: (message: Record<string, unknown>) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    rest += chunk;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      let message: unknown;
      try {
        message = JSON.parse(line);
      } catch {
        message = undefined;
      }
      if (typeof message !== 'object' || message === null) {
        socket.destroy();
        return;
      }
      take(message as Record<string, unknown>);
    }
    if (rest.length > LINE_BYTES_MAX) socket.destroy();
  });
}

function isRequest(message: Record<string, unknown>): boolean {
  const { arguments: list, directory, environment } = message;
  return (
    Array.isArray(list) &&
    list.every((each) => typeof each === 'string') &&
    typeof directory === 'string' &&
    typeof environment === 'object' &&
    environment !== null
  );
}

function accept(socket: Socket, run: (call: CommandCall) => void): void {
  let call: CommandCall | undefined;
  const say = (message: object): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
  };
  socket.on('error', () => socket.destroy());
  socket.on('close', () => call?.onCancel());
  eachMessage(socket, (message) => {
    if (call === undefined) {
      if (!isRequest(message)) {
        socket.destroy();
        return;
      }
      call = {
        request: message as unknown as CommandRequest,
        onInput: () => {},
        onCancel: () => {},
        onReply: () => {},
        output: (bytes) => say({ output: encode(bytes) }),
        error: (bytes) => say({ error: encode(bytes) }),
        call: (asked) => say({ call: asked }),
        exit: (status) => {
          say({ exit: status });
          socket.end();
        },
      };
      say({ begun: true });
      run(call);
    } else if (message.input !== undefined) call.onInput(message.input === null ? undefined : decode(message.input));
    else if (message.reply !== undefined) call.onReply(message.reply);
    else if (message.cancel !== undefined) call.onCancel();
  });
}

/**
 * Listens for commands; `left` is called when nobody is connected any more. What a dead holder left at the address is replaced: whoever
 * holds the pool's lock may do so.
 */
export function listen(
  poolPath: string,
  run: (call: CommandCall) => void,
  left: () => void = () => {},
): Promise<ControlSocket> {
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections++;
    accept(socket, run);
    socket.once('close', () => {
      connections--;
      if (connections === 0) left();
    });
  });
  const socketPath = socketPathOf(poolPath);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    rmSync(socketPath, { force: true });
    const mask = process.umask(0o177);
    try {
      withAddress(poolPath, (address) => server.listen(address));
    } finally {
      process.umask(mask);
    }
    server.once('listening', () => {
      chmodSync(socketPath, 0o600);
      let closed = false;
      resolve({
        get connections() {
          return connections;
        },
        close: () => {
          // Only once: by the second time another process's may be there.
          if (closed) return;
          closed = true;
          server.close();
          rmSync(socketPath, { force: true });
        },
      });
    });
  });
}

/** Whether anybody listens for commands on the pool: a socket that a dead process left says nothing. */
export function isListening(poolPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = withAddress(poolPath, (address) => connect(address));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(!GONE.has(error.code)));
  });
}

/** The asking side's streams. */
export interface CommandStreams {
  readonly input?: AsyncIterable<Uint8Array>;
  output(bytes: Uint8Array): void;
  error(bytes: Uint8Array): void;
  /** Does what the command asks of this process, and says what came of it. */
  answer?(message: unknown): Promise<unknown>;
  readonly signal?: AbortSignal;
}

async function sendInput(input: AsyncIterable<Uint8Array>, say: (message: object) => void): Promise<void> {
  for await (const bytes of input) say({ input: encode(bytes) });
  say({ input: null });
}

/**
 * Asks the process that holds the pool to run a command; resolves with its exit status, or with undefined if nobody listens.
 * Rejects if the connection breaks before the command has ended: it may then have been done or not.
 */
export function ask(poolPath: string, request: CommandRequest, streams: CommandStreams): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const socket = withAddress(poolPath, (address) => connect(address));
    const say = (message: object): void => void socket.write(`${JSON.stringify(message)}\n`);
    let status: number | undefined;
    let begun = false;
    socket.once('connect', () => {
      say(request);
      if (streams.input !== undefined) sendInput(streams.input, say).catch(() => say({ cancel: true }));
    });
    streams.signal?.addEventListener('abort', () => say({ cancel: true }));
    eachMessage(socket, (message) => {
      begun = true;
      if (message.output !== undefined) streams.output(decode(message.output));
      else if (message.error !== undefined) streams.error(decode(message.error));
      else if (message.call !== undefined) {
        const answered = streams.answer?.(message.call) ?? Promise.reject(new Error('nobody answers here'));
        answered.then(
          (value) => say({ reply: value ?? null }),
          (error: Error) => socket.destroy(error),
        );
      } else if (typeof message.exit === 'number') status = message.exit;
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // Else the end of the connection tells what that means.
      if (!GONE.has(error.code)) reject(error);
    });
    socket.once('close', () => {
      if (status !== undefined) resolve(status);
      else if (!begun) resolve(undefined);
      else reject(new ByreError('CLOSED', 'the process that holds the pool went away before the command had ended'));
    });
  });
}
