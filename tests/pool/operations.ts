/**
 * Operations on a pool, as data: what scenarios are made of, and how each is done to a pool and to its model.
 * Callers must do the operations of one list in order, on one pool, and tell the model only of what succeeded.
 */
import {
  CONTENT_BYTES,
  contentLength,
  copyContent,
  prepare,
  punchContent,
  readContent,
  truncateContent,
  writeContent,
} from '../../src/core/content.ts';
import { scan } from '../../src/core/scan.ts';
import { put, remove } from '../../src/core/tree.ts';
import type { Branch } from '../../src/pool/branch.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { digestText, hashCell, isContent, type PoolModel, sameBytes, trimmed } from './model.ts';

/** Names that begin with '~' are those of unnamed forks. `serial` tells values apart. */
export type Operation =
  | { readonly do: 'put'; readonly on: string; readonly key: string; readonly length: number; readonly serial: number }
  | { readonly do: 'remove'; readonly on: string; readonly key: string }
  | {
      readonly do: 'write';
      readonly on: string;
      readonly key: string;
      readonly offset: number;
      readonly length: number;
      readonly serial: number;
    }
  | { readonly do: 'truncate'; readonly on: string; readonly key: string; readonly length: number }
  | { readonly do: 'punch'; readonly on: string; readonly key: string; readonly from: number; readonly to: number }
  | { readonly do: 'copy'; readonly on: string; readonly key: string; readonly to: string; readonly from?: string }
  | { readonly do: 'create'; readonly to: string }
  | { readonly do: 'fork' | 'snapshot'; readonly from: string; readonly to: string }
  | { readonly do: 'rollback'; readonly on: string; readonly to: string }
  | { readonly do: 'rename'; readonly from: string; readonly to: string }
  | { readonly do: 'drop' | 'release' | 'renew'; readonly on: string }
  | { readonly do: 'merge'; readonly from: string; readonly into: string }
  | { readonly do: 'limit'; readonly on: string; readonly quotaBytes: number; readonly reservationBytes: number }
  | { readonly do: 'limitPool'; readonly limitBytes: number }
  | { readonly do: 'commit' | 'compact' | 'usage' | 'reopen' };

/** What an operation asks of the pool, one request after another: an operation in a branch, or a call of the pool. */
export type Request =
  | { readonly branch: Branch; readonly run: () => unknown }
  | {
      readonly call:
        | 'branch'
        | 'createBranch'
        | 'fork'
        | 'snapshot'
        | 'forkUnnamed'
        | 'release'
        | 'rollback'
        | 'rename'
        | 'drop'
        | 'renew'
        | 'merge'
        | 'limit'
        | 'commit'
        | 'usage'
        | 'compact'
        | 'branches';
      readonly with: readonly unknown[];
    };

export type Requests<T = void> = Generator<Request, T, unknown>;

/** An open pool, its unnamed forks by the names that operations give them, and what all of them must hold. */
export interface World {
  pool: Pool;
  model: PoolModel;
  readonly unnamed: Map<string, Branch>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const keyOf = (key: string): Uint8Array => encoder.encode(key);

/** Bytes that no other serial gives, none of them zero. */
export function bytesOf(serial: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = Math.imul(serial + 1, 0x9e3779b1) | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff || 1;
  }
  return bytes;
}

export function runSync<T>(pool: Pool, requests: Requests<T>): T {
  let result = requests.next();
  while (!result.done) {
    const request = result.value;
    // biome-ignore lint/suspicious/noExplicitAny: the table of calls above keeps names and arguments right
    const calls = pool as any;
    let answer: unknown;
    try {
      answer = 'run' in request ? request.branch.runSync(request.run) : calls[`${request.call}Sync`](...request.with);
    } catch (error) {
      result = requests.throw(error);
      continue;
    }
    result = requests.next(answer);
  }
  return result.value;
}

export async function runAsync<T>(pool: Pool, requests: Requests<T>): Promise<T> {
  let result = requests.next();
  while (!result.done) {
    const request = result.value;
    // biome-ignore lint/suspicious/noExplicitAny: see runSync
    const calls = pool as any;
    let answer: unknown;
    try {
      answer = await ('run' in request ? request.branch.run(request.run) : calls[request.call](...request.with));
    } catch (error) {
      result = requests.throw(error);
      continue;
    }
    result = requests.next(answer);
  }
  return result.value;
}

function* branchOf(world: World, name: string): Requests<Branch> {
  if (name.startsWith('~')) return world.unnamed.get(name) as Branch;
  return (yield { call: 'branch', with: [name] }) as Branch;
}

