/** What is known of a branch, against walks that know nothing, after changes of every kind and by every way. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testPool } from '../../tests/files/pools.ts';
import { prepare } from '../core/prepare.ts';
import { get, put } from '../core/tree.ts';
import { type Branch, openPoolSync, type Pool } from '../index.ts';
import { memoryDevice } from '../pool/memory-device.ts';
import { createFiles, type Files } from './files.ts';
import { getAttributes } from './ops/attributes.ts';
import { recordKey } from './ops/keys.ts';
import type { View } from './ops/view.ts';
import { pathOf, resolve } from './path.ts';

const names = ['a', 'b'];
const paths = names.flatMap((first) => [
  `/${first}`,
  ...names.flatMap((second) => [`/${first}/${second}`, ...names.map((third) => `${first}/${second}/${third}`)]),
]);
const path = fc.constantFrom(...paths);

interface World {
  readonly pool: Pool;
  readonly main: Branch;
  /** Two handles of the same branch, to be used in turn. */
  readonly files: readonly Files[];
}

type Step = (world: World, files: Files) => unknown;

const steps: fc.Arbitrary<Step> = fc.oneof(
  path.map(
    (at): Step =>
      (_, files) =>
        files.mkdirSync(at, { recursive: true }),
  ),
  path.map(
    (at): Step =>
      (_, files) =>
        files.mkdirSync(at),
  ),
  fc.tuple(path, fc.string()).map(
    ([at, text]): Step =>
      (_, files) =>
        files.writeFileSync(at, text),
  ),
  fc.tuple(path, path).map(
    ([from, to]): Step =>
      (_, files) =>
        files.renameSync(from, to),
  ),
  fc.tuple(path, path).map(
    ([target, at]): Step =>
      (_, files) =>
        files.symlinkSync(`/${target}`, at),
  ),
  fc.tuple(path, path).map(
    ([from, to]): Step =>
      (_, files) =>
        files.linkSync(from, to),
  ),
  path.map(
    (at): Step =>
      (_, files) =>
        files.rmSync(at, { recursive: true }),
  ),
  path.map(
    (at): Step =>
      (_, files) =>
        files.unlinkSync(at),
  ),
  fc.tuple(path, fc.nat(0o777)).map(
    ([at, mode]): Step =>
      (_, files) =>
        files.chmodSync(at, mode),
  ),
  fc.tuple(path, fc.nat(9000)).map(
    ([at, length]): Step =>
      (_, files) =>
        files.truncateSync(at, length),
  ),
  fc.constant<Step>(({ pool }) => {
    if (pool.branchesSync().some(({ name }) => name === 'snapshot')) pool.rollbackSync('main', 'snapshot');
    else pool.snapshotSync('main', 'snapshot');
  }),
  fc.tuple(path, path).map(
    ([from, to]): Step =>
      ({ pool }) => {
        const fork = pool.forkSync('main', 'fork').files;
        try {
          fork.renameSync(from, to);
          fork.writeFileSync(to, 'merged');
        } finally {
          pool.mergeSync({ from: 'fork', into: 'main' });
          pool.dropSync('fork');
        }
      },
  ),
  path.map(
    (at): Step =>
      ({ main }) => {
        main.transactionSync(({ branch }) => branch.files.rmSync(at, { recursive: true }));
      },
  ),
);

/** What a path leads to, or the code of the error. */
function outcome<T>(look: () => T): T | string {
  try {
    return look();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function expectAllTrue({ main, files: [files] }: World): void {
  const ignorant: View = {
    ...{ store: main.store, root: main.root, readOnly: true },
    ...{ now: () => ({ seconds: 0, nanoseconds: 0 }), nextInode: () => 0 },
  };
  for (const at of paths.flatMap((each) => [each, `${each}/`])) {
    for (const follow of ['always', 'slash'] as const) {
      const real = outcome(() =>
        main.runSync(() => {
          const { inode, mode, size, links } = getAttributes(ignorant, resolve(ignorant, pathOf(at), follow).inode);
          return { inode, mode, size, links };
        }),
      );
      const seen = outcome(() => {
        const stats = follow === 'always' ? files!.statSync(at) : files!.lstatSync(at);
        return { inode: stats.ino, mode: stats.mode & 0o7777, size: stats.size, links: stats.nlink };
      });
      expect(seen, `${follow} ${at}`).toEqual(real);
    }
  }
}

describe('what is known of a branch', () => {
  test('is true after any change', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 20, size: 'max' }), (run) => {
        const pool = openPoolSync(memoryDevice(), { commitEveryMs: 0, cacheBytes: 4 << 20 });
        const main = pool.branchSync('main');
        main.files.mkdirSync('/a/a', { recursive: true });
        main.files.writeFileSync('/a/a/b', '');
        main.files.symlinkSync('/a', '/b');
        main.files.symlinkSync('a/b', '/a/b');
        const world: World = { pool, main, files: [createFiles(main), createFiles(main)] };
        for (const [at, step] of run.entries()) {
          outcome(() => step(world, world.files[at % 2]!));
          expectAllTrue(world);
        }
        pool.closeSync();
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  test('is forgotten when the tree is changed by other means than a draft', async () => {
    await using here = testPool();
    here.files.writeFileSync('/file', 'text');
    const { ino } = here.files.statSync('/file');
    const { store, root } = here.main;
    here.main.runSync(() => {
      const record = get(store, root, recordKey(ino))!;
      prepare(store, root, { puts: [recordKey(ino)] });
      record[2] = 0;
      put(store, root, recordKey(ino), record);
    });
    expect(here.files.statSync('/file').mode & 0o777).toBe(0o400);
  });

  test('is bounded, and what was asked for lately stays', async () => {
    await using here = testPool();
    here.files.mkdirSync('/d');
    for (let at = 0; at < 9000; at++) here.files.writeFileSync(`/d/${at}`, '');
    for (let at = 0; at < 9000; at++) expect(here.files.statSync(`/d/${at}`).size).toBe(0);
    for (let at = 0; at < 9000; at += 100) expect(here.files.existsSync(`/d/${at}`)).toBe(true);
  });
});
