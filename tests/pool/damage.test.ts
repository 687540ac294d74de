/**
 * Every region of a good pool damaged in many ways: what is read is right, of the last commit or the one before, or it is a
 * typed error; never a hang, a crash or a wrong answer; and scrub names the branch and key of what is damaged. Callers: vitest
 * only; no damage here forges a checksum, since hashes tell accidents, not forgers.
 */
import { expect, test } from 'vitest';
import { isByreError } from '../../src/errors.ts';
import type { CheckReport } from '../../src/pool/check.ts';
import { openOnSync, type Pool } from '../../src/pool/pool.ts';
import { PoolReader, type TreeRef } from '../format/reader.ts';
import { bytesOfImage, draftOf, type Image, imageDevice, resizeDraft } from '../simulation/image.ts';
import { type Operation, readBranch, runSync } from './operations.ts';
import { manyCounts } from './scenario.ts';
import { Session, smallPool } from './session.ts';

const PAGE = 4096;
/** Nothing takes nearly so long: a damage that does counts as a hang. */
const MOST_MS = 60_000;
const MAY_OPEN = ['DAMAGED', 'NOT_A_POOL', 'UNSUPPORTED'];

type Contents = ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>;

/** A good pool after its last commit, and what is known of it. */
interface Good {
  readonly image: Image;
  /** After each of its commits, the last one at the end. */
  readonly earlier: readonly Image[];
  /** What the pool held after a commit, by its number. */
  readonly contents: ReadonlyMap<number, Contents>;
  readonly commit: number;
  readonly pageCount: number;
  /** First pages of nodes of branches, pages of content, and pages of counts or the directory; others are not in use. */
  readonly nodes: ReadonlySet<number>;
  readonly data: ReadonlySet<number>;
  readonly system: ReadonlySet<number>;
  /** Pages that the last commit or the one before it uses, and pages that neither does. */
  readonly used: readonly number[];
  readonly unused: readonly number[];
}

/** A changed image, and the pages in which it is not what it was. */
interface Damage {
  readonly name: string;
  readonly image: Image;
  readonly pages: readonly number[];
}

interface Tally {
  damages: number;
  whole: number;
  before: number;
  refused: number;
  partly: number;
  readOnly: number;
}

function goodPool(operations: readonly Operation[]): Good {
  const session = new Session();
  const contents = new Map<number, Contents>();
  const earlier: Image[] = [];
  for (const operation of operations) {
    session.perform(operation);
    if (operation.do !== 'commit') continue;
    const { pool, model } = session.world;
    const branches = [...model.branches].map(([name, branch]) => {
      const cells = branch.keys().map((key) => [key, branch.get(key) as Uint8Array] as const);
      return [name, new Map(cells.filter(([key, bytes]) => !key.startsWith('c') || bytes.length > 0))] as const;
    });
    contents.set(pool.commitNumber, new Map(branches));
    earlier.push(session.recording.image());
  }
  const image = session.recording.image();
  const commit = session.world.pool.commitNumber;
  expect(operations.at(-1)).toEqual({ do: 'commit' });
  expect(contents.has(commit) && contents.has(commit - 1)).toBe(true);
  const last = pagesOf(image);
  const before = pagesOf(earlier[earlier.length - 2]);
  const either = new Set([last, before].flatMap(({ nodes, data, system }) => [...nodes, ...data, ...system]));
  const all = Array.from({ length: last.pageCount }, (_, page) => page);
  const [used, unused] = [true, false].map((is) => all.filter((page) => either.has(page) === is));
  return { image, earlier, contents, commit, used, unused, ...last };
}

function pagesOf(image: Image): Pick<Good, 'pageCount' | 'nodes' | 'data' | 'system'> {
  const reader = new PoolReader(bytesOfImage(image));
  const nodes = new Set<number>();
  const data = new Set<number>();
  const directory = new Set<number>();
  const meet = (ref: TreeRef, into: Set<number>): void => {
    if (ref.page === 0 || into.has(ref.page)) return;
    into.add(ref.page);
    const { children, pages } = reader.node(ref);
    for (const child of children) meet(child, into);
    for (const page of pages) data.add(page);
  };
  meet(reader.directory, directory);
  for (const { root, ancestry } of reader.branches())
    for (const each of [{ root }, ...ancestry]) meet(each.root, nodes);
  return { pageCount: reader.pageCount, nodes, data, system: new Set([0, 1, ...directory, ...reader.recordPages()]) };
}

