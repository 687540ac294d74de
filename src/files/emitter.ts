/**
 * Listeners by event name: what of node's EventEmitter a watcher or a FileHandle needs, where there may be no node.
 * Listeners must not expect an uncaught `error` event to end the process.
 */

// biome-ignore lint/suspicious/noExplicitAny: each event has its own arguments
export type Listener = (...args: any[]) => void;

export class Emitter {
  readonly #listeners = new Map<string | symbol, { readonly listener: Listener; readonly once: boolean }[]>();

  #add(event: string | symbol, listener: Listener, once: boolean): this {
    const list = this.#listeners.get(event) ?? [];
    this.#listeners.set(event, [...list, { listener, once }]);
    return this;
  }

  on(event: string | symbol, listener: Listener): this {
    return this.#add(event, listener, false);
  }

  once(event: string | symbol, listener: Listener): this {
    return this.#add(event, listener, true);
  }

  off(event: string | symbol, listener: Listener): this {
    const list = this.#listeners.get(event) ?? [];
    const at = list.findLastIndex((entry) => entry.listener === listener);
    if (at >= 0) this.#listeners.set(event, list.toSpliced(at, 1));
    return this;
  }

  addListener(event: string | symbol, listener: Listener): this {
    return this.on(event, listener);
  }

  removeListener(event: string | symbol, listener: Listener): this {
    return this.off(event, listener);
  }

  removeAllListeners(event?: string | symbol): this {
    if (event === undefined) this.#listeners.clear();
    else this.#listeners.delete(event);
    return this;
  }

  listenerCount(event: string | symbol): number {
    return this.#listeners.get(event)?.length ?? 0;
  }

  emit(event: string | symbol, ...args: unknown[]): boolean {
    const list = this.#listeners.get(event);
    if (list === undefined || list.length === 0) return false;
    for (const { listener, once } of list) {
      if (once) this.off(event, listener);
      listener(...args);
    }
    return true;
  }
}
