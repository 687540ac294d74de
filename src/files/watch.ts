/**
 * Watching: what happens to a branch's files in this process, told as `fs.watch` tells it.
 * Users must not expect what other processes, merges and rollbacks change, nor that a watcher keeps the process alive.
 */
import { encodingOf, flagOption, optionsOf, signalOf, wrongType } from './arguments.ts';
import type { Change } from './changes.ts';
import type { Context } from './context.ts';
import { Emitter } from './emitter.ts';
import { abortError, calling } from './explain.ts';
import { shown } from './methods/inspect.ts';
import { concatenated } from './methods/listing.ts';
import { getAttributes } from './ops/attributes.ts';
import { chainOf, linksOf } from './ops/directory.ts';
import { found, pathOf, resolve, walk } from './path.ts';
import { type Bytes, type Encoding, encodeUtf8, pause } from './platform.ts';
import { Stats } from './stats.ts';

const SLASH = new Uint8Array([0x2f]);
/** Of a file with many names, so many are told. */
const MAX_NAMES = 32;

interface Watched {
  readonly inode: number;
  readonly isDirectory: boolean;
  readonly recursive: boolean;
  /** The last name of the path that was asked for. */
  readonly name: Uint8Array;
  readonly encoding: Encoding | 'buffer';
}

type Told = readonly [event: 'rename' | 'change', name: string | Bytes];

function watchedAt(context: Context, path: unknown, options: Readonly<Record<string, unknown>>): () => Watched {
  const target = pathOf(path, 'filename');
  const recursive = flagOption(options, 'recursive');
  const encoding = encodingOf(options, 'utf8');
  return calling({ syscall: 'watch', path: target.text }, () => {
    const { inode, type } = found(walk(context.view, target, 'always'));
    const name = target.names.at(-1) ?? encodeUtf8('/');
    return { inode, isDirectory: type === 'directory', recursive, name, encoding };
  });
}

/** The name of an entry as seen from the watched directory; undefined if it does not lie there. */
function nameWithin(context: Context, watched: Watched, parent: number, name: Uint8Array): Uint8Array | undefined {
  if (parent === watched.inode) return name;
  if (!watched.recursive) return undefined;
  const above = chainOf(context.view, watched.inode);
  const chain = chainOf(context.view, parent);
  if (above === undefined || chain === undefined || chain.length <= above.length) return undefined;
  // Names alone could lie: the way up must pass through the watched directory.
  let at = parent;
  for (let steps = chain.length - above.length; steps > 0; steps--) at = linksOf(context.view, at, 1)[0]!.parent;
  if (at !== watched.inode) return undefined;
  let path: Uint8Array = new Uint8Array(0);
  for (const step of chain.slice(above.length)) path = concatenated(concatenated(path, step), SLASH);
  return concatenated(path, name);
}

/** What a watcher tells of: what says which file it is about. */
type NamedChange = Exclude<Change, { readonly event: 'everything' }>;

/** What a watcher says of a change. To be run inside an operation. */
function toldOf(context: Context, watched: Watched, change: NamedChange): Told[] {
  const tell = (name: Uint8Array): Told => [change.event, shown(name, watched.encoding)];
  if (change.inode === watched.inode) return [tell(watched.name)];
  if (!watched.isDirectory) return [];
  const links = change.event === 'rename' ? [change] : linksOf(context.view, change.inode, MAX_NAMES);
  const names = links.map(({ parent, name }) => nameWithin(context, watched, parent, name));
  return names.flatMap((name) => (name === undefined ? [] : [tell(name)]));
}

/** Gathers changes as they come and tells them a little later, in order. Gives the function that ends it. */
function follow(
  context: Context,
  watched: Watched,
  tell: (told: Told) => void,
  fail: (error: unknown) => void,
): () => void {
  const waiting: NamedChange[] = [];
  let busy = false;
  let ended = false;
  const work = async (): Promise<void> => {
    await pause();
    for (let change = waiting.shift(); change !== undefined && !ended; change = waiting.shift()) {
      const next = change;
      for (const told of await context.run(() => toldOf(context, watched, next))) if (!ended) tell(told);
    }
    busy = false;
  };
  const stop = context.changes.listen((change) => {
    if (change.event === 'everything') return;
    waiting.push(change);
    if (busy) return;
    busy = true;
    work().catch((error) => {
      if (!ended) fail(error);
    });
  });
  return () => {
    ended = true;
    stop();
  };
}

/** What `watch` gives: emits `change`, `error` and `close`. */
export class FSWatcher extends Emitter {
  #stop: (() => void) | undefined;

  /** Called once by the function that makes it. */
  start(stop: () => void): void {
    this.#stop = stop;
  }

  close(): void {
    const stop = this.#stop;
    if (stop === undefined) return;
    this.#stop = undefined;
    stop();
    queueMicrotask(() => this.emit('close'));
  }

