/** That docs/format.md is right: a reader written from its tables alone finds in a pool what byre does. Callers: vitest only. */
import { expect, test } from 'vitest';
import { rootsOf } from '../../src/core/directory.ts';
import { openBranch } from '../../src/pool/branches.ts';
import { openState } from '../../src/pool/open.ts';
import { resolveOptions } from '../../src/pool/options.ts';
import { driveSync } from '../../src/pool/steps.ts';
import { isContent, sameBytes, trimmed } from '../pool/model.ts';
import type { Operation } from '../pool/operations.ts';
import { growth, manyCounts, mixed, type Profile, scenario } from '../pool/scenario.ts';
import { Session, smallPool } from '../pool/session.ts';
import { bytesOfImage, imageDevice } from '../simulation/image.ts';
import { PoolReader } from './reader.ts';

function compare(operations: readonly Operation[], nodeBytes: number): PoolReader {
  const session = new Session(undefined, undefined, { ...smallPool, nodeBytes }).performAll(operations);
  // Unnamed forks are in the pool too, until it is opened again: the last commit was made with them.
  const image = session.recording.image();
  const reader = new PoolReader(bytesOfImage(image));
  const state = driveSync(
    imageDevice(image),
    openState(imageDevice(image, true), resolveOptions({ readOnly: true, commitEveryMs: 0 })),
  );
  const recount = new Uint32Array(reader.pageCount);
  const count = (page: number) => {
    recount[page]++;
  };
  for (const page of [0, 1, ...reader.recordPages()]) count(page);
  const { model } = session.world;
  const seen: (string | number)[] = [];
  for (const stored of reader.branches()) {
    seen.push(stored.name);
    const name = typeof stored.name === 'string' ? stored.name : undefined;
    if (name === undefined) {
      expect(stored.kind).toBe(2);
      continue;
    }
    const { record } = driveSync(imageDevice(image), openBranch(state, name));
    expect(stored).toMatchObject({ id: record.id, parentId: record.parentId, createdMs: record.createdMs });
    expect([stored.root, ...stored.ancestry.map(({ root }) => root)].map(({ page }) => page)).toEqual(
      rootsOf(record).map(({ page }) => page),
    );
    expect(stored.ancestry.map(({ moment, branchId }) => [moment, branchId])).toEqual(
      record.ancestry.map(({ moment, branchId }) => [moment, branchId]),
    );
    const wanted = model.branch(name);
    expect(['branch', 'snapshot'][stored.kind]).toBe(wanted.kind);
    expect([stored.quotaPages * 4096, stored.reservedPages * 4096]).toEqual([
      wanted.quotaBytes,
      wanted.reservationBytes,
    ]);
    const cells = new Map<string, Uint8Array>();
    reader.walk(stored.root, (key, cell) => {
      const text = new TextDecoder().decode(key);
      const bytes = reader.content(cell);
      if (!isContent(text)) cells.set(text, bytes);
      else if (trimmed(bytes).length > 0) cells.set(text, trimmed(bytes));
    });
    expect([...cells.keys()]).toEqual([...cells.keys()].sort());
    expect([...cells.keys()]).toEqual(wanted.keys());
    for (const [key, bytes] of cells) expect(sameBytes(bytes, wanted.get(key) as Uint8Array)).toBe(true);
  }
  const named = [...model.branches].filter(([, { kind }]) => kind !== 'unnamed').map(([name]) => name);
  expect(seen.filter((name) => typeof name === 'string')).toEqual(named.sort());
  expect(recounted(reader, recount)).toEqual(reader.counts());
  return reader;
}

/** Every reference that there is, counted: a node's first page once for each parent, what is below it once for each node. */
function recounted(reader: PoolReader, counts: Uint32Array): Uint32Array {
  const met = new Set<number>();
  const meet = (reference: { page: number; hash: bigint }) => {
    if (reference.page === 0) return;
    counts[reference.page]++;
    if (met.has(reference.page)) return;
    met.add(reference.page);
    const { children, pages, nodePages } = reader.node(reference);
    for (let page = 1; page < nodePages; page++) counts[reference.page + page]++;
    children.forEach(meet);
    for (const page of pages) counts[page]++;
  };
  meet(reader.directory);
  for (const { root, ancestry } of reader.branches()) for (const each of [{ root }, ...ancestry]) meet(each.root);
  return counts;
}

const small: Profile = { ...mixed, operations: 150 };

for (const nodeBytes of [4096, 8192, 65536]) {
  test(`a reader by the book finds what byre stores, nodes of ${nodeBytes} bytes`, () => {
    for (let seed = 1; seed <= 6; seed++) compare(scenario(seed, small), nodeBytes);
  });
}

test('the same with counts in log records, and in a base', () => {
  const logged = compare(manyCounts(2), 4096);
  expect(logged.recordPages().length).toBeGreaterThan(6);
  expect(logged.superblock.getUint32(88, true)).toBe(0);
  const folded = compare(manyCounts(34), 4096);
  expect(folded.superblock.getUint32(88, true)).not.toBe(0);
});

test('the same after growth', () => {
  for (let seed = 1; seed <= 4; seed++) compare(scenario(seed, growth), 4096);
});
