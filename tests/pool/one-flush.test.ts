/** Small commits: one flush makes pages and superblock durable together, and what was cut off has not happened. Callers: vitest only. */
import { expect, test } from 'vitest';
import { prepare } from '../../src/core/prepare.ts';
import { decodeSuperblock } from '../../src/core/superblock.ts';
import { get, put } from '../../src/core/tree.ts';
import { hash64 } from '../../src/pool/hash.ts';
import { openOnSync, type Pool } from '../../src/pool/pool.ts';
import { PoolReader } from '../format/reader.ts';
import { bytesOfImage, draftOf, type Image, imageDevice } from '../simulation/image.ts';
import { type Recording, recordingDevice, type Step } from '../simulation/recording-device.ts';
import { firstSeed } from './crashes.ts';
import { forks, growth, mixed, scenario } from './scenario.ts';
import { Session, smallPool } from './session.ts';

const PAGE = 4096;
const keyOf = (n: number) => Uint8Array.of(1, n >> 8, n & 255);

function write(pool: Pool, keys: readonly number[], fill: number): void {
  const branch = pool.branchSync('main');
  const { store, root } = branch;
  for (const n of keys) {
    branch.runSync(() => {
      prepare(store, root, { puts: [keyOf(n)] });
      put(store, root, keyOf(n), new Uint8Array(900).fill(fill));
    });
  }
}

function read(pool: Pool, n: number): number | undefined {
  const branch = pool.branchSync('main');
  return branch.runSync(() => get(branch.store, branch.root, keyOf(n)))?.[0];
}

const flushes = (recording: Recording, from: number) =>
  recording.journal.steps.slice(from).filter(({ kind }) => kind === 'flush').length;

/** A pool of two commits, of which the second is small. */
function twoCommits(): { recording: Recording; pool: Pool; written: number[] } {
  const recording = recordingDevice();
  const pool = openOnSync(recording.device, { ...smallPool, cacheBytes: 64 << 20 });
  write(
    pool,
    Array.from({ length: 2000 }, (_, n) => n),
    1,
  );
  const before = recording.journal.steps.length;
  pool.commitSync();
  expect(flushes(recording, before)).toBe(2);
  write(pool, [3, 700], 2);
  const { steps } = recording.journal;
  const from = steps.length;
  pool.commitSync();
  expect(flushes(recording, from)).toBe(1);
  const written = steps
    .slice(from)
    .flatMap((step) =>
      step.kind === 'write' && step.offset >= 2 * PAGE && step.data.some((byte) => byte !== 0)
        ? Array.from({ length: step.data.length / PAGE }, (_, page) => step.offset / PAGE + page)
        : [],
    );
  return { recording, pool, written };
}

function without(image: Image, page: number): Image {
  const draft = draftOf(image);
  draft.pages[page] = undefined;
  return draft;
}

test('a small commit is flushed once; if any of its pages did not arrive, it has not happened', () => {
  const { recording, pool, written } = twoCommits();
  expect(written.length).toBeGreaterThan(3);
  const { commitNumber } = pool;
  const image = recording.image();
  const whole = openOnSync(imageDevice(image), smallPool);
  expect([whole.lostCommit, read(whole, 3), read(whole, 700)]).toEqual([undefined, 2, 2]);
  for (const page of written) {
    const cut = recordingDevice(without(image, page));
    expect(new PoolReader(bytesOfImage(cut.image())).superblock.getUint32(16, true)).toBe(commitNumber - 1);
    const reader = openOnSync(imageDevice(cut.image(), true), { ...smallPool, readOnly: true });
    expect([reader.lostCommit?.commit, read(reader, 3)]).toEqual([commitNumber, 1]);
    const reopened = openOnSync(cut.device, smallPool);
    expect(reopened.lostCommit).toMatchObject({ commit: commitNumber, error: { code: 'DAMAGED' } });
    expect([read(reopened, 3), read(reopened, 700), reopened.checkSync().ok]).toEqual([1, 1, true]);
    // Should its pages appear after all, it stays as if it had never been.
    const draft = draftOf(cut.image());
    draft.pages[page] = image.pages[page];
    const later = openOnSync(imageDevice(draft), smallPool);
    expect([later.lostCommit, read(later, 3), later.checkSync().ok]).toEqual([undefined, 1, true]);
  }
});

test('what opening takes for durable it makes so: a flush that failed may have forgotten these pages', () => {
  const { recording, written } = twoCommits();
  const again = recordingDevice(recording.image());
  openOnSync(again.device, smallPool);
  const { steps } = again.journal;
  const rewritten = new Set(steps.flatMap((step) => (step.kind === 'write' ? [step.offset / PAGE] : [])));
  for (const page of written) expect(rewritten.has(page)).toBe(true);
  expect(steps.slice(-2).map(({ kind }) => kind)).toEqual(['flush', 'write']);
});

/** The superblocks that were written although a page was neither flushed nor listed in them; and how many listed any. */
function unlisted(steps: readonly Step[]): { commits: number[]; listing: number } {
  const found = { commits: [] as number[], listing: 0 };
  let unflushed: number[] = [];
  for (const step of steps) {
    if (step.kind === 'flush' && !step.failed) unflushed = [];
    if (step.kind !== 'write') continue;
    const pages = Array.from({ length: step.data.length / PAGE }, (_, index) => step.offset / PAGE + index);
    if (step.offset >= 2 * PAGE) {
      // New room is filled with zeros; these pages are written again before anything refers to them.
      if (step.data.some((byte) => byte !== 0)) unflushed.push(...pages);
      continue;
    }
    const superblock = decodeSuperblock(step.data, hash64);
    if ('problem' in superblock) continue;
    const { nodes, data } = superblock.companions;
    const listed = new Set(data.map(({ page }) => page));
    for (const { page } of nodes) for (let at = 0; at < superblock.nodeBytes / PAGE; at++) listed.add(page + at);
    if (listed.size > 0) found.listing++;
    if (unflushed.some((page) => !listed.has(page))) found.commits.push(superblock.commit);
  }
  return found;
}

test.each([
  ['mixed', mixed],
  ['forks', forks],
  ['growth', growth],
] as const)('no superblock is written before what it refers to is durable or listed: %s', (_name, profile) => {
  let listing = 0;
  for (let seed = firstSeed; seed < firstSeed + 20; seed++) {
    const { recording } = new Session().performAll(scenario(seed, profile));
    const found = unlisted(recording.journal.steps);
    expect(found.commits, `BYRE_CRASH_SEED=${seed}`).toEqual([]);
    listing += found.listing;
  }
  expect(listing).toBeGreaterThan(0);
});

test('after closing, or opening again, damage to a page of the last commit is damage to that page only', () => {
  const { recording, pool, written } = twoCommits();
  const reopened = recordingDevice(recording.image());
  openOnSync(reopened.device, smallPool);
  pool.closeSync();
  for (const image of [recording.image(), reopened.image()]) {
    for (const page of written) {
      const draft = draftOf(image);
      draft.pages[page] = draft.pages[page]!.slice().fill(1, 100, 101);
      const damaged = openOnSync(imageDevice(draft), smallPool);
      // Without the directory there is nothing but the commit before.
      if (damaged.lostCommit !== undefined) expect(damaged.lostCommit.error.details.page).toBe(page);
      else expect(damaged.checkSync().problems[0]).toMatchObject({ kind: 'damaged' });
    }
  }
});
