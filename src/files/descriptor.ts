/**
 * Open files: what a descriptor number stands for.
 * Only the methods of one `Files` may use its table, and whoever opens must see to it that `close` comes.
 */
import { integerOf } from './arguments.ts';
import { constants } from './constants.ts';
import { errno } from './explain.ts';

export interface Descriptor {
  readonly number: number;
  readonly inode: number;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly append: boolean;
  /** Each write is made durable before it returns. */
  readonly durable: boolean;
  /** Where reads and writes without a position go on. */
  position: number;
}

/**
 * Far above what operating systems hand out, so that a descriptor given to the wrong file system is refused there and not taken
 * for another.
 */
const FIRST_NUMBER = 1_000_000;

export class Descriptors {
  readonly #open = new Map<number, Descriptor>();
  #next = FIRST_NUMBER;

  add(inode: number, flags: number): Descriptor {
    const access = flags & (constants.O_WRONLY | constants.O_RDWR);
    const descriptor: Descriptor = {
      number: this.#next++,
      inode,
      readable: access !== constants.O_WRONLY,
      writable: access !== constants.O_RDONLY,
      append: (flags & constants.O_APPEND) !== 0,
      durable: (flags & constants.O_DSYNC) !== 0,
      position: 0,
    };
    this.#open.set(descriptor.number, descriptor);
    return descriptor;
  }

  /** EBADF if that number is not open. */
  get(number: number): Descriptor {
    const descriptor = this.#open.get(number);
    if (descriptor === undefined) throw errno('EBADF');
    return descriptor;
  }

  remove(number: number): Descriptor {
    const descriptor = this.get(number);
    this.#open.delete(number);
    return descriptor;
  }
}

/** A number that may be a descriptor; throws for what cannot be one. */
export function descriptorNumber(value: unknown): number {
  return integerOf(value, 'fd', 0, 0x7fff_ffff);
}
