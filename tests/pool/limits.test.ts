/** Full pools: the limit, the reserve, quotas and reservations. Callers: vitest only. */
import { describe, expect, test } from 'vitest';
import { punchContent, truncateContent, writeContent } from '../../src/core/content.ts';
import { prepare } from '../../src/core/prepare.ts';
import { put, remove } from '../../src/core/tree.ts';
import { isByreError } from '../../src/errors.ts';
import type { Branch } from '../../src/pool/branch.ts';
import { memoryDevice } from '../../src/pool/memory-device.ts';
import type { OpenOptions } from '../../src/pool/options.ts';
import { openOnSync, type Pool } from '../../src/pool/pool.ts';
import { bytesOf, keyOf } from './operations.ts';

const PAGE = 4096;
const options = (more: OpenOptions = {}): OpenOptions => ({
  cacheBytes: 0,
  commitEveryMs: 0,
  limitBytes: 8 << 20,
  ...more,
});

function writePages(branch: Branch, key: string, pages: number, serial = 1, from = 0): void {
  const name = keyOf(key);
  branch.runSync(() => {
    prepare(branch.store, branch.root, { content: [{ key: name, from: from * PAGE, to: (from + pages) * PAGE }] });
    writeContent(branch.store, branch.root, name, from * PAGE, bytesOf(serial, pages * PAGE));
  });
}

function setCell(branch: Branch, key: string, length = 100): void {
  const name = keyOf(key);
  branch.runSync(() => {
    prepare(branch.store, branch.root, { puts: [name] });
    put(branch.store, branch.root, name, bytesOf(7, length));
  });
}

function removeCell(branch: Branch, key: string): void {
  const name = keyOf(key);
  branch.runSync(() => {
    prepare(branch.store, branch.root, { removes: [name], purpose: 'free' });
    remove(branch.store, branch.root, name);
  });
}

function codeOf(action: () => void): string | undefined {
  try {
    action();
  } catch (error) {
    if (!isByreError(error)) throw error;
    return error.code;
  }
  return undefined;
}

/** Writes cells until it is told that there is no room; returns how many there are. */
function fill(branch: Branch, write: (index: number) => void, code = 'ENOSPC', most = 100_000): number {
  for (let index = 0; index < most; index++) {
    const failed = codeOf(() => write(index));
    if (failed === undefined) continue;
    expect(failed).toBe(code);
    return index;
  }
  throw new Error(`${branch.name} never became full`);
}

function expectSound(pool: Pool): void {
  expect(pool.checkSync().problems).toEqual([]);
}

