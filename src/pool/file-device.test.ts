/** The file device on real files, and over a `node:fs` that does less than it is asked. Callers: vitest only. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { needs } from '../../tests/needs.ts';
import { type Behaviour, willing } from '../../tests/pool/reluctant-fs.ts';
import { type FileDevice, type FileDeviceOptions, fileDevice } from './file-device.ts';

const system = vi.hoisted(() => ({}) as Behaviour);

vi.mock('node:fs', async (importOriginal) => {
  const { reluctant } = await import('../../tests/pool/reluctant-fs.ts');
  return reluctant(await importOriginal(), system);
});

/** Whether this machine lets a test make a small file system. */
const mayMount = spawnSync('unshare', ['--mount', 'true']).status === 0;

let directory = '';
let opened: FileDevice[] = [];

beforeEach(() => {
  Object.assign(system, structuredClone(willing));
  directory = fs.mkdtempSync(join(tmpdir(), 'byre-device-'));
});

afterEach(() => {
  for (const device of opened) device.closeSync();
  opened = [];
  fs.rmSync(directory, { recursive: true });
});

function open(options: FileDeviceOptions = { create: true }, name = 'pool'): FileDevice {
  const device = fileDevice(join(directory, name), options);
  opened.push(device);
  return device;
}

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + seed) % 251);
}

function contents(device: FileDevice, offset: number, length: number): Uint8Array {
  const target = new Uint8Array(length).fill(0xee);
  device.performSync({ kind: 'read', offset, target });
  return target;
}

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('keeps what was written, beyond 4 GiB too', () => {
  system.failures = { statfsSync: 'ENOSYS' }; // a small disk can hold this file, of which nearly all is a hole
  const device = open();
  expect(device.created).toBe(true);
  const far = 5 * 2 ** 30;
  device.performSync({ kind: 'resize', bytes: far + 100 });
  device.performSync({ kind: 'write', offset: far, pieces: [pattern(50, 1), new Uint8Array(0), pattern(50, 2)] });
  device.performSync({ kind: 'flush' });
  device.closeSync();
  const again = open({ readOnly: true });
  expect(again).toMatchObject({ created: false, readOnly: true, bytes: far + 100, name: join(directory, 'pool') });
  expect(contents(again, far, 50)).toEqual(pattern(50, 1));
  expect(contents(again, far + 50, 60)).toEqual(Uint8Array.from([...pattern(50, 2), ...new Uint8Array(10)]));
});

test('a new file has its directory flushed, an old one has not', () => {
  open();
  expect(system.syncedDirectories).toBe(1);
  expect(open().created).toBe(false);
  expect(system.syncedDirectories).toBe(1);
});

test('a write of many pieces goes in calls that the system takes', async () => {
  const device = open();
  const pieces = Array.from({ length: 2500 }, (_, index) => pattern(index % 7, index));
  const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
  device.performSync({ kind: 'resize', bytes: 2 * whole.length });
  device.performSync({ kind: 'write', offset: 0, pieces });
  await device.perform({ kind: 'write', offset: whole.length, pieces });
  expect(Math.max(...system.pieces)).toBe(1024);
  expect(contents(device, 0, whole.length)).toEqual(whole);
  expect(contents(device, whole.length, whole.length)).toEqual(whole);
});

test('a system that does a little at a time, and is interrupted, is asked again', async () => {
  const device = open();
  const pieces = [pattern(5, 1), new Uint8Array(0), pattern(11, 2), pattern(1, 3)];
  const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
  device.performSync({ kind: 'resize', bytes: 100 });
  system.interrupts = true;
  for (const atMostBytes of [1, 2, 3, 5, 7, 16]) {
    system.atMostBytes = atMostBytes;
    device.performSync({ kind: 'write', offset: 10, pieces });
    await device.perform({ kind: 'write', offset: 50, pieces });
    expect(contents(device, 10, 17)).toEqual(whole);
    const target = new Uint8Array(60).fill(1);
    await device.perform({ kind: 'read', offset: 50, target });
    expect(target).toEqual(Uint8Array.from([...whole, ...new Uint8Array(43)]));
  }
});

test('does what a plain array does, waiting or not', async () => {
  const request = fc.oneof(
    fc.record({ kind: fc.constant('resize' as const), bytes: fc.nat(200) }),
    fc.record({
      kind: fc.constant('write' as const),
      offset: fc.nat(200),
      pieces: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
    }),
  );
  const device = open();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(request, fc.boolean())), fc.nat(30), async (steps, atMostBytes) => {
      system.atMostBytes = atMostBytes + 1;
      device.performSync({ kind: 'resize', bytes: 0 });
      let model: number[] = [];
      for (const [one, waits] of steps) {
        if (one.kind === 'resize') {
          model = Array.from({ length: one.bytes }, (_, index) => model[index] ?? 0);
        } else {
          const bytes = one.pieces.flatMap((piece) => [...piece]);
          if (one.offset + bytes.length > model.length) continue;
          model.splice(one.offset, bytes.length, ...bytes);
        }
        if (waits) await device.perform(one);
        else device.performSync(one);
        expect(device.bytes).toBe(model.length);
        expect([...contents(device, 0, model.length)]).toEqual(model);
      }
    }),
    { numRuns: 50 },
  );
});

test('a reader sees the size its writer gives the file', () => {
  const writer = open();
  const reader = open({ readOnly: true });
  writer.performSync({ kind: 'resize', bytes: 8192 });
  expect(reader.bytes).toBe(8192);
  expect(caught(() => reader.performSync({ kind: 'resize', bytes: 0 }))).toMatchObject({ code: 'READ_ONLY' });
  expect(caught(() => reader.performSync({ kind: 'flush' }))).toMatchObject({ code: 'READ_ONLY' });
});

