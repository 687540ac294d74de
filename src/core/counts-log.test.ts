/** The counts log's codec: round trips, and what hostile bytes give. Callers: vitest only. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isByreError } from '../errors.ts';
import { writeU32 } from './bytes.ts';
import { type CountRun, decodeLogRecord, decodeRuns, encodeLogRecord, encodeRuns } from './counts-log.ts';
import { NO_RECORD } from './record-ref.ts';

const TWO_32 = 2 ** 32;
const u32 = fc.integer({ min: 0, max: TWO_32 - 1 });

const runLists: fc.Arbitrary<CountRun[]> = fc
  .array(
    fc.record({
      gap: fc.oneof(fc.nat(3), fc.nat(TWO_32 / 8)),
      length: fc.oneof(fc.nat(200), fc.nat(TWO_32 / 8)),
      count: u32,
    }),
  )
  .map((steps) => {
    const runs: CountRun[] = [];
    let end = 0;
    for (const { gap, length, count } of steps) {
      const page = end + gap;
      end = page + length + 1;
      if (end > TWO_32) break;
      runs.push({ page, length: length + 1, count });
    }
    return runs;
  });

function decoded(bytes: Uint8Array, pageCount?: number): CountRun[] {
  const runs: CountRun[] = [];
  decodeRuns(bytes, (page, length, count) => runs.push({ page, length, count }), pageCount);
  return runs;
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (isByreError(error)) return error.code;
    throw error;
  }
  return undefined;
}

test('every list of runs comes back as it was', () => {
  fc.assert(
    fc.property(runLists, (runs) => {
      expect(decoded(encodeRuns(runs))).toEqual(runs);
    }),
  );
});

test('the extremes of pages and counts fit', () => {
  const runs = [
    { page: 0, length: TWO_32 - 1, count: TWO_32 - 1 },
    { page: TWO_32 - 1, length: 1, count: 0 },
  ];
  expect(decoded(encodeRuns(runs))).toEqual(runs);
  expect(decoded(encodeRuns([{ page: 0, length: TWO_32, count: 1 }]))).toEqual([{ page: 0, length: TWO_32, count: 1 }]);
});

test('small runs take three bytes each, and thousands are no trouble', () => {
  const runs = Array.from({ length: 5000 }, (_, index) => ({ page: index * 3, length: 2, count: index % 100 }));
  const bytes = encodeRuns(runs);
  expect(bytes.length).toBe(15_000);
  expect(decoded(bytes)).toEqual(runs);
});

test('runs that do not ascend, or do not fit, are not written', () => {
  for (const runs of [
    [{ page: 5, length: 0, count: 1 }],
    [{ page: 5, length: 1, count: -1 }],
    [{ page: 5, length: 1, count: TWO_32 }],
    [{ page: TWO_32 - 1, length: 2, count: 1 }],
    [
      { page: 5, length: 2, count: 1 },
      { page: 6, length: 1, count: 1 },
    ],
  ]) {
    expect(codeOf(() => encodeRuns(runs))).toBe('INTERNAL');
  }
});

test('arbitrary bytes are one list of runs, of which they are the one encoding, or damaged', () => {
  const lowBytes = fc.array(fc.oneof(fc.nat(127), fc.nat(255), fc.constantFrom(0, 0x80, 0xff)), { maxLength: 60 });
  fc.assert(
    fc.property(lowBytes, (values) => {
      const bytes = Uint8Array.from(values);
      let runs: CountRun[] = [];
      const code = codeOf(() => {
        runs = decoded(bytes);
      });
      if (code === undefined) expect(encodeRuns(runs)).toEqual(bytes);
      else expect(code).toBe('DAMAGED');
    }),
    { numRuns: 2000 },
  );
});

test('every flaw is damage: cut short, overlong, too large, not the shortest, beyond the pool', () => {
  const good = encodeRuns([{ page: 300, length: 300, count: 300 }]);
  for (let length = 1; length < good.length; length++) {
    expect(codeOf(() => decoded(good.subarray(0, length)))).toBe('DAMAGED');
  }
  expect(codeOf(() => decoded(Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0, 0)))).toBe('DAMAGED');
  expect(codeOf(() => decoded(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x1f, 0, 0)))).toBe('DAMAGED');
  expect(codeOf(() => decoded(Uint8Array.of(0x81, 0x00, 0, 0)))).toBe('DAMAGED');
  expect(codeOf(() => decoded(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0)))).toBe('DAMAGED');
  expect(codeOf(() => decoded(good, 599))).toBe('DAMAGED');
  expect(decoded(good, 600).length).toBe(1);
});

test('records come back as they were', () => {
  const previous = { firstPage: 7, pages: 2, bytes: 5000, hashLow: 1, hashHigh: 0xffff_ffff };
  const runs = encodeRuns([{ page: 2, length: 3, count: 1 }]);
  for (const record of [
    { kind: 'log', previous, runs },
    { kind: 'log', previous: NO_RECORD, runs },
    { kind: 'base', previous: NO_RECORD, runs },
    { kind: 'base', previous: NO_RECORD, runs: new Uint8Array(0) },
  ] as const) {
    const bytes = encodeLogRecord(record);
    expect(bytes.length).toBe(32 + record.runs.length);
    expect(decodeLogRecord(bytes)).toEqual(record);
  }
  expect(codeOf(() => encodeLogRecord({ kind: 'base', previous, runs }))).toBe('INTERNAL');
});

test('malformed records are damaged', () => {
  const runs = encodeRuns([{ page: 2, length: 3, count: 1 }]);
  const good = encodeLogRecord({ kind: 'base', previous: NO_RECORD, runs });
  for (const [at, value] of [
    [0, 0],
    [4, 0],
    [4, 3],
    [8, runs.length + 1],
    [8, 0xffff_ffff],
    [12, 1],
    [28, 1],
  ]) {
    const bytes = good.slice();
    writeU32(bytes, at, value);
    expect(codeOf(() => decodeLogRecord(bytes))).toBe('DAMAGED');
  }
  for (let length = 0; length < good.length; length++) {
    expect(codeOf(() => decodeLogRecord(good.subarray(0, length)))).toBe('DAMAGED');
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
      expect(codeOf(() => decodeLogRecord(noise))).toBe('DAMAGED');
    }),
  );
});