  /** For node's sake: a watcher here never keeps the process alive. */
  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export type WatchListener = (event: 'rename' | 'change', name: string | Bytes) => void;

export function watch(context: Context, path: unknown, options?: unknown, listener?: unknown): FSWatcher {
  const [settings, listen] = typeof options === 'function' ? [{}, options] : [optionsOf(options), listener];
  if (listen !== undefined && typeof listen !== 'function') throw wrongType('listener', 'of type function', listen);
  const signal = signalOf(settings);
  const watched = context.performSync(watchedAt(context, path, settings));
  const watcher = new FSWatcher();
  if (listen !== undefined) watcher.on('change', listen as WatchListener);
  const stop = follow(
    context,
    watched,
    (told) => watcher.emit('change', ...told),
    (error) => watcher.emit('error', error),
  );
  watcher.start(stop);
  if (signal?.aborted) queueMicrotask(() => watcher.close());
  else signal?.addEventListener('abort', () => watcher.close());
  return watcher;
}

export interface WatchEvent {
  readonly eventType: 'rename' | 'change';
  readonly filename: string | Bytes;
}

/** The events from the first request on, until the signal says stop. */
export async function* watchEvents(
  context: Context,
  path: unknown,
  options?: unknown,
): AsyncGenerator<WatchEvent, void> {
  const settings = optionsOf(options);
  const signal = signalOf(settings);
  const ready: WatchEvent[] = [];
  let failure: { readonly error: unknown } | undefined;
  let wake: () => void = () => {};
  const failed = (error: unknown) => {
    failure = { error };
    wake();
  };
  const aborted = () => failed(abortError(signal!));
  if (signal?.aborted) throw abortError(signal);
  const watched = await context.perform(watchedAt(context, path, settings));
  const tell = ([eventType, filename]: Told) => {
    ready.push({ eventType, filename });
    wake();
  };
  const stop = follow(context, watched, tell, failed);
  signal?.addEventListener('abort', aborted);
  try {
    for (;;) {
      for (let next = ready.shift(); next !== undefined; next = ready.shift()) yield next;
      if (failure !== undefined) throw failure.error;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal?.removeEventListener('abort', aborted);
    stop();
  }
}

export type StatsListener = (present: Stats, previous: Stats) => void;

/** Tells of every difference in a path's stats. What is not there has stats of zeros. */
export class StatWatcher extends Emitter {
  #previous: Stats;
  #stop: () => void;
  #busy = false;

  constructor(context: Context, path: string, present: Stats, look: () => Stats) {
    super();
    this.#previous = present;
    const compare = async (): Promise<void> => {
      await pause();
      this.#busy = false;
      const now = await context.run(look);
      const before = this.#previous;
      this.#previous = now;
      if (differs(before, now)) this.emit('change', now, before);
    };
    this.#stop = context.changes.listen(() => {
      if (this.#busy) return;
      this.#busy = true;
      compare().catch((error) => this.emit('error', error, path));
    });
  }

  stop(): void {
    this.#stop();
    this.removeAllListeners();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

function differs(one: Stats, other: Stats): boolean {
  const [first, second] = [one, other] as unknown as Record<string, unknown>[];
  return Object.keys(one).some((name) => first![name] !== second![name]);
}

const NO_TIME = { seconds: 0, nanoseconds: 0 };
const noStats = Object.assign(
  new Stats(
    {
      inode: 0,
      type: 'file',
      mode: 0,
      uid: 0,
      gid: 0,
      links: 0,
      size: 0,
      device: 0,
      pages: 0,
      accessTime: NO_TIME,
      modifyTime: NO_TIME,
      changeTime: NO_TIME,
      birthTime: NO_TIME,
    },
    0,
  ),
  { mode: 0, blksize: 0 },
);

const statWatchers = new WeakMap<Context, Map<string, StatWatcher>>();

function watchersOf(context: Context): Map<string, StatWatcher> {
  let watchers = statWatchers.get(context);
  if (watchers === undefined) {
    watchers = new Map();
    statWatchers.set(context, watchers);
  }
  return watchers;
}

/** Intervals mean nothing here: changes are told as they come. */
export function watchFile(context: Context, path: unknown, options: unknown, listener?: unknown): StatWatcher {
  const listen = typeof options === 'function' ? options : listener;
  if (typeof listen !== 'function') throw wrongType('listener', 'of type function', listen);
  const target = pathOf(path, 'filename');
  const look = (): Stats => {
    try {
      return new Stats(getAttributes(context.view, resolve(context.view, target, 'always').inode), context.device);
    } catch (error) {
      if ((error as { errno?: number }).errno !== undefined) return noStats;
      throw error;
    }
  };
  const watchers = watchersOf(context);
  let watcher = watchers.get(target.text);
  if (watcher === undefined) {
    watcher = new StatWatcher(context, target.text, context.performSync(look), look);
    watchers.set(target.text, watcher);
  }
  return watcher.on('change', listen as StatsListener);
}

export function unwatchFile(context: Context, path: unknown, listener?: unknown): void {
  const { text } = pathOf(path, 'filename');
  const watchers = watchersOf(context);
  const watcher = watchers.get(text);
  if (watcher === undefined) return;
  if (typeof listener === 'function') watcher.off('change', listener as StatsListener);
  if (typeof listener === 'function' && watcher.listenerCount('change') > 0) return;
  watcher.stop();
  watchers.delete(text);
}
