/** Cookies of listings: stable, and not kept for ever. */
import { expect, test } from 'vitest';
import { DirectoryNames, FIRST_COOKIE } from './directory-names.ts';

const bytes = (name: string) => new TextEncoder().encode(name);
const text = (name: Uint8Array | undefined) => (name === undefined ? undefined : new TextDecoder().decode(name));

/** Lists `names` from the start; returns their cookies. */
function list(directory: DirectoryNames, names: readonly string[]): number[] {
  directory.begin();
  let before = 2;
  return names.map((name) => {
    before = directory.cookieOf(bytes(name), before);
    return before;
  });
}

test('a name keeps its cookie in every listing', () => {
  const directory = new DirectoryNames();
  expect(list(directory, ['a', 'c', 'e'])).toEqual([FIRST_COOKIE, FIRST_COOKIE + 1, FIRST_COOKIE + 2]);
  const second = list(directory, ['a', 'b', 'c', 'e', 'f']);
  expect(second[0]).toBe(FIRST_COOKIE);
  expect([second[2], second[3]]).toEqual([FIRST_COOKIE + 1, FIRST_COOKIE + 2]);
  expect(new Set(second).size).toBe(5);
  expect(second.map((cookie) => text(directory.after(cookie)))).toEqual(['a', 'b', 'c', 'e', 'f']);
  expect(list(directory, ['e'])).toEqual([FIRST_COOKIE + 2]);
  expect([0, 1, 2, 99].map((cookie) => directory.after(cookie))).toEqual([undefined, undefined, undefined, undefined]);
});

test('where names come and go without end, those of long ago are dropped, but not those of a moment ago', () => {
  const directory = new DirectoryNames();
  let cookies: number[] = [];
  let kept = 0;
  for (let round = 0; round < 500; round++) {
    const before = cookies;
    cookies = list(
      directory,
      Array.from({ length: 100 }, (_, index) => `${round}-${String(index).padStart(3, '0')}`),
    );
    if (round > 0) expect(text(directory.after(before[99]!))).toBe(`${round - 1}-099`);
    if (directory.after(FIRST_COOKIE) !== undefined) kept = round;
  }
  expect(kept).toBeLessThan(300);
});
