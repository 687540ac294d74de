/**
 * A view over a branch of a pool in memory whose cache is as small as it can be: operations meet real faults, commits and evictions.
 * Callers must call `finish` at the end, which checks the pool, opens it again and checks it once more.
 */
import { expect } from 'vitest';
import type { Time } from '../../src/files/ops/view.ts';
import type { Branch } from '../../src/pool/branch.ts';
import { memoryDevice } from '../../src/pool/memory-device.ts';
import { openOnSync, type Pool } from '../../src/pool/pool.ts';
import type { BareView } from './bare-view.ts';

export interface PoolViews {
  readonly first: BareView;
  readonly pool: Pool;
  finish(): void;
}

export function poolView(nodeBytes: number): PoolViews {
  // What is on the device outlives the pool's end here.
  const device = memoryDevice();
  const options = { commitEveryMs: 0, cacheBytes: 0, nodeBytes };
  const pool = openOnSync({ ...bound(device), closeSync: () => {} }, options);
  let seconds = 1000;
  let forks = 0;
  const viewOf = (branch: Branch): BareView => ({
    store: branch.store,
    get root() {
      return branch.root;
    },
    readOnly: branch.readOnly,
    now: (): Time => ({ seconds, nanoseconds: 5 }),
    tick: (): Time => ({ seconds: ++seconds, nanoseconds: 5 }),
    nextInode: () => branch.nextInode(),
    run: (operation) => branch.runSync(operation),
    fork: () => viewOf(pool.forkSync(branch.name as string, `fork-${++forks}`)),
  });
  return {
    pool,
    first: viewOf(pool.branchSync('main')),
    finish() {
      expect(pool.checkSync().problems).toEqual([]);
      pool.closeSync();
      const again = openOnSync(bound(device), options);
      expect(again.scrubSync().problems).toEqual([]);
      again.closeSync();
    },
  };
}

/** The device with its methods bound, so that one of them can be replaced. */
function bound(device: ReturnType<typeof memoryDevice>) {
  return {
    name: device.name,
    readOnly: device.readOnly,
    get bytes() {
      return device.bytes;
    },
    performSync: device.performSync?.bind(device),
    perform: device.perform.bind(device),
    close: device.close.bind(device),
    closeSync: device.closeSync?.bind(device),
  };
}
