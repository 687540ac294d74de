/** The codec by itself: layouts against bytes written by hand, and hostile requests of every kind. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByreError } from '../../../src/errors.ts';
import { type Attributes, typeOfMode, writeI64 } from './attributes.ts';
import { errno, errnoOf } from './errno.ts';
import { appendBareRecord, appendFullRecord, appendRecord, recordBytes } from './listing.ts';
import { increaseEpoch, invalidateEntry, invalidateInode, wake } from './notice.ts';
import { batchForgetIn, operation, setxattrIn, writeIn } from './protocol.ts';
import { Reply } from './reply.ts';
import { Request } from './request.ts';

const encoder = new TextEncoder();
const BUFFER_BYTES = 64 * 1024;

/** A request as the kernel lays it out. */
function packet(code: number, body: Uint8Array, options: { length?: number; extension?: number } = {}): Uint8Array {
  const bytes = new Uint8Array(40 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, options.length ?? bytes.length, true);
  view.setUint32(4, code, true);
  view.setBigUint64(8, 0x1122334455667788n, true);
  view.setBigUint64(16, 0x0000_0fed_0000_0007n, true);
  view.setUint32(24, 1000, true);
  view.setUint32(28, 100, true);
  view.setUint32(32, 4242, true);
  view.setUint16(36, options.extension ?? 0, true);
  bytes.set(body, 40);
  return bytes;
}

function accept(bytes: Uint8Array): { request: Request; refused: number } {
  const request = new Request(new Uint8Array(BUFFER_BYTES));
  request.bytes.set(bytes);
  return { request, refused: request.accept(bytes.length) };
}

function named(fixedBytes: number, ...names: string[]): Uint8Array {
  return new Uint8Array([...new Uint8Array(fixedBytes), ...encoder.encode(names.map((name) => `${name}\0`).join(''))]);
}

const time = { seconds: -5, nanoseconds: 999_999_999 };
const attributes: Attributes = {
  inode: 7,
  type: 'file',
  mode: 0o4755,
  uid: 1,
  gid: 2,
  links: 3,
  size: 2 ** 40 + 5,
  device: 0,
  accessTime: time,
  modifyTime: { seconds: 2 ** 33, nanoseconds: 1 },
  changeTime: time,
  birthTime: time,
  pages: 9,
};

