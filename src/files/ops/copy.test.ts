/** Sharing ranges between files, extended attributes, forks, and a pool that is full; pages are counted throughout. */
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
import { getAttributes } from './attributes.ts';
import { read, write } from './content.ts';
import { copyRange } from './copy.ts';
import { CONTENT_BYTES, MAX_FILE_BYTES, ROOT_INODE } from './keys.ts';
import { unlink } from './unlink.ts';
import { getXattr, listXattrs, removeXattr, setXattr } from './xattrs.ts';

const CHUNK = CONTENT_BYTES;

let view: BareView;
beforeEach(() => {
  view = bareView({ faultRate: 0.02, seed: 11 });
});
afterEach(() => {
  expectSound(view);
});

const attributes = (inode: number) => view.run(() => getAttributes(view, inode));
const copyAll = (from: number, fromOffset: number, to: number, toOffset: number, bytes: number) => {
  let done = 0;
  let steps = 0;
  while (done < bytes) {
    const at = done;
    const length = view.run(() => copyRange(view, from, fromOffset + at, to, toOffset + at, bytes - at));
    if (length === 0) break;
    done += length;
    steps++;
  }
  return { done, steps };
};

describe('copyRange', () => {
  test('shares whole chunks and the tail, several in one operation', () => {
    const bytes = noise(11 * CHUNK + 10_000);
    const from = make(view, '/from');
    writeAll(view, from, 0, bytes);
    const to = make(view, '/to');
    const free = view.store.space.available;
    const { done, steps } = copyAll(from, 0, to, 0, 1e12);
    expect(done).toBe(bytes.length);
    expect(steps).toBeLessThan(5);
    expect(free - view.store.space.available).toBeLessThan(12);
    expectBytes(readAll(view, to), bytes);
    expect(attributes(to)).toMatchObject({ size: bytes.length, pages: attributes(from).pages });
    writeAll(view, to, CHUNK + 5, bytesOf('mine'));
    expectBytes(readAll(view, from), bytes);
    expect(textOf(readAll(view, to).subarray(CHUNK + 5, CHUNK + 9))).toBe('mine');
  });

  test('copies what cannot be shared', () => {
    const bytes = noise(2 * CHUNK);
    const from = make(view, '/from');
    writeAll(view, from, 0, bytes);
    const to = make(view, '/to');
    writeAll(view, to, 0, noise(3 * CHUNK, 5));
    const expected = noise(3 * CHUNK, 5);
    expect(copyAll(from, 1000, to, CHUNK - 7, CHUNK).done).toBe(CHUNK);
    expected.set(bytes.subarray(1000, 1000 + CHUNK), CHUNK - 7);
    expectBytes(readAll(view, to), expected);
    expect(copyAll(from, CHUNK, to, 0, 5000).done).toBe(5000);
    expected.set(bytes.subarray(CHUNK, CHUNK + 5000), 0);
    expectBytes(readAll(view, to), expected);
    expect(attributes(to).size).toBe(3 * CHUNK);
  });

  test('keeps the rest of a target that is longer than the tail', () => {
    const from = make(view, '/from', { content: noise(9000) });
    const to = make(view, '/to', { content: noise(20_000, 3) });
    copyAll(from, 0, to, 0, 9000);
    const expected = noise(20_000, 3);
    expected.set(noise(9000));
    expectBytes(readAll(view, to), expected);
  });

  test('shares chunks over others and over holes, and stops at a hole of the source', () => {
    const from = make(view, '/from');
    writeAll(view, from, 0, noise(CHUNK));
    writeAll(view, from, 2 * CHUNK, noise(2 * CHUNK, 7));
    const to = make(view, '/to');
    writeAll(view, to, 5000, noise(2 * CHUNK, 3));
    const whole = readAll(view, from);
    expect(copyAll(from, 0, to, 0, 1e12)).toEqual({ done: 4 * CHUNK, steps: 3 });
    expectBytes(readAll(view, to), whole);
    expect(attributes(to).pages).toBe(attributes(from).pages);
  });

  test('shares whole leaves of the tree, among other files, beside forks, and with holes between', () => {
    const from = make(view, '/from');
    const between = make(view, '/between', { content: noise(3000) });
    const dense = noise(30 * CHUNK + 777);
    writeAll(view, from, 0, dense);
    const sparse = make(view, '/sparse');
    for (let chunk = 0; chunk < 900; chunk++)
      if (chunk % 7 !== 3) writeAll(view, sparse, chunk * CHUNK + 5000, noise(5, chunk));
    for (const [name, source, size] of [
      ['/one', from, dense.length],
      ['/two', sparse, attributes(sparse).size],
    ] as const) {
      const to = make(view, name);
      make(view, `${name} after`, { content: noise(3000, 2) });
      const free = view.store.space.available;
      const { done, steps } = copyAll(source, 0, to, 0, 1e12);
      expect(done).toBe(size);
      expect(steps).toBeLessThan(name === '/one' ? 10 : 400);
      expect(free - view.store.space.available).toBeLessThan(120);
      expect(attributes(to)).toMatchObject({ size, pages: attributes(source).pages });
      expectBytes(readAll(view, to), readAll(view, source));
      writeAll(view, to, 9 * CHUNK + 5, bytesOf('mine'));
      expect(textOf(readAll(view, to).subarray(9 * CHUNK + 5, 9 * CHUNK + 9))).toBe('mine');
    }
    expectBytes(readAll(view, from), dense);
    expectBytes(readAll(view, between), noise(3000));
  });

  test('shares whatever ranges of chunks between files that have some of them', () => {
    const chunks = 300;
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const files = Array.from({ length: 6 }, (_, index) => {
      const inode = make(view, `/file${index}`);
      setAll(view, inode, { size: chunks * CHUNK });
      return { inode, has: new Map<number, number>() };
    });
    for (let step = 0; step < 120; step++) {
      const to = files[random(files.length)]!;
      const first = random(chunks);
      const count = 1 + random(random(3) === 0 ? chunks - first : Math.min(20, chunks - first));
      if (random(2) === 0) {
        for (let chunk = first; chunk < first + count; chunk++) {
          if (random(4) === 0) continue;
          writeAll(view, to.inode, chunk * CHUNK, new Uint8Array([1 + (step % 255)]));
          to.has.set(chunk, 1 + (step % 255));
        }
        continue;
      }
      const from = files[random(files.length)]!;
      if (from === to) continue;
      expect(copyAll(from.inode, first * CHUNK, to.inode, first * CHUNK, count * CHUNK).done).toBe(count * CHUNK);
      for (let chunk = first; chunk < first + count; chunk++) {
        const value = from.has.get(chunk);
        if (value === undefined) to.has.delete(chunk);
        else to.has.set(chunk, value);
      }
    }
    const byte = new Uint8Array(1);
    for (const { inode, has } of files) {
      expect(attributes(inode).pages).toBe(has.size);
      for (let chunk = 0; chunk < chunks; chunk++) {
        view.run(() => read(view, inode, chunk * CHUNK, byte));
        expect(byte[0]).toBe(has.get(chunk) ?? 0);
      }
    }
  });

  test('keeps holes, however large', () => {
    const from = make(view, '/from');
    writeAll(view, from, 2 ** 40, noise(5000));
    setAll(view, from, { size: 2 ** 41 });
    const to = make(view, '/to', { content: noise(20_000, 3) });
    const { done, steps } = copyAll(from, 0, to, 0, 2 ** 42);
    expect(done).toBe(2 ** 41);
    expect(steps).toBeLessThan(8);
    expect(attributes(to)).toMatchObject({ size: 2 ** 41, pages: 2 });
    const part = new Uint8Array(5000);
    view.run(() => read(view, to, 2 ** 40, part));
    expectBytes(part, noise(5000));
    const shifted = make(view, '/shifted', { content: noise(30_000, 3) });
    copyAll(from, 0, shifted, 100, 29_000);
    const expected = noise(30_000, 3).fill(0, 100, 29_100);
    expectBytes(readAll(view, shifted), expected);
  });

  test('within one file must not overlap', () => {
    const inode = make(view, '/f', { content: noise(10_000) });
    expect(codeOf(view, () => copyRange(view, inode, 0, inode, 100, 101))).toBe('EINVAL');
    expect(codeOf(view, () => copyRange(view, inode, 0, inode, 0, 1))).toBe('EINVAL');
    copyAll(inode, 0, inode, 100, 100);
    copyAll(inode, 0, inode, CHUNK, 10_000);
    const expected = noise(10_000);
    expected.copyWithin(100, 0, 100);
    const all = readAll(view, inode);
    expectBytes(all.subarray(0, 10_000), expected);
    expectBytes(all.subarray(CHUNK), expected);
  });

  test('ends at the end of the source, and refuses the impossible', () => {
    const from = make(view, '/from', { content: noise(100) });
    const to = make(view, '/to');
    const d = makeDirectory(view, '/d');
    expect(copyAll(from, 100, to, 0, 5).done).toBe(0);
    expect(copyAll(from, 1000, to, 0, 5).done).toBe(0);
    expect(copyAll(from, 90, to, 3, 50).done).toBe(10);
    expect(attributes(to).size).toBe(13);
    expect(codeOf(view, () => copyRange(view, from, 0, d, 0, 5))).toBe('EISDIR');
    expect(codeOf(view, () => copyRange(view, d, 0, from, 0, 5))).toBe('EISDIR');
    expect(codeOf(view, () => copyRange(view, from, 0, to, MAX_FILE_BYTES - 2, 5))).toBe('EFBIG');
    expect(codeOf(view, () => copyRange(view, from, -1, to, 0, 5))).toBe('EINVAL');
  });
});

