/**
 * Keeps a process that runs another one's command from piling up output that nobody takes: the asking side acknowledges what it has
 * written, in the place of input, which such commands do not read.
 * Commands with much output must wait for `drained` now and then.
 */

/** Taken together, one acknowledgement. */
const ACKNOWLEDGED_BYTES = 1 << 20;
const OUTSTANDING_BYTES_MAX = 8 << 20;

/** The asking side: tells what was taken, as input of the command. */
export class Acknowledgements {
  private taken = 0;
  private wake: () => void = () => {};

  took(bytes: number): void {
    this.taken += bytes;
    this.wake();
  }

  async *pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      for (; this.taken >= ACKNOWLEDGED_BYTES; this.taken -= ACKNOWLEDGED_BYTES) yield Uint8Array.of(1);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

/** The side that runs the command. */
export class Flow {
  private outstanding = 0;
  private readonly input: AsyncIterator<Uint8Array>;

  /** `input` holds nothing but acknowledgements. */
  constructor(input: AsyncIterable<Uint8Array>) {
    this.input = input[Symbol.asyncIterator]();
  }

  sent(bytes: number): void {
    this.outstanding += bytes;
  }

  /** Waits until the other side has taken most of what was sent. */
  async drained(): Promise<void> {
    while (this.outstanding > OUTSTANDING_BYTES_MAX) {
      const { done, value } = await this.input.next();
      if (done === true) return;
      this.outstanding -= value.length * ACKNOWLEDGED_BYTES;
    }
  }
}
