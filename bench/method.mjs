/**
 * How everything here is measured: contestants take turns within one run, several rounds of it, and medians are compared.
 * A contestant must do its preparations outside `timed`, and must leave nothing behind that a later round would meet.
 *
 * `--small` makes everything tiny: it shows that a benchmark still runs, and its figures mean nothing. `--cpu` takes the time of
 * the processors (user and system, all threads of this process, and children) instead of the clock's: for machines that others use, too.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const small = process.argv.includes('--small');
const byProcessor = process.argv.includes('--cpu');

/** @param {string} name @returns {string | undefined} the value of `--name=value` */
function option(name) {
  return process.argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3);
}

/**
 * A size that the command line may set.
 * @param {string} name
 * @param {number} usual
 * @param {number} tiny with `--small`
 */
export function size(name, usual, tiny) {
  return Number(option(name) ?? (small ? tiny : usual));
}

/**
 * `--only=WORD`: only the measurements whose title contains it.
 * @param {string} title
 */
export function isWanted(title) {
  const only = option('only');
  return only === undefined || title.includes(only);
}

/**
 * Seconds that the work takes.
 * @param {() => unknown} work
 */
export async function timed(work) {
  const children = byProcessor ? childSeconds() : 0;
  const cpu = process.cpuUsage();
  const from = process.hrtime.bigint();
  const result = work();
  if (result instanceof Promise) await result;
  const nanoseconds = process.hrtime.bigint() - from;
  const used = process.cpuUsage(cpu);
  return byProcessor ? (used.user + used.system) / 1e6 + childSeconds() - children : Number(nanoseconds) / 1e9;
}

/** Processor time of the child processes that have ended, in steps of 10 ms; only Linux tells. */
function childSeconds() {
  if (process.platform !== 'linux') return 0;
  // The fields after the program's name, which may hold anything but a closing parenthesis at its end.
  const fields = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * One measurement: what each contestant's function returns, a number, as the median over the rounds. Each round begins with
 * another contestant, so that none always has the warmest or the fullest machine.
 * @param {number} rounds
 * @param {Record<string, () => number | Promise<number>>} contestants
 * @returns {Promise<Record<string, number>>}
 */
export async function compare(rounds, contestants) {
  const names = Object.keys(contestants);
  /** @type {Record<string, number[]>} */
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < size('rounds', rounds, 1); round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length];
      collectGarbage();
      results[name].push(await contestants[name]());
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(results[name])]));
}

/** With `node --expose-gc` one contestant does not pay for what another left behind. */
function collectGarbage() {
  /** @type {{ gc?: () => void }} */ (globalThis).gc?.();
}

/** @type {Array<() => void>} */
const cleaners = [];
process.on('exit', () => {
  for (const clean of cleaners.reverse()) clean();
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.once(signal, () => process.exit(1));

/**
 * Something to undo at the end of the run, whatever end that is.
 * @param {() => void} clean
 */
export function atEnd(clean) {
  cleaners.push(clean);
}

/**
 * An empty directory that is gone at the end: in BYRE_BENCH_DIRECTORY, or where temporary files go.
 * @param {string} name
 */
export function scratch(name) {
  const directory = mkdtempSync(path.join(process.env.BYRE_BENCH_DIRECTORY ?? os.tmpdir(), `byre-bench-${name}-`));
  atEnd(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * Numbers that look random and are the same in every run.
 * @param {number} seed
 * @returns {() => number} the next one, an unsigned 32-bit integer
 */
export function sequence(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e37_79b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0_aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}
