/**
 * A pool against plain maps: random scenarios with forks, snapshots, merges, drops, rollbacks, content and reopening, and
 * every way of reading them. Callers: vitest only; a failure names the seed.
 */
import { describe, expect, test } from 'vitest';
import { scan } from '../../src/core/scan.ts';
import type { Branch } from '../../src/pool/branch.ts';
import type { OpenOptions } from '../../src/pool/options.ts';
import { PoolReader, type StoredBranch } from '../format/reader.ts';
import { isShortRun } from '../needs.ts';
import { bytesOfImage } from '../simulation/image.ts';
import { randomNumbers } from '../simulation/random.ts';
import { type BranchModel, isContent, sameBytes } from './model.ts';
import { differences, keyOf, runSync } from './operations.ts';
import { forks, growth, mixed, type Profile, scenario } from './scenario.ts';
import { Session, smallPool } from './session.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Keys as they sort in a tree: by bytes, which for these is by characters. */
const sorted = (keys: Iterable<string>): string[] => [...keys].sort();

function keysOf(branch: Branch, range: { from?: string; to?: string; reverse?: boolean }): string[] {
  const keys: string[] = [];
  let { from, to } = { from: range.from && keyOf(range.from), to: range.to && keyOf(range.to) } as {
    from: Uint8Array | undefined;
    to: Uint8Array | undefined;
  };
  for (let next: Uint8Array | undefined = new Uint8Array(0); next; ) {
    const { found, bound } = branch.runSync(() => {
      const found: string[] = [];
      const bound = scan(branch.store, branch.root, { from, to, reverse: range.reverse }, (entry) => {
        found.push(text(entry.key()));
      });
      return { found, bound };
    });
    keys.push(...found);
    next = bound;
    if (range.reverse) to = next;
    else from = next;
  }
  return keys;
}

/** Scans from and to random places, both ways. Content of zeros may have a cell or not. */
function expectScans(branch: Branch, model: BranchModel, seed: number): void {
  const random = randomNumbers(seed);
  const all = model.keys();
  for (let time = 0; time < 6; time++) {
    const bound = () =>
      random.chance(0.3) || all.length === 0 ? undefined : random.pick(all) + random.pick(['', '0', '~']);
    const [from, to] = [bound(), bound()];
    const wanted = all.filter((key) => (from === undefined || key >= from) && (to === undefined || key < to));
    const range = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
    const isKnown = (key: string) => !isContent(key) || all.includes(key);
    expect(keysOf(branch, range).filter(isKnown)).toEqual(wanted);
    expect(keysOf(branch, { ...range, reverse: true }).filter(isKnown)).toEqual(wanted.reverse());
  }
}

/** Every difference must be told; content that was rewritten with the same bytes may be. */
function expectDiff(session: Session, a: string, b: string): void {
  const { pool, model } = session.world;
  const [one, other] = [model.branch(a), model.branch(b)];
  const found = pool.diffSync(a, b).map(({ key, a, b }) => ({ key: text(key), a, b }));
  expect(found.map(({ key }) => key)).toEqual(sorted(found.map(({ key }) => key)));
  const told = new Set(found.map(({ key }) => key));
  for (const key of new Set([...one.keys(), ...other.keys()])) {
    const [x, y] = [one.cells.get(key), other.cells.get(key)];
    const same = x !== undefined && y !== undefined && sameBytes(x.bytes, y.bytes);
    if (!same) expect(told).toContain(key);
    else if (x.stamp === y.stamp || !isContent(key)) expect(told).not.toContain(key);
  }
  for (const { key, a, b } of found) {
    if (isContent(key)) continue;
    expect(a?.value).toEqual(one.get(key));
    expect(b?.value).toEqual(other.get(key));
  }
}