test('what cannot be opened says why and what to do', () => {
  const path = join(directory, 'pool');
  expect(caught(() => open({}))).toMatchObject({ code: 'ENOENT', errno: -2, syscall: 'open', path });
  expect(caught(() => open({ readOnly: true }))).toMatchObject({ code: 'ENOENT', path });
  expect(caught(() => open({ create: true }, 'no/pool'))).toMatchObject({ code: 'ENOENT' });
  expect(caught(() => fileDevice(directory, { create: true }))).toMatchObject({ code: 'EISDIR', path: directory });
  expect(caught(() => fileDevice(directory, { readOnly: true }))).toMatchObject({ code: 'EISDIR', path: directory });
  expect(caught(() => fileDevice('/dev/null'))).toMatchObject({ code: 'ENOTSUP' });
  expect(caught(() => open({ readOnly: true, create: true }))).toMatchObject({ code: 'BAD_ARGUMENT' });
  expect(caught(() => open({ size: 1 } as object))).toMatchObject({ code: 'BAD_ARGUMENT' });
  for (const code of ['EACCES', 'EROFS', 'EMFILE']) {
    system.failures = { openSync: code };
    expect(caught(() => open())).toMatchObject({ code, path, message: expect.stringMatching(/pool: .+ \(E[A-Z]+\)/) });
  }
});

test('failures of a request keep the code, the path and the cause', async () => {
  const device = open();
  device.performSync({ kind: 'resize', bytes: 100 });
  const write = { kind: 'write', offset: 7, pieces: [pattern(3, 3)] } as const;
  system.failures = { writevSync: 'ENOSPC', fdatasyncSync: 'EIO', readSync: 'EIO', ftruncateSync: 'EFBIG' };
  const full = { code: 'ENOSPC', errno: -28, path: device.name, message: expect.stringContaining('the disk is full') };
  expect(caught(() => device.performSync(write))).toMatchObject(full);
  expect(caught(() => device.performSync(write))).toHaveProperty('cause.code', 'ENOSPC');
  await expect(device.perform(write)).rejects.toMatchObject({ ...full, syscall: 'writev' });
  const failed = { code: 'EIO', path: device.name, message: expect.stringContaining('flush') };
  expect(caught(() => device.performSync({ kind: 'flush' }))).toMatchObject(failed);
  await expect(device.perform({ kind: 'flush' })).rejects.toMatchObject(failed);
  const target = new Uint8Array(1);
  expect(caught(() => device.performSync({ kind: 'read', offset: 5, target }))).toMatchObject({ code: 'EIO' });
  await expect(device.perform({ kind: 'read', offset: 5, target })).rejects.toMatchObject({ code: 'EIO' });
  await expect(device.perform({ kind: 'resize', bytes: 5 })).rejects.toMatchObject({ code: 'EFBIG' });
  expect(device.bytes).toBe(100);
});

test('codes outside the closed set become EIO and are told in the details', () => {
  system.failures = { openSync: 'EWEIRD' };
  expect(caught(() => open())).toMatchObject({ code: 'EIO', details: { systemCode: 'EWEIRD' } });
});

test('growth that the disk has no room for is refused before anything changes', async () => {
  const device = open();
  const bytes = 2 ** 52;
  const refusal = { code: 'ENOSPC', path: device.name, details: { growthBytes: bytes } };
  expect(caught(() => device.performSync({ kind: 'resize', bytes }))).toMatchObject(refusal);
  await expect(device.perform({ kind: 'resize', bytes })).rejects.toMatchObject(refusal);
  expect(fs.statSync(device.name).size).toBe(0);
  system.failures = { statfsSync: 'ENOSYS' };
  device.performSync({ kind: 'resize', bytes: 4096 });
  expect(device.bytes).toBe(4096);
});

test('a device that is really full says so', needs(mayMount, 'needs the right to mount'), () => {
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]);
  expect(mounted.status).toBe(0);
  try {
    system.failures = { statfsSync: 'ENOSYS' };
    const device = open();
    device.performSync({ kind: 'resize', bytes: 2 ** 20 });
    const write = { kind: 'write', offset: 0, pieces: [new Uint8Array(2 ** 20)] } as const;
    expect(caught(() => device.performSync(write))).toMatchObject({ code: 'ENOSPC', path: device.name });
    device.closeSync();
  } finally {
    spawnSync('umount', [directory]);
  }
});

test('a closed device admits nothing, and closing waits for what was begun', async () => {
  const device = open();
  device.performSync({ kind: 'resize', bytes: 100 });
  const writing = device.perform({ kind: 'write', offset: 0, pieces: [pattern(100, 5)] });
  expect(caught(() => device.closeSync())).toMatchObject({ code: 'INTERNAL' });
  const closing = device.close();
  await expect(device.perform({ kind: 'flush' })).rejects.toMatchObject({ code: 'CLOSED', path: device.name });
  await Promise.all([writing, closing]);
  expect(fs.readFileSync(device.name)).toEqual(Buffer.from(pattern(100, 5)));
  expect(caught(() => device.performSync({ kind: 'flush' }))).toMatchObject({ code: 'CLOSED' });
  await device.close();
  device.closeSync();
});

test('writes beyond the end are the caller’s mistake', () => {
  const device = open();
  const write = { kind: 'write', offset: 0, pieces: [pattern(1, 1)] } as const;
  expect(caught(() => device.performSync(write))).toMatchObject({ code: 'INTERNAL' });
  expect(caught(() => device.performSync({ kind: 'resize', bytes: -1 }))).toMatchObject({ code: 'INTERNAL' });
});
