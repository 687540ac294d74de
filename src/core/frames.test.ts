/** Frames: found by page, evicted only where that is allowed, and unharmed by the growth of the arena. Callers: vitest only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Frames } from './frames.ts';

const BYTES = 64;

function fill(frames: Frames, page: number): number {
  const frame = frames.take(page);
  frames.bytes(frame).fill(page % 251);
  return frame;
}

test('take, find, drop and rename', () => {
  const frames = new Frames(BYTES, 8);
  const frame = fill(frames, 7);
  expect(frames.find(7)).toBe(frame);
  expect(frames.find(8)).toBe(-1);
  expect(() => frames.take(7)).toThrow('resident twice');
  expect(() => frames.take(0)).toThrow('page 0');
  frames.rename(frame, 9);
  expect([frames.find(7), frames.find(9), frames.pageOf[frame]]).toEqual([-1, frame, 9]);
  expect(frames.bytes(frame)).toEqual(new Uint8Array(BYTES).fill(7));
  frames.markDirty(frame);
  frames.drop(9);
  expect([frames.find(9), frames.dirtyCount, frames.isDirty(frame)]).toEqual([-1, 0, false]);
  frames.drop(9);
  expect(frames.take(10)).toBe(frame);
});

test('the least recently touched page goes', () => {
  const frames = new Frames(BYTES, 8);
  for (let page = 1; page <= 8; page++) {
    frames.begin();
    fill(frames, page);
  }
  for (const page of [3, 1, 2, 5, 4, 6, 8, 7]) {
    frames.begin();
    frames.find(page);
  }
  const gone: number[] = [];
  for (let page = 101; page <= 108; page++) {
    frames.begin();
    const before = [1, 2, 3, 4, 5, 6, 7, 8].filter((old) => frames.pageOf.includes(old));
    fill(frames, page);
    gone.push(...before.filter((old) => !frames.pageOf.includes(old)));
  }
  expect(gone).toEqual([3, 1, 2, 5, 4, 6, 8, 7]);
});

test('dirty, pinned and just touched pages stay, and where all are such none can be had', () => {
  const frames = new Frames(BYTES, 4);
  frames.begin();
  frames.markDirty(fill(frames, 1));
  const pinned = fill(frames, 2);
  frames.pin(pinned);
  fill(frames, 3);
  fill(frames, 4);
  frames.begin();
  frames.find(3);
  expect(frames.takeable).toBe(2);
  fill(frames, 5);
  expect([1, 2, 3, 4, 5].map((page) => frames.find(page) >= 0)).toEqual([true, true, true, false, true]);
  expect(() => frames.take(6)).toThrow('no frame can be evicted');
  frames.begin();
  frames.unpin(pinned);
  expect(() => frames.unpin(pinned)).toThrow('unpinned');
  expect(frames.takeable).toBe(3);
  for (const page of [6, 7, 8]) fill(frames, page);
  expect([1, 2, 3, 5].map((page) => frames.find(page) >= 0)).toEqual([true, false, false, false]);
});

test('a pinned frame whose page is dropped is not used before it is unpinned', () => {
  const frames = new Frames(BYTES, 2);
  const frame = fill(frames, 1);
  frames.pin(frame);
  frames.pin(frame);
  frames.drop(1);
  expect(frames.take(2)).not.toBe(frame);
  frames.unpin(frame);
  frames.markDirty(frames.find(2));
  expect(() => frames.take(3)).toThrow('no frame can be evicted');
  frames.unpin(frame);
  expect(frames.take(3)).toBe(frame);
});

test('growth of the arena keeps bytes, and dirty frames come in the order of pages', () => {
  const frames = new Frames(BYTES, 1000);
  for (let page = 1000; page >= 1; page--) frames.markDirty(fill(frames, page));
  for (let page = 1; page <= 1000; page++) {
    const frame = frames.find(page);
    expect(frames.u8[frame * BYTES + BYTES - 1]).toBe(page % 251);
    expect(frames.u32[(frame * BYTES) / 4] & 255).toBe(page % 251);
  }
  const pages = () => frames.dirtyFrames().map((frame) => frames.pageOf[frame]);
  expect(pages()).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
  for (let page = 1; page <= 1000; page++) if (page % 100 !== 0) frames.clean(frames.find(page));
  frames.markDirty(frames.find(5));
  expect(pages()).toEqual([5, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
  frames.forgetClean();
  expect(frames.pageOf.filter((page) => page !== 0).length).toBe(11);
});

test('copies set aside harm no page', () => {
  const frames = new Frames(BYTES, 4);
  const [a, b] = [fill(frames, 1), fill(frames, 2)];
  const copies = [frames.setAside(a, 0), frames.setAside(b, 1)];
  frames.bytes(a).fill(99);
  expect(copies.map((frame) => frames.bytes(frame)[0])).toEqual([1, 2]);
  expect([frames.bytes(a)[0], frames.bytes(b)[0]]).toEqual([99, 2]);
});

test('a page written during a load is told from one that was not', () => {
  const frames = new Frames(BYTES, 4);
  const frame = fill(frames, 1);
  const first = frames.beginLoad();
  frames.markDirty(frame);
  const second = frames.beginLoad();
  expect([frames.isWritten(1, first), frames.isWritten(1, second), frames.isWritten(2, first)]).toEqual([
    true,
    false,
    false,
  ]);
  frames.markDirty(frame);
  frames.endLoad();
  expect(frames.isWritten(1, second)).toBe(true);
  frames.endLoad();
  expect(frames.isWritten(1, frames.beginLoad())).toBe(false);
});

/** Pages that share homes in the table, so that chains of probes form and break. */
const pages = fc.oneof(
  fc.integer({ min: 1, max: 60 }),
  fc.integer({ min: 1, max: 20 }).map((n) => n * 2 ** 24),
);

