/** The stored forms of the files face: keys, records, entries, names. Golden bytes here are the format. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes } from '../../core/bytes.ts';
import * as keys from './keys.ts';
import { requireName, requireXattrName } from './names.ts';
import { decodeEntry, decodeRecord, encodeEntry, encodeRecord, type FileType, type InodeRecord } from './record.ts';

const types: FileType[] = ['file', 'directory', 'symlink', 'fifo', 'character', 'block', 'socket'];
const inodes = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const names = fc
  .uint8Array({ minLength: 1, maxLength: 255 })
  .filter((name) => !name.includes(0) && !name.includes(0x2f));
const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

const times = fc.record({
  seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
});
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const records: fc.Arbitrary<InodeRecord> = fc.record({
  type: fc.constantFrom(...types),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: u32,
  gid: u32,
  links: u32,
  size: inodes,
  device: inodes,
  pages: inodes,
  linkable: fc.boolean(),
  accessTime: times,
  modifyTime: times,
  changeTime: times,
  birthTime: times,
});

describe('keys', () => {
  test('have the layout that the format states', () => {
    const name = new Uint8Array([0x61, 0x62]);
    expect(hex(keys.recordKey(0x0102))).toBe('01000000000000010200');
    expect(hex(keys.xattrKey(7, name))).toBe('010000000000000007016162');
    expect(hex(keys.entryKey(7, name))).toBe('010000000000000007026162');
    expect(hex(keys.contentKey(7, 0xfffffffe))).toBe('01000000000000000703fffffffe');
    expect(hex(keys.linkKey(7, 9, name))).toBe('0100000000000000070400000000000000096162');
    expect(hex(keys.orphanKey(9))).toBe('010000000000000000050000000000000009');
  });

  test('are taken apart as they were made', () => {
    fc.assert(
      fc.property(inodes, inodes, names, u32, (inode, parent, name, chunk) => {
        expect(keys.parseKey(keys.recordKey(inode))).toEqual({ part: 'inode', inode });
        expect(keys.parseKey(keys.xattrKey(inode, name))).toEqual({ part: 'xattr', inode, name });
        expect(keys.parseKey(keys.entryKey(inode, name))).toEqual({ part: 'entry', inode, name });
        expect(keys.parseKey(keys.contentKey(inode, chunk))).toEqual({ part: 'content', inode, chunk });
        expect(keys.parseKey(keys.linkKey(inode, parent, name))).toEqual({ part: 'link', inode, parent, name });
        expect(keys.parseKey(keys.orphanKey(inode))).toEqual({ part: 'orphan', inode });
      }),
    );
  });

  test('that were not made here are none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        const parsed = keys.parseKey(bytes);
        if (parsed !== undefined) expect(bytes[0]).toBe(keys.FILES_FACE);
      }),
    );
    for (const text of [
      '',
      '01',
      '010000000000000007',
      '01000000000000000702',
      '0100000000000000070300',
      '020000000000000007',
    ])
      expect(keys.parseKey(Uint8Array.from(Buffer.from(text, 'hex')))).toBeUndefined();
  });

  test('sort as their inodes, kinds and names do', () => {
    fc.assert(
      fc.property(inodes, inodes, names, names, (a, b, one, two) => {
        expect(Math.sign(compareBytes(keys.entryKey(a, one), keys.entryKey(a, two)))).toBe(
          Math.sign(compareBytes(one, two)),
        );
        if (a !== b) expect(compareBytes(keys.contentKey(a, 5), keys.recordKey(b)) < 0).toBe(a < b);
        expect(compareBytes(keys.entryKey(a, one), keys.afterEntryKey(a, one))).toBeLessThan(0);
        if (compareBytes(one, two) < 0)
          expect(compareBytes(keys.afterEntryKey(a, one), keys.entryKey(a, two))).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe('records', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(records, (record) => {
        expect(decodeRecord(encodeRecord(record))).toEqual(record);
      }),
    );
  });

  test('have the layout that the format states', () => {
    const time = (seconds: number) => ({ seconds, nanoseconds: 3 });
    const bytes = encodeRecord({
      type: 'character',
      mode: 0o4755,
      uid: 1,
      gid: 0xffff_ffff,
      links: 3,
      size: 0x1_0000_0002,
      device: 5,
      pages: 6,
      linkable: true,
      accessTime: time(-1),
      modifyTime: time(1),
      changeTime: time(2),
      birthTime: time(-0x1_0000_0001),
    });
    expect(hex(bytes)).toBe(
      '0105ed0901000000ffffffff03000000' +
        '02000000010000000500000000000000' +
        '06000000000000000100000000000000' +
        'ffffffffffffffff03000000' +
        '010000000000000003000000' +
        '020000000000000003000000' +
        'fffffffffeffffff03000000',
    );
  });

  test('of unknown form are damage', () => {
    const damaged = expect.objectContaining({ code: 'DAMAGED' });
    expect(() => decodeRecord(new Uint8Array(96))).toThrow(damaged);
    expect(() => decodeRecord(new Uint8Array(95).fill(1))).toThrow(damaged);
    expect(() => decodeRecord(new Uint8Array(96).fill(9).fill(1, 0, 1))).toThrow(damaged);
    expect(() => decodeEntry(new Uint8Array(9))).toThrow(damaged);
    expect(() => decodeEntry(new Uint8Array(8))).toThrow(damaged);
  });

  test('entries come back as they were', () => {
    fc.assert(
      fc.property(inodes, fc.constantFrom(...types), (inode, type) => {
        expect(decodeEntry(encodeEntry(inode, type))).toEqual({ inode, type });
      }),
    );
  });
});

describe('names', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const fails = (code: string) => expect.objectContaining({ code });

  test('are any bytes but zero and slash', () => {
    fc.assert(fc.property(names, (name) => name[0] === 0x2e || requireName(name) === undefined));
    for (const name of ['...', '.a', '..a', 'a.', '-', ' ', '\n', '\\']) requireName(bytes(name));
    requireName(new Uint8Array([0xff, 0xfe]));
    requireName(new Uint8Array(255).fill(0x61));
  });

  test('are refused as POSIX has it', () => {
    expect(() => requireName(bytes(''))).toThrow(fails('ENOENT'));
    expect(() => requireName(new Uint8Array(256).fill(0x61))).toThrow(fails('ENAMETOOLONG'));
    for (const name of ['.', '..', 'a/b', '/', 'a\0b']) expect(() => requireName(bytes(name))).toThrow(fails('EINVAL'));
  });

  test('of extended attributes have rules of their own', () => {
    requireXattrName(bytes('user./'));
    expect(() => requireXattrName(bytes(''))).toThrow(fails('ERANGE'));
    expect(() => requireXattrName(new Uint8Array(256).fill(0x61))).toThrow(fails('ERANGE'));
    expect(() => requireXattrName(bytes('a\0'))).toThrow(fails('EINVAL'));
  });
});
