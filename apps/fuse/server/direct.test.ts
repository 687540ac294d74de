/** Reads and writes that pass by the resident pages: against a model, with and without pages resident, and on a device that refuses. */
import { expect, test } from 'vitest';
import { ByreError } from '../../../src/errors.ts';
import type { Device, DeviceRequest } from '../../../src/pool/device.ts';
import { memoryDevice } from '../../../src/pool/memory-device.ts';
import { openOnSync, type Pool } from '../../../src/pool/pool.ts';
import { noise } from '../../../tests/files/tree.ts';
import { crashImages } from '../../../tests/simulation/crash-images.ts';
import { imageDevice } from '../../../tests/simulation/image.ts';
import { recordingDevice } from '../../../tests/simulation/recording-device.ts';
import type { FileSystem } from './filesystem.ts';
import { PoolWorld } from './pool-world.ts';

const PAGE = 4096;
const FILE_BYTES = 3 << 20;
const node = { type: 'file', mode: 0o644, uid: 0, gid: 0, device: 0 } as const;

function filesOf(pool: Pool, branch: string): FileSystem {
  const world = new PoolWorld(pool, { branch: pool.branchSync(branch), commitsAtOnce: true, onForeignChange() {} });
  return world.files(0)!;
}

/** Reads as the kernel does: whole pages, of which only what is in the file counts. */
function readAll(files: FileSystem, inode: number, offset: number, bytes: number): Uint8Array {
  const target = new Uint8Array(bytes).fill(0xee);
  return target.slice(0, files.read(inode, offset, target));
}

test('a file of pages is what was written, whichever way', () => {
  const pool = openOnSync(memoryDevice(), { cacheBytes: 0, commitEveryMs: 0 });
  const files = filesOf(pool, 'main');
  const inode = files.create(1, new TextEncoder().encode('file'), node);
  const model = new Uint8Array(FILE_BYTES);
  let size = 0;
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const forks: { name: string; size: number; model: Uint8Array }[] = [];
  for (let step = 0; step < 400; step++) {
    const wholePages = random(3) > 0;
    const unit = wholePages ? PAGE : 1;
    const offset = random(FILE_BYTES / unit) * unit;
    const length = Math.min(FILE_BYTES - offset, (1 + random((random(2) === 0 ? 40 : 300) * (PAGE / unit))) * unit);
    if (random(2) === 0) {
      const bytes = noise(length, step);
      expect(files.write(inode, offset, bytes, false)).toBe(length);
      model.set(bytes, offset);
      size = Math.max(size, offset + length);
    } else {
      const expected = model.subarray(offset, Math.max(offset, Math.min(size, offset + length)));
      expect(Buffer.compare(readAll(files, inode, offset, length), expected)).toBe(0);
    }
    if (random(40) === 0) pool.commitSync();
    if (random(80) === 0) {
      const name = `fork${step}`;
      pool.forkSync('main', name);
      forks.push({ name, size, model: model.slice() });
    }
  }
  for (const fork of [...forks, { name: 'main', size, model }]) {
    const found = readAll(filesOf(pool, fork.name), inode, 0, FILE_BYTES);
    expect(found.length).toBe(fork.size);
    expect(Buffer.compare(found, fork.model.subarray(0, fork.size))).toBe(0);
  }
  expect(forks.length).toBeGreaterThan(0);
  expect(pool.scrubSync().problems).toEqual([]);
  pool.closeSync();
});

