/**
 * Work that interleaves: clients of one pool on a device that takes its time, each with branches of its own, between commits,
 * checks and compactions of others; and crashes of all that. Callers: vitest only; a failure names the seed.
 */
import { describe, expect, test } from 'vitest';
import { prepare, readContent, writeContent } from '../../src/core/content.ts';
import { put, remove } from '../../src/core/tree.ts';
import type { OpenOptions } from '../../src/pool/options.ts';
import { openOn, openOnSync, type Pool } from '../../src/pool/pool.ts';
import { isShortRun } from '../needs.ts';
import { type CrashImage, crashImages } from '../simulation/crash-images.ts';
import { emptyImage, imageDevice } from '../simulation/image.ts';
import { type RandomNumbers, randomNumbers } from '../simulation/random.ts';
import { type Recording, recordingDevice } from '../simulation/recording-device.ts';
import { PoolModel, sameBytes } from './model.ts';
import {
  bytesOf,
  differences,
  keyOf,
  type Operation,
  perform,
  readDigest,
  runAsync,
  runSync,
  type World,
} from './operations.ts';
import { forks, growth, mixed, type Profile, scenario } from './scenario.ts';
import { smallPool } from './session.ts';

/** Lets those who wait go on one at a time, in random order. */
class Scheduler {
  readonly #waiting: (() => void)[] = [];
  readonly #random: RandomNumbers;
  #isPumping = false;

  constructor(random: RandomNumbers) {
    this.#random = random;
  }

  readonly later = (): Promise<void> =>
    new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (!this.#isPumping) this.#pump();
    });

  #pump(): void {
    this.#isPumping = true;
    setImmediate(() => {
      const index = this.#random.below(this.#waiting.length);
      const [resolve] = this.#waiting.splice(index, 1);
      this.#isPumping = false;
      if (this.#waiting.length > 0) this.#pump();
      resolve();
    });
  }
}

/** Somebody who works on branches of his own, and knows what must be in them. */
class Client {
  readonly moments: { begunAtStep: number; digest: string }[] = [];
  readonly promised: { step: number; moment: number }[] = [];
  readonly world: World;
  readonly prefix: string;
  readonly #recording: Recording;

  constructor(pool: Pool, prefix: string, recording: Recording) {
    const model = new PoolModel();
    this.world = { pool, model, unnamed: new Map() };
    this.prefix = prefix;
    this.#recording = recording;
    this.moments.push({ begunAtStep: 0, digest: '' });
  }

  async work(operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) {
      const begunAtStep = this.#recording.journal.steps.length;
      // Limits of the pool are everybody's.
      if (operation.do === 'limitPool' || operation.do === 'reopen') continue;
      await runAsync(this.world.pool, perform(this.world, operation));
      this.moments.push({ begunAtStep, digest: linesOf(this.world.model.digest, this.prefix) });
      if (operation.do !== 'commit') continue;
      this.promised.push({ step: this.#recording.journal.steps.length, moment: this.moments.length - 1 });
    }
  }

  allowed(step: number): Set<string> {
    const first = this.promised.filter((each) => each.step <= step).at(-1)?.moment ?? 0;
    const digests = new Set<string>();
    for (let moment = first; moment < this.moments.length; moment++) {
      if (moment > first && this.moments[moment].begunAtStep >= step) break;
      digests.add(this.moments[moment].digest);
    }
    return digests;
  }
}

function linesOf(digest: string, prefix: string): string {
  return digest
    .split('\n')
    .filter((line) => line.startsWith(prefix))
    .join('\n');
}

function expectCrash(clients: readonly Client[], crash: CrashImage): void {
  const pool = openOnSync(imageDevice(crash.image), smallPool);
  const digest = runSync(pool, readDigest(pool));
  for (const client of clients) {
    const own = linesOf(digest, client.prefix);
    if (client.allowed(crash.step).has(own)) continue;
    throw new Error(`crash at step ${crash.step} (${crash.description}): ${client.prefix} has lost a commit: ${own}`);
  }
  expect(pool.checkSync().problems).toEqual([]);
}

interface Setting {
  readonly seed: number;
  readonly waits: boolean;
  readonly profile: Profile;
  readonly clients: number;
  readonly options: OpenOptions;
}

/** What everybody may do at any time. */
async function disturb(pool: Pool, random: RandomNumbers, scheduler: Scheduler, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const turns = random.below(30);
    for (let turn = 0; turn < turns; turn++) await scheduler.later();
    const kind = random.below(8);
    if (kind === 0) expect((await pool.check()).problems).toEqual([]);
    else if (kind === 1) expect((await pool.scrub()).problems).toEqual([]);
    else if (kind === 2) await pool.usage();
    else if (kind === 3) await pool.compact();
    else await pool.commit();
  }
}

async function run({ seed, waits, profile, clients: count, options }: Setting): Promise<[Client[], Recording]> {
  const random = randomNumbers(seed);
  const scheduler = new Scheduler(random);
  const recording = recordingDevice(emptyImage, { waits, later: scheduler.later });
  const pool = await openOn(recording.device, options);
  const clients = Array.from({ length: count }, (_, index) => new Client(pool, `p${index}.`, recording));
  let left = count;
  const work = clients.map(async (client, index) => {
    const operations = scenario(seed * 100 + index, profile, client.prefix);
    await client.work([{ do: 'create', to: `${client.prefix}main` }, ...operations]);
    left--;
  });
  await Promise.all([...work, disturb(pool, random, scheduler, () => left === 0)]);
  for (const client of clients) {
    for (const name of client.world.model.branches.keys()) {
      expect(await runAsync(pool, differences(client.world, name))).toEqual([]);
    }
  }
  expect((await pool.check()).problems).toEqual([]);
  await pool.close();
  return [clients, recording];
}