describe.each([4096, 8192, 65536])('a full pool with nodes of %i bytes', (nodeBytes) => {
  const limitBytes = nodeBytes === 65536 ? 64 << 20 : 8 << 20;

  test('says so before anything changes, and stays within its limit', () => {
    const device = memoryDevice();
    const pool = openOnSync(device, options({ nodeBytes, limitBytes }));
    const main = pool.branchSync('main');
    const count = fill(main, (index) => writePages(main, `c${index}`, 5, index));
    expect(count * 5 * PAGE).toBeGreaterThan(limitBytes * 0.7);
    // Each try commits, which may free a little.
    fill(main, (index) => writePages(main, `d${index}`, 5), 'ENOSPC', 20);
    expectSound(pool);
    expect(pool.space().usedBytes).toBeLessThanOrEqual(limitBytes);
    expect(device.bytes).toBeLessThanOrEqual(limitBytes);
    pool.closeSync();
    const again = openOnSync(device, options());
    fill(again.branchSync('main'), (index) => writePages(again.branchSync('main'), `e${index}`, 5), 'ENOSPC', 20);
    expectSound(again);
  });

  test('gives back what is removed, cut off or punched, one at a time', () => {
    const pool = openOnSync(memoryDevice(), options({ nodeBytes, limitBytes }));
    const main = pool.branchSync('main');
    const count = fill(main, (index) => writePages(main, `c${index}`, 5, index));
    for (let index = 0; index < count; index++) {
      const key = keyOf(`c${index}`);
      if (index % 3 === 0) removeCell(main, `c${index}`);
      else if (index % 3 === 1) {
        main.runSync(() => {
          prepare(main.store, main.root, { content: [{ key, from: 100, to: PAGE }], purpose: 'free' });
          truncateContent(main.store, main.root, key, 100);
        });
      } else {
        main.runSync(() => {
          prepare(main.store, main.root, { content: [{ key, from: 10, to: 5 * PAGE - 10 }], purpose: 'free' });
          punchContent(main.store, main.root, key, 10, 5 * PAGE - 10);
        });
      }
      if (index % 20 === 0) pool.commitSync();
    }
    pool.commitSync();
    expectSound(pool);
    expect(codeOf(() => writePages(main, 'more', 100))).toBeUndefined();
  });

  test('drops forks, whatever they hold', () => {
    const pool = openOnSync(memoryDevice(), options({ nodeBytes, limitBytes }));
    const main = pool.branchSync('main');
    for (let index = 0; index < 40; index++) writePages(main, `c${index}`, 10, index);
    const names: string[] = [];
    fill(main, (index) => {
      const name = `fork${index}`;
      const fork = pool.forkSync('main', name);
      names.push(name);
      for (let n = 0; n < 8; n++) writePages(fork, `c${(index * 7 + n) % 40}`, 4, index);
    });
    expectSound(pool);
    for (const name of names) {
      pool.dropSync(name);
      if (name.endsWith('3')) pool.commitSync();
    }
    expectSound(pool);
    expect(pool.branchesSync().map(({ name }) => name)).toEqual(['main']);
    for (let index = 0; index < 40; index++) writePages(main, `c${index}`, 10, index + 1);
    expectSound(pool);
  });

  test('has room for nodes and for counts where single pages are free', () => {
    const device = memoryDevice();
    let pool = openOnSync(device, options({ nodeBytes, limitBytes }));
    let main = pool.branchSync('main');
    const count = fill(main, (index) => writePages(main, `c${index}`, 1, index));
    // Every second page becomes free, none beside another.
    for (let index = 0; index < count; index += 2) {
      removeCell(main, `c${index}`);
      if (index % 100 === 0) pool.commitSync();
    }
    for (let time = 0; time < 3; time++) {
      setCell(main, `k${time}`);
      pool.commitSync();
    }
    fill(main, (index) => setCell(main, `k${index}`, 900));
    expectSound(pool);
    pool.closeSync();
    pool = openOnSync(device, options());
    main = pool.branchSync('main');
    expectSound(pool);
    for (let index = 1; index < count; index += 2) removeCell(main, `c${index}`);
    pool.commitSync();
    expectSound(pool);
  });

  test('can be given more room', () => {
    const pool = openOnSync(memoryDevice(), options({ nodeBytes, limitBytes }));
    const main = pool.branchSync('main');
    const count = fill(main, (index) => writePages(main, `c${index}`, 8, index));
    pool.setLimit(limitBytes * 2);
    const more = fill(main, (index) => writePages(main, `d${index}`, 8, index));
    expect(more).toBeGreaterThan(count * 0.9);
    expectSound(pool);
  });
});

test('random work in a full pool: nothing but ENOSPC, and the pool stays sound', () => {
  for (const nodeBytes of [4096, 8192, 16384]) {
    const device = memoryDevice();
    let pool = openOnSync(device, options({ nodeBytes, limitBytes: 6 << 20 }));
    let state = 12345;
    const below = (limit: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % limit;
    };
    const names = ['main'];
    for (let step = 0; step < 3000; step++) {
      const name = names[below(names.length)];
      const code = codeOf(() => {
        const branch = pool.branchSync(name);
        const kind = below(20);
        if (kind < 9) writePages(branch, `c${below(60)}`, 1 + below(20), step, below(20));
        else if (kind < 12) setCell(branch, `k${below(2000)}`, below(900));
        else if (kind < 15) removeCell(branch, `c${below(60)}`);
        else if (kind < 16 && names.length < 6) {
          pool.forkSync(name, `fork${step}`);
          names.push(`fork${step}`);
        } else if (kind < 17 && names.length > 1) pool.dropSync(names.splice(1 + below(names.length - 1), 1)[0]);
        else if (kind < 18) pool.commitSync();
        else if (kind < 19 && step % 7 === 0) {
          pool.closeSync();
          pool = openOnSync(device, options());
        }
      });
      expect(code === undefined || code === 'ENOSPC').toBe(true);
    }
    expectSound(pool);
  }
});

