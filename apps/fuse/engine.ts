/**
 * The thread of a mount process that holds the pool and serves the mount by the blocking loop. While commands run or a commit is
 * being flushed it serves in the event loop instead, so that both go on.
 * A worker module must call `runEngine` and do nothing else; whatever is said to the worker must be followed by a ring of the bell.
 */
import { closeSync } from 'node:fs';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { openPoolSync } from '../../src/pool/open-pool.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { Commands } from './commands.ts';
import { Invalidator } from './server/invalidator.ts';
import { PoolWorld } from './server/pool-world.ts';
import { Server } from './server/server.ts';
import type { FromEngine, MountSetup, RunCommand, ToEngine } from './setup.ts';
import { Bell } from './transport/bell.ts';
import { serveBlocking, serveEvents } from './transport/loop.ts';
import { Notifier } from './transport/notifier.ts';

/** Steps of giving back the room of what was deleted, between two looks at the mount. */
const RELEASE_STEPS = 64;

/** Handed over when the worker is made. `activity` holds the count of requests served so far. */
export interface EngineData {
  readonly setup: MountSetup;
  readonly port: MessagePort;
  readonly activity: Int32Array;
}

class Engine {
  private readonly setup: MountSetup;
  private readonly port: MessagePort;
  private readonly activity: Int32Array;
  private readonly pool: Pool;
  private readonly world: PoolWorld;
  private readonly server: Server;
  private readonly commands: Commands;
  private invalidator: Invalidator | undefined;
  private bell: Bell | undefined;
  private committing = false;
  private woken = false;
  private quitting = false;

  constructor(data: EngineData, runCommand: RunCommand | undefined) {
    this.setup = data.setup;
    this.port = data.port;
    this.activity = data.activity;
    const { poolPath, branch, readOnly, cacheBytes, writeback } = data.setup;
    const size = cacheBytes === undefined ? {} : { cacheBytes };
    this.pool = openPoolSync(poolPath, { create: false, readOnly, commitEveryMs: 0, ...size });
    const opened = branch === undefined ? undefined : this.pool.branchSync(branch);
    this.world = new PoolWorld(this.pool, {
      branch: opened,
      commitsAtOnce: true,
      onForeignChange: (slot, change) => this.invalidator?.changed(slot, change),
    });
    const silentOpen = opened !== undefined;
    this.server = new Server(this.world, { writeback, silentOpen });
    this.server.bell = new TextEncoder().encode(data.setup.bell);
    this.server.onWake = () => {
      this.woken = true;
    };
    this.commands = new Commands({
      pool: this.pool,
      poolPath,
      mounts: () => [{ branch: opened, directory: data.setup.directory }],
      runCommand,
      say: (message) => this.say(message),
      settled: async () => this.invalidator?.settled(),
      idle: () => this.bell?.ring(),
    });
  }

  get readOnly(): boolean {
    return this.world.readOnly;
  }

  say(message: FromEngine): void {
    this.port.postMessage(message);
  }

  async serve(descriptor: number): Promise<void> {
    const bell = new Bell(descriptor, this.setup.directory, this.setup.bell);
    this.bell = bell;
    const notifier = new Notifier(descriptor);
    this.invalidator = new Invalidator(this.server, notifier);
    while (!this.quitting) {
      const waits = this.committing || this.commands.running > 0 || notifier.isBusy;
      if (notifier.isBusy) void notifier.settled().then(() => bell.ring());
      const until = (): boolean => {
        this.activity[0] = this.server.requests | 0;
        return this.woken || this.quitting;
      };
      const end = waits
        ? await serveEvents(descriptor, this.server, until)
        : serveBlocking(descriptor, this.server, until);
      if (end === 'unmounted') break;
      this.woken = false;
      this.takeMessages();
      if (!this.server.releaseSome(RELEASE_STEPS)) bell.ring();
      // Lets what a command or a commit has put off have its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    notifier.close();
    this.commands.cancelAll();
    this.server.end();
    this.world.close();
    this.pool.closeSync();
    if (!this.quitting) closeSync(descriptor);
    this.say({ kind: 'ended', requests: this.server.requests });
  }

  private takeMessages(): void {
    for (let received = receiveMessageOnPort(this.port); received; received = receiveMessageOnPort(this.port)) {
      const message = received.message as ToEngine;
      if (message.kind === 'tick') this.tick();
      else if (message.kind === 'quit') this.quitting = true;
      else this.commands.take(message);
    }
  }

  /** Commits what has waited for a while; the loop goes on meanwhile. */
  private tick(): void {
    if (this.committing || !this.pool.dirty || this.pool.readOnly) return;
    this.committing = true;
    const settled = (): void => {
      this.committing = false;
      this.bell?.ring();
    };
    // A failure is met again by the next call, as poison, and by whoever calls fsync.
    this.pool.commit().then(settled, settled);
  }
}

/** What a mount process's second thread does. `runCommand` runs commands of the control socket; without it they are refused. */
export function runEngine(runCommand?: RunCommand): void {
  const data = workerData as EngineData;
  // Errors here answer requests; nobody reads their stacks.
  Error.stackTraceLimit = 0;
  let engine: Engine;
  try {
    engine = new Engine(data, runCommand);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    data.port.postMessage({ kind: 'failed', code: code ?? 'INTERNAL', message } satisfies FromEngine);
    data.port.close();
    return;
  }
  engine.say({ kind: 'opened', readOnly: engine.readOnly });
  parentPort?.once('message', (descriptor: number) => {
    engine.serve(descriptor).then(
      () => data.port.close(),
      (error: Error) => {
        engine.say({ kind: 'failed', code: 'INTERNAL', message: error.message });
        data.port.close();
      },
    );
  });
}
