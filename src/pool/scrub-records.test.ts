/** Scrub beyond the trees: superblocks and records of counts, damaged one by one. */
import { expect, test } from 'vitest';
import { prepare } from '../core/prepare.ts';
import { put } from '../core/tree.ts';
import { memoryDevice } from './memory-device.ts';
import { openOnSync } from './pool.ts';

const PAGE = 4096;

/** A pool of several commits, so large that its counts need records. */
function madePool() {
  const device = memoryDevice();
  const pool = openOnSync(device, { nodeBytes: 4096, commitEveryMs: 0 });
  const main = pool.branchSync('main');
  for (let round = 0; round < 4; round++) {
    for (let n = 0; n < 400; n++) {
      const key = new TextEncoder().encode(`${round} ${n}`);
      main.runSync(() => {
        prepare(main.store, main.root, { puts: [key] });
        put(main.store, main.root, key, new Uint8Array(900));
      });
    }
    pool.commitSync();
  }
  return { device, pool };
}

function pageOf(device: ReturnType<typeof memoryDevice>, page: number): Uint8Array {
  const target = new Uint8Array(PAGE);
  device.performSync({ kind: 'read', offset: page * PAGE, target });
  return target;
}

function overwrite(device: ReturnType<typeof memoryDevice>, page: number, bytes: Uint8Array): void {
  device.performSync({ kind: 'write', offset: page * PAGE, pieces: [bytes] });
}

test('superblocks are read again: damaged ones, swapped ones, those of other pools', () => {
  const { device, pool } = madePool();
  const slots = [pageOf(device, 0), pageOf(device, 1)];
  const other = madePool();
  const foreign = pageOf(other.device, 0);
  other.pool.closeSync();
  expect(pool.scrubSync().problems).toEqual([]);
  for (const slot of [0, 1]) {
    const flipped = slots[slot]!.slice();
    flipped[100]! ^= 1;
    for (const wrong of [flipped, slots[1 - slot]!, slot === 0 ? foreign : flipped]) {
      overwrite(device, slot, wrong);
      expect(pool.checkSync().problems).toEqual([]);
      expect(pool.scrubSync()).toMatchObject({ ok: false, problems: [{ kind: 'damaged', page: slot }] });
    }
    overwrite(device, slot, slots[slot]!);
  }
  expect(pool.scrubSync().problems).toEqual([]);
  pool.closeSync();
});

test('records of counts are read again', () => {
  const { device, pool } = madePool();
  const magic = new TextEncoder().encode('coun');
  let records = 0;
  for (let page = 2; page * PAGE < device.bytes; page++) {
    const bytes = pageOf(device, page);
    if (!magic.every((byte, at) => bytes[at] === byte)) continue;
    const flipped = bytes.slice();
    flipped[40]! ^= 1;
    overwrite(device, page, flipped);
    const { problems } = pool.scrubSync();
    overwrite(device, page, bytes);
    // One that was folded into another means nothing any more.
    if (problems.length === 0) continue;
    expect(problems).toMatchObject([{ kind: 'damaged', page }]);
    records++;
  }
  expect(records).toBeGreaterThan(0);
  expect(pool.scrubSync().problems).toEqual([]);
  pool.closeSync();
});
