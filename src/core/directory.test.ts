/** Records of branches: round trips, malformed ones, and the names that a branch may have. Callers: vitest only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isByreError } from '../errors.ts';
import { compareBytes } from './bytes.ts';
import * as directory from './directory.ts';
import { emptyRoot, type Root } from './store.ts';

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const u53 = fc.maxSafeNat();
const place = fc.record({ page: u32, low: u32, high: u32 });

const records: fc.Arbitrary<directory.BranchRecord> = fc
  .record({
    kind: fc.constantFrom<directory.BranchKind>('branch', 'snapshot', 'unnamed'),
    numbers: fc.tuple(u53, u53, u53, u53, u32, u32),
    place,
    ancestors: fc.array(fc.tuple(u53, u53, place), { maxLength: directory.MAX_ANCESTORS }),
  })
  .map(({ kind, numbers: [id, createdMs, parentId, chargedPages, quotaPages, reservedPages], place, ancestors }) => {
    const root: Root = { ...emptyRoot(kind === 'snapshot'), ...place, chargedPages, quotaPages, reservedPages };
    const ancestry = ancestors.map(([branchId, moment, at]) => ({
      branchId,
      moment,
      root: { ...emptyRoot(true), ...at },
    }));
    return { id, kind, createdMs, parentId, root, ancestry };
  });

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (isByreError(error)) return error.code;
    throw error;
  }
  return undefined;
}

test('every record comes back as it was', () => {
  fc.assert(
    fc.property(records, (record) => {
      const decoded = directory.decodeRecord(directory.encodeRecord(record), false);
      expect(decoded).toEqual(record);
      const roots = directory.rootsOf(decoded);
      expect(roots[0]).toBe(decoded.root);
      expect(roots.slice(1)).toEqual(record.ancestry.map((ancestor) => ancestor.root));
      expect(directory.decodeRecord(directory.encodeRecord(record), true).root.readOnly).toBe(true);
    }),
  );
});

test('malformed records are damaged', () => {
  fc.assert(
    fc.property(records, fc.nat(), (record, cut) => {
      const good = directory.encodeRecord(record);
      const damaged = (bytes: Uint8Array) => expect(codeOf(() => directory.decodeRecord(bytes, false))).toBe('DAMAGED');
      damaged(good.subarray(0, cut % good.length));
      damaged(Uint8Array.of(...good, 0));
      for (const [at, value] of [
        [0, 0],
        [0, 2],
        [1, 3],
        [1, 255],
        [2, record.ancestry.length + 1],
        [3, 1],
      ]) {
        damaged(good.with(at, value));
      }
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (noise, versioned) => {
      if (versioned && noise.length > 0) noise[0] = 1;
      const code = codeOf(() => directory.decodeRecord(noise, false));
      if (code !== undefined) expect(code).toBe('DAMAGED');
    }),
  );
});

test('names are 1 to 255 bytes without separators and control characters', () => {
  for (const name of [
    '',
    '.',
    '..',
    'a/b',
    'a:b',
    '/',
    ':',
    '\0',
    'a\nb',
    '\x7f',
    'a\u0085',
    'x'.repeat(256),
    'é'.repeat(128),
  ]) {
    expect([name, codeOf(() => directory.nameKey(name))]).toEqual([name, 'BAD_ARGUMENT']);
  }
  for (const name of ['a', '...', '.a', ' ', 'try 1', 'é'.repeat(127), 'x'.repeat(255), '名前', '🐄']) {
    const key = directory.nameKey(name);
    expect([key[0], directory.nameOf(key)]).toEqual([directory.NAMED, name]);
  }
});

test('names that are not text are not taken for others', () => {
  // A lone half of a pair has no UTF-8: what is stored for it would be the key of another name.
  for (const name of ['\ud800', 'a\udc00']) {
    expect([name, codeOf(() => directory.nameKey(name))]).toEqual([name, 'BAD_ARGUMENT']);
  }
});

test('a name with a byte order mark comes back whole', () => {
  expect(directory.nameOf(directory.nameKey('\ufeffa'))).toBe('\ufeffa');
});

test('unnamed forks sort by number, after all names', () => {
  fc.assert(
    fc.property(u53, u53, (a, b) => {
      const order = compareBytes(directory.unnamedKey(a), directory.unnamedKey(b));
      expect(Math.sign(order)).toBe(Math.sign(a - b));
      expect(compareBytes(directory.nameKey('\u{10ffff}'), directory.unnamedKey(a))).toBeLessThan(0);
    }),
  );
});
