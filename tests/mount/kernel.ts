/**
 * A kernel for tests of the FUSE server: lays requests out, hands them over, and takes the replies apart. No mount is involved.
 * Callers must not keep an answer's views for longer than they keep the answer.
 */
import { expect } from 'vitest';
import { operation } from '../../apps/fuse/codec/protocol.ts';
import { Invalidator } from '../../apps/fuse/server/invalidator.ts';
import { nodeHighOf, nodeLowOf } from '../../apps/fuse/server/nodes.ts';
import { PoolWorld } from '../../apps/fuse/server/pool-world.ts';
import { Server, type ServerOptions } from '../../apps/fuse/server/server.ts';
import { memoryDevice } from '../../src/pool/memory-device.ts';
import { openOnSync, type Pool } from '../../src/pool/pool.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface Answer {
  readonly error: number;
  readonly body: Uint8Array;
  readonly view: DataView;
}

/** Talks to a server as the kernel does. */
export class Kernel {
  readonly pool: Pool;
  readonly server: Server;
  readonly messages: Uint8Array[] = [];
  readonly world: PoolWorld;

  constructor(options: { branch?: string; server?: Partial<ServerOptions>; limitBytes?: number } = {}) {
    const { limitBytes } = options;
    this.pool = openOnSync(memoryDevice(), { commitEveryMs: 0, ...(limitBytes === undefined ? {} : { limitBytes }) });
    const branch = options.branch === undefined ? undefined : this.pool.branchSync(options.branch);
    let invalidator: Invalidator | undefined;
    this.world = new PoolWorld(this.pool, {
      branch,
      commitsAtOnce: true,
      onForeignChange: (slot, change) => invalidator?.changed(slot, change),
    });
    this.server = new Server(this.world, {
      maxWriteBytes: 128 * 1024,
      silentOpen: branch !== undefined,
      ...options.server,
    });
    invalidator = new Invalidator(this.server, {
      send: (message) => this.messages.push(message),
      settled: () => Promise.resolve(),
    });
    const init = new Uint8Array(64);
    const view = new DataView(init.buffer);
    view.setUint32(0, 7, true);
    view.setUint32(4, 45, true);
    view.setUint32(12, 0x7fff_ffff, true);
    expect(this.ask(operation.init, 0, init).error).toBe(0);
  }

  /** Hands over raw bytes; undefined if no reply is due. */
  raw(bytes: Uint8Array): Answer | undefined {
    this.server.request.bytes.set(bytes);
    const length = this.server.handle(bytes.length);
    if (length === 0) return undefined;
    const reply = this.server.reply.bytes.slice(0, length);
    const view = new DataView(reply.buffer);
    expect(view.getUint32(0, true)).toBe(length);
    const error = 0 - view.getInt32(4, true);
    if (error !== 0) expect(length).toBe(16);
    return { error, body: reply.subarray(16), view: new DataView(reply.buffer, 16) };
  }

  ask(code: number, node: number | { slot: number; inode: number }, body: Uint8Array = new Uint8Array(0)): Answer {
    const answer = this.raw(this.packet(code, node, body));
    expect(answer).toBeDefined();
    return answer!;
  }

  packet(code: number, node: number | { slot: number; inode: number }, body: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(40 + body.length);
    const view = new DataView(bytes.buffer);
    const { slot, inode } = typeof node === 'number' ? { slot: 0, inode: node } : node;
    view.setUint32(0, bytes.length, true);
    view.setUint32(4, code, true);
    view.setUint32(8, 99, true);
    view.setUint32(16, nodeLowOf(inode), true);
    view.setUint32(20, nodeHighOf(slot, inode), true);
    bytes.set(body, 40);
    return bytes;
  }

  make(parent: number, name: string, mode = 0o644): number {
    const code = (mode & 0o170000) === 0o040000 ? operation.mkdir : operation.mknod;
    const fixed = code === operation.mkdir ? 8 : 16;
    const answer = this.ask(code, parent, body(fixed, [[0, mode]], name));
    expect(answer.error).toBe(0);
    return answer.view.getUint32(0, true);
  }

  write(node: number, offset: number, text: string): Answer {
    const data = encoder.encode(text);
    const head = body(40, [
      [8, offset],
      [16, data.length],
    ]);
    return this.ask(operation.write, node, new Uint8Array([...head, ...data]));
  }

  read(node: number, offset: number, size: number): string {
    const answer = this.ask(
      operation.read,
      node,
      body(40, [
        [8, offset],
        [16, size],
      ]),
    );
    expect(answer.error).toBe(0);
    return decoder.decode(answer.body);
  }

  forget(node: number, count: number): void {
    expect(this.raw(this.packet(operation.forget, node, body(8, [[0, count]])))).toBeUndefined();
  }

  exists(node: number): boolean {
    return this.ask(operation.getattr, node, new Uint8Array(16)).error === 0;
  }
}

/** A body of so many fixed bytes with 32-bit fields set, and names after it. */
export function body(
  fixedBytes: number,
  fields: readonly (readonly [number, number])[],
  ...names: string[]
): Uint8Array {
  const text = encoder.encode(names.map((name) => `${name}\0`).join(''));
  const bytes = new Uint8Array(fixedBytes + text.length);
  for (const [at, value] of fields) new DataView(bytes.buffer).setUint32(at, value, true);
  bytes.set(text, fixedBytes);
  return bytes;
}
