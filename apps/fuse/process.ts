/**
 * The main thread of a mount process: mounts, listens on the control socket, keeps time, and sees to a clean end. The pool and the
 * mount's requests belong to another thread (`engine.ts`), which blocks; this one never touches the mount with synchronous calls.
 * Callers must run it in a process of its own.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { ByreError, type ErrorCode } from '../../src/errors.ts';
import { type CommandCall, type ControlSocket, deliver, listen } from './control.ts';
import type { EngineData } from './engine.ts';
import type { FromEngine, MountSetup, ToEngine } from './setup.ts';
import { attach, cleanStaleOf, detach, type MountPlace } from './transport/attach.ts';
import { Bell } from './transport/bell.ts';
import { mountedElsewhere } from './transport/users.ts';

const TICK_MS = 1000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** How long a mount that is in use keeps its process after it was told to end by a signal, before it is cut off. */
const LAZY_END_MS = 60_000;
/** How long a mount that is there for others waits for the first of them. */
const FIRST_CALL_MS = 3000;

function engineUrl(setup: MountSetup): URL {
  if (setup.engine !== undefined) return new URL(setup.engine);
  return new URL(import.meta.url.endsWith('.ts') ? './engine-main.ts' : './engine-main.js', import.meta.url);
}

class MountProcess {
  private readonly setup: MountSetup;
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly activity = new Int32Array(new SharedArrayBuffer(4));
  private readonly calls = new Map<number, CommandCall>();
  private nextCall = 1;
  private bell: Bell | undefined;
  private place: MountPlace | undefined;
  private isCutOff = false;
  private control: ControlSocket | undefined;
  private stops = 0;
  private opened: ((message: FromEngine) => void) | undefined;
  /** Resolves when the engine has closed the pool. */
  readonly ended: Promise<void>;
  private end: (error?: Error) => void = () => {};

  constructor(setup: MountSetup) {
    this.setup = setup;
    const channel = new MessageChannel();
    this.port = channel.port1;
    const data: EngineData = { setup, port: channel.port2, activity: this.activity };
    this.ended = new Promise((resolve, reject) => {
      this.end = (error) => (error === undefined ? resolve() : reject(error));
    });
    // Whoever starts the process waits for `mount` first; until then nobody looks.
    this.ended.catch(() => {});
    this.worker = new Worker(engineUrl(setup), { workerData: data, transferList: [channel.port2] });
    this.worker.once('error', (error) => this.fail(error));
    this.port.on('message', (message: FromEngine) => this.take(message));
  }

  private fail(error: Error): void {
    this.opened?.({ kind: 'failed', code: (error as ByreError).code ?? 'INTERNAL', message: error.message });
    this.end(error);
  }

  private take(message: FromEngine): void {
    if (message.kind === 'opened') this.opened?.(message);
    else if (message.kind === 'failed') this.fail(new ByreError(message.code as ErrorCode, message.message));
    else if (message.kind === 'ended') this.end();
    else {
      deliver(this.calls, message);
      if (message.kind === 'exit') this.endIfUnused();
    }
  }

  private say(message: ToEngine): void {
    this.port.postMessage(message);
    this.bell?.ring();
  }

  /** Opens the pool, mounts, and begins to serve. Resolves with the directory when the mount answers. */
  async mount(): Promise<string> {
    const message = await new Promise<FromEngine>((resolve) => {
      this.opened = resolve;
    });
    if (message.kind === 'failed') throw new ByreError(message.code as ErrorCode, message.message);
    const readOnly = message.kind === 'opened' && message.readOnly;
    const { poolPath, branch, privileges } = this.setup;
    try {
      if (!this.setup.readOnly) await cleanStaleOf(poolPath);
      const name = branch === undefined ? poolPath : `${poolPath}:${branch}`;
      const attached = await attach(this.setup.directory, { name, readOnly, privileges });
      this.place = attached;
      this.bell = new Bell(attached.descriptor, attached.directory, this.setup.bell);
      this.worker.postMessage(attached.descriptor);
    } catch (error) {
      await this.worker.terminate();
      throw error;
    }
    await this.bell.hang();
    if (!this.setup.readOnly) {
      this.control = await listen(
        poolPath,
        (call) => this.command(call),
        () => this.endIfUnused(),
      );
    }
    this.keepTime();
    if (this.setup.transient) setTimeout(() => this.endIfUnused(), FIRST_CALL_MS).unref();
    return this.place.directory;
  }

