/**
 * `byre/level` passes the suite that abstract-level ships, on fresh branches and on forks, as many assertions as memory-level does.
 */
import { createRequire } from 'node:module';
import { afterAll, expect, test } from 'vitest';
import { ByreLevel } from '../../src/level/index.ts';
import { memoryDevice } from '../../src/pool/memory-device.ts';
import { openOnSync, type Pool } from '../../src/pool/pool.ts';
import { targetOf } from '../../src/tables/branch-target.ts';
import { Table } from '../../src/tables/table.ts';
import { makeTape, type Outcome } from './tape.ts';

const require = createRequire(import.meta.url);

const suite = require('abstract-level/test') as (options: {
  test: unknown;
  factory: (options?: object) => object;
}) => void;

/** What abstract-level 3.1 asserts of memory-level (5,120), and of a database that keeps what it is closed with. */
const ASSERTIONS = 5120 + 6;

const pool: Pool = openOnSync(memoryDevice(), { commitEveryMs: 0 });
afterAll(() => pool.closeSync());

function assertAll(factory: (options?: object) => object): Promise<Outcome> {
  const tape = makeTape();
  suite({ test: tape.test, factory });
  return tape.run();
}

let count = 0;

test('on fresh branches', { timeout: 120_000 }, async () => {
  const { assertions, failed } = await assertAll(
    (options) => new ByreLevel(pool.createBranchSync(`b${count++}`), options),
  );
  expect(failed).toEqual([]);
  expect(assertions).toBe(ASSERTIONS);
});

test('on forks of a branch with rows', { timeout: 120_000 }, async () => {
  const parent = pool.createBranchSync('parent');
  const table = new Table<string>(targetOf(parent), 'other');
  for (let i = 0; i < 1000; i++) table.putSync(i, 'x');
  const { assertions, failed } = await assertAll(
    (options) => new ByreLevel(pool.forkSync('parent', `f${count++}`), options),
  );
  expect(failed).toEqual([]);
  expect(assertions).toBe(ASSERTIONS);
  expect(table.countSync()).toBe(1000);
});
