/**
 * A process that writes numbered states to a pool and says which are durable, for kill.test.ts, which compiles, starts and kills it.
 * Argument: the pool's path. A line `N` on standard output promises that state N is durable.
 */
import { writeSync } from 'node:fs';
import { prepare, writeContent } from '../../src/core/content.ts';
import { get, put } from '../../src/core/tree.ts';
import { openPoolSync } from '../../src/pool/open-pool.ts';

const key = (kind: number, n: number) => Uint8Array.of(1, kind, n >>> 8, n & 255);
const number = (n: number) => new TextEncoder().encode(String(n));

const pool = openPoolSync(process.argv[2], { commitEveryMs: 0, cacheBytes: 0 });
const main = pool.branchSync('main');
const { store, root } = main;
const last = main.runSync(() => get(store, root, key(0, 0)));
let state = last === undefined ? 0 : Number(new TextDecoder().decode(last));
for (;;) {
  state++;
  const value = number(state);
  // A state is whole only if its number, a row and a page of content all bear it, and its fork exists.
  main.runSync(() => {
    const content = key(2, state % 300);
    const keys = [key(0, 0), key(1, state % 500)];
    prepare(store, root, { puts: keys, content: [{ key: content, from: 0, to: 9000 }] });
    for (const each of keys) put(store, root, each, value);
    writeContent(store, root, content, 0, new Uint8Array(9000).fill(state % 251));
  });
  const fork = `fork${state % 5}`;
  if (pool.branchesSync().some(({ name }) => name === fork)) pool.dropSync(fork);
  pool.forkSync('main', fork);
  if (state % 97 === 0) pool.compactSync();
  pool.commitSync();
  writeSync(1, `${state}\n`);
}