describe('requests', () => {
  test('header fields are read in place', () => {
    const { request, refused } = accept(packet(operation.lookup, named(0, 'name')));
    expect(refused).toBe(0);
    expect(request).toMatchObject({ operation: 1, uid: 1000, gid: 100, pid: 4242, nodeLow: 7, nodeHigh: 0xfed });
    expect(request.firstName()).toEqual(encoder.encode('name'));
    expect(request.firstName().buffer).toBe(request.bytes.buffer);
  });

  test('two names, and a name with a value', () => {
    const renamed = accept(packet(operation.rename2, named(16, 'from', 'to')));
    expect(renamed.refused).toBe(0);
    expect(renamed.request.firstName()).toEqual(encoder.encode('from'));
    expect(renamed.request.secondName()).toEqual(encoder.encode('to'));
    const body = new Uint8Array([...named(8, 'user.a'), 1, 2, 3]);
    body[setxattrIn.size] = 3;
    const set = accept(packet(operation.setxattr, body));
    expect(set.refused).toBe(0);
    expect(set.request.attributeValue()).toEqual(new Uint8Array([1, 2, 3]));
  });

  test('64-bit fields', () => {
    const body = new Uint8Array(88);
    const view = new DataView(body.buffer);
    view.setBigUint64(16, 2n ** 52n + 3n, true);
    view.setBigInt64(32, -1n, true);
    const { request } = accept(packet(operation.setattr, body));
    expect(request.u64(16)).toBe(2 ** 52 + 3);
    expect(request.i64(32)).toBe(-1);
  });

  test.each([
    ['a slash', 'a/b', errno.EINVAL],
    ['nothing', '', errno.EINVAL],
    ['a dot', '.', errno.EINVAL],
    ['two dots', '..', errno.EINVAL],
    ['256 bytes', 'x'.repeat(256), errno.ENAMETOOLONG],
    ['255 bytes', 'x'.repeat(255), 0],
    ['three dots', '...', 0],
  ])('a name of %s', (_what, name, expected) => {
    expect(accept(packet(operation.unlink, named(0, name))).refused).toBe(expected);
    expect(accept(packet(operation.rename2, named(16, 'good', name))).refused).toBe(expected);
  });

  test('a target may have slashes but not 4,096 bytes', () => {
    expect(accept(packet(operation.symlink, named(0, 'a', '../x/y'))).refused).toBe(0);
    expect(accept(packet(operation.symlink, named(0, 'a', 'x'.repeat(4096)))).refused).toBe(errno.ENAMETOOLONG);
    expect(accept(packet(operation.symlink, named(0, 'a', ''))).refused).toBe(errno.ENOENT);
  });

  test('names without an end, bodies cut short, lengths that lie', () => {
    expect(accept(packet(operation.unlink, encoder.encode('no end'))).refused).toBe(errno.EINVAL);
    expect(accept(packet(operation.rename, named(8, 'only one'))).refused).toBe(errno.EINVAL);
    expect(accept(packet(operation.getattr, new Uint8Array(15))).refused).toBe(errno.EINVAL);
    expect(accept(packet(operation.getattr, new Uint8Array(16), { length: 57 })).refused).toBe(errno.EINVAL);
    expect(accept(packet(operation.getattr, new Uint8Array(16), { extension: 1 })).refused).toBe(errno.EINVAL);
    expect(accept(new Uint8Array(39)).refused).toBe(-1);
    const write = new Uint8Array(writeIn.data + 8);
    write[writeIn.size] = 9;
    expect(accept(packet(operation.write, write)).refused).toBe(errno.EINVAL);
    const forget = new Uint8Array(batchForgetIn.items + 16);
    forget[batchForgetIn.count + 3] = 0xff;
    expect(accept(packet(operation.batchForget, forget)).refused).toBe(errno.EINVAL);
  });

  test('unknown operations', () => {
    for (const code of [0, 7, 19, operation.getlk, operation.ioctl, 54, 4096, 0xffff_ffff]) {
      expect(accept(packet(code, new Uint8Array(64))).refused).toBe(errno.ENOSYS);
    }
  });

  test('whatever arrives is answered, and what is accepted lies within the request', () => {
    const bodies = fc.uint8Array({ maxLength: 400 });
    const codes = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 0xffff_ffff }));
    fc.assert(
      fc.property(codes, bodies, fc.integer({ min: 0, max: 4 }), (code, body, extension) => {
        const bytes = packet(code, body, { extension });
        const { request, refused } = accept(bytes);
        expect([0, errno.EINVAL, errno.ENOSYS, errno.ENAMETOOLONG, errno.ENOENT, errno.ERANGE]).toContain(refused);
        if (refused !== 0) return;
        const base = request.bytes.byteOffset;
        for (const part of [request.firstName(), request.secondName()]) {
          expect(part.byteOffset - base + part.length).toBeLessThanOrEqual(bytes.length + 1);
        }
        if (code === operation.write) expect(request.writeData().length).toBeLessThanOrEqual(body.length);
        if (code === operation.setxattr) expect(request.attributeValue().length).toBeLessThanOrEqual(body.length);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('replies', () => {
  function reply(): Reply {
    const { request } = accept(packet(operation.getattr, new Uint8Array(16)));
    const made = new Reply(new Uint8Array(BUFFER_BYTES).fill(0xaa));
    made.begin(request);
    return made;
  }

  test('the header carries length, error and the request it answers', () => {
    const made = reply();
    made.count(5);
    made.finish();
    expect(made.length).toBe(24);
    expect(made.view.getUint32(0, true)).toBe(24);
    expect(made.view.getInt32(4, true)).toBe(0);
    expect(made.view.getBigUint64(8, true)).toBe(0x1122334455667788n);
    made.fail(errno.ENOSPC);
    made.finish();
    expect(made.view.getUint32(0, true)).toBe(16);
    expect(made.view.getInt32(4, true)).toBe(-28);
  });

  test('attributes', () => {
    const made = reply();
    made.attributes(7, 0x1000, attributes, { entrySeconds: 1, attributeSeconds: 60 });
    const at = 32;
    expect(made.length).toBe(120);
    expect(made.view.getBigUint64(16, true)).toBe(60n);
    expect(made.view.getBigUint64(at, true)).toBe(0x1000_0000_0007n);
    expect(made.view.getBigUint64(at + 8, true)).toBe(2n ** 40n + 5n);
    expect(made.view.getBigUint64(at + 16, true)).toBe(72n);
    expect(made.view.getBigInt64(at + 24, true)).toBe(-5n);
    expect(made.view.getBigInt64(at + 32, true)).toBe(2n ** 33n);
    expect(made.view.getUint32(at + 48, true)).toBe(999_999_999);
    expect(made.view.getUint32(at + 60, true)).toBe(0o104755);
    expect(made.view.getUint32(at + 64, true)).toBe(3);
  });

  test('statx carries the time of birth and splits device numbers', () => {
    const made = reply();
    const device = (0x12 << 8) | 0x34 | (0x5 << 20);
    made.statx(7, 0, { ...attributes, type: 'block', device }, { entrySeconds: 0, attributeSeconds: 0 });
    const at = 48;
    expect(made.length).toBe(16 + 288);
    expect(made.view.getUint16(at + 28, true)).toBe(0o064755);
    expect(made.view.getBigInt64(at + 80, true)).toBe(-5n);
    expect(made.view.getUint32(at + 128, true)).toBe(0x12);
    expect(made.view.getUint32(at + 132, true)).toBe(0x534);
  });

  test('64-bit seconds keep their sign', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const view = new DataView(new ArrayBuffer(8));
        writeI64(view, 0, value);
        expect(view.getBigInt64(0, true)).toBe(BigInt(value));
      }),
    );
  });

  test('listings pack records at multiples of 8 and leave nothing of earlier replies between them', () => {
    const made = reply();
    const name = encoder.encode('abc');
    appendRecord(made, 9, 0, 3, 'directory', name);
    expect(made.length - 16).toBe(recordBytes(3, false));
    expect(made.view.getBigUint64(16 + 8, true)).toBe(3n);
    expect(made.view.getUint32(16 + 16, true)).toBe(3);
    expect(made.view.getUint32(16 + 20, true)).toBe(4);
    expect([...made.bytes.subarray(40, 48)]).toEqual([97, 98, 99, 0, 0, 0, 0, 0]);
    const at = made.length;
    appendFullRecord(made, 7, 0, 4, attributes, name, { entrySeconds: 1, attributeSeconds: 1 });
    expect(made.length - at).toBe(recordBytes(3, true));
    expect(made.view.getBigUint64(at, true)).toBe(7n);
    const bare = made.length;
    appendBareRecord(made, 7, 0, 5, 'directory', name);
    expect(made.view.getBigUint64(bare, true)).toBe(0n);
    expect(made.view.getBigUint64(bare + 128, true)).toBe(7n);
  });

  test('unasked messages have no request number', () => {
    for (const bytes of [
      invalidateInode(1, 2, -1),
      invalidateEntry(1, 2, encoder.encode('n')),
      increaseEpoch(),
      wake(3, 4),
    ]) {
      const view = new DataView(bytes.buffer);
      expect(view.getUint32(0, true)).toBe(bytes.length);
      expect(view.getBigUint64(8, true)).toBe(0n);
      expect(view.getInt32(4, true)).toBeGreaterThan(0);
    }
    expect(new DataView(invalidateInode(1, 2, -1).buffer).getBigInt64(24, true)).toBe(-1n);
  });
});

test('every error has an errno, and what is no error of byre is EIO', () => {
  expect(errnoOf(new ByreError('ENOTEMPTY', 'x'))).toBe(39);
  expect(errnoOf(new ByreError('EDQUOT', 'x'))).toBe(122);
  expect(errnoOf(new ByreError('READ_ONLY', 'x'))).toBe(errno.EROFS);
  expect(errnoOf(new ByreError('POISONED', 'x'))).toBe(errno.EIO);
  expect(errnoOf(new TypeError('x'))).toBe(errno.EIO);
  expect(typeOfMode(0o170000)).toBeUndefined();
});
