/**
 * A device that keeps a journal of all that is asked of it, from which crash-images.ts makes what a crash could leave, and that
 * fails on demand. Callers must run a scenario on it once, and then look at as many crashes of it as they like.
 */
import { ByreError } from '../../src/errors.ts';
import type { Device, DeviceRequest } from '../../src/pool/device.ts';
import {
  draftOf,
  emptyImage,
  IMAGE_PAGE_BYTES,
  type Image,
  joined,
  readImage,
  resizeDraft,
  writeDraft,
} from './image.ts';

/** A request that failed may have been carried out in part, and is never made durable for sure by a later flush. */
export type Step =
  | { readonly kind: 'write'; readonly offset: number; readonly data: Uint8Array; readonly failed: boolean }
  | { readonly kind: 'resize'; readonly bytes: number; readonly failed: boolean }
  /** Makes durable what came before the step `covers`: later steps were begun while the flush was under way. */
  | { readonly kind: 'flush'; readonly covers: number; readonly failed: boolean };

export interface Journal {
  readonly base: Image;
  /** Writes, resizes and flushes in the order in which they ended. */
  readonly steps: Step[];
}

/** May be changed at any time. */
export interface Faults {
  /** The number, among all writes, resizes and flushes from 0, of the one that fails; `journal.steps.length` is the next. */
  failAtStep?: number;
  /** The number of the read, from 0, that fails. */
  failAtRead?: number;
  /** What they fail with; `EIO` by default. */
  code?: 'EIO' | 'ENOSPC';
  /** Everything after the failing step or read fails, too. */
  keepsFailing?: boolean;
  /** Resizing beyond this fails with `ENOSPC`. */
  limitBytes?: number;
  /** Writing more pages than this would fill fails with `ENOSPC`, as on a disk that fills up under a sparse file. */
  limitWrittenBytes?: number;
}

export interface RecordingOptions {
  readonly faults?: Faults;
  /** The device can only wait: it has no `performSync`, and requests that are under way together are told apart. */
  readonly waits?: boolean;
  /** Waited for before and after each request of `perform`: so requests can end in any order. Some turns by default. */
  readonly later?: () => Promise<void>;
}

export interface Recording {
  readonly device: Device;
  readonly journal: Journal;
  readonly faults: Faults;
  /** How many reads there have been. */
  readonly reads: number;
  /** What the device holds if nothing crashes. */
  image(): Image;
}

export function recordingDevice(base: Image = emptyImage, options: RecordingOptions = {}): Recording {
  const recorder = new Recorder(base, options.faults ?? {});
  const later = options.later ?? someTurns;
  const device: Device = {
    name: 'recording',
    readOnly: false,
    get bytes() {
      return recorder.bytes;
    },
    ...(options.waits === true ? {} : { performSync: (request) => recorder.perform(request), closeSync() {} }),
    async perform(request) {
      const begun = recorder.journal.steps.length;
      await later();
      recorder.perform(request, begun);
      await later();
    },
    async close() {},
  };
  return {
    device,
    journal: recorder.journal,
    faults: recorder.faults,
    get reads() {
      return recorder.reads;
    },
    image: () => recorder.image(),
  };
}

/** Long enough for requests that were begun together to mix. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await null;
}

class Recorder {
  readonly journal: Journal;
  readonly faults: Faults;
  reads = 0;
  readonly #draft;
  readonly #writtenPages = new Set<number>();

  constructor(base: Image, faults: Faults) {
    this.journal = { base: { bytes: base.bytes, pages: base.pages }, steps: [] };
    this.faults = faults;
    this.#draft = draftOf(base);
    base.pages.forEach((page, index) => {
      if (page !== undefined) this.#writtenPages.add(index);
    });
  }

  get bytes(): number {
    return this.#draft.bytes;
  }

  image(): Image {
    return { bytes: this.#draft.bytes, pages: this.#draft.pages.slice() };
  }

  /** `begun` is how many steps had ended when the request was made. */
  perform(request: DeviceRequest, begun = this.journal.steps.length): void {
    switch (request.kind) {
      case 'read':
        this.#read(request.offset, request.target);
        break;
      case 'write':
        this.#write(request.offset, joined(request.pieces));
        break;
      case 'resize':
        this.#resize(request.bytes);
        break;
      case 'flush': {
        const failure = this.#stepFailure('flush');
        this.journal.steps.push({ kind: 'flush', covers: begun, failed: failure !== undefined });
        if (failure !== undefined) throw failure;
        break;
      }
    }
  }

  #read(offset: number, target: Uint8Array): void {
    const number = this.reads++;
    if (this.#isDue(this.faults.failAtRead, number)) throw this.#failure('read', this.faults.code ?? 'EIO');
    readImage(this.#draft, offset, target);
  }

  #write(offset: number, data: Uint8Array): void {
    if (offset + data.length > this.#draft.bytes) throw new Error('the device was written beyond its end');
    const failure = this.#stepFailure('write') ?? this.#fillFailure(offset, data.length);
    // A failed write has got somewhere: here, to half its sectors. What is not to be read back will not come up later.
    const done = failure === undefined ? data : data.subarray(0, Math.floor(data.length / 1024) * 512);
    this.journal.steps.push({ kind: 'write', offset, data: done, failed: failure !== undefined });
    writeDraft(this.#draft, offset, done);
    if (failure !== undefined) throw failure;
  }

  #resize(bytes: number): void {
    const isTooLarge = bytes > (this.faults.limitBytes ?? Number.POSITIVE_INFINITY);
    const failure = this.#stepFailure('resize') ?? (isTooLarge ? this.#failure('resize', 'ENOSPC') : undefined);
    this.journal.steps.push({ kind: 'resize', bytes, failed: failure !== undefined });
    if (failure !== undefined) throw failure;
    resizeDraft(this.#draft, bytes);
    for (const page of this.#writtenPages) if (page * IMAGE_PAGE_BYTES >= bytes) this.#writtenPages.delete(page);
  }

  #isDue(at: number | undefined, number: number): boolean {
    if (at === undefined) return false;
    return number === at || (this.faults.keepsFailing === true && number > at);
  }

  #stepFailure(syscall: string): ByreError | undefined {
    if (!this.#isDue(this.faults.failAtStep, this.journal.steps.length)) return undefined;
    return this.#failure(syscall, this.faults.code ?? 'EIO');
  }

  #fillFailure(offset: number, length: number): ByreError | undefined {
    const firstPage = Math.floor(offset / IMAGE_PAGE_BYTES);
    const added: number[] = [];
    for (let page = firstPage; page * IMAGE_PAGE_BYTES < offset + length; page++) {
      if (!this.#writtenPages.has(page)) added.push(page);
    }
    const limit = this.faults.limitWrittenBytes ?? Number.POSITIVE_INFINITY;
    if ((this.#writtenPages.size + added.length) * IMAGE_PAGE_BYTES > limit) return this.#failure('write', 'ENOSPC');
    for (const page of added) this.#writtenPages.add(page);
    return undefined;
  }

  #failure(syscall: string, code: 'EIO' | 'ENOSPC'): ByreError {
    return new ByreError(code, `the simulated device failed to ${syscall}, as it was told to`, { syscall });
  }
}
