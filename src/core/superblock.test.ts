/** The superblock's codec: round trips, and what hostile pages give. Callers: vitest only. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Hash64, PAGE_BYTES, writeU16, writeU32 } from './bytes.ts';
import { NO_RECORD, type RecordRef } from './record-ref.ts';
import {
  COMPANION_BYTES,
  decodeSuperblock,
  encodeSuperblock,
  type NodeRef,
  SUPERBLOCK_TAIL_BYTES,
  type Superblock,
  settledSuperblock,
  superblockSlot,
} from './superblock.ts';

/** FNV-1a in two lanes: enough to notice a changed byte. */
const hash: Hash64 = (bytes, out) => {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (const byte of bytes) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high + byte, 0x85ebca6b) ^ low;
  }
  out[0] = low;
  out[1] = high | 1;
};

const whole = fc.maxSafeNat();
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

function recordRef(pageCount: number): fc.Arbitrary<RecordRef> {
  if (pageCount < 3) return fc.constant(NO_RECORD);
  const maximumPages = Math.min(pageCount - 2, Math.floor(0xffff_ffff / PAGE_BYTES));
  const some = fc.integer({ min: 1, max: maximumPages }).chain((pages) =>
    fc.record({
      firstPage: fc.integer({ min: 2, max: pageCount - pages }),
      pages: fc.constant(pages),
      bytes: fc.integer({ min: (pages - 1) * PAGE_BYTES + 1, max: pages * PAGE_BYTES }),
      hashLow: u32,
      hashHigh: fc.integer({ min: 1, max: 0xffff_ffff }),
    }),
  );
  return fc.oneof({ weight: 5, arbitrary: some }, { weight: 1, arbitrary: fc.constant(NO_RECORD) });
}

function nodeRef(pageCount: number): fc.Arbitrary<NodeRef> {
  return fc.record({
    page: fc.integer({ min: 2, max: pageCount - 16 }),
    hashLow: fc.integer({ min: 1, max: 0xffff_ffff }),
    hashHigh: u32,
  });
}

const superblocks: fc.Arbitrary<Superblock> = fc.integer({ min: 18, max: 0xffff_ffff }).chain((pageCount) =>
  recordRef(pageCount).chain((logHead) =>
    fc.record({
      nodeBytes: fc.constantFrom(4096, 8192, 16384, 32768, 65536),
      commit: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      poolId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      pageCount: fc.constant(pageCount),
      limitPages: u32,
      directory: fc.oneof(fc.constant({ page: 0, hashLow: 0, hashHigh: 0 }), nodeRef(pageCount)),
      nextInode: whole,
      nextBranchId: whole,
      moment: whole,
      countsBase: recordRef(pageCount),
      logHead: fc.constant(logHead),
      reservedPages: fc.nat(),
      logPages: fc.integer({ min: logHead.pages, max: pageCount }),
      tail: fc.uint8Array({ maxLength: SUPERBLOCK_TAIL_BYTES - 40 * COMPANION_BYTES, size: 'max' }),
      companions: fc.record({
        nodes: fc.array(nodeRef(pageCount), { maxLength: 20 }),
        data: fc.array(nodeRef(pageCount), { maxLength: 20 }),
      }),
    }),
  ),
);

const example: Superblock = {
  nodeBytes: 8192,
  commit: 7,
  poolId: new Uint8Array(16).fill(9),
  pageCount: 100,
  limitPages: 0,
  directory: { page: 10, hashLow: 5, hashHigh: 0 },
  nextInode: 2,
  nextBranchId: 3,
  moment: 0,
  countsBase: NO_RECORD,
  logHead: NO_RECORD,
  reservedPages: 0,
  logPages: 0,
  tail: Uint8Array.of(1, 2, 3),
  companions: { nodes: [{ page: 4, hashLow: 6, hashHigh: 7 }], data: [{ page: 99, hashLow: 8, hashHigh: 9 }] },
};

/** The page after an edit, with a checksum that is right again. */
function resealed(edit: (page: Uint8Array) => void): Uint8Array {
  const page = encodeSuperblock(example, hash);
  edit(page);
  const sum = new Uint32Array(2);
  hash(page.subarray(0, PAGE_BYTES - 8), sum);
  writeU32(page, PAGE_BYTES - 8, sum[0]);
  writeU32(page, PAGE_BYTES - 4, sum[1]);
  return page;
}

test('every superblock comes back as it was', () => {
  fc.assert(
    fc.property(superblocks, (superblock) => {
      const page = encodeSuperblock(superblock, hash);
      expect(page.length).toBe(PAGE_BYTES);
      const back = decodeSuperblock(page, hash);
      page.fill(0xff); // the result must keep nothing of the page
      expect(back).toEqual(superblock);
    }),
  );
});

test('a changed byte is noticed wherever it is', () => {
  const page = encodeSuperblock(example, hash);
  for (let at = 0; at < PAGE_BYTES; at++) {
    const changed = page.slice();
    changed[at] ^= 0x10;
    const isMark = at >= 136 && at < 144;
    const noticed = isMark ? example : { code: at < 8 ? 'NOT_A_POOL' : 'DAMAGED' };
    expect(decodeSuperblock(changed, hash)).toMatchObject(noticed);
  }
});