function* onPool(world: World, operation: Operation): Requests {
  switch (operation.do) {
    case 'put':
    case 'remove':
    case 'write':
    case 'truncate':
    case 'punch':
    case 'copy': {
      const branch = yield* branchOf(world, operation.on);
      const other =
        operation.do === 'copy' && operation.from !== undefined ? yield* branchOf(world, operation.from) : branch;
      yield { branch, run: () => onCells(branch, operation, other) };
      return;
    }
    case 'create':
      yield { call: 'createBranch', with: [operation.to] };
      return;
    case 'fork': {
      if (!operation.to.startsWith('~')) {
        yield { call: 'fork', with: [operation.from, operation.to] };
        return;
      }
      const source = yield* branchOf(world, operation.from);
      world.unnamed.set(operation.to, (yield { call: 'forkUnnamed', with: [source] }) as Branch);
      return;
    }
    case 'snapshot':
    case 'rename':
      yield { call: operation.do, with: [operation.from, operation.to] };
      return;
    case 'rollback':
      yield { call: 'rollback', with: [operation.on, operation.to] };
      return;
    case 'drop':
    case 'renew':
      yield { call: operation.do, with: [operation.on] };
      return;
    case 'release':
      yield { call: 'release', with: [world.unnamed.get(operation.on)] };
      world.unnamed.delete(operation.on);
      return;
    case 'merge':
      yield { call: 'merge', with: [{ from: operation.from, into: operation.into, resolve: () => 'theirs' }] };
      return;
    case 'limit': {
      const { quotaBytes, reservationBytes } = operation;
      yield { call: 'limit', with: [operation.on, { quotaBytes, reservationBytes }] };
      return;
    }
    case 'limitPool':
      world.pool.setLimit(operation.limitBytes);
      return;
    case 'commit':
    case 'compact':
    case 'usage':
      yield { call: operation.do, with: [] };
  }
}

/** The operations within one branch: read first, prepare, write. */
function onCells(branch: Branch, operation: Operation, other: Branch): void {
  const { store, root } = branch;
  if (operation.do === 'put') {
    const key = keyOf(operation.key);
    prepare(store, root, { puts: [key] });
    put(store, root, key, bytesOf(operation.serial, operation.length));
  } else if (operation.do === 'remove') {
    const key = keyOf(operation.key);
    prepare(store, root, { removes: [key], purpose: 'free' });
    remove(store, root, key);
  } else if (operation.do === 'write') {
    const key = keyOf(operation.key);
    const bytes = bytesOf(operation.serial, operation.length);
    prepare(store, root, { content: [{ key, from: operation.offset, to: operation.offset + bytes.length }] });
    writeContent(store, root, key, operation.offset, bytes);
  } else if (operation.do === 'truncate') {
    const key = keyOf(operation.key);
    // Only the page that is cut in two is written.
    const to = Math.ceil(operation.length / 4096) * 4096;
    const content = [{ key, from: operation.length, to }];
    prepare(store, root, { removes: [key], content, purpose: 'free' });
    truncateContent(store, root, key, operation.length);
  } else if (operation.do === 'punch') {
    const key = keyOf(operation.key);
    const content = [{ key, from: operation.from, to: operation.to }];
    prepare(store, root, { removes: [key], content, purpose: 'free' });
    punchContent(store, root, key, operation.from, operation.to);
  } else if (operation.do === 'copy') {
    const key = keyOf(operation.key);
    const to = keyOf(operation.to);
    contentLength(store, other.root, key);
    prepare(store, root, { puts: [to], removes: [to] });
    copyContent(store, root, key, to, other.root);
  }
}

/** Does an operation to the pool and then to the model. `reopen` is the caller's matter. */
export function* perform(world: World, operation: Operation): Requests {
  yield* onPool(world, operation);
  // A merge may have had a choice: then the pool is asked what it chose.
  const merged = operation.do === 'merge' ? yield* readBranch(yield* branchOf(world, operation.into)) : undefined;
  onModel(world.model, operation, merged);
}

/** `merged` is what a merge has made of the branch, where the model cannot know. */
export function onModel(model: PoolModel, operation: Operation, merged?: ReadonlyMap<string, Uint8Array>): void {
  if ('key' in operation) {
    cellsOfModel(model, operation);
    return;
  }
  switch (operation.do) {
    case 'create':
      model.create(operation.to);
      break;
    case 'fork':
      model.fork(operation.from, operation.to, operation.to.startsWith('~') ? 'unnamed' : 'branch');
      break;
    case 'snapshot':
      model.fork(operation.from, operation.to, 'snapshot');
      break;
    case 'rollback':
      model.rollback(operation.on, operation.to);
      break;
    case 'rename':
      model.rename(operation.from, operation.to);
      break;
    case 'renew':
      break;
    case 'drop':
    case 'release':
      model.branches.delete(operation.on);
      break;
    case 'merge':
      model.merge(operation.from, operation.into, (key) => merged?.get(key));
      break;
    case 'limit':
      Object.assign(model.branch(operation.on), {
        quotaBytes: operation.quotaBytes,
        reservationBytes: operation.reservationBytes,
      });
      break;
    case 'limitPool':
      model.limitBytes = operation.limitBytes;
  }
}

