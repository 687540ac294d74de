/**
 * What a device holds, as pages that are shared by all images they are part of, and a device over a private copy of one.
 * Callers must never change the bytes of a page of an image: others may hold the same page.
 */
import { ByreError } from '../../src/errors.ts';
import type { Device, DeviceRequest } from '../../src/pool/device.ts';

/** The unit of sharing between images; it is not the pool's business. */
export const IMAGE_PAGE_BYTES = 4096;

export interface Image {
  readonly bytes: number;
  /** A missing page is all zeros. Bytes beyond `bytes` are zeros. */
  readonly pages: readonly (Uint8Array | undefined)[];
}

/** An image under change. Its pages are replaced, never written. */
export interface Draft {
  bytes: number;
  readonly pages: (Uint8Array | undefined)[];
}

export const emptyImage: Image = { bytes: 0, pages: [] };

export function draftOf(image: Image): Draft {
  return { bytes: image.bytes, pages: image.pages.slice() };
}

export function imageOfBytes(bytes: Uint8Array): Image {
  const draft: Draft = { bytes: bytes.length, pages: [] };
  writeDraft(draft, 0, bytes.slice());
  return draft;
}

export function bytesOfImage(image: Image): Uint8Array {
  const bytes = new Uint8Array(image.bytes);
  readImage(image, 0, bytes);
  return bytes;
}

/** Beyond the image's end the target is filled with zeros. */
export function readImage(image: Image, offset: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    const inPage = (offset + done) % IMAGE_PAGE_BYTES;
    const count = Math.min(target.length - done, IMAGE_PAGE_BYTES - inPage);
    const page = image.pages[(offset + done - inPage) / IMAGE_PAGE_BYTES];
    if (page === undefined) target.fill(0, done, done + count);
    else target.set(page.subarray(inPage, inPage + count), done);
    done += count;
  }
}

/** Writes the part of `data` that lies within the draft. Whole pages become views of `data`, which must not change any more. */
export function writeDraft(draft: Draft, offset: number, data: Uint8Array): void {
  const length = Math.min(data.length, draft.bytes - offset);
  for (let done = 0; done < length; ) {
    const inPage = (offset + done) % IMAGE_PAGE_BYTES;
    const count = Math.min(length - done, IMAGE_PAGE_BYTES - inPage);
    const index = (offset + done - inPage) / IMAGE_PAGE_BYTES;
    if (count === IMAGE_PAGE_BYTES) {
      draft.pages[index] = data.subarray(done, done + count);
    } else {
      const page = draft.pages[index]?.slice() ?? new Uint8Array(IMAGE_PAGE_BYTES);
      page.set(data.subarray(done, done + count), inPage);
      draft.pages[index] = page;
    }
    done += count;
  }
}

export function resizeDraft(draft: Draft, bytes: number): void {
  if (bytes < draft.bytes) {
    const keptPages = Math.ceil(bytes / IMAGE_PAGE_BYTES);
    if (draft.pages.length > keptPages) draft.pages.length = keptPages;
    const inPage = bytes % IMAGE_PAGE_BYTES;
    const last = draft.pages[keptPages - 1];
    if (inPage !== 0 && last !== undefined) draft.pages[keptPages - 1] = last.slice().fill(0, inPage);
  }
  draft.bytes = bytes;
}

/** The pieces as one array of its own. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

export interface ImageDevice extends Device {
  performSync(request: DeviceRequest): void;
  closeSync(): void;
  /** What it holds now. */
  image(): Image;
}

/** A device that begins as the image, which stays as it is. Closed or not, it can be opened again. */
export function imageDevice(image: Image, readOnly = false): ImageDevice {
  const draft = draftOf(image);
  const performSync = (request: DeviceRequest): void => {
    if (request.kind === 'read') {
      readImage(draft, request.offset, request.target);
      return;
    }
    if (readOnly) throw new ByreError('READ_ONLY', 'the image device was opened only for reading');
    if (request.kind === 'write') {
      const data = joined(request.pieces);
      if (request.offset + data.length > draft.bytes) throw new Error('the device was written beyond its end');
      writeDraft(draft, request.offset, data);
    } else if (request.kind === 'resize') {
      resizeDraft(draft, request.bytes);
    }
  };
  return {
    name: 'image',
    readOnly,
    get bytes() {
      return draft.bytes;
    },
    performSync,
    perform: async (request) => performSync(request),
    closeSync() {},
    async close() {},
    image: () => ({ bytes: draft.bytes, pages: draft.pages.slice() }),
  };
}