/** One step of the model: what it knows of each page is the byte that fills it, and whether it is dirty. */
function step(
  frames: Frames,
  model: Map<number, { byte: number; dirty: boolean }>,
  what: string,
  page: number,
  other: number,
) {
  const known = model.get(page);
  const frame = known ? frames.pageOf.indexOf(page) : -1;
  if (what === 'take' && !known && frames.takeable > 0) {
    fill(frames, page);
    model.set(page, { byte: page % 251, dirty: false });
  } else if (what === 'drop') {
    frames.drop(page);
    model.delete(page);
  } else if (known && what === 'rename' && !model.has(other)) {
    frames.rename(frame, other);
    model.set(other, known);
    model.delete(page);
  } else if (known && what === 'dirty') {
    frames.markDirty(frame);
    known.dirty = true;
  } else if (known && what === 'clean') {
    frames.clean(frame);
    known.dirty = false;
  }
}

test('many operations against a Map', () => {
  const operation = fc.tuple(fc.constantFrom('take', 'take', 'drop', 'rename', 'dirty', 'clean'), pages, pages);
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300, size: 'max' }), (operations) => {
      const frames = new Frames(BYTES, 24);
      const model = new Map<number, { byte: number; dirty: boolean }>();
      for (const [what, page, other] of operations) {
        frames.begin();
        step(frames, model, what, page, other);
        for (const [known, { dirty }] of model) {
          if (frames.pageOf.includes(known)) continue;
          // Evicted, by a take and for want of a free frame.
          expect([what, dirty, model.size]).toEqual(['take', false, 25]);
          model.delete(known);
        }
      }
      expect(new Set(frames.pageOf.filter((page) => page !== 0))).toEqual(new Set(model.keys()));
      for (const [page, { byte, dirty }] of model) {
        const frame = frames.find(page);
        expect([frames.pageOf[frame], frames.bytes(frame)[9], frames.isDirty(frame)]).toEqual([page, byte, dirty]);
      }
      for (let page = 1; page <= 60; page++) expect(frames.find(page) >= 0).toBe(model.has(page));
      expect(frames.dirtyFrames().length).toBe(frames.dirtyCount);
    }),
    { numRuns: 200 },
  );
});