describe('extended attributes', () => {
  const set = (inode: number, name: string, value: Uint8Array, options?: object) =>
    view.run(() => setXattr(view, inode, bytesOf(name), value, options));
  const get = (inode: number, name: string) => view.run(() => getXattr(view, inode, bytesOf(name)));

  test('hold values of every length', () => {
    const inode = make(view, '/f');
    const before = attributes(inode);
    const now = view.tick();
    for (const length of [0, 1, 900, 1000, 5000, 65_536, 4092, 3, 0]) {
      set(inode, 'user.a', noise(length));
      expectBytes(get(inode, 'user.a')!, noise(length));
      expectSound(view);
    }
    expect(attributes(inode)).toEqual({ ...before, changeTime: now });
    set(inode, 'user.b', noise(70));
    set(inode, 'security.c', noise(7));
    expect(view.run(() => listXattrs(view, inode)).map(textOf)).toEqual(['security.c', 'user.a', 'user.b']);
    view.run(() => removeXattr(view, inode, bytesOf('user.a')));
    expect(get(inode, 'user.a')).toBeUndefined();
    expect(get(ROOT_INODE, 'user.a')).toBeUndefined();
    set(ROOT_INODE, 'user.a', bytesOf('on root'));
    expect(textOf(get(ROOT_INODE, 'user.a')!)).toBe('on root');
  });

  test('obey their flags and limits', () => {
    const inode = make(view, '/f');
    const code = (name: string | Uint8Array, value: Uint8Array, options?: object) =>
      codeOf(view, () => setXattr(view, inode, typeof name === 'string' ? bytesOf(name) : name, value, options));
    expect(code('a', noise(1), { replace: true })).toBe('ENODATA');
    expect(code('a', noise(1), { create: true })).toBeUndefined();
    expect(code('a', noise(1), { create: true })).toBe('EEXIST');
    expect(code('a', noise(0), { replace: true })).toBeUndefined();
    expect(code('a', noise(1), { create: true })).toBe('EEXIST');
    expect(code('b', new Uint8Array(65_537))).toBe('E2BIG');
    expect(code('', noise(1))).toBe('ERANGE');
    expect(code(new Uint8Array(256).fill(97), noise(1))).toBe('ERANGE');
    expect(code(new Uint8Array(255).fill(97), noise(1))).toBeUndefined();
    expect(codeOf(view, () => removeXattr(view, inode, bytesOf('b')))).toBe('ENODATA');
    expect(codeOf(view, () => getXattr(view, 99, bytesOf('b')))).toBe('ENOENT');
    expect(codeOf(view, () => listXattrs(view, 99))).toBe('ENOENT');
  });

  test('go with their inode', () => {
    make(view, '/keep');
    const before = view.store.space.available;
    const inode = make(view, '/f');
    set(inode, 'user.a', noise(60_000));
    expect(before - view.store.space.available).toBeGreaterThan(10);
    expect(view.run(() => unlink(view, ROOT_INODE, bytesOf('f'), { release: true })).released).toBe(true);
    expect(view.store.space.available).toBe(before);
  });
});

