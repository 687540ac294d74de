/**
 * Reads a snapshot's table over and over, in a worker thread or a process of its own, and says how often it was what it must be.
 * Arguments, as workerData or on the command line: the pool's path, the snapshot, the sum of its rows, and for how many milliseconds.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { isByreError, openPoolSync } from '../../src/index.ts';

interface Task {
  readonly path: string;
  readonly snapshot: string;
  readonly sum: number;
  readonly milliseconds: number;
}

/** A writer may overwrite the commit that a reader began to open with: then it takes the next one. */
function retrying<T>(work: () => T): T {
  for (let attempt = 1; ; attempt++) {
    try {
      return work();
    } catch (error) {
      if (!isByreError(error) || error.code !== 'STALE' || attempt === 50) throw error;
    }
  }
}

function readOver({ path, snapshot, sum, milliseconds }: Task): { scans: number; gets: number } {
  return retrying(() => {
    using pool = openPoolSync(path, { readOnly: true, cacheBytes: 1 << 20 });
    const table = pool.branchSync(snapshot).table<number>('rows');
    let scans = 0;
    let gets = 0;
    for (const until = Date.now() + milliseconds; Date.now() < until; scans++) {
      let found = 0;
      for (const value of table.valuesSync()) found += value;
      if (found !== sum) throw new Error(`the rows add up to ${found}, not ${sum}`);
      for (let key = scans % 7; key < 20_000; key += 97, gets++) {
        if (table.getSync(key) !== key) throw new Error(`row ${key} is ${table.getSync(key)}`);
      }
    }
    return { scans, gets };
  });
}

if (isMainThread) {
  const [path = '', snapshot = '', sum, milliseconds] = process.argv.slice(2);
  console.log(JSON.stringify(readOver({ path, snapshot, sum: Number(sum), milliseconds: Number(milliseconds) })));
} else parentPort?.postMessage(readOver(workerData as Task));