  /**
   * Ends a transient mount that nobody needs any more. Where whoever asked has been cut off, programs of theirs may go on in the mount:
   * then it looks again later. Others have been told that they lose it.
   */
  private endIfUnused(): void {
    if (!this.setup.transient || this.stops > 0) return;
    if (this.calls.size > 0 || (this.control?.connections ?? 0) > 0) return;
    const device = this.place?.device;
    const isElsewhere = device !== undefined && mountedElsewhere(device) !== undefined;
    if (isElsewhere && this.isCutOff) {
      setTimeout(() => this.endIfUnused(), TICK_MS).unref();
      return;
    }
    // First, so that nobody asks for a command who would not be heard.
    this.control?.close();
    const stopped = this.stop(() => {});
    // As long as it is mounted elsewhere the kernel tells the engine nothing of an end.
    const ended = isElsewhere ? stopped.then(() => this.stop(() => {})) : stopped;
    ended.catch((error: Error) => this.end(error));
  }

  /** The engine's thread has no timers while it blocks: it is woken if it has had anything to do. */
  private keepTime(): void {
    let seen = 0;
    const timer = setInterval(() => {
      const now = Atomics.load(this.activity, 0);
      if (now !== seen) this.say({ kind: 'tick' });
      seen = now;
    }, TICK_MS);
    this.ended.finally(() => clearInterval(timer)).catch(() => {});
  }

  private command(call: CommandCall): void {
    const id = this.nextCall++;
    this.calls.set(id, call);
    call.onInput = (bytes) => this.say({ kind: 'input', id, bytes });
    call.onReply = (value) => this.say({ kind: 'reply', id, value });
    call.onCancel = () => {
      if (!this.calls.has(id)) return;
      this.isCutOff = true;
      this.say({ kind: 'cancel', id });
    };
    this.say({ kind: 'command', id, request: call.request });
  }

  /** Unmounts; what is in use loses its name at once and is served until the last user leaves. A second call ends it at once. */
  async stop(tell: (text: string) => void): Promise<void> {
    this.stops++;
    if (this.place === undefined) return;
    if (this.stops > 1) {
      this.say({ kind: 'quit' });
      return;
    }
    try {
      await detach(this.place);
    } catch (error) {
      if ((error as ByreError).code !== 'EBUSY') throw error;
      await detach(this.place, { lazy: true });
      tell(`${this.place.directory} is in use: it is unmounted when its last user leaves, or now if asked again`);
      setTimeout(() => this.say({ kind: 'quit' }), LAZY_END_MS).unref();
    }
  }

  /** After a failure: nobody serves the mount any more, so its name must go. */
  async abandon(): Promise<void> {
    if (this.place !== undefined) await detach(this.place, { lazy: true }).catch(() => {});
  }

  close(): void {
    this.control?.close();
    this.port.close();
  }
}

/** Mounts and serves until the mount is gone. Calls `ready` with the directory; rejects with why there is no mount. */
export async function runMountProcess(setup: MountSetup, ready: (directory: string) => void): Promise<void> {
  const mounted = new MountProcess(setup);
  const onSignal = (): void => {
    mounted
      .stop((text) => console.error(`byre: ${text}`))
      .catch((error: Error) => console.error(`byre: ${error.message}`));
  };
  try {
    ready(await mounted.mount());
    for (const signal of SIGNALS) process.on(signal, onSignal);
    await mounted.ended;
  } catch (error) {
    await mounted.abandon();
    throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    mounted.close();
  }
}
