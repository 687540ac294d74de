/** The simulated device: that crashes leave what they may and nothing else, and that faults come as ordered. Callers: vitest only. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DeviceRequest } from '../../src/pool/device.ts';
import { type CrashImage, crashImages, SECTOR_BYTES } from './crash-images.ts';
import { bytesOfImage, emptyImage, imageDevice, imageOfBytes } from './image.ts';
import { type Journal, recordingDevice } from './recording-device.ts';

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

function write(offset: number, ...pieces: Uint8Array[]): DeviceRequest {
  return { kind: 'write', offset, pieces };
}

/** Where the steps before `step` leave what: for each sector its possible first bytes, and the possible sizes. */
function possible(journal: Journal, step: number): { sizes: Set<number>; sectors: Map<number, Set<number>> } {
  const base = bytesOfImage(journal.base);
  let sizes = new Set([journal.base.bytes]);
  const sectors = new Map<number, Set<number>>();
  for (let at = 0; at < base.length; at += SECTOR_BYTES) sectors.set(at / SECTOR_BYTES, new Set([base[at]]));
  let unflushed = new Map<number, Set<number>>();
  let latest = [...sizes][0];
  for (const each of journal.steps.slice(0, step)) {
    if (each.kind === 'flush') {
      for (const [sector, values] of unflushed) sectors.set(sector, new Set([[...values].at(-1)!]));
      unflushed = new Map();
      sizes = new Set([latest]);
    } else if (each.kind === 'resize') {
      latest = each.bytes;
      sizes.add(latest);
    } else {
      for (let at = 0; at < each.data.length; at += SECTOR_BYTES) {
        const sector = (each.offset + at) / SECTOR_BYTES;
        const values = unflushed.get(sector) ?? new Set();
        values.delete(each.data[at]);
        unflushed.set(sector, values.add(each.data[at]));
      }
    }
  }
  for (const [sector, values] of unflushed) {
    const before = sectors.get(sector) ?? new Set([0]);
    sectors.set(sector, new Set([...before, ...values]));
  }
  return { sizes, sectors };
}