/** All pages that roots reach, by the independent reader. */
function pagesOf(reader: PoolReader, roots: StoredBranch['root'][]): Set<number> {
  const pages = new Set<number>();
  const meet = (root: StoredBranch['root']) => {
    if (root.page === 0 || pages.has(root.page)) return;
    const { children, pages: data, nodePages } = reader.node(root);
    for (let page = 0; page < nodePages; page++) pages.add(root.page + page);
    for (const page of data) pages.add(page);
    children.forEach(meet);
  };
  roots.forEach(meet);
  return pages;
}

/** What `usage` says, against a recomputation: exclusive is what nothing but the branch refers to. */
function expectUsage(session: Session): void {
  const { pool, unnamed } = session.world;
  // An unnamed fork alone makes nothing to commit, and so may be in no image; what it shares is not exclusive all the same.
  if (unnamed.size > 0 && !pool.dirty) return;
  pool.commitSync();
  const reader = new PoolReader(bytesOfImage(session.recording.image()));
  const stored = reader.branches();
  const rootsOf = ({ root, ancestry }: StoredBranch) => [root, ...ancestry.map((ancestor) => ancestor.root)];
  for (const { name, referencedBytes, sharedBytes, exclusiveBytes } of pool.usageSync()) {
    const branch = stored.find((each) => each.name === name) as StoredBranch;
    const others = pagesOf(reader, stored.filter((each) => each !== branch).flatMap(rootsOf));
    const referenced = pagesOf(reader, [branch.root]);
    const exclusive = [...pagesOf(reader, rootsOf(branch))].filter((page) => !others.has(page));
    expect(referencedBytes).toBe(referenced.size * 4096);
    expect(exclusiveBytes).toBe(exclusive.length * 4096);
    expect(sharedBytes).toBe([...referenced].filter((page) => others.has(page)).length * 4096);
  }
}

function runOne(seed: number, profile: Profile, options: OpenOptions): void {
  const session = new Session(undefined, undefined, options);
  const random = randomNumbers(seed, 1);
  for (const [index, operation] of scenario(seed, profile).entries()) {
    session.perform(operation);
    if (index % 40 !== 39) continue;
    const names = [...session.world.model.branches].filter(([, { kind }]) => kind !== 'unnamed').map(([name]) => name);
    for (let time = 0; time < 3; time++) expectDiff(session, random.pick(names), random.pick(names));
    expectUsage(session);
  }
  const { pool, model, unnamed } = session.world;
  for (const [name, branch] of model.branches) {
    expect(runSync(pool, differences(session.world, name))).toEqual([]);
    expectScans(unnamed.get(name) ?? pool.branchSync(name), branch, seed);
  }
  expect(pool.scrubSync().problems).toEqual([]);
  session.perform({ do: 'reopen' });
  for (const name of session.world.model.branches.keys()) {
    expect(runSync(session.world.pool, differences(session.world, name))).toEqual([]);
  }
  expect(session.world.pool.checkSync().problems).toEqual([]);
}

const kinds: [string, Profile, OpenOptions, number][] = [
  ['mixed', { ...mixed, operations: 300 }, smallPool, 30],
  ['forks', { ...forks, operations: 300 }, smallPool, 30],
  ['growth', { ...growth, operations: 200 }, smallPool, 15],
  ['nodes of 8 KiB', { ...mixed, operations: 400, keys: 300, valueBytes: 1900 }, { ...smallPool, nodeBytes: 8192 }, 8],
  [
    'nodes of 64 KiB',
    { ...mixed, operations: 160, keys: 900, valueBytes: 9000 },
    { ...smallPool, nodeBytes: 65536 },
    8,
  ],
  ['many keys', { ...forks, operations: 500, keys: 3000, valueBytes: 900 }, smallPool, 8],
];

describe('random scenarios', () => {
  const first = Number(process.env.BYRE_SEED ?? 1);
  for (const [name, profile, options, count] of kinds) {
    test(name, { timeout: 120_000 }, () => {
      for (let seed = first; seed < first + (isShortRun ? 2 : count); seed++) {
        try {
          runOne(seed, profile, options);
        } catch (error) {
          throw new Error(`BYRE_SEED=${seed}: ${(error as Error).message}`, { cause: error });
        }
      }
    });
  }
});