/** A few branches with inline cells, contents and shared pages; a snapshot; counts in a base and a tail. */
function smallScenario(): Operation[] {
  // So many counts that they take records, which stay when the branch is gone.
  const operations: Operation[] = [{ do: 'create', to: 'bulk' }];
  for (let n = 0; n < 1400; n++) {
    operations.push({ do: 'write', on: 'bulk', key: `c${n}`, offset: 0, length: 4096, serial: n });
    if (n % 2 === 0) operations.push({ do: 'copy', on: 'bulk', key: `c${n}`, to: `c${n}+` });
  }
  operations.push({ do: 'commit' }, { do: 'drop', on: 'bulk' }, { do: 'commit' }, { do: 'compact' });
  let serial = 2000;
  const put = (on: string, key: string, length: number) =>
    operations.push({ do: 'put', on, key, length, serial: serial++ });
  const write = (on: string, key: string, offset: number, length: number) =>
    operations.push({ do: 'write', on, key, offset, length, serial: serial++ });
  for (let n = 0; n < 40; n++) put('main', `k${String(n).padStart(2, '0')}`, 150 + n);
  write('main', 'c0', 0, 9000);
  write('main', 'c1', 100, 300);
  write('main', 'c2', 20_000, 5000);
  operations.push(
    { do: 'commit' },
    { do: 'snapshot', from: 'main', to: 'kept' },
    { do: 'fork', from: 'main', to: 'try' },
  );
  operations.push({ do: 'commit' });
  for (let n = 0; n < 40; n += 9) put('try', `k${String(n).padStart(2, '0')}`, 90);
  write('try', 'c2', 4096, 3000);
  operations.push({ do: 'copy', on: 'try', key: 'c0', to: 'c3' }, { do: 'remove', on: 'main', key: 'k07' });
  operations.push({ do: 'commit' }, { do: 'create', to: 'other' });
  for (let n = 0; n < 12; n++) put('other', `k${n}`, 500);
  operations.push({ do: 'commit' }, { do: 'compact' }, { do: 'remove', on: 'try', key: 'k18' }, { do: 'commit' });
  write('main', 'c0', 4000, 200);
  put('main', 'k11', 20);
  operations.push({ do: 'commit' });
  write('other', 'c9', 0, 4096);
  operations.push({ do: 'commit' });
  return operations;
}

function withPages(image: Image, pages: ReadonlyArray<readonly [number, Uint8Array]>, name: string): Damage[] {
  const draft = draftOf(image);
  const changed: number[] = [];
  for (const [page, bytes] of pages) {
    if (isSame(image.pages[page], bytes)) continue;
    draft.pages[page] = bytes;
    changed.push(page);
  }
  return changed.length === 0 ? [] : [{ name, image: draft, pages: changed }];
}

function isSame(page: Uint8Array | undefined, bytes: Uint8Array): boolean {
  return Buffer.compare(page ?? new Uint8Array(PAGE), bytes) === 0;
}

const pageOf = (image: Image, page: number): Uint8Array => image.pages[page] ?? new Uint8Array(PAGE);

/** Each region of the pages: a flipped bit, zeros, ones, and what another page has there. */
function* regions(good: Good, pages: Iterable<number>, bytes: number): Generator<Damage> {
  for (const page of pages) {
    const from = pageOf(good.image, page);
    const other = pageOf(good.image, (page + 1) % good.pageCount);
    for (let at = 0; at < PAGE; at += bytes) {
      const ways: Record<string, (part: Uint8Array) => void> = {
        flip: (part) => {
          part[(page * 31 + at / bytes) % bytes] ^= 1 << ((at / bytes + page) % 8);
        },
        zeros: (part) => part.fill(0),
        ones: (part) => part.fill(0xff),
        other: (part) => part.set(other.subarray(at, at + bytes)),
      };
      for (const [way, change] of Object.entries(ways)) {
        const copy = from.slice();
        change(copy.subarray(at, at + bytes));
        yield* withPages(good.image, [[page, copy]], `${way} of page ${page} at ${at}`);
      }
    }
  }
}

