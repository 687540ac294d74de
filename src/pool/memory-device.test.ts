/** The memory device against one plain array of bytes. Callers: vitest only. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryDevice } from './memory-device.ts';

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

test('reads what was written, across chunks', () => {
  const device = memoryDevice({ chunkBytes: 16 });
  device.performSync({ kind: 'resize', bytes: 100 });
  device.performSync({ kind: 'write', offset: 10, pieces: [filled(20, 1), filled(0, 9), filled(20, 2)] });
  const target = filled(60, 7);
  device.performSync({ kind: 'read', offset: 5, target });
  expect([...target]).toEqual([...filled(5, 0), ...filled(20, 1), ...filled(20, 2), ...filled(15, 0)]);
});

test('reads zeros beyond the end, also after shrinking and growing again', () => {
  const device = memoryDevice({ chunkBytes: 16 });
  device.performSync({ kind: 'resize', bytes: 40 });
  device.performSync({ kind: 'write', offset: 0, pieces: [filled(40, 3)] });
  device.performSync({ kind: 'resize', bytes: 20 });
  device.performSync({ kind: 'resize', bytes: 40 });
  const target = filled(50, 7);
  device.performSync({ kind: 'read', offset: 0, target });
  expect([...target]).toEqual([...filled(20, 3), ...filled(30, 0)]);
  expect(device.bytes).toBe(40);
});

test('holds far more addresses than memory', () => {
  const device = memoryDevice();
  device.performSync({ kind: 'resize', bytes: 2 ** 44 });
  device.performSync({ kind: 'write', offset: 2 ** 44 - 3, pieces: [filled(3, 5)] });
  const target = filled(6, 7);
  device.performSync({ kind: 'read', offset: 2 ** 44 - 5, target });
  expect([...target]).toEqual([0, 0, 5, 5, 5, 0]);
});

test('refuses writes beyond the end, growth beyond the limit and unknown options', async () => {
  const device = memoryDevice({ limitBytes: 100, name: 'little' });
  const write = { kind: 'write', offset: 0, pieces: [filled(1, 1)] } as const;
  expect(() => device.performSync(write)).toThrowError(/resize it first/);
  await expect(device.perform(write)).rejects.toMatchObject({ code: 'INTERNAL' });
  await expect(device.perform({ kind: 'resize', bytes: 101 })).rejects.toMatchObject({
    code: 'ENOSPC',
    message: expect.stringContaining('little'),
    details: { wantedBytes: 101, limitBytes: 100 },
  });
  expect(device.bytes).toBe(0);
  expect(() => memoryDevice({ limit: 5 } as object)).toThrowError(/no option 'limit'/);
  expect(() => memoryDevice({ limitBytes: -1 })).toThrowError(/limitBytes/);
  expect(() => memoryDevice({ chunkBytes: 0 })).toThrowError(/chunkBytes/);
});

test('keeps its bytes when closed', async () => {
  const device = memoryDevice();
  await device.perform({ kind: 'resize', bytes: 10 });
  await device.perform({ kind: 'write', offset: 0, pieces: [filled(10, 4)] });
  await device.perform({ kind: 'flush' });
  await device.close();
  const target = filled(10, 0);
  await device.perform({ kind: 'read', offset: 0, target });
  expect([...target]).toEqual([...filled(10, 4)]);
});

test('does what a plain array does', () => {
  const request = fc.oneof(
    fc.record({ kind: fc.constant('resize' as const), bytes: fc.nat(200) }),
    fc.record({
      kind: fc.constant('write' as const),
      offset: fc.nat(200),
      pieces: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant('read' as const), offset: fc.nat(250), length: fc.nat(250) }),
  );
  fc.assert(
    fc.property(fc.array(request), fc.integer({ min: 1, max: 64 }), (requests, chunkBytes) => {
      const device = memoryDevice({ chunkBytes });
      let model: number[] = [];
      for (const one of requests) {
        if (one.kind === 'resize') {
          device.performSync(one);
          model = Array.from({ length: one.bytes }, (_, index) => model[index] ?? 0);
        } else if (one.kind === 'read') {
          const target = filled(one.length, 9);
          device.performSync({ kind: 'read', offset: one.offset, target });
          expect([...target]).toEqual(Array.from(target, (_, index) => model[one.offset + index] ?? 0));
        } else {
          const bytes = one.pieces.flatMap((piece) => [...piece]);
          if (one.offset + bytes.length > model.length) continue;
          device.performSync(one);
          model.splice(one.offset, bytes.length, ...bytes);
        }
        expect(device.bytes).toBe(model.length);
      }
    }),
  );
});
