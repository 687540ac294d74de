/**
 * Pools in memory for tests of the files API, checked when they end.
 * Callers must take them with `await using`, so that the check happens.
 */
import { expect } from 'vitest';
import { type Files, filesOf } from '../../src/files/files.ts';
import { Verification } from '../../src/files/ops/verify.ts';
import type { Branch } from '../../src/pool/branch.ts';
import type { Device } from '../../src/pool/device.ts';
import { memoryDevice } from '../../src/pool/memory-device.ts';
import type { OpenOptions } from '../../src/pool/options.ts';
import { openOnSync, type Pool } from '../../src/pool/pool.ts';

/** Fails the test if the keys of the files face contradict each other anywhere in the branch. */
export async function verifyFiles(branch: Branch): Promise<void> {
  const { store, root } = branch;
  const verification = new Verification({ store, root });
  while (!(await branch.run(() => verification.step())));
  expect(verification.problems).toEqual([]);
}

export interface TestPool extends AsyncDisposable {
  readonly device: Device;
  readonly pool: Pool;
  readonly main: Branch;
  readonly files: Files;
}

export function testPool(options: OpenOptions = {}, device: Device = memoryDevice()): TestPool {
  const pool = openOnSync(device, { commitEveryMs: 0, cacheBytes: 4 << 20, ...options });
  const main = pool.branchSync('main');
  return {
    device,
    pool,
    main,
    files: filesOf(main),
    async [Symbol.asyncDispose]() {
      await verifyFiles(main);
      expect((await pool.check()).problems).toEqual([]);
      await pool.close();
    },
  };
}