describe('crash images', () => {
  const SECTORS = 40;
  const requests = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ sector: fc.nat(SECTORS - 1), length: fc.integer({ min: 1, max: 20 }) }) },
      { weight: 1, arbitrary: fc.constant('flush' as const) },
    ),
    { maxLength: 30 },
  );

  test('hold in each sector what was durable there or what was written since, and nothing else', () => {
    fc.assert(
      fc.property(requests, fc.nat(), (list, seed) => {
        const base = imageOfBytes(filled(SECTORS * SECTOR_BYTES, 255));
        const { device, journal } = recordingDevice(base);
        list.forEach((each, index) => {
          if (each === 'flush') {
            device.performSync!({ kind: 'flush' });
            return;
          }
          const sectors = Math.min(each.length, SECTORS - each.sector);
          device.performSync!(write(each.sector * SECTOR_BYTES, filled(sectors * SECTOR_BYTES, index)));
        });
        for (const { step, image } of crashImages(journal, { seed, variantsPerStep: 6 })) {
          const { sizes, sectors } = possible(journal, step);
          expect(sizes).toContain(image.bytes);
          const bytes = bytesOfImage(image);
          for (let sector = 0; sector < SECTORS; sector++) {
            const found = bytes.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
            expect(new Set(found).size).toBe(1);
            expect(sectors.get(sector)).toContain(found[0]);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('come in every combination of few writes and a resize', () => {
    const { device, journal } = recordingDevice(imageOfBytes(filled(3 * SECTOR_BYTES, 0)));
    for (let sector = 0; sector < 3; sector++)
      device.performSync!(write(sector * SECTOR_BYTES, filled(SECTOR_BYTES, 1)));
    device.performSync!({ kind: 'resize', bytes: 4 * SECTOR_BYTES });
    const found = new Set<string>();
    for (const { step, image } of crashImages(journal, { seed: 1, variantsPerStep: 200 })) {
      if (step < 4 && image.bytes !== 3 * SECTOR_BYTES) throw new Error('resized before it was asked for');
      if (step === 4) found.add(`${[0, 1, 2].map((each) => bytesOfImage(image)[each * SECTOR_BYTES])} ${image.bytes}`);
    }
    // Nothing done is the same image at every step of an epoch, and comes at its first.
    expect(found.size).toBe(15);
  });

  test('tear a write in every way at sectors, and nowhere else', () => {
    const { device, journal } = recordingDevice(imageOfBytes(filled(8192, 0)));
    device.performSync!(write(700, filled(1200, 1))); // parts of four sectors
    const found = new Set<string>();
    for (const { step, image } of crashImages(journal, { seed: 2, variantsPerStep: 500 })) {
      if (step !== 1) continue;
      const bytes = bytesOfImage(image);
      const parts = [bytes.subarray(700, 1024), bytes.subarray(1024, 1536), bytes.subarray(1536, 1900)];
      for (const part of parts) expect(new Set(part).size).toBe(1);
      expect(bytes[699] + bytes[1900]).toBe(0);
      found.add(parts.map((part) => part[0]).join(''));
    }
    expect([...found].sort()).toEqual(['001', '010', '011', '100', '101', '110', '111']);
  });

  test('lose each single write, and do each alone, before a flush ends', () => {
    const { device, journal } = recordingDevice(imageOfBytes(filled(10 * 4096, 0)));
    for (let page = 0; page < 10; page++) device.performSync!(write(page * 4096, filled(4096, 1)));
    device.performSync!({ kind: 'flush' });
    const sums = [...crashImages(journal, { seed: 3, variantsPerStep: 0, from: 10, to: 11 })].map(({ image }) =>
      Array.from({ length: 10 }, (_, page) => bytesOfImage(image)[page * 4096]).reduce((sum, each) => sum + each, 0),
    );
    expect(sums.filter((sum) => sum === 9).length).toBe(10);
    expect(sums.filter((sum) => sum === 1).length).toBe(10);
    const after = [...crashImages(journal, { seed: 3, variantsPerStep: 5, from: 11 })];
    expect(after.map(({ image }) => bytesOfImage(image)[9 * 4096])).toEqual([1]);
  });

  test('lose a shrinking or a growing, with the writes that lay beyond', () => {
    const { device, journal } = recordingDevice(imageOfBytes(filled(8192, 7)));
    device.performSync!({ kind: 'resize', bytes: 4096 });
    device.performSync!({ kind: 'resize', bytes: 12288 });
    device.performSync!(write(8192, filled(4096, 8)));
    const found = new Set<string>();
    for (const { step, image } of crashImages(journal, { seed: 4, variantsPerStep: 300 })) {
      if (step !== 3) continue;
      const bytes = bytesOfImage(image);
      found.add([bytes.length, bytes[0], bytes[4096] ?? '-', bytes[8192] ?? '-'].join());
    }
    for (const each of ['4096,7,-,-', '12288,7,7,0', '12288,7,7,8', '12288,7,0,0', '12288,7,0,8']) {
      expect(found).toContain(each);
    }
  });

  test('are the same for the same seed, whichever steps are looked at', () => {
    const { device, journal } = recordingDevice(imageOfBytes(filled(40_960, 0)));
    for (let page = 0; page < 10; page++) {
      device.performSync!(write(page * 4096, filled(4096, page)));
      if (page % 4 === 3) device.performSync!({ kind: 'flush' });
    }
    const told = (each: CrashImage) => `${each.step} ${each.description} ${bytesOfImage(each.image)}`;
    const options = { seed: 5, variantsPerStep: 8 };
    const all = [...crashImages(journal, options)];
    expect([...crashImages(journal, options)].map(told)).toEqual(all.map(told));
    const some = [...crashImages(journal, { ...options, from: 6, to: 8 })].map(told);
    // Nothing done is told at the first step that is looked at, too.
    expect(some.slice(1)).toEqual(all.filter(({ step }) => step >= 6 && step < 8).map(told));
    expect([...crashImages(journal, { ...options, seed: 6 })].map(told)).not.toEqual(all.map(told));
  });

  test('a flush makes durable only what had ended when it began', async () => {
    const { device, journal } = recordingDevice(imageOfBytes(filled(8192, 0)), { waits: true });
    expect(device.performSync).toBeUndefined();
    await device.perform(write(0, filled(4096, 1)));
    await Promise.all([device.perform({ kind: 'flush' }), device.perform(write(4096, filled(4096, 1)))]);
    const images = [...crashImages(journal, { seed: 1, variantsPerStep: 0, from: 3 })].map(({ image }) =>
      bytesOfImage(image),
    );
    expect(images.map((bytes) => [bytes[0], bytes[4096]])).toEqual([
      [1, 0],
      [1, 1],
    ]);
  });

  test('what a failed flush left in doubt, a later flush does not make sure', () => {
    const { device, journal, faults } = recordingDevice(imageOfBytes(filled(8192, 0)));
    device.performSync!(write(0, filled(4096, 1)));
    faults.failAtStep = 1;
    expect(() => device.performSync!({ kind: 'flush' })).toThrowError(/failed to flush/);
    device.performSync!(write(4096, filled(4096, 1)));
    device.performSync!({ kind: 'flush' });
    const found = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      for (const { image } of crashImages(journal, { seed, variantsPerStep: 0, from: 4 })) {
        const bytes = bytesOfImage(image);
        found.add(`${bytes[0]}${bytes[4096]}`);
      }
    }
    expect([...found].sort()).toEqual(['01', '11']);
  });

  test('find the missing flush of a careless protocol, and nothing in a careful one', () => {
    /** Writes data, then a slot that names it; the newest slot wins. */
    const run = (isCareful: boolean): number => {
      const { device, journal } = recordingDevice(imageOfBytes(filled(8192, 0)));
      const promised: number[] = [];
      for (let turn = 1; turn <= 20; turn++) {
        device.performSync!({ kind: 'resize', bytes: 8192 + turn * 4096 });
        device.performSync!(write(4096 + turn * 4096, filled(4096, turn)));
        if (isCareful) device.performSync!({ kind: 'flush' });
        device.performSync!(write((turn % 2) * 4096, filled(SECTOR_BYTES, turn)));
        device.performSync!({ kind: 'flush' });
        promised[journal.steps.length] = turn;
      }
      let wrong = 0;
      for (const { step, image } of crashImages(journal, { seed: 9, variantsPerStep: 8 })) {
        const bytes = bytesOfImage(image);
        const newest = Math.max(bytes[0], bytes[4096]);
        const least = Math.max(0, ...promised.slice(0, step + 1).filter((each) => each !== undefined));
        const isWhole =
          newest === 0 ||
          bytes
            .subarray(4096 + newest * 4096)
            .subarray(0, 4096)
            .every((each) => each === newest);
        if (newest < least || !isWhole || bytes.length < 8192 + newest * 4096) wrong++;
      }
      return wrong;
    };
    expect(run(true)).toBe(0);
    expect(run(false)).toBeGreaterThan(0);
  });
});

describe('devices', () => {
  test('an image device changes nothing of its image', async () => {
    const image = imageOfBytes(filled(10_000, 3));
    const device = imageDevice(image);
    device.performSync(write(100, filled(5000, 4)));
    await device.perform({ kind: 'resize', bytes: 20_000 });
    device.performSync({ kind: 'resize', bytes: 50 });
    device.performSync({ kind: 'resize', bytes: 60 });
    const target = filled(70, 9);
    device.performSync({ kind: 'read', offset: 0, target });
    expect([...target]).toEqual([...filled(50, 3), ...filled(20, 0)]);
    expect(bytesOfImage(image)).toEqual(filled(10_000, 3));
    expect(bytesOfImage(device.image())).toEqual(Uint8Array.from([...filled(50, 3), ...filled(10, 0)]));
    expect(() => device.performSync(write(59, filled(2, 1)))).toThrowError(/beyond its end/);
    expect(() => imageDevice(image, true).performSync(write(0, filled(1, 1)))).toThrowError(/only for reading/);
  });

  test('a recording device holds what was written, and its journal keeps what later changes in the caller’s hands', () => {
    const { device, journal, image } = recordingDevice(emptyImage);
    device.performSync!({ kind: 'resize', bytes: 100 });
    const piece = filled(10, 1);
    device.performSync!(write(5, piece, piece));
    piece.fill(2);
    const expected = Uint8Array.from([...filled(5, 0), ...filled(20, 1), ...filled(75, 0)]);
    expect(bytesOfImage(image())).toEqual(expected);
    const last = [...crashImages(journal, { seed: 0, variantsPerStep: 0 })].at(-1)!;
    expect(bytesOfImage(last.image)).toEqual(expected);
  });

  test('faults come when they are due', () => {
    const { device, faults, journal } = recordingDevice(emptyImage, { faults: { limitBytes: 40_960 } });
    const codeOf = (request: DeviceRequest): unknown => {
      try {
        device.performSync!(request);
      } catch (error) {
        return (error as { code: unknown }).code;
      }
      return undefined;
    };
    expect(codeOf({ kind: 'resize', bytes: 40_961 })).toBe('ENOSPC');
    expect(device.bytes).toBe(0);
    expect(codeOf({ kind: 'resize', bytes: 40_960 })).toBeUndefined();
    faults.limitWrittenBytes = 8192;
    expect(codeOf(write(0, filled(8192, 1)))).toBeUndefined();
    expect(codeOf(write(4096, filled(4096, 1)))).toBeUndefined();
    expect(codeOf(write(8192, filled(4096, 1)))).toBe('ENOSPC');
    faults.failAtStep = journal.steps.length + 1;
    expect(codeOf({ kind: 'flush' })).toBeUndefined();
    expect(codeOf(write(0, filled(4096, 2)))).toBe('EIO');
    const target = filled(4096, 0);
    device.performSync!({ kind: 'read', offset: 0, target });
    expect([target[0], target[2047], target[2048]]).toEqual([2, 2, 1]);
    Object.assign(faults, { keepsFailing: true, code: 'ENOSPC', failAtRead: 2 });
    expect(codeOf({ kind: 'flush' })).toBe('ENOSPC');
    expect(codeOf({ kind: 'read', offset: 0, target })).toBeUndefined();
    expect(codeOf({ kind: 'read', offset: 0, target })).toBe('ENOSPC');
    expect(codeOf({ kind: 'read', offset: 0, target })).toBe('ENOSPC');
    expect(journal.steps.filter(({ failed }) => failed).length).toBe(4);
  });
});
