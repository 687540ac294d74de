/**
 * Tells the kernel that what it remembers is no longer so. Messages are written one after another by a thread of the pool that
 * Node has for files: writing one may wait for a request that the serving thread must answer first.
 * Callers must not wait for `settled` in the thread that serves the mount by the blocking loop.
 */
import { write } from 'node:fs';

export class Notifier {
  private readonly descriptor: number;
  private readonly queue: Uint8Array[] = [];
  private writing = false;
  private waiting: (() => void)[] = [];
  private closed = false;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  send(message: Uint8Array): void {
    if (this.closed) return;
    this.queue.push(message);
    if (!this.writing) this.next();
  }

  private next(): void {
    const message = this.queue.shift();
    if (message === undefined || this.closed) {
      this.writing = false;
      const waiting = this.waiting;
      this.waiting = [];
      for (const settle of waiting) settle();
      return;
    }
    this.writing = true;
    // ENOENT says that the kernel knows nothing of it; any other failure, that the mount is at its end.
    write(this.descriptor, message, 0, message.length, null, () => this.next());
  }

  /** Messages are on their way: they need the event loop. */
  get isBusy(): boolean {
    return this.writing;
  }

  /** Resolves when everything sent so far has been taken by the kernel. */
  settled(): Promise<void> {
    if (!this.writing) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  close(): void {
    this.closed = true;
    this.queue.length = 0;
  }
}
