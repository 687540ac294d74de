/** Bytes of files: reading, writing, attributes, sizes and holes; pages are counted throughout. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BareView, bareView, bytesOf, textOf } from '../../../tests/files/bare-view.ts';
import {
  codeOf,
  expectBytes,
  expectSound,
  make,
  makeDirectory,
  noise,
  punchAll,
  readAll,
  setAll,
  writeAll,
} from '../../../tests/files/tree.ts';
import { type AttributeChanges, getAttributes, setAttributes } from './attributes.ts';
import { read, write } from './content.ts';
import { allocate, punchHole, seekData, seekHole, seekStep, zeroRange } from './holes.ts';
import { CONTENT_BYTES, MAX_FILE_BYTES } from './keys.ts';
import { truncateStep } from './truncate.ts';

const PAGE = 4096;
const CHUNK = CONTENT_BYTES;

let view: BareView;
beforeEach(() => {
  view = bareView({ faultRate: 0.02, seed: 11 });
});
afterEach(() => {
  expectSound(view);
});

const attributes = (inode: number) => view.run(() => getAttributes(view, inode));

describe('reading and writing', () => {
  test('keep small files inline and larger ones in pages', () => {
    const inode = make(view, '/f');
    expect(view.run(() => write(view, inode, 0, bytesOf('hello')))).toBe(5);
    expect(attributes(inode)).toMatchObject({ size: 5, pages: 1 });
    writeAll(view, inode, 3, bytesOf('p, world'));
    expect(textOf(readAll(view, inode))).toBe('help, world');
    writeAll(view, inode, 20_000, bytesOf('far'));
    expect(attributes(inode)).toMatchObject({ size: 20_003, pages: 2 });
    const all = readAll(view, inode);
    expect(textOf(all.subarray(0, 11))).toBe('help, world');
    expect(all.subarray(11, 20_000).every((byte) => byte === 0)).toBe(true);
  });

  test('stop at the end of a chunk and of the file', () => {
    const inode = make(view, '/f');
    const bytes = noise(CHUNK + 100);
    expect(view.run(() => write(view, inode, 50, bytes))).toBe(CHUNK - 50);
    writeAll(view, inode, CHUNK, bytes.subarray(CHUNK - 50));
    const target = new Uint8Array(CHUNK * 2);
    expect(view.run(() => read(view, inode, 40, target))).toBe(CHUNK - 40);
    expect(view.run(() => read(view, inode, CHUNK, target))).toBe(150);
    expect(view.run(() => read(view, inode, CHUNK + 150, target))).toBe(0);
    expect(view.run(() => read(view, inode, 1e15, target))).toBe(0);
    expect(view.run(() => read(view, inode, 0, new Uint8Array(0)))).toBe(0);
    expectBytes(readAll(view, inode).subarray(50), bytes);
  });

  test('stamp the file, and leave it alone when nothing is written', () => {
    const inode = make(view, '/f');
    const before = attributes(inode);
    const now = view.tick();
    expect(view.run(() => write(view, inode, 100, new Uint8Array(0)))).toBe(0);
    expect(attributes(inode)).toEqual(before);
    writeAll(view, inode, 0, bytesOf('x'));
    expect(attributes(inode)).toMatchObject({ modifyTime: now, changeTime: now, accessTime: before.accessTime });
    readAll(view, inode);
    expect(attributes(inode).accessTime).toEqual(before.accessTime);
  });

  test('take privileges away on request', () => {
    const inode = make(view, '/f', { mode: 0o6755 });
    writeAll(view, inode, 0, bytesOf('x'));
    expect(attributes(inode).mode).toBe(0o6755);
    view.run(() => write(view, inode, 0, bytesOf('x'), { clearPrivileges: true }));
    expect(attributes(inode).mode).toBe(0o755);
    const locked = make(view, '/g', { mode: 0o6745 });
    view.run(() => write(view, locked, 0, bytesOf('x'), { clearPrivileges: true }));
    expect(attributes(locked).mode).toBe(0o2745);
  });

  test('reach to the last byte that a file can have', () => {
    const inode = make(view, '/f');
    expect(codeOf(view, () => write(view, inode, MAX_FILE_BYTES, bytesOf('x')))).toBe('EFBIG');
    expect(view.run(() => write(view, inode, MAX_FILE_BYTES - 1, bytesOf('xyz')))).toBe(1);
    expect(attributes(inode)).toMatchObject({ size: MAX_FILE_BYTES, pages: 1 });
    expect(codeOf(view, () => setAttributes(view, inode, { size: MAX_FILE_BYTES + 1 }))).toBe('EFBIG');
    expect(view.run(() => seekData(view, inode, 0))).toBe(MAX_FILE_BYTES - PAGE);
    setAll(view, inode, { size: 0 });
    expect(attributes(inode)).toMatchObject({ size: 0, pages: 0 });
  });

  test('want a regular file', () => {
    const d = makeDirectory(view, '/d');
    const p = make(view, '/p', { type: 'fifo' });
    const target = new Uint8Array(1);
    expect(codeOf(view, () => read(view, d, 0, target))).toBe('EISDIR');
    expect(codeOf(view, () => write(view, d, 0, target))).toBe('EISDIR');
    expect(codeOf(view, () => read(view, p, 0, target))).toBe('EINVAL');
    expect(codeOf(view, () => read(view, 99, 0, target))).toBe('ENOENT');
    expect(codeOf(view, () => setAttributes(view, d, { size: 0 }))).toBe('EISDIR');
    expect(codeOf(view, () => setAttributes(view, p, { size: 0 }))).toBe('EINVAL');
    const f = make(view, '/f');
    for (const offset of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(codeOf(view, () => read(view, f, offset, target))).toBe('EINVAL');
      expect(codeOf(view, () => write(view, f, offset, target))).toBe('EINVAL');
      expect(codeOf(view, () => setAttributes(view, f, { size: offset }))).toBe('EINVAL');
    }
  });
});

describe('attributes', () => {
  test('are set one by one', () => {
    const inode = make(view, '/f', { mode: 0o6755 });
    const now = view.tick();
    const then = { seconds: -5, nanoseconds: 999_999_999 };
    setAll(view, inode, { uid: 1000, gid: 1001 });
    expect(attributes(inode)).toMatchObject({ uid: 1000, gid: 1001, mode: 0o6755, changeTime: now });
    setAll(view, inode, { uid: 1, clearPrivileges: true });
    expect(attributes(inode)).toMatchObject({ uid: 1, mode: 0o755 });
    setAll(view, inode, { accessTime: then, modifyTime: then });
    expect(attributes(inode)).toMatchObject({ accessTime: then, modifyTime: then, changeTime: now });
    setAll(view, inode, { changeTime: then, birthTime: then });
    expect(attributes(inode)).toMatchObject({ changeTime: then, birthTime: then });
    setAll(view, inode, { size: 10, modifyTime: then });
    expect(attributes(inode)).toMatchObject({ size: 10, modifyTime: then });
  });

  test('are refused when they cannot be', () => {
    const inode = make(view, '/f');
    const code = (changes: AttributeChanges) => codeOf(view, () => setAttributes(view, inode, changes));
    expect(code({ mode: 0o100644 })).toBe('EINVAL');
    expect(code({ uid: -1 })).toBe('EINVAL');
    expect(code({ gid: 2 ** 32 })).toBe('EINVAL');
    expect(code({ accessTime: { seconds: 0, nanoseconds: 1e9 } })).toBe('EINVAL');
    expect(code({ modifyTime: { seconds: 0.5, nanoseconds: 0 } })).toBe('EINVAL');
  });
});

describe('size', () => {
  test('grows by a hole and shrinks for good', () => {
    const inode = make(view, '/f', { content: noise(3000) });
    const now = view.tick();
    setAll(view, inode, { size: 100_000 });
    expect(attributes(inode)).toMatchObject({ size: 100_000, pages: 1, modifyTime: now, changeTime: now });
    setAll(view, inode, { size: 10 });
    setAll(view, inode, { size: 3000 });
    expectBytes(
      readAll(view, inode),
      Uint8Array.from({ length: 3000 }, (_, at) => (at < 10 ? noise(3000)[at] : 0)),
    );
    setAll(view, inode, { size: 0 });
    expect(attributes(inode)).toMatchObject({ size: 0, pages: 0 });
  });

  test('shrinks in steps, whole after each', () => {
    const inode = make(view, '/f');
    const bytes = noise(20 * CHUNK + 77);
    writeAll(view, inode, 0, bytes);
    expect(attributes(inode).pages).toBe(20 * 128 + 1);
    const steps = setAll(view, inode, { size: CHUNK + 5000, mode: 0o600 });
    expect(steps).toBeGreaterThan(2);
    expect(attributes(inode)).toMatchObject({ size: CHUNK + 5000, pages: 130, mode: 0o600 });
    expectBytes(readAll(view, inode), bytes.subarray(0, CHUNK + 5000));
    while (!view.run(() => truncateStep(view, inode, CHUNK)));
    expect(attributes(inode)).toMatchObject({ size: CHUNK, pages: 128 });
    expect(view.run(() => truncateStep(view, inode, 5 * CHUNK))).toBe(true);
    expect(attributes(inode)).toMatchObject({ size: 5 * CHUNK, pages: 128 });
  });

  test('of a sparse file shrinks in few steps', () => {
    const inode = make(view, '/f');
    for (let at = 0; at < 12; at++) writeAll(view, inode, at * 2 ** 40, bytesOf('x'));
    expect(setAll(view, inode, { size: 2 ** 40 })).toBe(2);
    expect(attributes(inode)).toMatchObject({ size: 2 ** 40, pages: 1 });
  });
});

describe('holes', () => {
  test('are punched across pages and chunks', () => {
    const inode = make(view, '/f');
    const bytes = noise(20 * CHUNK);
    writeAll(view, inode, 0, bytes);
    const now = view.tick();
    punchAll(view, inode, 100, 18 * CHUNK + 9000);
    bytes.fill(0, 100, 18 * CHUNK + 9000);
    expectBytes(readAll(view, inode), bytes);
    expect(attributes(inode)).toMatchObject({
      size: 20 * CHUNK,
      pages: 1 + 128 - 2 + 128,
      modifyTime: now,
      changeTime: now,
    });
    punchAll(view, inode, 0, 100 * CHUNK);
    expect(attributes(inode)).toMatchObject({ size: 20 * CHUNK, pages: 0 });
    expect(codeOf(view, () => seekData(view, inode, 0))).toBe('ENXIO');
    expect(view.run(() => seekHole(view, inode, 5))).toBe(5);
  });

  test('within one page, and of inline content, are zeros', () => {
    const inode = make(view, '/f', { content: noise(5000) });
    punchAll(view, inode, 10, 20);
    const small = make(view, '/g', { content: noise(50) });
    punchAll(view, small, 10, 4096);
    expectBytes(readAll(view, inode).subarray(8, 22), noise(5000).fill(0, 10, 20).subarray(8, 22));
    expectBytes(readAll(view, small), noise(50).fill(0, 10));
    expect(attributes(inode).pages).toBe(2);
  });

  test('zeroRange and allocate grow the file unless told not to', () => {
    const inode = make(view, '/f', { content: noise(5000) });
    expect(view.run(() => zeroRange(view, inode, 4000, 6000, { keepSize: true }))).toBe(6000);
    expect(attributes(inode)).toMatchObject({ size: 5000 });
    expect(view.run(() => zeroRange(view, inode, 4000, 6000))).toBe(6000);
    expect(attributes(inode)).toMatchObject({ size: 6000, pages: 1 });
    expectBytes(
      readAll(view, inode),
      Uint8Array.from({ length: 6000 }, (_, at) => (at < 4000 ? noise(5000)[at] : 0)),
    );
    const now = view.tick();
    view.run(() => allocate(view, inode, 0, 7000, { keepSize: true }));
    expect(attributes(inode)).toMatchObject({ size: 6000, changeTime: now });
    view.run(() => allocate(view, inode, 0, 7000));
    view.run(() => allocate(view, inode, 0, 10));
    expect(attributes(inode)).toMatchObject({ size: 7000 });
  });

  test('refuse ranges that cannot be', () => {
    const inode = make(view, '/f');
    const d = makeDirectory(view, '/d');
    const p = make(view, '/p', { type: 'socket' });
    for (const operation of [allocate, punchHole, zeroRange]) {
      expect(codeOf(view, () => operation(view, inode, 5, 5))).toBe('EINVAL');
      expect(codeOf(view, () => operation(view, inode, -5, 5))).toBe('EINVAL');
      expect(codeOf(view, () => operation(view, inode, 0, MAX_FILE_BYTES + 1))).toBe('EFBIG');
      expect(codeOf(view, () => operation(view, d, 0, 5))).toBe('EISDIR');
      expect(codeOf(view, () => operation(view, p, 0, 5))).toBe('ENODEV');
    }
  });

  test('are found, and data between them', () => {
    const inode = make(view, '/f');
    const put = (page: number) => writeAll(view, inode, page * PAGE, noise(PAGE));
    for (const page of [2, 3, 127, 128, 129, 1280]) put(page);
    setAll(view, inode, { size: 2000 * PAGE + 5 });
    const data = (at: number) => view.run(() => seekData(view, inode, at));
    const hole = (at: number) => view.run(() => seekHole(view, inode, at));
    expect(data(0)).toBe(2 * PAGE);
    expect(data(2 * PAGE + 7)).toBe(2 * PAGE + 7);
    expect(data(4 * PAGE)).toBe(127 * PAGE);
    expect(data(130 * PAGE)).toBe(1280 * PAGE);
    expect(hole(0)).toBe(0);
    expect(hole(2 * PAGE)).toBe(4 * PAGE);
    expect(hole(127 * PAGE)).toBe(130 * PAGE);
    expect(hole(1280 * PAGE + 1)).toBe(1281 * PAGE);
    expect(hole(1999 * PAGE)).toBe(1999 * PAGE);
    expect(codeOf(view, () => seekData(view, inode, 1281 * PAGE))).toBe('ENXIO');
    expect(codeOf(view, () => seekHole(view, inode, 2000 * PAGE + 5))).toBe('ENXIO');
    expect(codeOf(view, () => seekData(view, inode, 1e15))).toBe('ENXIO');
    const full = make(view, '/full');
    writeAll(view, full, 0, noise(20 * CHUNK - 3));
    expect(view.run(() => seekHole(view, full, 1))).toBe(20 * CHUNK - 3);
    expect(view.run(() => seekStep(view, full, 0, 'hole'))).toEqual({ offset: 8 * CHUNK, found: false });
    const small = make(view, '/small', { content: bytesOf('abc') });
    expect(view.run(() => seekHole(view, small, 0))).toBe(3);
    expect(view.run(() => seekData(view, small, 1))).toBe(1);
    setAll(view, small, { size: 5000 });
    expect(view.run(() => seekHole(view, small, 0))).toBe(3);
    expect(codeOf(view, () => seekData(view, small, 4))).toBe('ENXIO');
  });
});