/** Pages in each other's place, and in two places at once. */
function* misplaced(good: Good): Generator<Damage> {
  const { image, used, unused } = good;
  const pages = [...used, ...unused.slice(0, 2)];
  for (const a of pages) {
    for (const b of pages) {
      const [one, two] = [pageOf(image, a), pageOf(image, b)];
      if (a < b)
        yield* withPages(
          image,
          [
            [a, two],
            [b, one],
          ],
          `pages ${a} and ${b} swapped`,
        );
      else if (a > b) yield* withPages(image, [[a, two]], `page ${b} over page ${a}`);
    }
  }
}

/** Writes that never came: pages as they were after an earlier commit, one, and all but one. */
function* stale(good: Good): Generator<Damage> {
  for (const [index, old] of good.earlier.slice(0, -1).entries()) {
    for (const page of good.used) {
      yield* withPages(good.image, [[page, pageOf(old, page)]], `page ${page} as after commit ${index}`);
      if (page < 2) continue;
      const pages = Array.from({ length: good.pageCount }, (_, each) => [each, pageOf(old, each)] as const);
      yield* withPages(
        good.image,
        pages.filter(([each]) => each >= 2 && each !== page),
        `all pages but ${page} as after commit ${index}`,
      );
    }
  }
}

/** The file ends early: at each page, and within each. */
function* truncated(good: Good): Generator<Damage> {
  for (let page = 0; page < good.pageCount; page++) {
    for (const within of page === 0 || good.used.includes(page) ? [0, 1, 2000, 4095] : [0]) {
      const bytes = page * PAGE + within;
      if (bytes === 0) continue;
      const draft = draftOf(good.image);
      resizeDraft(draft, bytes);
      const pages: number[] = [];
      for (let at = page; at < good.pageCount; at++) {
        if (!isSame(good.image.pages[at], pageOf(draft, at))) pages.push(at);
      }
      yield { name: `cut at ${bytes}`, image: draft, pages };
    }
  }
}

/** The result, or undefined for an error with one of these codes. Everything else goes on. */
function attempt<T>(codes: readonly string[], action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!isByreError(error) || !codes.includes(error.code)) throw error;
    return undefined;
  }
}

/** Reads all that can be read; throws for a wrong answer. True if all could be. */
function readAll(pool: Pool, good: Good, codes: readonly string[]): boolean {
  const wanted = good.contents.get(pool.commitNumber);
  if (wanted === undefined || pool.commitNumber < good.commit - 1)
    throw new Error(`commit ${pool.commitNumber} was opened`);
  const infos = attempt(codes, () => pool.branchesSync());
  if (infos && infos.map(({ name }) => name).join() !== [...wanted.keys()].sort().join())
    throw new Error(`it shows other branches: ${infos.map(({ name }) => name)}`);
  let all = infos !== undefined;
  for (const [name, cells] of wanted) {
    const found = attempt(codes, () => runSync(pool, readBranch(pool.branchSync(name))));
    if (found === undefined) all = false;
    else if (found.size !== cells.size) throw new Error(`${name} shows ${found.size} cells of ${cells.size}`);
    for (const [key, bytes] of found ?? []) {
      const shall = cells.get(key);
      if (!shall || Buffer.compare(shall, bytes) !== 0) throw new Error(`${key} of ${name} is wrong`);
    }
  }
  return all;
}

/** Scrub must name each damaged page of the branches, check must not be content with less than all. */
function judgeReports(
  good: Good,
  damage: Damage,
  pool: Pool,
  all: boolean,
  check: CheckReport,
  scrub: CheckReport,
): void {
  if (!all && (check.ok || scrub.ok) && !damage.pages.some((page) => good.data.has(page) && check.ok && !scrub.ok))
    throw new Error('something cannot be read, and neither check nor scrub says so');
  if (pool.commitNumber !== good.commit) return;
  const told = new Map(scrub.problems.map((problem) => [problem.page, problem]));
  const nodesHurt = damage.pages.some((page) => good.nodes.has(page) || good.system.has(page));
  for (const page of damage.pages) {
    if (!good.nodes.has(page) && !good.data.has(page)) continue;
    const problem = told.get(page);
    // What a damaged node refers to cannot be found.
    if (problem === undefined && (!nodesHurt || damage.pages.length === 1))
      throw new Error(`scrub does not name ${page}`);
    if (problem && (problem.kind !== 'damaged' || problem.branch === undefined || problem.key === undefined))
      throw new Error(`scrub does not say where page ${page} belongs: ${JSON.stringify(problem)}`);
  }
  const isUnhurt = damage.pages.every(
    (page) => !good.nodes.has(page) && !good.data.has(page) && !good.system.has(page),
  );
  if (isUnhurt && !(all && check.ok && scrub.ok))
    throw new Error('pages that are not in use were damaged, and it matters');
}

