/**
 * What must hold in a browser: pools, forks and files without Node. Plain functions that throw, so that a page can run them.
 * This file and what it imports must not need Node, nor a test framework.
 */
import { prepare } from '../../src/core/prepare.ts';
import { get, put } from '../../src/core/tree.ts';
import { filesOf } from '../../src/files/index.ts';
import { ByreError, type Device, memoryDevice, openOn, openOnSync, type Pool } from '../../src/pool/index.ts';

type Check = () => void | Promise<void>;

function hold(condition: boolean, what: string): void {
  if (!condition) throw new Error(`does not hold: ${what}`);
}

async function holdSound(pool: Pool): Promise<void> {
  const { problems } = await pool.scrub();
  hold(problems.length === 0, `a sound pool, and not ${JSON.stringify(problems)}`);
}

/** Bytes that no page of which is like another. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at * 31 + (at >> 12));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** A device that has nothing but `perform`, and takes its time. */
export function waitingDevice(inner: Device): Device {
  const { setTimeout: later } = globalThis as unknown as { setTimeout(call: () => void, ms: number): void };
  return {
    name: 'waiting',
    get readOnly() {
      return inner.readOnly;
    },
    get bytes() {
      return inner.bytes;
    },
    async perform(request) {
      await new Promise<void>((resolve) => later(resolve, 0));
      await inner.perform(request);
    },
    close: () => inner.close(),
  };
}

export const checks: Record<string, Check> = {
  'what is written in a fork is not in its origin': async () => {
    const pool = await openOn(memoryDevice(), {});
    const main = filesOf(await pool.branch('main'));
    await main.promises.mkdir('/deep/er', { recursive: true });
    await main.promises.writeFile('/deep/er/text', 'before');
    const fork = filesOf(await pool.fork('main', 'fork'));
    await fork.promises.writeFile('/deep/er/text', 'after');
    await fork.promises.appendFile('/deep/er/text', ' all — ä, 日本');
    hold((await main.promises.readFile('/deep/er/text', 'utf8')) === 'before', 'the origin is as it was');
    hold((await fork.promises.readFile('/deep/er/text', 'utf8')) === 'after all — ä, 日本', 'the fork is changed');
    await holdSound(pool);
    await pool.close();
  },
  'bytes are plain where there is no Buffer': () => {
    const pool = openOnSync(memoryDevice(), {});
    const files = filesOf(pool.branchSync('main'));
    files.writeFileSync('/bytes', pattern(10_000));
    const bytes: Uint8Array = files.readFileSync('/bytes');
    hold(bytes.constructor === Uint8Array && sameBytes(bytes, pattern(10_000)), 'the same bytes, as a Uint8Array');
    pool.closeSync();
  },
  'what was committed is there after opening again': async () => {
    const device = memoryDevice();
    const first = openOnSync(device, { commitEveryMs: 0 });
    filesOf(first.branchSync('main')).writeFileSync('/large', pattern(3_000_000));
    first.snapshotSync('main', 'kept');
    await first.close();
    const second = await openOn(device, { cacheBytes: 0 });
    const kept = filesOf(await second.branch('kept'));
    hold(sameBytes(await kept.promises.readFile('/large'), pattern(3_000_000)), 'the same content');
    await holdSound(second);
    await second.close();
  },
  'a device that can only be waited for': async () => {
    const pool = await openOn(waitingDevice(memoryDevice()), { cacheBytes: 0, commitEveryMs: 1 });
    const { promises } = filesOf(await pool.branch('main'));
    await Promise.all(Array.from({ length: 20 }, (_, at) => promises.writeFile(`/f${at}`, pattern(at * 20_000))));
    await pool.commit();
    for (let at = 0; at < 20; at++) {
      hold(sameBytes(await promises.readFile(`/f${at}`), pattern(at * 20_000)), `file ${at}`);
    }
    await holdSound(pool);
    await pool.close();
  },
  'errors bear their codes': () => {
    const pool = openOnSync(memoryDevice(), {});
    const files = filesOf(pool.branchSync('main'));
    let caught: unknown;
    try {
      files.readFileSync('/absent');
    } catch (error) {
      caught = error;
    }
    hold(caught instanceof ByreError && caught.code === 'ENOENT' && caught.path === '/absent', 'ENOENT with its path');
    pool.closeSync();
  },
  'the tree itself, and merging two branches': () => {
    const pool = openOnSync(memoryDevice(), {});
    const write = (name: string, key: number, text: string) => {
      const branch = pool.branchSync(name);
      const bytes = Uint8Array.of(5, key >> 8, key);
      branch.runSync(() => {
        prepare(branch.store, branch.root, { puts: [bytes] });
        put(branch.store, branch.root, bytes, new TextEncoder().encode(text));
      });
    };
    for (let key = 0; key < 3000; key++) write('main', key, `value ${key}`);
    pool.forkSync('main', 'fork');
    write('main', 1, 'ours');
    write('fork', 2, 'theirs');
    const report = pool.mergeSync({ from: 'fork', into: 'main' });
    hold(report.merged, 'no conflict');
    const main = pool.branchSync('main');
    const read = (key: number) =>
      new TextDecoder().decode(main.runSync(() => get(main.store, main.root, Uint8Array.of(5, 0, key))));
    hold(read(1) === 'ours' && read(2) === 'theirs' && read(3) === 'value 3', 'both changes');
    hold(pool.checkSync().problems.length === 0, 'a sound pool');
    pool.closeSync();
  },
};