describe('quotas', () => {
  test('bound what a branch writes, and let it free', () => {
    const pool = openOnSync(memoryDevice(), options({ limitBytes: 0 }));
    const main = pool.branchSync('main');
    pool.limitSync('main', { quotaBytes: 200 * PAGE });
    const count = fill(main, (index) => writePages(main, `c${index}`, 2, index), 'EDQUOT');
    expect(count).toBeGreaterThan(70);
    expect(count).toBeLessThanOrEqual(100);
    removeCell(main, 'c0');
    removeCell(main, 'c1');
    writePages(main, 'again', 2);
    expect(codeOf(() => fill(main, (index) => writePages(main, `d${index}`, 2), 'EDQUOT', 10))).toBeUndefined();
    expectSound(pool);
  });

  test('are not eaten up by snapshots that come and go', () => {
    const pool = openOnSync(memoryDevice(), options({ limitBytes: 0 }));
    const main = pool.branchSync('main');
    for (let n = 0; n < 10; n++) writePages(main, `c${n}`, 10);
    pool.limitSync('main', { quotaBytes: 400 * PAGE });
    for (let time = 0; time < 30; time++) {
      pool.snapshotSync('main', 'snap');
      for (let n = 0; n < 10; n++) writePages(main, `c${n}`, 10, time);
      pool.dropSync('snap');
    }
    expect(pool.usageSync('main')[0].exclusiveBytes).toBeLessThan(200 * PAGE);
    expectSound(pool);
  });

  test('count for a branch what it has after a rollback', () => {
    const pool = openOnSync(memoryDevice(), options({ limitBytes: 0 }));
    const main = pool.branchSync('main');
    setCell(main, 'k');
    pool.snapshotSync('main', 'snap');
    pool.limitSync('main', { quotaBytes: 150 * PAGE });
    for (let time = 0; time < 10; time++) {
      writePages(main, 'c', 100);
      pool.rollbackSync('main', 'snap');
    }
    expectSound(pool);
  });
});

describe('reservations', () => {
  const limitBytes = 8 << 20;
  const reservationBytes = 3 << 20;

  test('keep space from others, and outlive the process', () => {
    const device = memoryDevice();
    let pool = openOnSync(device, options({ limitBytes }));
    pool.createBranchSync('rich');
    pool.limitSync('rich', { reservationBytes });
    expect(codeOf(() => pool.limitSync('main', { reservationBytes: 6 << 20 }))).toBe('ENOSPC');
    pool.closeSync();
    pool = openOnSync(device, options());
    const main = pool.branchSync('main');
    const count = fill(main, (index) => writePages(main, `c${index}`, 4, index));
    expect(count * 4 * PAGE).toBeLessThan(limitBytes - reservationBytes);
    const rich = pool.branchSync('rich');
    const own = fill(rich, (index) => writePages(rich, `c${index}`, 4, index));
    expect(own * 4 * PAGE).toBeGreaterThan(reservationBytes * 0.8);
    expectSound(pool);
  });

  test('that are used up keep nothing more from others', () => {
    const pool = openOnSync(memoryDevice(), options({ limitBytes }));
    const rich = pool.createBranchSync('rich');
    pool.limitSync('rich', { reservationBytes });
    for (let index = 0; index < 192; index++) writePages(rich, `c${index}`, 4, index);
    const main = pool.branchSync('main');
    const count = fill(main, (index) => writePages(main, `c${index}`, 4, index));
    expect(count * 4 * PAGE).toBeGreaterThan((limitBytes - reservationBytes) * 0.8);
    expectSound(pool);
  });

  test('end with the branch', () => {
    const device = memoryDevice();
    let pool = openOnSync(device, options({ limitBytes }));
    pool.createBranchSync('rich');
    pool.limitSync('rich', { reservationBytes });
    pool.closeSync();
    pool = openOnSync(device, options());
    pool.dropSync('rich');
    const main = pool.branchSync('main');
    const count = fill(main, (index) => writePages(main, `c${index}`, 4, index));
    expect(count * 4 * PAGE).toBeGreaterThan(limitBytes * 0.8);
    // Whoever frees may use a part of the reserve, but not what is not there.
    for (let index = 0; index < count; index++) removeCell(main, `c${index}`);
    expectSound(pool);
  });

  test('refuse what is no number of bytes', () => {
    const pool = openOnSync(memoryDevice(), options());
    for (const bytes of [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60]) {
      expect(codeOf(() => pool.limitSync('main', { reservationBytes: bytes }))).toBe('BAD_ARGUMENT');
      expect(codeOf(() => pool.limitSync('main', { quotaBytes: bytes }))).toBe('BAD_ARGUMENT');
    }
    expectSound(pool);
  });
});