describe('forks', () => {
  test('share until written', () => {
    const inode = make(view, '/f');
    const bytes = noise(4 * CHUNK);
    writeAll(view, inode, 0, bytes);
    const free = view.store.space.available;
    const fork = view.fork();
    expect(view.store.space.available).toBe(free);
    writeAll(fork, inode, 12_345, bytesOf('fork'));
    expect(free - view.store.space.available).toBeLessThan(8);
    expectBytes(readAll(view, inode), bytes);
    expect(textOf(readAll(fork, inode).subarray(12_345, 12_349))).toBe('fork');
    expectSound(fork);
  });
});

describe('a full pool', () => {
  test('refuses what needs pages, changes nothing, and gives space back', () => {
    view = bareView({ limitPages: 8000, nodeBytes: 4096 });
    const zeros64 = new Uint8Array(64 * 1024);
    const inode = make(view, '/f');
    const other = make(view, '/g', { content: noise(100) });
    let at = 0;
    for (;;) {
      const offset = at;
      const failed = codeOf(view, () => write(view, inode, offset, zeros64));
      if (failed !== undefined) {
        expect(failed).toBe('ENOSPC');
        break;
      }
      at += 64 * 1024;
    }
    expect(attributes(inode).size).toBe(at);
    expectSound(view);
    expect(codeOf(view, () => write(view, other, 0, zeros64))).toBe('ENOSPC');
    punchAll(view, inode, 100, 200);
    punchAll(view, inode, 300, at - 5000);
    writeAll(view, other, 0, zeros64);
    setAll(view, inode, { size: 10 });
  });
});