test('what the device refuses stays in memory, and is written once it can be', () => {
  const below = memoryDevice();
  let refuses = false;
  const device: Device = {
    name: below.name,
    readOnly: false,
    get bytes() {
      return below.bytes;
    },
    performSync(request: DeviceRequest) {
      if (refuses && (request.kind === 'write' || request.kind === 'resize')) throw new ByreError('ENOSPC', 'no room');
      below.performSync!(request);
    },
    perform: (request) => below.perform(request),
    close: () => below.close(),
  };
  const pool = openOnSync(device, { commitEveryMs: 0 });
  const files = filesOf(pool, 'main');
  const inode = files.create(1, new TextEncoder().encode('file'), node);
  const bytes = noise(200 * PAGE + 5);
  refuses = true;
  expect(files.write(inode, 0, bytes, false)).toBe(bytes.length);
  expect(() => pool.commitSync()).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  expect(Buffer.compare(readAll(files, inode, 0, 201 * PAGE), bytes)).toBe(0);
  refuses = false;
  pool.commitSync();
  expect(Buffer.compare(readAll(files, inode, 0, 201 * PAGE), bytes)).toBe(0);
  expect(pool.scrubSync().problems).toEqual([]);
  pool.closeSync();
});

test('a crash leaves what the last commit had, however much was written straight to the device after it', () => {
  const recording = recordingDevice();
  const pool = openOnSync(recording.device, { commitEveryMs: 0 });
  const files = filesOf(pool, 'main');
  const inode = files.create(1, new TextEncoder().encode('file'), node);
  const model = new Uint8Array(400 * PAGE);
  const commits: { readonly step: number; readonly model: Uint8Array }[] = [];
  let begun = 0;
  for (let round = 0; round < 12; round++) {
    for (const [offset, pages] of [
      [(round * 37) % 300, 20],
      [(round * 91) % 300, 1],
      [(round * 53) % 300, 90],
    ] as const) {
      const bytes = noise(pages * PAGE, round + pages);
      files.write(inode, offset * PAGE, bytes, false);
      model.set(bytes, offset * PAGE);
    }
    if (round === 0) begun = recording.journal.steps.length;
    pool.commitSync();
    commits.push({ step: recording.journal.steps.length, model: model.slice() });
  }
  let images = 0;
  for (const { step, description, image } of crashImages(recording.journal, {
    seed: 5,
    variantsPerStep: 2,
    from: begun,
  })) {
    const found = openOnSync(imageDevice(image), { commitEveryMs: 0 });
    images++;
    const last = commits.findLastIndex((commit) => commit.step <= step);
    const allowed = commits.slice(Math.max(0, last), last + 2);
    const exists = filesOf(found, 'main').lookup(1, new TextEncoder().encode('file')) !== undefined;
    if (!exists) expect(last, description).toBe(-1);
    else {
      const content = readAll(filesOf(found, 'main'), inode, 0, model.length);
      const isAllowed = allowed.some(
        (commit) => Buffer.compare(content, commit.model.subarray(0, content.length)) === 0,
      );
      expect(isAllowed, `step ${step}: ${description}`).toBe(true);
      expect(found.checkSync().problems).toEqual([]);
    }
    found.closeSync();
  }
  expect(images).toBeGreaterThan(100);
});

test('a page that is not what was written is not handed out', () => {
  const device = memoryDevice();
  const pool = openOnSync(device, { commitEveryMs: 0 });
  const files = filesOf(pool, 'main');
  const inode = files.create(1, new TextEncoder().encode('file'), node);
  const bytes = noise(64 * PAGE);
  files.write(inode, 0, bytes, false);
  pool.commitSync();
  const whole = new Uint8Array(device.bytes);
  device.performSync!({ kind: 'read', offset: 0, target: whole });
  const at = Buffer.from(whole.buffer).indexOf(bytes.subarray(7 * PAGE, 8 * PAGE));
  device.performSync!({ kind: 'write', offset: at + 100, pieces: [new Uint8Array([1, 2, 3])] });
  expect(() => readAll(files, inode, 0, 64 * PAGE)).toThrow(expect.objectContaining({ code: 'DAMAGED' }));
  expect(Buffer.compare(readAll(files, inode, 8 * PAGE, 8 * PAGE), bytes.subarray(8 * PAGE, 16 * PAGE))).toBe(0);
  pool.closeSync();
});