const settings: [string, Omit<Setting, 'seed'>, number][] = [
  ['on a device that waits', { waits: true, profile: mixed, clients: 4, options: smallPool }, 12],
  ['many branches, on a device that waits', { waits: true, profile: forks, clients: 4, options: smallPool }, 12],
  ['growth, on a device that waits', { waits: true, profile: growth, clients: 3, options: smallPool }, 8],
  ['on a device that waits for flushes', { waits: false, profile: mixed, clients: 4, options: smallPool }, 12],
  ['growth, on a device that waits for flushes', { waits: false, profile: growth, clients: 3, options: smallPool }, 8],
  [
    'nodes of 8 KiB, on a device that waits',
    { waits: true, profile: mixed, clients: 3, options: { ...smallPool, nodeBytes: 8192 } },
    6,
  ],
];

describe('clients work at once', () => {
  const first = Number(process.env.BYRE_SEED ?? 1);
  for (const [name, setting, count] of settings) {
    test(name, { timeout: 240_000 }, async () => {
      for (let seed = first; seed < first + (isShortRun ? 1 : count); seed++) {
        try {
          const [clients, recording] = await run({ ...setting, seed });
          const steps = recording.journal.steps.length;
          const random = randomNumbers(seed, 2);
          // Some stretches of the journal, looked at closely.
          for (let stretch = 0; stretch < 4; stretch++) {
            const from = random.below(steps);
            for (const crash of crashImages(recording.journal, { seed, variantsPerStep: 2, from, to: from + 10 })) {
              expectCrash(clients, crash);
            }
          }
        } catch (error) {
          throw new Error(`BYRE_SEED=${seed}: ${(error as Error).message}`, { cause: error });
        }
      }
    });
  }
});

/** Several workers in one branch, each with cells of its own, in a pool much larger than its cache. */
async function crowd(seed: number, workers: number, pageCells: boolean, options: OpenOptions): Promise<void> {
  const scheduler = new Scheduler(randomNumbers(seed));
  const { device, image } = recordingDevice(emptyImage, { waits: true, later: scheduler.later });
  const pool = await openOn(device, options);
  const branch = await pool.branch('main');
  const { store } = branch;
  const wanted = new Map<string, Uint8Array>();
  const work = Array.from({ length: workers }, async (_, worker) => {
    const random = randomNumbers(seed, worker);
    const cells = Math.ceil(2400 / workers);
    for (let time = 0; time < 2 * cells; time++) {
      const name = `k${worker}/${time < cells ? time : random.below(cells)}`;
      const key = keyOf(name);
      const value = bytesOf(worker * 10_000 + time, pageCells ? 4096 * 4 : 900);
      if (time < cells || random.chance(0.5)) {
        await branch.run(() => {
          if (pageCells) {
            prepare(store, branch.root, { content: [{ key, from: 0, to: value.length }] });
            writeContent(store, branch.root, key, 0, value);
          } else {
            prepare(store, branch.root, { puts: [key] });
            put(store, branch.root, key, value);
          }
        });
        wanted.set(name, value);
      } else if (random.chance(0.3)) {
        await branch.run(() => {
          prepare(store, branch.root, { removes: [key], purpose: 'free' });
          remove(store, branch.root, key);
        });
        wanted.delete(name);
      } else {
        const found = new Uint8Array(value.length);
        await branch.run(() => readContent(store, branch.root, key, 0, found));
        expect(sameBytes(found, wanted.get(name) ?? new Uint8Array(value.length))).toBe(true);
      }
      if (random.chance(0.02)) await pool.commit();
      // A scrub forgets all that is resident.
      if (random.chance(0.005)) expect((await pool.scrub()).problems).toEqual([]);
    }
  });
  await Promise.all(work);
  expect((await pool.check()).problems).toEqual([]);
  await pool.close();
  const again = openOnSync(imageDevice(image()), smallPool);
  const main = again.branchSync('main');
  for (const [name, value] of wanted) {
    const found = new Uint8Array(value.length);
    main.runSync(() => readContent(main.store, main.root, keyOf(name), 0, found));
    expect(sameBytes(found, value)).toBe(true);
  }
  expect(again.scrubSync().problems).toEqual([]);
}

describe('a crowd in one branch, larger than the cache', () => {
  for (const workers of [3, 20, 200]) {
    for (const pageCells of [false, true]) {
      test(`${workers} workers, ${pageCells ? 'pages' : 'inline values'}`, { timeout: 240_000 }, async () => {
        const seed = Number(process.env.BYRE_SEED ?? 1);
        await crowd(seed, workers, pageCells, smallPool);
      });
    }
  }
  test('with room for all that was ever resident', { timeout: 240_000 }, async () => {
    for (const pageCells of [false, true]) await crowd(1, 50, pageCells, { ...smallPool, cacheBytes: 256 << 20 });
  });
});