test('once settled, and only then, it has no companions; nothing less than the whole mark says so', () => {
  const page = encodeSuperblock(example, hash);
  const settled = settledSuperblock(page);
  expect(decodeSuperblock(settled, hash)).toEqual({ ...example, companions: { nodes: [], data: [] } });
  for (let bytes = 0; bytes < 8; bytes++) {
    const torn = page.slice();
    torn.set(settled.subarray(136, 136 + bytes), 136);
    expect(decodeSuperblock(torn, hash)).toEqual(example);
  }
  expect(settled.filter((byte, at) => byte !== page[at]).length).toBeLessThanOrEqual(8);
});

test('other files are not pools', () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(PAGE_BYTES), new Uint8Array(100).fill(1)]) {
    expect(decodeSuperblock(bytes, hash)).toMatchObject({ code: 'NOT_A_POOL' });
  }
  expect(decodeSuperblock(encodeSuperblock(example, hash).subarray(0, 4000), hash)).toMatchObject({
    code: 'NOT_A_POOL',
  });
});

test('a newer format version is named, and only when the checksum stands', () => {
  expect(
    decodeSuperblock(
      resealed((page) => writeU32(page, 8, 12)),
      hash,
    ),
  ).toEqual({
    code: 'UNSUPPORTED',
    problem: 'its format version 12 is newer than this byre, which knows versions up to 1',
  });
  const torn = encodeSuperblock(example, hash);
  writeU32(torn, 8, 12);
  expect(decodeSuperblock(torn, hash)).toMatchObject({ code: 'DAMAGED' });
});

test('a sealed page that makes no sense is damaged, and says which field', () => {
  const cases: [string, (page: Uint8Array) => void][] = [
    ['format version', (page) => writeU32(page, 8, 0)],
    ['node size', (page) => writeU32(page, 12, 8193)],
    ['node size', (page) => writeU32(page, 12, 2048)],
    ['node size', (page) => writeU32(page, 12, 131072)],
    ['commit number', (page) => page.fill(0, 16, 24)],
    ['commit number', (page) => page.fill(0xff, 16, 24)],
    ['page count', (page) => writeU32(page, 40, 1)],
    ['branch directory', (page) => writeU32(page, 48, 99)],
    ['branch directory', (page) => writeU32(page, 48, 1)],
    ['branch directory', (page) => writeU32(page, 48, 0)],
    ['branch directory', (page) => writeU32(page, 52, 0)],
    ['next inode number', (page) => page.fill(0xff, 64, 72)],
    ['next branch id', (page) => page.fill(0xff, 72, 80)],
    ['moment', (page) => page.fill(0xff, 80, 88)],
    ['counts base', (page) => writeU32(page, 88, 50)],
    ['counts log', (page) => page.fill(0xff, 108, 128)],
    ['counts log length', (page) => writeU32(page, 60, 101)],
    ['tail', (page) => writeU16(page, 190, SUPERBLOCK_TAIL_BYTES + 1)],
    ['tail', (page) => writeU16(page, 132, Math.ceil(SUPERBLOCK_TAIL_BYTES / COMPANION_BYTES))],
    ['companions', (page) => writeU16(page, 134, 2)],
    ['companions', (page) => writeU32(page, 195, 99)],
  ];
  for (const [field, edit] of cases) {
    const problem = `its checksum matches, but its ${field} makes no sense`;
    expect(decodeSuperblock(resealed(edit), hash)).toEqual({ code: 'DAMAGED', problem });
  }
});

test('resealed noise is decoded or refused, never thrown at', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(PAGE_BYTES - 9), fc.nat(255)), { maxLength: 200 }), (edits) => {
      const page = resealed((target) => {
        for (const [at, value] of edits) if (at >= 8) target[at] = value;
      });
      const decoded = decodeSuperblock(page, hash);
      if ('problem' in decoded) expect(['DAMAGED', 'UNSUPPORTED']).toContain(decoded.code);
      else expect(decodeSuperblock(encodeSuperblock(decoded, hash), hash)).toEqual(decoded);
    }),
  );
});

test('what makes no sense is not written', () => {
  for (const wrong of [
    { commit: 0 },
    { commit: 2 ** 53 },
    { pageCount: 2 ** 32 },
    { limitPages: -1 },
    { poolId: new Uint8Array(15) },
    { tail: new Uint8Array(SUPERBLOCK_TAIL_BYTES + 1) },
    { tail: new Uint8Array(SUPERBLOCK_TAIL_BYTES - COMPANION_BYTES) },
    { companions: { nodes: [], data: [{ page: 100, hashLow: 1, hashHigh: 1 }] } },
    { logHead: { firstPage: 99, pages: 2, bytes: 5000, hashLow: 1, hashHigh: 0 }, logPages: 2 },
  ]) {
    expect(() => encodeSuperblock({ ...example, ...wrong }, hash)).toThrowError(/plausible/);
  }
});

test('slots take turns', () => {
  expect([1, 2, 3, 2 ** 53 - 1].map(superblockSlot)).toEqual([1, 0, 1, 1]);
});