function cellsOfModel(model: PoolModel, operation: Extract<Operation, { readonly key: string }>): void {
  const branch = model.branch(operation.on);
  switch (operation.do) {
    case 'put':
      branch.put(operation.key, bytesOf(operation.serial, operation.length));
      break;
    case 'remove':
      branch.remove(operation.key);
      break;
    case 'write':
      branch.write(operation.key, operation.offset, bytesOf(operation.serial, operation.length));
      break;
    case 'truncate':
      branch.truncate(operation.key, operation.length);
      break;
    case 'punch':
      branch.punch(operation.key, operation.from, operation.to);
      break;
    case 'copy':
      branch.copy(operation.key, operation.to, operation.from === undefined ? branch : model.branch(operation.from));
  }
}

/** The value of a cell, content without the zeros at its end. */
function cellOf(branch: Branch, key: Uint8Array): Uint8Array | undefined {
  let value: Uint8Array | undefined;
  const end = new Uint8Array(key.length + 1);
  end.set(key);
  scan(branch.store, branch.root, { from: key, to: end }, (entry) => {
    value = entry.value();
  });
  if (value === undefined || !isContent(decoder.decode(key))) return value;
  const bytes = new Uint8Array(contentLength(branch.store, branch.root, key));
  readContent(branch.store, branch.root, key, 0, bytes);
  const rest = trimmed(bytes);
  return rest.length === 0 ? undefined : rest;
}

/** Every cell of a branch, read. */
export function* readBranch(branch: Branch): Requests<Map<string, Uint8Array>> {
  const cells = new Map<string, Uint8Array>();
  let from: Uint8Array | undefined;
  do {
    const at = from;
    const { found, next } = (yield {
      branch,
      run: () => {
        const found: Array<[Uint8Array, Uint8Array]> = [];
        const next = scan(branch.store, branch.root, { from: at }, (entry) => {
          found.push([entry.key(), entry.value()]);
        });
        return { found, next };
      },
    }) as { found: Array<[Uint8Array, Uint8Array]>; next: Uint8Array | undefined };
    for (const [key, value] of found) {
      const name = decoder.decode(key);
      if (!isContent(name)) cells.set(name, value);
      else {
        const bytes = (yield { branch, run: () => cellOf(branch, key) }) as Uint8Array | undefined;
        if (bytes !== undefined) cells.set(name, bytes);
      }
    }
    from = next;
  } while (from !== undefined);
  return cells;
}

/** The pool's contents in the words of {@link PoolModel.digest}. Reads everything. */
export function* readDigest(pool: Pool): Requests<string> {
  const lines: string[] = [];
  const infos = (yield { call: 'branches', with: [] }) as Awaited<ReturnType<Pool['branches']>>;
  const words = new Uint32Array(2);
  for (const { name, kind, quotaBytes = 0, reservationBytes = 0 } of infos) {
    const branch = (yield { call: 'branch', with: [name] }) as Branch;
    let low = 0;
    let high = 0;
    const cells = yield* readBranch(branch);
    for (const [key, bytes] of cells) {
      hashCell(keyOf(key), bytes, words);
      low = (low ^ words[0]) >>> 0;
      high = (high ^ words[1]) >>> 0;
    }
    lines.push(`${name} ${kind} ${quotaBytes} ${reservationBytes} ${digestText(cells.size, low, high)}`);
  }
  return [`limit ${pool.space().limitBytes ?? 0}`, ...lines.sort()].join('\n');
}

/** What differs between a branch and its model, for messages; empty if nothing does. */
export function* differences(world: World, name: string): Requests<string[]> {
  const branch = yield* branchOf(world, name);
  const found = yield* readBranch(branch);
  const wanted = world.model.branch(name);
  const messages: string[] = [];
  for (const key of new Set([...found.keys(), ...wanted.keys()])) {
    const [is, shall] = [found.get(key), wanted.get(key)];
    if (is === undefined || shall === undefined) messages.push(`${key} is ${is ? 'there' : 'missing'}`);
    else if (!sameBytes(is, shall)) messages.push(`${key} has ${is.length} bytes of ${shall.length}, or other ones`);
  }
  return messages;
}

/** The longest content that operations write. */
export const MOST_BYTES = CONTENT_BYTES;