function tryDamage(good: Good, damage: Damage, tally: Tally): void {
  const began = performance.now();
  tally.damages++;
  const pool = attempt(MAY_OPEN, () => openOnSync(imageDevice(damage.image), smallPool));
  if (pool === undefined) tally.refused++;
  else {
    if (pool.commitNumber !== good.commit && pool.lostCommit === undefined && !damage.pages.some((page) => page < 2))
      throw new Error('an older commit was opened without a word');
    const all = readAll(pool, good, ['DAMAGED']);
    judgeReports(good, damage, pool, all, pool.checkSync(), pool.scrubSync());
    if (!all) tally.partly++;
    else if (pool.commitNumber === good.commit) tally.whole++;
    else tally.before++;
  }
  if (tally.damages % 4 === 0) {
    const codes = [...MAY_OPEN, 'STALE'];
    const options = { cacheBytes: 0, commitEveryMs: 0, readOnly: true };
    const reader = attempt(codes, () => openOnSync(imageDevice(damage.image, true), options));
    if (reader) readAll(reader, good, codes);
    tally.readOnly++;
  }
  const ms = performance.now() - began;
  if (ms > MOST_MS) throw new Error(`it took ${Math.round(ms)} ms`);
}

function tryAll(name: string, good: Good, ...lists: ReadonlyArray<Iterable<Damage>>): Tally {
  const tally: Tally = { damages: 0, whole: 0, before: 0, refused: 0, partly: 0, readOnly: 0 };
  const wrong: string[] = [];
  const began = performance.now();
  for (const list of lists) {
    for (const damage of list) {
      try {
        tryDamage(good, damage, tally);
      } catch (error) {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        if (wrong.length < 10) wrong.push(`${damage.name}: ${text}`);
      }
    }
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  console.info(`${name}: ${good.used.length} pages used of ${good.pageCount}, ${JSON.stringify(tally)}, ${seconds} s`);
  expect(wrong).toEqual([]);
  return tally;
}

let small: Good | undefined;
function smallGood(): Good {
  small ??= goodPool(smallScenario());
  return small;
}

test('the pool that is damaged has of everything', () => {
  const good = smallGood();
  const reader = new PoolReader(bytesOfImage(good.image));
  expect(good.used.length).toBeLessThan(100);
  expect(reader.recordPages().length).toBeGreaterThan(0);
  expect(reader.branches().map(({ name }) => name)).toEqual(['kept', 'main', 'other', 'try']);
  expect([good.nodes.size, good.data.size].every((count) => count > 8)).toBe(true);
  const tally: Tally = { damages: 0, whole: 0, before: 0, refused: 0, partly: 0, readOnly: 0 };
  tryDamage(good, { name: 'none', image: good.image, pages: [] }, tally);
  expect(tally.whole).toBe(1);
});

test('every region of every page', () => {
  const good = smallGood();
  const tally = tryAll(
    'regions',
    good,
    regions(good, [0, 1], 16),
    regions(good, good.used, 64),
    regions(good, good.unused, 1024),
  );
  for (const count of [tally.whole, tally.before, tally.partly]) expect(count).toBeGreaterThan(0);
});

test('pages in the wrong place, pages of earlier commits, and a file that ends early', () => {
  const good = smallGood();
  const tally = tryAll('pages', good, misplaced(good), stale(good), truncated(good));
  for (const count of Object.values(tally)) expect(count).toBeGreaterThan(0);
});

test('records of the counts log', () => {
  const good = goodPool(manyCounts(2));
  const records = new PoolReader(bytesOfImage(good.image)).recordPages();
  expect(records.length).toBeGreaterThan(6);
  const tally = tryAll('counts log', good, regions(good, records, 2048));
  expect(tally.refused).toBeGreaterThan(0);
});
